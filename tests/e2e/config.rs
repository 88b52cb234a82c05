//! A wrong configuration: exit code 2, every problem named with where it came from, and no secret shown.

use super::harness::{FRIEND_DELETE, SHOP, Setup, friend_delete};

#[test]
fn every_problem_is_named_at_once_and_no_secret_is_shown() {
    let setup = Setup::new()
        .variable("GATEWAY_HANDLERS__CONCURRENCY", "many")
        .variable(
            "GATEWAY_APPS__SHOP__TOKEN",
            &"secret-from-the-environment-".repeat(10),
        );
    setup.configure(&format!(
        "[callbacks]\ndeadline = \"9s\"\nbody_maximum = \"1 MiB\"\n\
         [journal]\nretention = 30\n\
         [apps.shop]\nsdk_app_id = {SHOP}\ntoken_files = [\"secret-is-not-there\"]\n\
         [apps.game]\nsdk_app_id = \"secret-number\"\ntoken = 123456789\n"
    ));
    for command in [&["serve"][..], &["config", "check"]] {
        let output = setup.run(command);
        assert_eq!(output.status.code(), Some(2), "{command:?}");
        assert!(output.stderr.starts_with(b"error: "), "{command:?}");
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        for key in [
            "callbacks.body_maximum",
            "handlers.concurrency",
            "journal.retention",
            "apps.game.sdk_app_id",
            "apps.game.token",
            "gateway.toml",
            "GATEWAY_HANDLERS__CONCURRENCY",
        ] {
            assert!(said.contains(key), "{key} is missing in\n{said}");
        }
        for secret in ["secret-from", "secret-number", "123456789"] {
            assert!(!said.contains(secret), "{secret} is shown in\n{said}");
        }
    }
}

#[test]
fn rules_between_keys_are_named_at_once() {
    let setup = Setup::new().variable("GATEWAY_APPS__SHOP__TOKEN", &"secret-".repeat(30));
    setup.configure(&format!(
        "[callbacks]\ndeadline = \"9s\"\npath = \"no slash\"\n\
         [apps.shop]\nsdk_app_id = {SHOP}\n\
         [apps.game]\nsdk_app_id = {SHOP}\ntoken_files = [\"not-there\"]\n\
         [apps.open]\nsdk_app_id = 3\nunsigned = true\ntoken = \"secret-of-open\"\n\
         [deciders.\"far.away\"]\nurl = \"http://127.0.0.1:9\"\n\
         [commands.\"C2C.CallbackBeforeSendMsg\"]\ndecider = \"nobody\"\n"
    ));
    let output = setup.run(&["serve"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    let file = setup.path("gateway.toml");
    for (key, origin) in [
        ("callbacks.deadline", "FILE"),
        ("callbacks.path", "FILE"),
        ("apps.shop.token", "GATEWAY_APPS__SHOP__TOKEN"),
        ("apps.shop.sdk_app_id", "FILE"),
        ("apps.game.token_files", "FILE"),
        ("apps.open.unsigned", "FILE"),
        ("deciders.far.away", "FILE"),
        ("commands.\"C2C.CallbackBeforeSendMsg\".decider", "FILE"),
    ] {
        let expected = format!("{key} ({origin}): ").replace("FILE", &file.display().to_string());
        assert!(said.contains(&expected), "{expected} is missing in\n{said}");
    }
    assert!(said.contains("not-there"), "{said}");
    assert!(!said.contains("secret-"), "{said}");
}

#[test]
fn an_admin_token_that_nobody_can_send_is_a_problem() {
    for content in [
        " a-token-of-some-length",
        "a-token-of-some-length ",
        "a-token-of-some\nlength",
        "a-töken-of-some-length",
    ] {
        let setup = Setup::new();
        std::fs::write(setup.path("admin.token"), content).unwrap();
        setup.configure("[admin]\ntoken_file = \"admin.token\"\n");
        let output = setup.run(&["config", "check"]);
        assert_eq!(output.status.code(), Some(2), "{content:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("admin.token_file ("), "{said}");
        assert!(!said.contains("of-some"), "{said}");
    }
}

#[test]
fn a_file_that_was_named_must_exist() {
    let setup = Setup::new();
    std::fs::remove_file(setup.path("gateway.toml")).unwrap();
    let output = setup.run(&["serve"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("gateway.toml"), "{said}");
}

#[test]
fn without_an_app_there_is_one_to_try() {
    let setup = Setup::new();
    setup.configure("");
    let mut gateway = setup.start();
    let token = setup.journal().join("demo.token");
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&token).unwrap());
    assert_eq!(mode & 0o777, 0o600);
    let token = std::fs::read_to_string(token).unwrap();
    gateway.app = gateway_test_support::ChatApp::new(1_400_000_000, token.trim());
    gateway.acked(super::harness::FRIEND_DELETE, "{\"PairList\":[]}");
    assert!(!setup.logs().contains(token.trim()));
}

#[test]
fn a_file_that_is_just_being_written_takes_no_app_away() {
    let setup = Setup::new();
    let gateway = setup.start();
    setup.configure("");
    gateway.signal("HUP");
    gateway.reaches("gateway_config_reloads_total", &[("result", "failed")], 1);
    gateway.acked(FRIEND_DELETE, friend_delete("alice", "bob"));
    assert!(setup.logs().contains("apps: none is configured any more"));
}
