//! Users who come online, go offline or set a status of their own.
//!
//! One command, one file.

mod state_change;

pub use state_change::{KickedDevice, PresenceChange, StateChange, StateChangeRequest};
