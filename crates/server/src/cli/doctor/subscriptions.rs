//! Whether events are passed on to the services that want them.

use std::time::Duration;

use super::{
    finding::Finding,
    running::{Running, Subscription, whole},
    thresholds::OVERDUE_SECONDS,
};

const CHECK: &str = "subscription";

pub(super) fn check_subscriptions(running: &Running) -> Vec<Finding> {
    let subscriptions = running.subscriptions.iter();
    subscriptions
        .flat_map(|subscription| {
            let mut findings: Vec<Finding> = check_status(subscription).into_iter().collect();
            findings.extend(check_dead(subscription));
            if findings.is_empty() {
                findings.push(Finding::ok(CHECK, what_waits(subscription)));
            }
            findings
        })
        .collect()
}

/// Says nothing of success while something waits: its attempts may all have failed.
fn what_waits(subscription: &Subscription) -> String {
    let Subscription {
        name,
        pending,
        behind,
        oldest_seconds,
        ..
    } = subscription;
    if *pending == 0 && *behind == 0 {
        return format!("{name} has got everything");
    }
    let oldest = whole(Duration::from_secs(*oldest_seconds));
    format!("{name}: {pending} pending, {behind} behind, the oldest of {oldest} ago")
}

fn check_status(subscription: &Subscription) -> Option<Finding> {
    let name = &subscription.name;
    let oldest = Duration::from_secs(subscription.oldest_seconds);
    let waits = format!(
        "{} pending, {} behind, the oldest of {} ago",
        subscription.pending,
        subscription.behind,
        whole(oldest)
    );
    let is_overdue = subscription.oldest_seconds > OVERDUE_SECONDS;
    let since = subscription.paused_since.as_ref();
    let since = since
        .and_then(|since| since.as_str())
        .unwrap_or("some time");
    let finding = match &*subscription.status {
        "paused" => Finding::note(CHECK, format!("the subscription {name} is paused"))
            .because(format!("since {since}; {waits}"))
            .remedy(format!(
                "`subscriptions resume {name}` once it may go on: the journal keeps what comes until then"
            )),
        "gone" => Finding::warning(
            CHECK,
            format!("the subscription {name} has answered 410 and gets nothing"),
        )
        .because(format!("since {since}; {waits}"))
        .remedy(format!(
            "take it out of the configuration, or mend its url and `subscriptions resume {name}`"
        )),
        "down" => Finding::warning(CHECK, format!("the subscription {name} can't be reached"))
            .because(waits)
            .remedy(format!(
                "look at the service; `deliveries --subscription {name}` says how it fails, and the gateway goes on by itself"
            )),
        _ if is_overdue => Finding::warning(CHECK, format!("the subscription {name} is behind"))
            .because(waits)
            .remedy(format!(
                "`deliveries --subscription {name}` says what fails; else raise its rate or concurrency"
            )),
        _ => return None,
    };
    Some(finding)
}

fn check_dead(subscription: &Subscription) -> Option<Finding> {
    let name = &subscription.name;
    let dead = subscription.dead.saturating_sub(subscription.expired);
    let finding = || {
        Finding::warning(CHECK, format!("events for the subscription {name} were given up"))
            .because(format!("{dead} dead letters"))
            .remedy(format!(
                "`deliveries --subscription {name} --status dead` says why; once the service is mended, `replay --subscription {name} --all`"
            ))
    };
    (dead > 0).then(finding)
}
