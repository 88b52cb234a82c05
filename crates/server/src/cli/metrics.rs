//! `metrics`: what there is to scrape. It asks no gateway; `--markdown` writes `docs/metrics.md`.

use std::collections::BTreeSet;

use gateway_core::Dispatcher;

use super::{
    arguments::MetricsOptions,
    failure::{Ending, Failure},
    markdown::{cell, codes},
    output::Output,
};
use crate::metrics::{Described, described};

const INTRO: &str = "# Metrics

What `/metrics` of the admin listener says, in the format of Prometheus. Names and labels are an interface: dashboards
and alerts are made of them. Every series exists from the start with 0; those of an app or a decider come with it when
the configuration is reloaded, and those of a decider go with it. Labels come from closed sets, so that no caller can
make a new series: a command that is not installed is `other`. A histogram has `_bucket`, `_sum` and `_count`.
`callback-gateway metrics --markdown` writes this page.

| metric | kind | unit | labels | meaning |
|---|---|---|---|---|
";

const LABELS: &str = "
## Labels

| label | of | values |
|---|---|---|
";

const SUMS: &str = "
## Sums that hold

While nothing is under way:

- `gateway_requests_total` = `gateway_rejected_total` + `gateway_probes_total` + `gateway_callbacks_total`, each over all
  its labels.
- `gateway_journal_batch_events_sum` = `gateway_callbacks_total` without the outcomes `repeated` and `unanswered`, less
  `gateway_unrecorded_total`; an unanswered one whose sync came late comes on top.
- `gateway_policy_total` = `gateway_callbacks_total{outcome=\"policy\"}`.
- `gateway_subscription_events` over all states, and `gateway_subscription_behind_events`, grow together by one with each
  event in the journal.
";

pub(super) fn run(
    options: &MetricsOptions,
    dispatcher: &Dispatcher,
    output: &mut Output<'_>,
) -> Result<Ending, Failure> {
    let metrics = described(dispatcher);
    if options.markdown {
        output.raw(page(&metrics).trim_end())?;
        return Ok(Ending::Done);
    }
    if output.wants_json() {
        for metric in &metrics {
            output.json(metric)?;
        }
        return Ok(Ending::Done);
    }
    let rows = metrics.iter().map(|metric| {
        let labels: Vec<&str> = metric.labels.keys().map(String::as_str).collect();
        vec![
            metric.name.clone(),
            metric.kind.to_owned(),
            labels.join(","),
            metric.help.clone(),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    output.table(&["METRIC", "KIND", "LABELS", "MEANING"], &rows)?;
    Ok(Ending::Done)
}

/// The whole page.
fn page(metrics: &[Described]) -> String {
    let mut page = INTRO.to_owned();
    page.extend(metrics.iter().map(row));
    page.push_str(LABELS);
    page.extend(labels(metrics).iter().map(|(label, values, names)| {
        format!(
            "| `{label}` | {} | {} |\n",
            codes(names),
            listed(label, values)
        )
    }));
    page.push_str(SUMS);
    page
}

fn row(metric: &Described) -> String {
    format!(
        "| `{}` | {} | {} | {} | {} |\n",
        metric.name,
        metric.kind,
        metric.unit,
        codes(metric.labels.keys()),
        cell(&metric.help),
    )
}

/// Every label with its values, and the metrics for which they are the same.
fn labels(metrics: &[Described]) -> Vec<(&str, &BTreeSet<String>, Vec<&str>)> {
    let mut labels: Vec<(&str, &BTreeSet<String>, Vec<&str>)> = Vec::new();
    for metric in metrics {
        for (label, values) in &metric.labels {
            let known = labels
                .iter_mut()
                .find(|(known, same, _)| known == label && *same == values);
            match known {
                Some((_, _, names)) => names.push(&metric.name),
                None => labels.push((label, values, vec![&metric.name])),
            }
        }
    }
    labels.sort_by_key(|(label, ..)| *label);
    labels
}

fn listed(label: &str, values: &BTreeSet<String>) -> String {
    let has = |value: &str| values.contains(value);
    let fixed = match label {
        "app" => "the apps of the configuration",
        "decider" => "the deciders of the configuration",
        "subscription" => "the subscriptions of the configuration",
        "version" => "the gateway's",
        "command" if has("") => {
            "the installed before-commands and `other`; none for after-callbacks"
        }
        "command" if has("other") => "the installed commands that it concerns, and `other`",
        "command" => "the installed commands that it concerns",
        _ => return codes(values),
    };
    fixed.to_owned()
}
