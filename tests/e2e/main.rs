//! End to end: the real binary as a child process, spoken to over HTTP, killed and started again.
//!
//! A module for each behaviour; each test has a gateway and a directory of its own. Nothing here looks inside: what
//! happened is read from answers, the admin API, metrics, logs and files. Start at `harness.rs`.

// The lints' allowances for tests hold in helpers, too.
#![cfg(test)]

mod ack;
mod apps;
mod batches;
mod catalogue;
mod commands;
mod config;
mod deciders;
mod doctor;
mod drift;
mod fanout;
mod faults;
mod guard;
mod harness;
mod journal;
mod kill;
mod live;
mod logs;
mod odd_bodies;
mod privacy;
mod repeats;
mod replay;
mod series;
mod shutdown;
mod steering;
mod store;
mod story;
mod sums;
mod traces;
