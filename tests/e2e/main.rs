//! End to end: the real binary as a child process, spoken to over HTTP, killed and started again.
//!
//! A module for each behaviour; each test has a gateway and a directory of its own. Nothing here looks inside: what
//! happened is read from answers, the admin API, metrics, logs and files. Start at `harness.rs`.

// Under `cfg(test)` the lints' allowances for tests hold in helpers, too.
#[cfg(test)]
mod ack;
#[cfg(test)]
mod apps;
#[cfg(test)]
mod batches;
#[cfg(test)]
mod catalogue;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod config;
#[cfg(test)]
mod deciders;
#[cfg(test)]
mod drift;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod guard;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod journal;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod live;
#[cfg(test)]
mod odd_bodies;
#[cfg(test)]
mod privacy;
#[cfg(test)]
mod repeats;
#[cfg(test)]
mod shutdown;
#[cfg(test)]
mod store;
