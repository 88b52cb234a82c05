//! SIGHUP: subscriptions come, go and change, all of them or none.

use super::*;

fn reload(gateway: &Gateway, result: &str) {
    let labels = [("result", result)];
    let before = gateway.metric("gateway_config_reloads_total", &labels);
    gateway.signal("HUP");
    gateway.reaches("gateway_config_reloads_total", &labels, before + 1);
}

fn ok(name: &'static str, keys: &str) -> Subscriber {
    Subscriber::new(name, Manner::status(200), keys)
}

#[test]
fn a_new_one_starts_where_it_says_and_one_that_goes_is_forgotten() {
    let stays = ok("stays", "");
    let goes = Subscriber::new("goes", Manner::status(500), "");
    let (setup, gateway) = gateway_of(&[&stays, &goes]);
    send(&gateway, 20);
    let now = ok("now", "");
    let all = ok("all", "start = \"beginning\"\n");
    configure(&setup, &[&stays, &now, &all]);
    reload(&gateway, "ok");
    eventually("it is gone", || {
        let names = gateway.get("/v1/subscriptions").text();
        (names.contains("\"all\"") && !names.contains("\"goes\"")).then_some(())
    });
    assert!(!gateway.get("/metrics").text().contains("\"goes\""));
    send(&gateway, 10);
    all_delivered(&gateway, &[&stays, &all]);
    stands_at(&gateway, "now", "delivered", 10);
    assert_eq!(now.ids().len(), 10);
    assert_eq!(all.ids().len(), 30);

    // A removed one that comes again is a new one.
    let known = goes.ids().len();
    goes.sink.behave(Manner::status(200));
    configure(&setup, &[&stays, &now, &all, &goes]);
    reload(&gateway, "ok");
    eventually("it is here", || {
        (!standing(&gateway, "goes").is_null()).then_some(())
    });
    send(&gateway, 5);
    stands_at(&gateway, "goes", "delivered", 5);
    assert_eq!(goes.ids().len(), known + 5);
    gateway.kill();
    let gateway = setup.start();
    all_delivered(&gateway, &[&stays, &all]);
    stands_at(&gateway, "now", "delivered", 15);
}

#[test]
fn later_attempts_go_to_a_changed_url_signed_with_both_secrets() {
    let new_key = b"another secret, which is the new one";
    let mut billing = Subscriber::new("billing", Manner::status(500), "");
    let (setup, gateway) = gateway_of(&[&billing]);
    send(&gateway, 5);
    billing.gets(5);
    let old = std::mem::replace(&mut billing.sink, Sink::start(Manner::status(200)).unwrap());
    let new_secret = secret_file(&setup, "new-secret", new_key);
    let config = billing.table(&setup).replace(
        "secret_files = [",
        &format!("secret_files = [\"{new_secret}\", "),
    );
    setup.configure(&format!(
        "[apps.shop]\nsdk_app_id = {SHOP}\ntoken = \"{SHOP_TOKEN}\"\n{config}"
    ));
    reload(&gateway, "ok");
    send(&gateway, 5);
    all_delivered(&gateway, &[&billing]);
    let heard = billing.sink.so_far();
    assert_eq!(billing.ids().len(), 10);
    assert!(
        old.so_far()
            .iter()
            .all(|old| billing.ids().contains(&id(old)))
    );
    for heard in &heard {
        let both = format!("{} {}", signature(heard, new_key), signature(heard, KEY));
        assert_eq!(heard.header("webhook-signature"), Some(&*both));
    }

    configure(&setup, &[&billing]);
    fs::copy(setup.path("new-secret"), setup.path("secret")).unwrap();
    let config = fs::read_to_string(setup.path("gateway.toml")).unwrap();
    let secret = setup.path("secret").display().to_string();
    setup.configure(&config.replace(&secret, &new_secret));
    reload(&gateway, "ok");
    send(&gateway, 1);
    billing.gets(11);
    let last = billing.sink.so_far().pop().unwrap();
    let signed = signature(&last, new_key);
    assert_eq!(last.header("webhook-signature"), Some(&*signed));
}

#[test]
fn bad_keys_change_nothing_and_are_all_named() {
    let billing = ok("billing", "");
    let (setup, gateway) = gateway_of(&[&billing]);
    let well = fs::read_to_string(setup.path("gateway.toml")).unwrap();
    setup.configure(&format!(
        "{well}{}",
        r#"
[subscriptions.odd]
url = "ftp://127.0.0.1/"
commands = ["Sns.**"]
apps = ["nobody"]
secret_files = ["/nowhere/secret"]
rate = 0
concurrency = 0
timeout = "0s"
retries = []
give_up_after = "366days"
dead_letters = "1000000years"
start = "some day"
"#
    ));
    let checked = setup.run(&["config", "check"]);
    assert!(!checked.status.success());
    let said = [checked.stdout, checked.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    reload(&gateway, "failed");
    let logs = setup.logs();
    for key in [
        "url",
        "commands",
        "apps",
        "secret_files",
        "rate",
        "concurrency",
        "timeout",
        "retries",
        "give_up_after",
        "dead_letters",
        "start",
    ] {
        let key = format!("subscriptions.odd.{key}");
        assert!(said.contains(&key), "{key} is not in {said}");
        assert!(logs.contains(&key), "{key} is not in {logs}");
    }
    send(&gateway, 3);
    all_delivered(&gateway, &[&billing]);
    assert!(standing(&gateway, "odd").is_null());
}

#[test]
fn nothing_is_lost_while_subscriptions_are_exchanged_under_load() {
    let billing = ok("billing", "");
    let other = ok("other", "");
    let (setup, gateway) = gateway_of(&[&billing]);
    for round in 0..10 {
        send(&gateway, 20);
        if round % 2 == 0 {
            configure(&setup, &[&billing, &other]);
        } else {
            configure(&setup, &[&billing]);
        }
        gateway.signal("HUP");
    }
    let labels = [("result", "ok")];
    gateway.reaches("gateway_config_reloads_total", &labels, 1);
    send(&gateway, 20);
    all_delivered(&gateway, &[&billing]);
    assert_eq!(billing.ids().len(), 220);
    assert_eq!(billing.sink.so_far().len(), 220, "none twice");
}
