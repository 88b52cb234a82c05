//! Prometheus' text format, as far as it is looked at here: series with their values.
//!
//! Tolerant: a line that is no sample is passed over, so that a gateway of another version is read as far as it goes.
//! Start at [`Exposition::parse`].

use std::collections::BTreeMap;

/// What a gateway said at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Exposition {
    metrics: BTreeMap<String, BTreeMap<Labels, f64>>,
}

/// The labels of a series, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Labels(BTreeMap<String, String>);

// === impl Exposition ===

impl Exposition {
    /// Of a series that is told twice the last one counts. Values that are no finite number are passed over.
    pub(super) fn parse(text: &str) -> Self {
        let mut exposition = Self::default();
        for (name, labels, value) in text.lines().filter_map(sample) {
            let series = exposition.metrics.entry(name.to_owned()).or_default();
            series.insert(labels, value);
        }
        exposition
    }

    /// Every series of a metric.
    pub(super) fn series(&self, name: &str) -> impl Iterator<Item = (&Labels, f64)> {
        let series = self.metrics.get(name).into_iter().flatten();
        series.map(|(labels, value)| (labels, *value))
    }

    /// One series.
    pub(super) fn get(&self, name: &str, labels: &Labels) -> Option<f64> {
        self.metrics.get(name)?.get(labels).copied()
    }

    /// Forgets the other metrics.
    pub(super) fn keep(&mut self, names: &[&str]) {
        self.metrics
            .retain(|name, _| names.contains(&name.as_str()));
    }

    /// The sum of a metric's series; `None` when there is none.
    pub(super) fn sum(&self, name: &str) -> Option<f64> {
        self.sum_where(name, &[])
    }

    /// The same of the series that have these labels, among others.
    pub(super) fn sum_where(&self, name: &str, wanted: &[(&str, &str)]) -> Option<f64> {
        let has = |labels: &Labels| {
            wanted
                .iter()
                .all(|(name, value)| labels.value(name) == *value)
        };
        let series = self.series(name).filter(|(labels, _)| has(labels));
        series
            .map(|(_, value)| value)
            .reduce(|sum, value| sum + value)
    }

    /// The sums of a metric's series by the values of a label; a series without it is at the empty value.
    pub(super) fn sums_by(&self, name: &str, label: &str) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for (labels, value) in self.series(name) {
            *sums.entry(labels.value(label).to_owned()).or_default() += value;
        }
        sums
    }
}

// === impl Labels ===

impl Labels {
    /// Empty where there is no such label, which is the same to Prometheus.
    pub(super) fn value(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

/// `name{label="value",…} number timestamp`, the last of which is passed over.
fn sample(line: &str) -> Option<(&str, Labels, f64)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let end = line.find(|c: char| c == '{' || c.is_whitespace())?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inside) => labels(inside)?,
        None => (Labels::default(), rest),
    };
    let value: f64 = rest.split_whitespace().next()?.parse().ok()?;
    (!name.is_empty() && value.is_finite()).then_some((name, labels, value))
}

/// Labels up to their closing brace, and what follows it.
fn labels(mut rest: &str) -> Option<(Labels, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches([',', ' ', '\t']);
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((Labels(labels), rest));
        }
        let (name, after) = rest.split_once('=')?;
        let (value, after) = quoted(after.trim_start().strip_prefix('"')?)?;
        labels.insert(name.trim().to_owned(), value);
        rest = after;
    }
}

/// A label's value up to its closing quote, without its escapes, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                escaped => value.push(escaped),
            },
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use prometheus::{Encoder, IntCounterVec, Opts, Registry, TextEncoder};
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &[(&[(&str, &str)], f64)]) {
        let found = Exposition::parse(text);
        let found: Vec<_> = found.series("m").collect();
        let expected: Vec<(Labels, f64)> = expected
            .iter()
            .map(|(labels, value)| (of(labels), *value))
            .collect();
        let expected: Vec<_> = expected.iter().map(|(labels, v)| (labels, *v)).collect();
        assert_eq!(found, expected, "{text}");
    }

    fn of(labels: &[(&str, &str)]) -> Labels {
        let labels = labels.iter();
        Labels(
            labels
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn reads_every_form_of_a_sample() {
        check("m 1", &[(&[], 1.0)]);
        check("  m\t-2.5e3   1700000000000 ", &[(&[], -2500.0)]);
        check("m{} 1\r\n", &[(&[], 1.0)]);
        check("m{a=\"b\",} 1", &[(&[("a", "b")], 1.0)]);
        check(
            "m{ b = \"}, x=\\\"y\\\" 9\" , a=\"\\\\n\\n爱\" }3",
            &[(&[("a", "\\n\n爱"), ("b", "}, x=\"y\" 9")], 3.0)],
        );
    }

    #[test]
    fn passes_over_what_is_no_sample() {
        for text in [
            "",
            "# m 1",
            "m",
            "m{",
            "m{a=\"b\"",
            "m{a=\"b} 1",
            "m{a=b} 1",
            "m{a=\"\\",
            "m{} x",
            "m NaN",
            "m +Inf",
            "{\"m\"} 1",
            " 1",
            "m{a=\"b\"}",
        ] {
            check(text, &[]);
            check(&format!("{text}\nm 7"), &[(&[], 7.0)]);
        }
    }

    #[test]
    fn of_two_samples_of_a_series_the_last_one_counts() {
        let text = "m{a=\"1\",b=\"2\"} 1\nm{b=\"2\",a=\"1\"} 5";
        check(text, &[(&[("a", "1"), ("b", "2")], 5.0)]);
    }

    #[test]
    fn sums_what_there_is() {
        let found = Exposition::parse("m{a=\"x\"} 1\nm{a=\"x\",b=\"y\"} 2\nm 4");
        assert_eq!(found.sum("m"), Some(7.0));
        assert_eq!(found.sum("n"), None);
        assert_eq!(found.sum_where("m", &[("a", "x")]), Some(3.0));
        let sums = [(String::new(), 4.0), ("x".to_owned(), 3.0)];
        assert_eq!(found.sums_by("m", "a"), BTreeMap::from(sums));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_no_panic(text in "(m|\\{|\\}|a|=|\"|\\\\|,| |\n|1|爱|\\PC)*") {
            Exposition::parse(&text);
        }

        #[test]
        fn reads_what_the_gateway_writes(value in ".*", count: u32) {
            let registry = Registry::new();
            let counters = IntCounterVec::new(Opts::new("m", "Help."), &["a", "b"]).unwrap();
            registry.register(Box::new(counters.clone())).unwrap();
            counters.with_label_values(&[value.as_str(), "x"]).inc_by(u64::from(count));
            let mut text = Vec::new();
            TextEncoder::new().encode(&registry.gather(), &mut text).unwrap();
            let found = Exposition::parse(&String::from_utf8(text).unwrap());
            let labels = of(&[("a", value.as_str()), ("b", "x")]);
            prop_assert_eq!(found.get("m", &labels), Some(f64::from(count)));
        }
    }
}
