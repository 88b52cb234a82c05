//! Help for the tests of plug-in crates and for end-to-end tests; no part of the gateway.
//!
//! Start at [`check_sample`] and [`check_tolerance`], the tests that every plug-in has, and at [`mutations`] for tests of
//! several changes at once; [`ChatApp`] and [`Connection`] call a gateway as Chat does, a [`Sink`] is called by one.

mod client;
mod mutation;
mod sample;
mod sink;
mod tolerance;

pub use client::{Answer, ChatApp, Connection};
pub use mutation::{Change, Mutation, Place, Step};
pub use sample::{check_sample, check_subjects, read};
pub use sink::{Chooser, Heard, Manner, Sink};
pub use tolerance::{check_mutated, check_tolerance, mutations};
