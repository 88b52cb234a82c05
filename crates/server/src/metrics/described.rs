//! What there is to scrape, as data for people: names, kinds, units, labels and meanings.

use std::collections::{BTreeMap, BTreeSet};

use gateway_core::Dispatcher;
use gateway_fanout::{Observer as _, Standing};
use prometheus::proto::{Metric, MetricFamily, MetricType};
use serde::Serialize;

use super::{LISTENERS, Metrics};

/// One metric.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Described {
    /// Its name.
    pub name: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// What a value of 1 is: `second`, `byte`, or the thing that is counted.
    pub unit: &'static str,
    /// Its labels, each with the values that it can have.
    pub labels: BTreeMap<String, BTreeSet<String>>,
    /// What it says.
    pub help: String,
}

/// Stand for the names in the configuration.
const APP: &str = "APP";
const DECIDER: &str = "DECIDER";
const SUBSCRIPTION: &str = "SUBSCRIPTION";

/// By the end of a name: the first that fits.
const UNITS: [(&str, &str); 13] = [
    ("_seconds", "second"),
    ("_seconds_total", "second"),
    ("_bytes", "byte"),
    ("_events", "event"),
    ("_connections", "connection"),
    ("_threads", "thread"),
    ("_fds", "file"),
    ("_ready", "0 or 1"),
    ("_writable", "0 or 1"),
    ("_open", "0 or 1"),
    ("_ok", "0 or 1"),
    ("_paused", "0 or 1"),
    ("_down", "0 or 1"),
];

/// Every metric of a gateway with these plug-ins, by name; the labels of an app, a decider and a subscription have a stand-in.
pub(crate) fn described(dispatcher: &Dispatcher) -> Vec<Described> {
    let metrics = Metrics::new(dispatcher);
    let (_app, _decider) = (metrics.app(APP), metrics.decider(DECIDER));
    metrics.fanout.stands(&[Standing {
        name: SUBSCRIPTION.to_owned(),
        ..Standing::default()
    }]);
    for listener in LISTENERS {
        metrics.certificate_expires(listener, 0);
    }
    let families = metrics.registry.gather();
    families.iter().map(Described::of).collect()
}

// === impl Described ===

impl Described {
    fn of(family: &MetricFamily) -> Self {
        let mut labels = BTreeMap::<String, BTreeSet<String>>::new();
        for label in family.get_metric().iter().flat_map(Metric::get_label) {
            let values = labels.entry(label.name().to_owned()).or_default();
            values.insert(label.value().to_owned());
        }
        let kind = match family.get_field_type() {
            MetricType::COUNTER => "counter",
            MetricType::GAUGE => "gauge",
            MetricType::HISTOGRAM => "histogram",
            MetricType::SUMMARY => "summary",
            MetricType::UNTYPED => "untyped",
        };
        let ends = |(end, _): &&(&str, &str)| family.name().ends_with(end);
        Self {
            name: family.name().to_owned(),
            kind,
            unit: UNITS.iter().find(ends).map_or("1", |(_, unit)| unit),
            labels,
            help: family.help().to_owned(),
        }
    }
}
