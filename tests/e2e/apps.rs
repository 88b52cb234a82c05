//! Several apps, their tokens, and SIGHUP: a token is rotated under load with not one refusal.

use std::{
    fs,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use gateway_test_support::ChatApp;
use serde_json::Value;

use super::harness::{
    ACK, FRIEND_DELETE, Gateway, SHOP, SHOP_TOKEN, Setup, eventually, friend_delete,
};

const NEW_TOKEN: &str = "the-new-token-of-the-shop";

fn status(gateway: &Gateway, app: &ChatApp) -> u16 {
    gateway
        .call_as(app, FRIEND_DELETE, friend_delete("alice", "bob"))
        .status
}

/// Sends SIGHUP and waits until it is counted.
fn reload(gateway: &Gateway, result: &str) {
    let labels = [("result", result)];
    let before = gateway.metric("gateway_config_reloads_total", &labels);
    gateway.signal("HUP");
    gateway.reaches("gateway_config_reloads_total", &labels, before + 1);
}

#[test]
fn each_app_has_its_own_tokens_from_files_and_environment() {
    let setup = Setup::new()
        .variable("GATEWAY_APPS__GAME__SDK_APP_ID", "2")
        .variable("GATEWAY_APPS__GAME__TOKEN", "123456");
    fs::write(setup.path("one.token"), "token-one\n").unwrap();
    fs::write(setup.path("two.token"), "token-two").unwrap();
    setup.configure(&format!(
        "[apps.shop]\nsdk_app_id = {SHOP}\ntoken_files = [\"one.token\", \"two.token\"]\n\
         [apps.open]\nsdk_app_id = 3\nunsigned = true\n"
    ));
    let gateway = setup.start();
    let open = ChatApp {
        sdk_app_id: 3,
        token: None,
    };
    assert_eq!(status(&gateway, &ChatApp::new(SHOP, "token-one")), 200);
    assert_eq!(status(&gateway, &ChatApp::new(SHOP, "token-two")), 200);
    assert_eq!(
        status(&gateway, &ChatApp::new(SHOP, "123456")),
        401,
        "another app's token"
    );
    assert_eq!(
        status(
            &gateway,
            &ChatApp {
                token: None,
                ..ChatApp::new(SHOP, "")
            }
        ),
        401
    );
    assert_eq!(status(&gateway, &ChatApp::new(2, "123456")), 200);
    assert_eq!(status(&gateway, &ChatApp::new(2, "token-one")), 401);
    assert_eq!(
        gateway
            .call_as(&open, FRIEND_DELETE, friend_delete("a", "b"))
            .text(),
        ACK
    );

    assert_eq!(gateway.events("app=shop").len(), 2);
    assert_eq!(gateway.events("app=game").len(), 1);
    let unsigned = gateway.events("app=open");
    assert_eq!(unsigned[0].proof, "none");
}

#[test]
fn a_token_rotates_under_load_without_one_refusal() {
    let setup = Setup::new();
    let files =
        |files: &str| format!("[apps.shop]\nsdk_app_id = {SHOP}\ntoken_files = [{files}]\n");
    fs::write(setup.path("old.token"), SHOP_TOKEN).unwrap();
    fs::write(setup.path("new.token"), NEW_TOKEN).unwrap();
    setup.configure(&files("\"old.token\""));
    let gateway = setup.start();
    let (old, new) = (
        ChatApp::new(SHOP, SHOP_TOKEN),
        ChatApp::new(SHOP, NEW_TOKEN),
    );
    assert_eq!(status(&gateway, &new), 401);

    let (is_new, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
    let (acked_old, acked_new) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        let senders: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut connection = gateway.connect();
                    while !is_over.load(Ordering::SeqCst) {
                        let is_new = is_new.load(Ordering::SeqCst);
                        let (app, acked) = if is_new {
                            (&new, &acked_new)
                        } else {
                            (&old, &acked_old)
                        };
                        let target = format!("/callback?{}", app.query(FRIEND_DELETE));
                        let answer = connection.request("POST", &target, &[], b"{\"PairList\":[]}");
                        assert_eq!(answer.unwrap().status, 200);
                        acked.fetch_add(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        let more = |what: &str, acked: &AtomicUsize| {
            let before = acked.load(Ordering::SeqCst);
            eventually(what, || {
                (acked.load(Ordering::SeqCst) > before + 50).then_some(())
            });
        };
        more("callbacks with the old token", &acked_old);
        setup.configure(&files("\"old.token\", \"new.token\""));
        reload(&gateway, "ok");
        more("callbacks with the old token while both live", &acked_old);
        is_new.store(true, Ordering::SeqCst);
        more("callbacks with the new token", &acked_new);
        setup.configure(&files("\"new.token\""));
        reload(&gateway, "ok");
        more("callbacks with the new token alone", &acked_new);
        is_over.store(true, Ordering::SeqCst);
        for sender in senders {
            sender.join().unwrap();
        }
    });
    assert_eq!(status(&gateway, &old), 401, "the old token is gone");
    let acked = acked_old.into_inner() + acked_new.into_inner();
    assert_eq!(
        gateway.metric("gateway_callbacks_total", &[("outcome", "ok")]),
        acked as u64
    );
}

#[test]
fn a_broken_configuration_changes_nothing() {
    let setup = Setup::new();
    let gateway = setup.start();
    for broken in [
        "not TOML at all [",
        "[apps.shop]\nsdk_app_id = \"a text\"\n",
        "[apps.shop]\nsdk_app_id = 5\ntoken_files = [\"is not there\"]\n",
        "[apps.shop]\nsdk_app_id = 5\nunsigned = true\ntoken = \"and-a-token\"\n",
    ] {
        setup.configure(broken);
        reload(&gateway, "failed");
        assert_eq!(status(&gateway, &gateway.app), 200, "{broken}");
    }
    assert_eq!(
        gateway.metric("gateway_config_reloads_total", &[("result", "ok")]),
        0
    );
    assert!(!setup.logs().contains("and-a-token"), "{}", setup.logs());
}

#[test]
fn a_reload_names_what_needs_a_restart() {
    let setup = Setup::new();
    let gateway = setup.start();
    setup.configure(&format!(
        "[apps.shop]\nsdk_app_id = {SHOP}\ntoken = \"{NEW_TOKEN}\"\n\
         [callbacks]\nbody_max = \"9 KiB\"\ndeadline = \"1s\"\nconnections_max = 99\nbodies_max = \"9 MiB\"\n\
         [journal]\nretention = \"1d\"\nqueue_events = 99\nqueue_bytes = \"9 MiB\"\n\
         [handlers]\nconcurrency = 7\nqueue = 7\n[shutdown]\ngrace = \"9s\"\ndrain = \"1s\"\n\
         [traces]\nsampled = 0.5\n"
    ));
    reload(&gateway, "ok");
    assert_eq!(status(&gateway, &ChatApp::new(SHOP, NEW_TOKEN)), 200);
    let logs = setup.logs();
    for key in ["callbacks.body_max", "handlers.queue", "traces.sampled"] {
        assert!(logs.contains(key), "{key}: {logs}");
    }
}

#[test]
fn tells_which_tokens_are_in_use() {
    let setup = Setup::new();
    fs::write(setup.path("old.token"), SHOP_TOKEN).unwrap();
    fs::write(setup.path("new.token"), NEW_TOKEN).unwrap();
    let files =
        |files: &str| format!("[apps.shop]\nsdk_app_id = {SHOP}\ntoken_files = [{files}]\n");
    setup.configure(&files("\"old.token\", \"new.token\""));
    let gateway = setup.start();
    let matched = || -> Vec<bool> {
        let apps: Value = serde_json::from_str(&gateway.get("/v1/apps").text()).unwrap();
        let tokens = apps["data"][0]["tokens"].as_array().unwrap().iter();
        let matched = tokens.map(|token| token["last_matched_at"].is_string());
        matched.collect()
    };
    // Signed here, so that it says nothing of Chat's console.
    let admin = format!("http://{}", gateway.admin);
    let triggered = setup.run(&["trigger", FRIEND_DELETE, "--admin-url", &admin]);
    assert!(triggered.status.success(), "{triggered:?}");
    assert_eq!(matched(), [false, false]);
    assert_eq!(status(&gateway, &ChatApp::new(SHOP, NEW_TOKEN)), 200);
    assert_eq!(matched(), [false, true]);
    let since = || {
        let apps: Value = serde_json::from_str(&gateway.get("/v1/apps").text()).unwrap();
        apps["data"][0]["known_since"].as_str().unwrap().to_owned()
    };
    let started = since();
    setup.configure(&files("\"new.token\""));
    reload(&gateway, "ok");
    assert_eq!(matched(), [true]);
    assert_eq!(since(), started, "the app is no new one");
}
