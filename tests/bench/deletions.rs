//! Friend deletions by number: bodies that are all different, about a fixed number of accounts.

use std::io::Write;

/// How many accounts the bodies are about.
pub(crate) const ACCOUNTS: u64 = 20_000;

/// The command of every body here.
pub(crate) const COMMAND: &str = "Sns.CallbackFriendDelete";

/// Writes the body number `serial` behind what `body` holds; different for 400 million numbers in a row.
pub(crate) fn write(body: &mut Vec<u8>, serial: u64) {
    let owner = serial % ACCOUNTS;
    let removed = (serial / ACCOUNTS + owner * 7) % ACCOUNTS;
    write!(
        body,
        r#"{{"CallbackCommand":"{COMMAND}","PairList":[{{"From_Account":"{}","To_Account":"{}"}}]}}"#,
        account(owner),
        account(removed),
    )
    .expect("memory can be written");
}

/// How long every body is, in bytes.
pub(crate) fn length() -> usize {
    let mut body = Vec::new();
    write(&mut body, 0);
    body.len()
}

/// The name of an account, the same length for all.
pub(crate) fn account(number: u64) -> String {
    format!("account-{number:05}")
}
