//! Help for the tests of plug-in crates and for end-to-end tests; no part of the gateway.
//!
//! Start at [`check_sample`], the test that every plug-in has; [`ChatApp`] and [`Connection`] call a gateway as Chat
//! does.

mod client;
mod sample;

pub use client::{Answer, ChatApp, Connection};
pub use sample::{check_sample, check_subjects};
