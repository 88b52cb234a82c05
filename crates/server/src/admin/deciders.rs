//! Who decides about before-callbacks, and how the deciders are doing.

use std::sync::Arc;

use gateway_core::Agreement;
use poem_openapi::{Enum, Object, OpenApi};
use serde::Serialize;

use super::Shared;
use crate::{
    deciding::{Decider, Ruling, Who},
    ingest::Live,
    openapi::payload::Reply,
};

/// `/v1/deciders` and `/v1/rulings`.
pub(crate) struct DecidersApi(pub(crate) Arc<Shared>);

/// The deciders of the configuration.
#[derive(Debug, Serialize, Object)]
pub(crate) struct DeciderList {
    /// By name.
    data: Vec<DeciderInfo>,
    /// Always `null`: there is one page.
    #[oai(nullable)]
    next: Option<String>,
}

/// A service that is asked about before-callbacks.
#[derive(Debug, Serialize, Object)]
pub(crate) struct DeciderInfo {
    /// Its name in the configuration.
    name: String,
    /// Where it is asked.
    url: String,
    /// Whether it is asked at all just now.
    breaker: BreakerState,
    /// Questions under way.
    in_flight: u64,
    /// Answers that Chat honours, since the gateway's start.
    answered: u64,
    /// Questions without such an answer, since the gateway's start; the metrics tell why.
    failed: u64,
    /// As a shadow: how its answers compared with those given, since the gateway's start.
    shadow: ShadowCounts,
}

/// Whether a decider is asked.
#[derive(Debug, Clone, Copy, Serialize, Enum)]
#[serde(rename_all = "lowercase")]
#[oai(rename_all = "lowercase")]
pub(crate) enum BreakerState {
    /// It is.
    Closed,
    /// It has failed too often in a row: the policy answers, until a probe is answered.
    Open,
}

/// How a shadow's answers compared with those given.
#[derive(Debug, Default, Serialize, Object)]
pub(crate) struct ShadowCounts {
    /// Chat would have done the same.
    agreed: u64,
    /// Chat would have done something else.
    disagreed: u64,
    /// There was no answer that Chat would honour.
    failed: u64,
    /// The policy answered, with which there is nothing to compare.
    unmatched: u64,
}

/// Who decides about which command.
#[derive(Debug, Serialize, Object)]
pub(crate) struct RulingList {
    /// By command; those of one app behind those of all.
    data: Vec<RulingInfo>,
    /// Always `null`: there is one page.
    #[oai(nullable)]
    next: Option<String>,
}

/// Who decides about a before-command.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct RulingInfo {
    /// The vendor's name of the command.
    command: String,
    /// The app that it holds for, by its name in the configuration; absent where it holds for all others.
    #[serde(skip_serializing_if = "Option::is_none")]
    app: Option<String>,
    /// `plug-in`, a decider's name, or `policy` where there is neither.
    decided_by: String,
    /// The decider that is asked beside, without its answer being used.
    #[serde(skip_serializing_if = "Option::is_none")]
    shadow: Option<String>,
    /// What is answered when nobody decides in time: `allow`, `refuse`, or an `ack` of the configuration.
    policy: String,
}

#[OpenApi]
impl DecidersApi {
    /// The deciders
    ///
    /// Services that are asked about before-callbacks, and how they are doing.
    #[expect(clippy::unused_async, reason = "what poem-openapi wants")]
    #[oai(path = "/v1/deciders", method = "get", operation_id = "listDeciders")]
    async fn deciders(&self) -> Reply<DeciderList> {
        let live = self.0.parts.ingest.live();
        let deciders = live.rulings.deciders();
        Reply::new(&DeciderList {
            data: deciders.map(|decider| info(decider)).collect(),
            next: None,
        })
    }

    /// Who decides
    ///
    /// For every before-command, and for the apps that differ: who decides, who is asked beside, and what is answered
    /// when nobody decides in time.
    #[expect(clippy::unused_async, reason = "what poem-openapi wants")]
    #[oai(path = "/v1/rulings", method = "get", operation_id = "listRulings")]
    async fn rulings(&self) -> Reply<RulingList> {
        let live = self.0.parts.ingest.live();
        let rulings = live.rulings.iter();
        let mut data: Vec<RulingInfo> = rulings
            .map(|(app, command, ruling)| RulingInfo::new(&live, app, command, ruling))
            .collect();
        data.sort_unstable();
        Reply::new(&RulingList { data, next: None })
    }
}

fn info(decider: &Decider) -> DeciderInfo {
    let (answered, failed) = decider.metrics().answered_and_failed();
    let mut shadow = ShadowCounts::default();
    for (agreement, count) in decider.metrics().agreements() {
        match agreement {
            Agreement::Agreed => shadow.agreed = count,
            Agreement::Disagreed => shadow.disagreed = count,
            Agreement::Failed => shadow.failed = count,
            Agreement::Unmatched => shadow.unmatched = count,
        }
    }
    DeciderInfo {
        name: decider.name().to_owned(),
        url: decider.url().to_string(),
        breaker: if decider.is_open() {
            BreakerState::Open
        } else {
            BreakerState::Closed
        },
        in_flight: decider.in_flight() as u64,
        answered,
        failed,
        shadow,
    }
}

// === impl RulingInfo ===

impl RulingInfo {
    fn new(live: &Live, sdk_app_id: Option<u64>, command: &str, ruling: &Ruling) -> Self {
        let named = |id| live.apps.iter().find(|app| app.sdk_app_id == id);
        let app = sdk_app_id.and_then(named).map(|app| app.name.to_string());
        Self {
            command: command.to_owned(),
            app,
            decided_by: match &ruling.who {
                Who::PlugIn => "plug-in".to_owned(),
                Who::Decider(decider) => decider.name().to_owned(),
                Who::Nobody => "policy".to_owned(),
            },
            shadow: ruling
                .shadow
                .as_ref()
                .map(|decider| decider.name().to_owned()),
            policy: ruling.policy.kind.as_str().to_owned(),
        }
    }
}
