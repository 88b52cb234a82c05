//! Samples as Markdown, ready for `docs/performance.md`. Figures are medians of the rounds.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use crate::{
    figures::{float, median, milliseconds},
    rounds::{Sample, Variant},
};

/// The samples of each variant.
type Samples = BTreeMap<Variant, Vec<Sample>>;

/// Every table.
pub(crate) fn tables(samples: &Samples) -> String {
    let mut report = String::new();
    write_tables(&mut report, samples).expect("memory can be written");
    report
}

fn write_tables(report: &mut String, samples: &Samples) -> std::fmt::Result {
    writeln!(
        report,
        "| server | requests/s | CPU µs/request | × poem | p50 ms | p99 ms | p99.9 ms | idle MiB | peak MiB | not acked | generator µs |"
    )?;
    writeln!(report, "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")?;
    let base = [Variant::Poem, Variant::Decider]
        .iter()
        .find_map(|variant| samples.get(variant))
        .map_or(f64::NAN, |samples| of(samples, |sample| sample.cpu));
    for (variant, samples) in samples {
        let name = name(*variant);
        if variant.works_behind() {
            let to_answer = of(samples, |sample| sample.cpu_to_answer);
            let name = format!("{name}, up to the ack");
            write_row(report, &name, to_answer, base, samples)?;
        }
        write_row(
            report,
            name,
            of(samples, |sample| sample.cpu),
            base,
            samples,
        )?;
    }
    for (variant, samples) in samples {
        write_threads(report, name(*variant), samples)?;
    }
    if let Some(samples) = samples.get(&Variant::Gateway) {
        write_behind(report, samples)?;
    }
    Ok(())
}

fn write_row(
    report: &mut String,
    name: &str,
    cpu: f64,
    base: f64,
    samples: &[Sample],
) -> std::fmt::Result {
    let latency = |index: usize| {
        of(samples, |sample| {
            sample.latencies.get(index).copied().unwrap_or(f64::NAN)
        })
    };
    writeln!(
        report,
        "| {name} | {:.0} | {cpu:.1} | {} | {:.2} | {:.2} | {:.2} | {:.1} | {:.1} | {} | {:.1} |",
        of(samples, |sample| sample.throughput),
        if base.is_nan() {
            "–".to_owned()
        } else {
            format!("{:.2}", cpu / base)
        },
        latency(0),
        latency(1),
        latency(2),
        of(samples, |sample| mebibytes(sample.idle.resident)),
        of(samples, |sample| mebibytes(sample.loaded.peak)),
        samples.iter().map(|sample| sample.failures).sum::<u64>(),
        of(samples, |sample| sample.generator_cpu),
    )
}

/// Where the CPU time goes. One-threaded servers have nothing to tell.
fn write_threads(report: &mut String, name: &str, samples: &[Sample]) -> std::fmt::Result {
    let threads: BTreeSet<&String> = samples
        .iter()
        .flat_map(|sample| sample.threads.keys())
        .collect();
    if threads.len() < 2 {
        return Ok(());
    }
    writeln!(report, "\n| thread of {name} | CPU µs/request |\n|---|--:|")?;
    for thread in threads {
        let time = of(samples, |sample| {
            sample.threads.get(thread).copied().unwrap_or_default()
        });
        writeln!(report, "| `{thread}` | {time:.2} |")?;
    }
    Ok(())
}

/// What only the gateway has.
fn write_behind(report: &mut String, samples: &[Sample]) -> std::fmt::Result {
    let caught_up = samples.iter().filter_map(|sample| sample.caught_up_in);
    let slowest = caught_up.max().map_or(f64::NAN, milliseconds);
    let wal_peak = samples.iter().filter_map(|sample| sample.wal_peak).max();
    writeln!(
        report,
        "\nThe follower reached the log's end within {slowest:.0} ms of the load's end (the slowest round). \
         The write-ahead file's peak was {:.2} MiB.",
        mebibytes(wal_peak.unwrap_or_default()),
    )
}

fn of(samples: &[Sample], figure: impl Fn(&Sample) -> f64) -> f64 {
    median(samples.iter().map(figure))
}

fn mebibytes(bytes: u64) -> f64 {
    float(bytes) / 1024.0 / 1024.0
}

fn name(variant: Variant) -> &'static str {
    match variant {
        Variant::Poem => "bare poem",
        Variant::PoemOneThread => "bare poem, one thread",
        Variant::Log => "raw log",
        Variant::LogOneThread => "raw log, one thread",
        Variant::GatewayWithoutJournal => "gateway without its journal",
        Variant::Gateway => "gateway",
        Variant::Decider => "the decider alone",
        Variant::GatewayPlugIn => "gateway, its plug-in decides",
        Variant::GatewayDecider => "gateway, the decider decides",
    }
}
