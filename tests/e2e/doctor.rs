//! `doctor` against the real binary: what is found, and the exit code by the worst of it.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
};

use gateway_test_support::ChatApp;
use serde_json::Value;

use super::harness::{FRIEND_DELETE, Gateway, SHOP, SHOP_TOKEN, Setup, eventually, friend_delete};

/// A gateway that wants little of the machine, whatever that has.
fn modest() -> Setup {
    let setup = Setup::new()
        .variable("GATEWAY_JOURNAL__BYTES_MAX", "64 MiB")
        .variable("GATEWAY_CALLBACKS__CONNECTIONS_MAX", "16");
    private(&setup, "gateway.toml");
    setup
}

/// Takes a file from everybody else.
fn private(setup: &Setup, file: &str) {
    let mode = Permissions::from_mode(0o600);
    fs::set_permissions(setup.path(file), mode).unwrap();
}

/// The exit code, and `level check` of every finding above `ok`.
fn examine(setup: &Setup, gateway: Option<&Gateway>) -> (i32, Vec<String>) {
    let url = gateway.map(|gateway| format!("http://{}", gateway.admin));
    let mut arguments = vec!["doctor", "--json"];
    match &url {
        Some(url) => arguments.extend(["--admin-url", url]),
        None => arguments.push("--offline"),
    }
    let output = setup.run(&arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    let found = text.lines().filter_map(|line| {
        let finding: Value = serde_json::from_str(line).unwrap();
        let (level, check) = (finding["level"].as_str()?, finding["check"].as_str()?);
        (level != "ok").then(|| format!("{level} {check}"))
    });
    (output.status.code().unwrap(), found.collect())
}

#[test]
fn a_gateway_that_is_used_is_well() {
    let setup = modest();
    let gateway = setup.start();
    gateway.acked(FRIEND_DELETE, friend_delete("alice", "bob"));
    // Few of its commands were called.
    let usual = vec!["note command".to_owned()];
    assert_eq!(examine(&setup, Some(&gateway)), (0, usual));
}

#[test]
fn each_trouble_is_found_and_the_worst_decides() {
    let setup = modest();
    for (file, token) in [("old.token", SHOP_TOKEN), ("new.token", "the-new-token")] {
        fs::write(setup.path(file), token).unwrap();
        private(&setup, file);
    }
    setup.configure(&format!(
        "[apps.shop]\nsdk_app_id = {SHOP}\ntoken_files = [\"old.token\", \"new.token\"]\n"
    ));
    let gateway = setup.start();
    gateway.acked(FRIEND_DELETE, friend_delete("alice", "bob"));
    gateway.call(
        "C2C.CallbackBeforeSendMsg",
        r#"{"From_Account":"alice","Gift":1}"#,
    );
    // Drift is told about a second later.
    let found = eventually("drift is found", || {
        let (_, found) = examine(&setup, Some(&gateway));
        found.contains(&"note drift".to_owned()).then_some(found)
    });
    for expected in ["note token", "note pair"] {
        assert!(
            found.iter().any(|one| one == expected),
            "{expected} in {found:?}"
        );
    }
    let wrong = ChatApp::new(SHOP, "a-guess");
    assert_eq!(gateway.call_as(&wrong, FRIEND_DELETE, "{}").status, 401);
    let (code, found) = examine(&setup, Some(&gateway));
    assert!(found.contains(&"warning refusals".to_owned()), "{found:?}");
    assert_eq!(code, 1, "{found:?}");
}

#[test]
fn a_damaged_journal_and_a_wrong_key_are_problems() {
    let setup = modest();
    let gateway = setup.start();
    gateway.acked(FRIEND_DELETE, friend_delete("alice", "bob"));
    assert!(gateway.stop().success());
    assert_eq!(examine(&setup, None), (0, Vec::new()));
    let log = setup.journal().join("log.db");
    let mut bytes = fs::read(&log).unwrap();
    let place = bytes
        .windows(5)
        .position(|window| window == b"alice")
        .unwrap();
    bytes[place] ^= 1;
    fs::write(&log, bytes).unwrap();
    assert_eq!(
        examine(&setup, None),
        (2, vec!["problem journal".to_owned()])
    );
    setup.configure("[callbacks]\nno_such_key = 1\n");
    assert_eq!(
        examine(&setup, None),
        (2, vec!["problem configuration".to_owned()])
    );
}
