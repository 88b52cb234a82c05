//! Whether the gateway wants traffic, and if not, why.

/// Shared by everything that can make the gateway unready.
#[derive(Debug)]
pub struct Readiness {}

impl Readiness {
    /// Why it is not ready, a short sentence each; empty when it is.
    pub fn problems(&self) -> Vec<String> {
        unimplemented!()
    }
}
