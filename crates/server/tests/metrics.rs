//! The metrics that the binary lists are those in `docs/metrics.md`.

use std::process::Command;

mod golden;

#[test]
fn the_metrics_are_the_golden_ones_and_need_nothing() {
    let output = Command::new(env!("CARGO_BIN_EXE_callback-gateway"))
        .args(["metrics", "--markdown"])
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
    let generated = String::from_utf8(output.stdout).unwrap();
    let renew = "cargo run -- metrics --markdown > docs/metrics.md";
    golden::check("metrics.md", &generated, renew);
}
