//! Attacks on the log through its public interface, on real files.

mod appending;
mod damage;
pub(crate) mod fixture;
mod maintenance;
mod recovery;
mod space;
