//! Seen live.
