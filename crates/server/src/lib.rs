//! The server: not written yet.
