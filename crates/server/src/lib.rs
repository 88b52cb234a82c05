//! The callback gateway as a library: `run` with a configuration and plug-ins is the whole service.
//!
//! The binary is a tiny `main`. Start at [`config`], then the life of a callback in `docs/architecture.md`.

pub mod config;
