//! Help for the tests of plug-in crates and for end-to-end tests; no part of the gateway.
//!
//! Start at [`check_sample`], the test that every plug-in has.

mod sample;

pub use sample::{check_sample, check_subjects};
