//! The last refused requests, as the API tells them.

use gateway_core::Refusal;
use poem_openapi::Object;
use serde::Serialize;

use super::problem::Problem;
use crate::{ingest::Refused, time};

/// Refused requests, the newest first.
#[derive(Debug, Serialize, Object)]
pub(crate) struct RefusalList {
    /// At most the last 250 of each reason since the start.
    data: Vec<RefusedRequest>,
    /// Always `null`: there is one page.
    #[oai(nullable)]
    next: Option<String>,
}

/// A request that was turned away. Of what its caller wrote only the app is kept, where it is a configured one.
#[derive(Debug, Serialize, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct RefusedRequest {
    /// When its first byte came (RFC 3339, UTC).
    time: String,
    /// Why, as in `gateway_rejected_total`.
    reason: String,
    /// Who sent it, by way of trusted proxies; not there for a simulated one.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// The configured app that it named, by its name in the configuration; whoever sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    app: Option<String>,
    /// By how many seconds its `RequestTime` was ahead of this machine's clock, if it had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    skew_seconds: Option<i64>,
}

impl RefusalList {
    /// Those of one reason, or all.
    pub(crate) fn new(refused: &[Refused], reason: Option<Refusal>) -> Self {
        let wanted = refused
            .iter()
            .filter(|one| reason.is_none_or(|reason| one.refusal == reason));
        Self {
            data: wanted.map(RefusedRequest::from).collect(),
            next: None,
        }
    }
}

/// The reason with a name.
pub(crate) fn reason(name: &str) -> Result<Refusal, Problem> {
    let mut all = Refusal::ALL.into_iter();
    all.find(|refusal| refusal.reason() == name).ok_or_else(|| {
        let known = Refusal::ALL.map(Refusal::reason).join(", ");
        let short: String = name.chars().take(40).collect();
        Problem::bad_request(format!("there is no reason `{short}`; known are: {known}"))
    })
}

impl From<&Refused> for RefusedRequest {
    fn from(refused: &Refused) -> Self {
        Self {
            time: time::format(refused.received_ms).unwrap_or_default(),
            reason: refused.refusal.reason().to_owned(),
            address: refused.address.map(|address| address.to_string()),
            app: refused.claim.app.as_deref().map(str::to_owned),
            skew_seconds: refused.claim.skew_seconds,
        }
    }
}

#[cfg(test)]
mod tests {
    use poem_openapi::types::ToJSON;
    use serde_json::json;

    use super::*;
    use crate::ingest::Claim;

    #[test]
    fn what_is_sent_is_what_is_documented() {
        let stale = Refused {
            received_ms: 1_769_846_400_250,
            refusal: Refusal::Stale,
            address: Some([192, 0, 2, 1].into()),
            claim: Claim {
                app: Some("shop".into()),
                skew_seconds: Some(-90),
            },
        };
        let simulated = Refused {
            refusal: Refusal::Journal,
            address: None,
            claim: Claim::default(),
            ..stale.clone()
        };
        let list = RefusalList::new(&[stale.clone(), simulated.clone()], None);
        let sent = json!({
            "data": [
                {
                    "time": "2026-01-31T08:00:00.250Z",
                    "reason": "stale",
                    "address": "192.0.2.1",
                    "app": "shop",
                    "skew_seconds": -90,
                },
                { "time": "2026-01-31T08:00:00.250Z", "reason": "journal" },
            ],
            "next": null,
        });
        assert_eq!(serde_json::to_value(&list).unwrap(), sent);
        assert_eq!(list.to_json(), Some(sent));
        let one = RefusalList::new(&[stale, simulated], Some(Refusal::Journal));
        assert_eq!(one.data.len(), 1);
    }
}
