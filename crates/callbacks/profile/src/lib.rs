//! Changed profiles of users.
//!
//! One command, one file.

mod profile_set;

pub use profile_set::{ProfileItem, ProfileSet, ProfileSetRequest};
