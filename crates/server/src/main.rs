//! The server: not written yet.
fn main() {}
