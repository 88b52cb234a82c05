//! Times as the state keeps them: milliseconds since the Unix epoch.

use std::time::{Duration, SystemTime};

/// By the wall clock; 0 before the epoch.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, millis)
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
