//! Generated files that are kept under `docs/`: what is generated now must be what lies there.

use std::path::Path;

/// Compares with `docs/{name}`; `renew` is the command that writes it anew.
#[track_caller]
pub(crate) fn check(name: &str, generated: &str, renew: &str) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(name);
    if std::fs::read_to_string(&golden).is_ok_and(|golden| golden == generated) {
        return;
    }
    let new = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&new, generated).expect("the target directory can be written");
    panic!(
        "docs/{name} is out of date; look at the difference, then renew it:\n  diff {golden} {new}\n  {renew}",
        golden = golden.display(),
        new = new.display(),
    );
}
