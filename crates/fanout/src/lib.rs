//! Fan-out: events of the journal on their way to the services that subscribe to them, at least once.
//!
//! Subscriptions are cursors over the log; what is under way, waits for another attempt or was given up is a row of
//! `state.db` (ADR 7). Not here: the log itself (`gateway-journal`), and how people see and steer all this (the server).
//! Start at [`Fanout::start`]; one attempt of one delivery is a [`Message`] that a [`Client`] sends.

mod client;
mod clock;
mod config;
mod courier;
mod egress;
mod flow;
mod message;
mod observer;
mod pace;
mod planner;
mod schedule;
mod secret;
mod selector;
mod standing;
mod subscriber;

pub use client::{Client, DeliverError, DeliverFailure, Delivered, UrlError};
pub use config::{Order, SubscriptionConfig};
pub use egress::Egress;
pub use message::Message;
pub use observer::Observer;
pub use planner::{Fanout, Move, Moved, Parts, PlanError, SteerError, Steering};
pub use schedule::{RETRY_AFTER_MAX, Schedule, spread};
pub use secret::{NoSecret, Secret, SecretError, Secrets};
pub use selector::{Pattern, PatternError};
pub use standing::{Board, Standing};
pub use subscriber::{Named, Start, Subscriber, SubscriberError};
