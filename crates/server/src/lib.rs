//! The callback gateway as a library: `run` with a configuration and plug-ins is the whole service.
//!
//! The binary is a tiny `main`. Start at [`run`], then the life of a callback in `docs/architecture.md`.

mod admin;
pub mod callbacks;
pub mod cli;
mod clock;
pub mod config;
mod deciding;
mod follower;
mod guarded;
mod handlers;
mod ingest;
pub mod listener;
mod metrics;
pub mod openapi;
mod plural;
mod readiness;
pub mod run;
mod time;
mod traces;
