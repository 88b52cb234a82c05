//! Who may call the admin listener: on loopback not a web page, off loopback nobody without the token.

use std::fs;

use gateway_test_support::{Answer, Connection};

use super::harness::{FRIEND_DELETE, Gateway, SHOP, SHOP_TOKEN, Setup};

const ADMIN_TOKEN: &str = "an-admin-token-of-some-length";

/// Method, target, headers, and the status that they get.
type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], u16);

fn call(gateway: &Gateway, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
    let mut connection = Connection::open(gateway.admin).unwrap();
    let body = if method == "POST" {
        "{\"PairList\":[]}"
    } else {
        ""
    };
    connection
        .request(method, target, headers, body.as_bytes())
        .unwrap()
}

#[test]
fn a_web_page_can_not_read_or_drive_it() {
    let setup = Setup::new();
    let gateway = setup.start();
    let simulate = format!("/v1/simulate/{FRIEND_DELETE}");
    let json = ("Content-Type", "application/json");
    let own = format!("http://{}", gateway.admin);
    let cases: [Case<'_>; 10] = [
        ("GET", "/v1/events", &[], 200),
        ("GET", "/v1/events", &[("Host", "localhost")], 200),
        ("GET", "/v1/events", &[("Host", "evil.example")], 403),
        ("GET", "/metrics", &[("Host", "evil.example")], 403),
        ("GET", "/docs", &[("Host", "evil.example")], 403),
        ("POST", &simulate, &[json], 200),
        ("POST", &simulate, &[json, ("Origin", &own)], 200),
        (
            "POST",
            &simulate,
            &[json, ("Origin", "http://evil.example")],
            403,
        ),
        ("POST", &simulate, &[("Content-Type", "text/plain")], 415),
        ("POST", &simulate, &[], 415),
    ];
    for (method, target, headers, status) in cases {
        let answer = call(&gateway, method, target, headers);
        assert_eq!(answer.status, status, "{method} {target} {headers:?}");
        if status >= 400 {
            assert_eq!(
                answer.header("content-type"),
                Some("application/problem+json")
            );
        }
    }
    assert_eq!(
        gateway.events("").len(),
        2,
        "only what was let through is simulated"
    );
}

#[test]
fn names_of_the_configuration_are_known_from_the_next_reload_on() {
    let setup = Setup::new();
    let gateway = setup.start();
    let named = [("Host", "gateway.internal:8081")];
    assert_eq!(call(&gateway, "GET", "/v1/events", &named).status, 403);
    setup.configure(&format!(
        "[apps.shop]\nsdk_app_id = {SHOP}\ntoken = \"{SHOP_TOKEN}\"\n[admin]\nhosts = [\"gateway.internal\"]\n"
    ));
    gateway.signal("HUP");
    gateway.reaches("gateway_config_reloads_total", &[("result", "ok")], 1);
    assert_eq!(call(&gateway, "GET", "/v1/events", &named).status, 200);
}

#[test]
fn with_a_token_the_api_and_the_metrics_need_it() {
    let setup = Setup::new().variable("GATEWAY_ADMIN__TOKEN_FILE", "admin.token");
    fs::write(setup.path("admin.token"), ADMIN_TOKEN).unwrap();
    let gateway = setup.start();
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    for target in [
        "/v1/events",
        "/v1/commands",
        "/v1/events/stream",
        "/metrics",
        "/v1/nothing",
    ] {
        let refused = call(&gateway, "GET", target, &[]);
        assert_eq!(refused.status, 401, "{target}");
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
        let wrong = call(
            &gateway,
            "GET",
            target,
            &[("Authorization", "Bearer another-token-of-some-length")],
        );
        assert_eq!(wrong.status, 401, "{target}");
    }
    for target in ["/v1/events", "/v1/commands", "/metrics"] {
        let answer = call(&gateway, "GET", target, &[("Authorization", &bearer)]);
        assert_eq!(answer.status, 200, "{target}");
    }
    for target in ["/docs", "/openapi.json", "/healthz", "/readyz"] {
        let answer = call(&gateway, "GET", target, &[]);
        assert_eq!(answer.status, 200, "{target}");
        assert!(!answer.text().contains(ADMIN_TOKEN) && !answer.text().contains(SHOP_TOKEN));
    }
}

#[test]
fn off_loopback_it_wants_a_token_and_tls() {
    let setup = Setup::new().variable("GATEWAY_ADMIN__LISTEN", "0.0.0.0:0");
    let output = setup.run(&["serve"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("admin.token_file") && said.contains("admin.tls"),
        "{said}"
    );

    fs::write(setup.path("admin.token"), ADMIN_TOKEN).unwrap();
    let setup = setup
        .variable("GATEWAY_ADMIN__TOKEN_FILE", "admin.token")
        .variable("GATEWAY_ADMIN__PLAINTEXT", "true");
    let gateway = setup.start();
    assert_eq!(call(&gateway, "GET", "/v1/events", &[]).status, 401);
}

#[test]
fn a_misspelt_filter_is_refused_rather_than_ignored() {
    let setup = Setup::new();
    let gateway = setup.start();
    let simulate = format!("/v1/simulate/{FRIEND_DELETE}");
    let json: &[(&str, &str)] = &[("Content-Type", "application/json")];
    for (method, target, headers, status) in [
        ("GET", "/v1/events?account=alice&limit=5", &[][..], 200),
        ("GET", "/v1/events?acount=alice", &[], 400),
        ("GET", "/v1/events?account=alice&account=bob", &[], 400),
        ("GET", "/v1/events?command&limit=5", &[], 400),
        ("GET", "/v1/events?command=", &[], 400),
        ("GET", "/v1/events?app=gone", &[], 200),
        ("GET", "/v1/refusals?reason=bad_sing", &[], 400),
        ("GET", "/v1/refusals?reason=bad_sign", &[], 200),
        ("GET", "/v1/refusals?Reason=stale", &[], 400),
        ("GET", "/metrics?collect=x", &[], 200),
        ("GET", "/healthz?time=1", &[], 200),
        ("POST", &format!("{simulate}?app=shop"), json, 200),
        ("POST", &format!("{simulate}?apps=shop"), json, 400),
    ] {
        let answer = call(&gateway, method, target, headers);
        assert_eq!(answer.status, status, "{method} {target}");
    }
    let answer = call(&gateway, "GET", "/v1/refusals?Reason=stale", &[]);
    let said = "there is no parameter `Reason` here; known are: reason";
    assert!(answer.text().contains(said), "{}", answer.text());
}
