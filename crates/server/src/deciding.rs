//! Who decides about a before-callback: its plug-in, or a service of the user's; and what is answered when nobody does.
//!
//! Not here: asking a plug-in (`handlers`), keeping the deadline and recording the verdict (`ingest/verdict.rs`), the
//! rules of the configuration (`config/commands.rs`). Start at [`Rulings::of`], then [`Decider::ask`].

mod breaker;
mod client;
mod decider;
mod policy;
mod rulings;
mod thread;

pub(crate) use decider::{Budget, Decider, NoAnswer, Question, Role};
pub(crate) use policy::Policy;
pub(crate) use rulings::{Ruling, Rulings, Who};
