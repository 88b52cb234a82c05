//! `[journal]` of the configuration.

use std::{path::PathBuf, time::Duration};

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where events are kept, and how long.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The directory.
    pub path: PathBuf,
    /// How long events are kept.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub retention: Duration,
    /// Bytes that the log's events may take, with what SQLite adds to them; index and state come on top.
    #[schemars(with = "String")]
    pub bytes_max: ByteSize,
    /// Events that may wait for the disk.
    pub queue_events: usize,
    /// Bytes that may wait for the disk.
    #[schemars(with = "String")]
    pub queue_bytes: ByteSize,
}
