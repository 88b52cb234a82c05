//! The configured apps, and when each was heard of last.

use gateway_core::App;
use poem_openapi::Object;
use serde::Serialize;

use crate::{
    ingest::{Live, Seen},
    time,
};

/// The apps in force.
#[derive(Debug, Serialize, Object)]
pub(crate) struct AppList {
    /// By their names.
    data: Vec<AppInfo>,
    /// Always `null`: there is one page.
    #[oai(nullable)]
    next: Option<String>,
}

/// An app whose callbacks are taken.
#[derive(Debug, Serialize, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct AppInfo {
    /// Its name in the configuration.
    name: String,
    /// The vendor's number of it.
    sdk_app_id: u64,
    /// Whether anybody can call it: its callbacks carry no signature.
    unsigned: bool,
    /// Since when it is known: the gateway's start, or the reload that brought it (RFC 3339, UTC).
    known_since: String,
    /// When its last genuine callback came, since the gateway's start and without simulated ones (RFC 3339, UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    last_callback_at: Option<String>,
    /// Its tokens, in the order of the configuration: `token`, then `token_files`; equal ones stand once.
    tokens: Vec<TokenInfo>,
}

/// One of an app's tokens, of which nothing is told but its use.
#[derive(Debug, Serialize, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct TokenInfo {
    /// When it last signed a callback, since the gateway's start (RFC 3339, UTC); absent if it never did.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_matched_at: Option<String>,
}

impl AppList {
    /// What is known now.
    pub(crate) fn new(live: &Live) -> Self {
        let mut data: Vec<AppInfo> = live.seen().map(AppInfo::from).collect();
        data.sort_by(|one, other| one.name.cmp(&other.name));
        Self { data, next: None }
    }
}

impl From<(&App, &Seen)> for AppInfo {
    fn from((app, seen): (&App, &Seen)) -> Self {
        Self {
            name: app.name.to_string(),
            sdk_app_id: app.sdk_app_id,
            unsigned: app.unsigned,
            known_since: time::format(seen.since_ms()).unwrap_or_default(),
            last_callback_at: seen.last_ms().and_then(time::format),
            tokens: seen
                .tokens_last_ms()
                .map(|last_ms| TokenInfo {
                    last_matched_at: last_ms.and_then(time::format),
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use poem_openapi::types::ToJSON;

    use super::*;

    #[test]
    fn what_is_sent_is_what_is_documented() {
        let tokens = [Some("2026-01-31T08:00:00.000Z".to_owned()), None];
        let list = AppList {
            data: vec![AppInfo {
                name: "shop".to_owned(),
                sdk_app_id: 1_400_000_000,
                unsigned: false,
                known_since: "2026-01-31T07:00:00.000Z".to_owned(),
                last_callback_at: None,
                tokens: tokens
                    .map(|last_matched_at| TokenInfo { last_matched_at })
                    .into(),
            }],
            next: None,
        };
        assert_eq!(list.to_json(), serde_json::to_value(&list).ok());
    }
}
