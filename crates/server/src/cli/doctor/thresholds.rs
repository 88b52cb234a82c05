//! From where on the doctor warns of what an alert warns of, too: the numbers are those of `config/prometheus/alerts.yml`.
//!
//! An alert looks at a rate of the last minutes; the doctor, which asks once, at what there is since the gateway's start.

/// Seconds by which the clocks are apart: `GatewayClockSkew`; at 60 callbacks are refused.
pub(super) const SKEW_SECONDS: i64 = 20;

/// Refused requests, of all: `GatewayRefusalsRising`; a few are strangers.
pub(super) const REFUSED_SHARE: f64 = 0.05;

/// Answers of the policy, of all to before-callbacks: `GatewayBeforeFailing`.
pub(super) const POLICY_SHARE: f64 = 0.01;

/// Requests without an answer, of all: `GatewayUnanswered`.
pub(super) const UNANSWERED_SHARE: f64 = 0.01;

/// Events that handlers or the index are behind: `GatewayHandlersBehind`.
pub(super) const LAG_EVENTS: f64 = 10_000.0;

/// Seconds since the oldest event was journaled that a subscription has not got: `GatewaySubscriptionBehind`.
pub(super) const OVERDUE_SECONDS: u64 = 3_600;

/// Days before a certificate expires: `GatewayCertificateExpires`.
pub(super) const CERTIFICATE_DAYS: i64 = 14;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const ALERTS: &str = include_str!("../../../../../config/prometheus/alerts.yml");

    /// How the doctor judges what an alert is about.
    enum Judged {
        /// By the numbers of the alert's expression, which holds these.
        Alike(Vec<String>),
        /// Not so, because.
        Otherwise(&'static str),
    }

    /// The one place that says where the doctor and an alert agree, and where they do not.
    fn judged() -> BTreeMap<&'static str, Judged> {
        use Judged::{Alike, Otherwise};
        let alike = |parts: &[String]| Alike(parts.to_vec());
        let some = |metric: &str| format!("{metric} > 0");
        let share = |share: f64| format!("> {share} * sum");
        [
            ("GatewayNoData", Otherwise("it asks the gateway itself")),
            ("GatewayNotReady", Otherwise("it reads /readyz")),
            ("GatewayRefusalsRising", alike(&[share(REFUSED_SHARE)])),
            (
                "GatewayClockSkew",
                alike(&[format!("abs(gateway_clock_skew_seconds) > {SKEW_SECONDS} ")]),
            ),
            (
                "GatewayCommandSilent",
                Otherwise("it knows no week before, and looks for what was never called"),
            ),
            (
                "GatewayCertificateExpires",
                alike(&[format!("< {CERTIFICATE_DAYS} * 86400")]),
            ),
            (
                "GatewayDeadlineNear",
                Otherwise("a quantile since the start hides the last minutes; `top` shows them"),
            ),
            ("GatewayBeforeFailing", alike(&[share(POLICY_SHARE)])),
            (
                "GatewayDeciderOpen",
                Otherwise("it reads /v1/deciders, which tells a shadow apart"),
            ),
            ("GatewayUnanswered", alike(&[share(UNANSWERED_SHARE)])),
            ("GatewayJournalNotWritable", Otherwise("it reads /readyz")),
            (
                "GatewayDiskFullSoon",
                Otherwise("it sees no trend, and asks for room up to journal.bytes_max"),
            ),
            (
                "GatewayJournalNearlyFull",
                alike(&[format!("gateway_follower_lag_events > {LAG_EVENTS}")]),
            ),
            (
                "GatewayJournalDamaged",
                alike(&[some("increase(gateway_journal_damaged_total[1h])")]),
            ),
            (
                "GatewayUnrecorded",
                alike(&[some("rate(gateway_unrecorded_total[5m])")]),
            ),
            (
                "GatewayHandlersBehind",
                alike(&[format!("gateway_follower_lag_events > {LAG_EVENTS}")]),
            ),
            (
                "GatewayHandlerGivesUp",
                Otherwise("it counts what is still given up, not what was within the hour"),
            ),
            (
                "GatewayHandlerBlocked",
                alike(&[some("gateway_handler_abandoned_threads")]),
            ),
            (
                "GatewaySubscriptionDown",
                Otherwise("it reads /v1/subscriptions"),
            ),
            (
                "GatewaySubscriptionPaused",
                Otherwise("it notes a pause from the first moment on"),
            ),
            (
                "GatewaySubscriptionBehind",
                alike(&[format!(
                    "gateway_subscription_oldest_seconds > {OVERDUE_SECONDS}"
                )]),
            ),
            (
                "GatewaySubscriptionGivesUp",
                Otherwise("it counts what is still given up, not what was within the hour"),
            ),
            (
                "GatewaySubscriptionHoldsJournal",
                alike(&[format!(
                    "gateway_subscription_oldest_seconds > {OVERDUE_SECONDS}"
                )]),
            ),
            (
                "GatewayDrift",
                Otherwise("it notes each kind of the last hour, old ones too"),
            ),
            (
                "GatewayReloadFailed",
                Otherwise("it warns until a reload is taken, however long ago the last one was"),
            ),
        ]
        .into()
    }

    /// Every alert with its expression.
    fn alerts() -> BTreeMap<&'static str, &'static str> {
        let rules = ALERTS.split("- alert: ").skip(1);
        let rules = rules.map(|rule| {
            let (name, rest) = rule.split_once('\n').unwrap();
            let (_, rest) = rest.split_once("expr:").unwrap();
            let (expression, _) = rest.split_once("labels:").unwrap();
            (name, expression)
        });
        rules.collect()
    }

    #[test]
    fn the_doctor_and_the_alerts_agree_or_say_why_not() {
        let (alerts, judged) = (alerts(), judged());
        let names: Vec<_> = alerts.keys().collect();
        assert_eq!(names, judged.keys().collect::<Vec<_>>());
        for (name, judged) in &judged {
            match judged {
                Judged::Alike(parts) => {
                    for part in parts {
                        assert!(alerts[name].contains(part), "{name}: no {part:?}");
                    }
                }
                Judged::Otherwise(why) => assert!(!why.is_empty(), "{name}"),
            }
        }
    }
}
