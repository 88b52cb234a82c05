//! Which events somebody asked for: the same words for a list and for a stream.

use gateway_core::{Agreement, Subjects};
use gateway_journal::{Filter, StoredEvent};

use super::event::{EventAgreement, EventFailure};

/// Which events a list or a stream is about; an empty selection is about all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    /// By what the envelope says.
    pub(crate) filter: Filter,
    /// About this account.
    pub(crate) account: Option<String>,
    /// About this group.
    pub(crate) group: Option<String>,
    /// A shadow decider's answer compares so.
    pub(crate) shadow: Option<Agreement>,
    /// Its handler has not succeeded.
    pub(crate) outcome: Option<EventFailure>,
}

// === impl Selection ===

impl Selection {
    /// By the parameters that a list and a stream have in common.
    pub(crate) fn new(
        command: Option<String>,
        app: Option<String>,
        account: Option<String>,
        group: Option<String>,
        shadow: Option<EventAgreement>,
    ) -> Self {
        Self {
            filter: Filter {
                app,
                command,
                ..Filter::default()
            },
            account,
            group,
            shadow: shadow.map(Into::into),
            outcome: None,
        }
    }

    /// Whether it asks for something that the index knows.
    pub(crate) fn is_indexed(&self) -> bool {
        self.account.is_some() || self.group.is_some() || self.shadow.is_some()
    }

    /// Whether an event that the filter lets through, about these subjects, is meant.
    pub(crate) fn means(&self, stored: &StoredEvent, subjects: &Subjects) -> bool {
        let names = |wanted: &Option<String>, names: &[String]| {
            wanted
                .as_ref()
                .is_none_or(|wanted| names.iter().any(|name| name == wanted))
        };
        names(&self.account, &subjects.accounts)
            && names(&self.group, &subjects.groups)
            && (self.shadow.is_none() || self.shadow == stored.envelope.agreement())
    }
}
