//! Fan-out: events of the journal on their way to the services that subscribe to them, at least once.
//!
//! Subscriptions are cursors over the log; what is under way, waits for another attempt or was given up is a row of
//! `state.db` (ADR 7). Not here: the log itself (`gateway-journal`), and how people see and steer all this (the server).
//! One attempt of one delivery: [`Message`] is what is sent, [`Client`] sends it.

mod client;
mod egress;
mod message;
mod schedule;
mod secret;

pub use client::{Client, DeliverError, DeliverFailure, Delivered, UrlError};
pub use egress::Egress;
pub use message::Message;
pub use schedule::{RETRY_AFTER_MAX, Schedule, spread};
pub use secret::{NoSecret, Secret, SecretError, Secrets};
