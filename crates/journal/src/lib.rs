//! The journal: every acknowledged event, synced to disk before its ack.

mod config;

pub use config::Config;
