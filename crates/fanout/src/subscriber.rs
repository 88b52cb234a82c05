//! A subscription as it was configured, checked, with what brings events to it.

use std::sync::Arc;

use gateway_core::{Envelope, Subjects};
use http::Uri;
use rustls::RootCertStore;

use crate::{
    Client, Message, PatternError, Schedule, Secrets, SubscriptionConfig, UrlError,
    flow::{Attempt, Ended},
    selector::Selector,
};

/// Who gets events, and how.
#[derive(Debug)]
pub struct Subscriber {
    /// Its name in the configuration.
    pub(crate) name: Arc<str>,
    pub(crate) config: SubscriptionConfig,
    pub(crate) selector: Selector,
    pub(crate) schedule: Schedule,
    pub(crate) start: Start,
    client: Client,
}

/// What the keys of a subscription name.
#[derive(Debug, Clone)]
pub struct Named {
    /// Where events are posted.
    pub url: Uri,
    /// What signs them.
    pub secrets: Secrets,
    /// Who vouches for the certificate there.
    pub roots: Arc<RootCertStore>,
    /// Where it starts when it is new.
    pub start: Start,
}

/// Where a new subscription starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the next event.
    Now,
    /// With the oldest that the journal has.
    Beginning,
    /// With the first one journaled at or after, in milliseconds since the Unix epoch.
    At(u64),
}

/// A subscription's keys don't hold together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubscriberError {
    /// `url`.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// `commands`.
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

// === impl Subscriber ===

impl Subscriber {
    /// Opens no connection yet.
    ///
    /// # Errors
    ///
    /// When the URL or a pattern is none.
    pub fn new(
        name: &str,
        config: &SubscriptionConfig,
        named: Named,
    ) -> Result<Self, SubscriberError> {
        Ok(Self {
            name: name.into(),
            selector: Selector::new(config)?,
            schedule: config.into(),
            start: named.start,
            client: Client::new(&named.url, named.secrets, config.into(), named.roots)?,
            config: config.clone(),
        })
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether its filters want an event about these.
    pub fn wants(&self, envelope: &Envelope, subjects: &Subjects) -> bool {
        self.selector.wants(envelope) && self.selector.wants_about(subjects)
    }

    /// Makes one attempt.
    pub(crate) async fn deliver(&self, attempt: &Attempt) -> Ended {
        let decoded = &attempt.decoded;
        let message = Message {
            id: decoded.id,
            envelope: Arc::clone(&decoded.envelope),
            time: decoded.time,
            subjects: Some(decoded.subjects.clone()),
            body: decoded.body.clone(),
            attempt: attempt.number,
        };
        self.client.deliver(&message, self.config.timeout).await
    }

    /// Closes kept connections that are too old. To be called about every second, within a runtime.
    pub(crate) fn tidy(&self) {
        self.client.tidy();
    }
}
