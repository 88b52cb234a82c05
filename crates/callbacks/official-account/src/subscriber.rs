//! A subscriber of an official account, as the commands about subscriptions name one.

use poem_openapi::Object;
use serde::Deserialize;

/// Who subscribes to an official account, or no longer does.
#[derive(Debug, Deserialize, Object)]
pub struct OfficialSubscriber {
    /// The user.
    #[serde(rename = "Subscriber_Account")]
    #[oai(rename = "Subscriber_Account")]
    pub account: String,
}

/// The user of every subscription.
pub(crate) fn accounts(subscribers: &[OfficialSubscriber]) -> impl Iterator<Item = &str> {
    let subscribers = subscribers.iter();
    subscribers.map(|subscriber| subscriber.account.as_str())
}
