//! What a callback is, whoever serves it: the plug-in API, the list of installed plug-ins and their
//! dispatch, tolerant decoding, envelopes, answers and authentication.
//!
//! It opens no socket and no file and has no clock of its own: the time comes in as an argument.
//! Start at [`Callback`], the trait of a plug-in, then [`Callbacks`], the list of them.

mod answer;
mod authentication;
mod callback;
mod callbacks;
mod causes;
mod decode;
mod dispatcher;
mod envelope;
mod event_id;
mod handled;
mod query;
mod refusal;
mod rules;
mod trace_parent;
mod verdict;

pub use answer::{Ack, ActionStatus, Answer, Noted, Phase};
pub use authentication::{App, Apps, AppsError, Genuine, Peer, Signature, Token, TokenError, sign};
pub use callback::{Callback, Context, EventTime, HandlerError, Item, Subjects};
pub use callbacks::{Callbacks, List, Visitor};
pub use causes::Causes;
pub use decode::{DRIFT_MAX, Decoded, Drift, command_drift, decode};
pub use dispatcher::{Descriptor, Dispatcher, DuplicateCommand, Installed, Prepared, Work};
pub use envelope::{Envelope, Proof};
pub use event_id::EventId;
pub use handled::{Handled, Handler};
pub use query::Query;
pub use refusal::Refusal;
pub use rules::{AckFault, AckRules, CheckedAck, Codes, Effect, Extra};
pub use trace_parent::{TraceParent, TraceParentError};
pub use verdict::{Agreement, DecidedBy, PolicyKind, PolicyReason, RecordedAck, Shadow, Verdict};
