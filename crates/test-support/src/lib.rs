//! Help for the tests of plug-in crates and for end-to-end tests; no part of the gateway.
//!
//! Start at [`check_sample`] and [`check_tolerance`], the tests that every plug-in has.

mod sample;
mod tolerance;

pub use sample::{check_sample, check_subjects};
pub use tolerance::check_tolerance;
