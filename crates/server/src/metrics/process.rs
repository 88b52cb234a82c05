//! The process's own metrics, as the library reads them from the system, but for its start: a binary that another program
//! has executed in its own place, as `cargo run` does, would count that one's time as its own.

use std::time::Duration;

use prometheus::{
    Gauge, Opts,
    core::{Collector, Desc},
    process_collector::ProcessCollector,
    proto::MetricFamily,
};

use crate::clock;

const START_TIME: &str = "process_start_time_seconds";

/// What is known of the process.
pub(super) struct Process {
    system: ProcessCollector,
    started: Gauge,
}

// === impl Process ===

impl Process {
    /// Starts now.
    pub(super) fn starting() -> Self {
        let help = "When the gateway began, in seconds since 1970.";
        let started = Gauge::with_opts(Opts::new(START_TIME, help));
        let started = started.expect("the name and the help follow the rules");
        let now = Duration::from_millis(clock::now_ms());
        started.set(now.as_secs_f64());
        Self {
            system: ProcessCollector::for_self(),
            started,
        }
    }
}

impl Collector for Process {
    fn desc(&self) -> Vec<&Desc> {
        self.system.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut families = self.system.collect();
        families.retain(|family| family.name() != START_TIME);
        families.extend(self.started.collect());
        families
    }
}

#[cfg(test)]
mod tests {
    use prometheus::Registry;

    use super::*;

    #[test]
    fn the_start_is_the_gateways_and_no_earlier() {
        let before = Duration::from_millis(clock::now_ms()).as_secs_f64();
        let registry = Registry::new();
        registry.register(Box::new(Process::starting())).unwrap();
        let families = registry.gather();
        let starts = families.iter().filter(|family| family.name() == START_TIME);
        let starts: Vec<_> = starts.flat_map(MetricFamily::get_metric).collect();
        let [start] = starts.as_slice() else {
            panic!("one start: {starts:?}");
        };
        let start = start.get_gauge().get_value();
        assert!(start >= before, "{start} is before {before}");
        assert!(families.len() > 1);
    }
}
