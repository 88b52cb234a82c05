//! The callback gateway as a library: `run` with a configuration and plug-ins is the whole service.
//!
//! The binary is a tiny `main`. Start at [`run`], then the life of a callback in `docs/architecture.md`.

pub mod admin;
pub mod callbacks;
mod chain;
pub mod cli;
pub mod clock;
pub mod config;
pub mod follower;
pub mod handlers;
pub mod ingest;
pub mod listener;
pub mod metrics;
pub mod openapi;
pub mod readiness;
pub mod run;
mod throttle;
