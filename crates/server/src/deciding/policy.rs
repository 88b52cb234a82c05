//! The failure policy: what a before-callback is answered when nobody decides in time.

use bytes::Bytes;
use gateway_core::{Ack, PolicyKind, Work};

use crate::config::PolicyConfig;

/// An answer that is always at hand.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    /// What it does.
    pub kind: PolicyKind,
    /// The user's ack, for that kind.
    ack: Bytes,
}

// === impl Policy ===

impl Policy {
    pub(super) fn new(config: &PolicyConfig) -> Self {
        let ack = match config {
            PolicyConfig::Allow | PolicyConfig::Refuse => Bytes::new(),
            PolicyConfig::Ack(ack) => serde_json::to_vec(ack)
                .expect("an ack has string keys and no failing serializer")
                .into(),
        };
        Self {
            kind: config.kind(),
            ack,
        }
    }

    /// The ack as bytes on the wire. `work` is what the plug-in made of the body, if it can read it: results for each
    /// of a request's items need it, and without it they are left to the plain ack.
    pub(crate) fn answer(&self, work: impl FnOnce() -> Option<Work>) -> Bytes {
        match self.kind {
            PolicyKind::Ack => self.ack.clone(),
            PolicyKind::Allow => work().map_or(Bytes::from_static(Ack::OK), |work| {
                Bytes::from(work.allow())
            }),
            PolicyKind::Refuse => work().map_or(Bytes::from_static(Ack::REFUSED), |work| {
                Bytes::from(work.refuse())
            }),
        }
    }
}
