//! Metrics.

/// Every metric, resolved once.
#[derive(Debug)]
pub struct Metrics {}

impl Metrics {
    /// The text format.
    pub fn render(&self) -> String {
        unimplemented!()
    }
}
