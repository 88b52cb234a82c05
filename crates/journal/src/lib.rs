//! The journal: not written yet.
