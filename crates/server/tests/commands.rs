//! The catalogue that the binary prints is the one in `docs/commands.md`.

use std::process::Command;

use tempfile::TempDir;

mod golden;

#[test]
fn the_catalogue_is_the_golden_one_and_needs_nothing() {
    let directory = TempDir::new().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_callback-gateway"))
        .args(["commands", "--markdown"])
        .env_clear()
        .current_dir(directory.path())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
    assert_eq!(directory.path().read_dir().unwrap().count(), 0);
    let generated = String::from_utf8(output.stdout).unwrap();
    let renew = "cargo run -- commands --markdown > docs/commands.md";
    golden::check("commands.md", &generated, renew);
}
