//! What `/metrics` says: series with their labels and values.
//!
//! Tolerant, as for a gateway of another version: a line that is none of ours is passed over.

use std::collections::BTreeMap;

/// The series of one scrape.
#[derive(Debug, Clone, Default)]
pub(super) struct Exposition(Vec<Series>);

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) value: f64,
}

// === impl Exposition ===

impl Exposition {
    /// Reads Prometheus' text format.
    pub(super) fn parse(text: &str) -> Self {
        Self(text.lines().filter_map(Series::parse).collect())
    }

    /// The series of a metric.
    pub(super) fn series<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Series> {
        self.0.iter().filter(move |series| series.name == name)
    }

    /// The value of a metric without labels, or the sum of its series; `None` when there is no such metric.
    pub(super) fn sum(&self, name: &str) -> Option<f64> {
        self.sum_where(name, &[])
    }

    /// The same of the series that have these labels.
    pub(super) fn sum_where(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let wanted = self.series(name).filter(|series| series.has(labels));
        wanted
            .map(|series| series.value)
            .reduce(|sum, value| sum + value)
    }
}

// === impl Series ===

impl Series {
    /// The value of a label; empty without it.
    pub(super) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels
            .iter()
            .all(|(name, value)| self.label(name) == *value)
    }

    fn parse(line: &str) -> Option<Self> {
        if line.starts_with('#') {
            return None;
        }
        let Some((name, mut rest)) = line.split_once('{') else {
            let (name, value) = line.split_once(' ')?;
            return Some(Self {
                name: name.to_owned(),
                labels: BTreeMap::new(),
                value: number(value)?,
            });
        };
        let mut labels = BTreeMap::new();
        while let Some((label, after)) = rest.split_once("=\"") {
            let (value, after) = quoted(after)?;
            labels.insert(label.to_owned(), value);
            rest = after.strip_prefix(',').unwrap_or(after);
            if rest.starts_with('}') {
                break;
            }
        }
        Some(Self {
            name: name.to_owned(),
            labels,
            value: number(rest.strip_prefix('}')?)?,
        })
    }
}

/// A label's value up to its closing quote, and what follows that.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((place, char)) = chars.next() {
        match char {
            '"' => return Some((value, text.get(place + 1..)?)),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

/// A value; a time may follow it.
fn number(text: &str) -> Option<f64> {
    text.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use gateway_core::Dispatcher;

    use super::*;
    use crate::{callbacks::installed, metrics::Metrics};

    #[test]
    fn reads_what_the_gateway_says() {
        let metrics = Metrics::new(&Dispatcher::new(installed()).unwrap());
        metrics.skew_seconds.set(-7);
        let text = metrics.render();
        let exposition = Exposition::parse(&text);
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        assert_eq!(exposition.0.len(), lines.count());
        assert_eq!(exposition.sum("gateway_clock_skew_seconds"), Some(-7.0));
        assert_eq!(exposition.sum("gateway_nothing"), None);
        let command = [("command", "Sns.CallbackFriendDelete")];
        let series = exposition.sum_where("gateway_handler_dead_events", &command);
        assert_eq!(series, Some(0.0));
    }

    #[test]
    fn passes_over_what_is_none_of_ours() {
        let text = "# HELP a b\na 1 1700000000\nb{x=\"1\\\"},{\\n\",y=\"\"} 2.5e3\nb{x=\"3\",} +Inf\nc{x=\"open} 1\nd{x=\"1\"}\n}\n\ne x\n";
        let exposition = Exposition::parse(text);
        assert_eq!(exposition.sum("a"), Some(1.0));
        let b: Vec<&Series> = exposition.series("b").collect();
        assert_eq!((b[0].label("x"), b[0].label("y")), ("1\"},{\n", ""));
        assert!((b[0].value - 2500.0).abs() < 1e-9);
        assert_eq!(b[1].label("x"), "3");
        assert_eq!(exposition.0.len(), 3);
    }
}
