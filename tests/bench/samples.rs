//! How long does it take to read a body of each command?
//!
//! Prints nanoseconds for the sample of every installed plug-in, compact as Chat sends it: plain `serde_json` beside
//! `decode`, and the whole way from the command's name to the prepared request, as the median of interleaved rounds.
//! Run it with `cargo bench --profile dist --bench samples`; the figures are in `docs/performance.md`.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use gateway_core::{Callback, Callbacks, Dispatcher, List, Visitor, decode};
use gateway_server::callbacks;
use mimalloc::MiMalloc;
use serde_json::Value;

/// As in the binary: much of decoding is allocation.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// How often each of the three ways has its turn with each sample.
const ROUNDS: usize = 31;

/// How long a turn lasts, about: less than a busy machine's scheduler gives a thread at once.
const TURN: Duration = Duration::from_micros(500);

/// Longer bodies have no limit.
const LIMITED_BYTES: usize = 600;

/// The limit of the shorter ones.
const LIMIT_NS: f64 = 1_500.0;

/// Measures each plug-in's sample.
struct Measure<'a> {
    dispatcher: &'a Dispatcher,
    rows: Vec<Row>,
}

/// What one sample takes. Times are in nanoseconds.
struct Row {
    command: &'static str,
    bytes: usize,
    plain: f64,
    decoded: f64,
    prepared: f64,
}

fn main() {
    run(callbacks::installed());
}

/// Every sample as a row of a Markdown table, the slowest first.
fn run<L: List>(callbacks: Callbacks<L>) {
    let dispatcher = Dispatcher::new(callbacks).expect("no command is installed twice");
    let mut measure = Measure {
        dispatcher: &dispatcher,
        rows: Vec::new(),
    };
    L::visit(&mut measure);
    let mut rows = measure.rows;
    rows.sort_by(|one, other| other.decoded.total_cmp(&one.decoded));
    println!("| command | bytes | serde_json ns | `decode` ns | × | prepared ns | |");
    println!("|---|--:|--:|--:|--:|--:|---|");
    for row in &rows {
        row.print();
    }
    let limited = || rows.iter().filter(|row| row.bytes < LIMITED_BYTES);
    let missed = limited().filter(|row| row.decoded > LIMIT_NS).count();
    println!(
        "\n{} samples; {} have fewer than {LIMITED_BYTES} bytes, of which {missed} take longer than {LIMIT_NS} ns.",
        rows.len(),
        limited().count(),
    );
}

/// JSON without what is there for people only.
fn compact(sample: &str) -> Vec<u8> {
    let value: Value = serde_json::from_str(sample).expect("a plug-in's sample is JSON");
    serde_json::to_vec(&value).expect("a JSON value can be written")
}

// === impl Measure ===

impl Visitor for Measure<'_> {
    fn visit<C: Callback>(&mut self) {
        let body = compact(C::SAMPLE);
        let body = body.as_slice();
        let plain = || serde_json::from_slice::<C::Request>(black_box(body)).is_ok();
        let decoded = || decode::<C::Request>(black_box(body)).value.is_some();
        let prepared = || {
            let installed = self.dispatcher.get(black_box(C::COMMAND));
            installed.is_some_and(|installed| installed.prepare(black_box(body)).work.is_some())
        };
        let calls = calls_a_turn(decoded);
        let mut rounds: [Vec<f64>; 3] = Default::default();
        for _ in 0..ROUNDS {
            let [plainly, decoding, preparing] = &mut rounds;
            plainly.push(nanoseconds(calls, plain));
            decoding.push(nanoseconds(calls, decoded));
            preparing.push(nanoseconds(calls, prepared));
        }
        let [plain, decoded, prepared] = rounds.map(median);
        self.rows.push(Row {
            command: C::COMMAND,
            bytes: body.len(),
            plain,
            decoded,
            prepared,
        });
    }
}

/// So many that a turn is as long as wanted.
fn calls_a_turn(call: impl Fn() -> bool) -> u32 {
    let once = nanoseconds(1_000, call);
    let calls = TURN.as_secs_f64() * 1e9 / once;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a few thousand"
    )]
    let calls = calls as u32;
    calls.max(1)
}

fn nanoseconds(calls: u32, call: impl Fn() -> bool) -> f64 {
    let since = Instant::now();
    for _ in 0..calls {
        black_box(call());
    }
    since.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
}

fn median(mut rounds: Vec<f64>) -> f64 {
    rounds.sort_by(f64::total_cmp);
    rounds.get(ROUNDS / 2).copied().unwrap_or_default()
}

// === impl Row ===

impl Row {
    fn print(&self) {
        let verdict = match (self.bytes < LIMITED_BYTES, self.decoded <= LIMIT_NS) {
            (false, _) => "no limit",
            (true, true) => "kept",
            (true, false) => "**missed**",
        };
        println!(
            "| `{}` | {} | {:.0} | {:.0} | {:.2} | {:.0} | {verdict} |",
            self.command,
            self.bytes,
            self.plain,
            self.decoded,
            self.decoded / self.plain,
            self.prepared,
        );
    }
}
