//! The listener over real sockets: what it closes, when, and what it must keep open.
//!
//! Nothing here sleeps: a test waits for an answer, for a closed socket or for a message of the endpoint. Where time
//! must have passed, another connection with the shorter deadline is the witness. Start at `harness.rs`.

#![cfg(test)]

mod deadlines;
mod first_byte;
mod harness;
mod limits;
mod stop;
mod tls;
