//! Small arithmetic on what was measured, and how it is written.

use std::{
    io::{self, Write},
    time::Duration,
};

/// A count as a number that can be divided.
#[expect(
    clippy::cast_precision_loss,
    reason = "figures are rounded to a few digits"
)]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

/// The middle one; of an even number the upper of the two in the middle. `NaN` of none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A duration in milliseconds.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Writes to standard output, where figures go.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    Ok(io::stdout().write_all(text.as_bytes())?)
}
