//! What does noticing drift cost on a body that has none, and what does a body with drift cost?
//!
//! Prints nanoseconds per body, plain `serde_json` beside `decode`, as the median of interleaved rounds. Run it with
//! `cargo bench -p gateway-core --bench decode`; its numbers stand in the commits that changed them.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::{hint::black_box, time::Instant};

use gateway_core::{command_drift, decode};
use serde::Deserialize;

const ROUNDS: usize = 31;
const COMMAND: &str = "Sns.CallbackFriendDelete";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FriendDelete {
    #[serde(default)]
    callback_command: String,
    pair_list: Vec<Pair>,
}

#[derive(Deserialize)]
struct Pair {
    #[serde(rename = "From_Account")]
    owner: String,
    #[serde(rename = "To_Account")]
    removed: String,
}

fn main() {
    for pairs in [1, 2, 20, 1000] {
        let body = body(pairs, r#""From_Account": "alice""#);
        let calls = 200_000 / (pairs + 2);
        compare(&format!("{pairs} pairs, no drift"), &body, calls);
    }
    let unknown = body(2, r#""From_Account": "alice", "Remark": "new""#);
    compare("2 pairs, an unknown field", &unknown, 20_000);
    let number = body(2, r#""From_Account": 1000"#);
    compare("2 pairs, a number for a string", &number, 20_000);
}

fn body(pairs: usize, owner: &str) -> Vec<u8> {
    let pair = format!(r#"{{ {owner}, "To_Account": "bob" }}"#);
    let list = vec![pair; pairs].join(", ");
    format!(r#"{{ "CallbackCommand": "{COMMAND}", "PairList": [{list}] }}"#).into_bytes()
}

/// Plain, tolerant and the comparison of commands, round by round, so that a busy machine slows all of them.
fn compare(name: &str, body: &[u8], calls: usize) {
    let mut rounds: [Vec<f64>; 3] = Default::default();
    for _ in 0..ROUNDS {
        let [plain, tolerant, command] = &mut rounds;
        plain.push(nanoseconds(calls, || {
            let value = serde_json::from_slice::<FriendDelete>(black_box(body)).ok();
            weight(value.as_ref())
        }));
        tolerant.push(nanoseconds(calls, || {
            weight(decode::<FriendDelete>(black_box(body)).value.as_ref())
        }));
        command.push(nanoseconds(calls, || {
            usize::from(command_drift(black_box(body), COMMAND).is_some())
        }));
    }
    let [plain, tolerant, command] = rounds.map(median);
    println!(
        "{name:32} {:>7} bytes: serde_json {plain:8.0} ns, decode {tolerant:8.0} ns ({:.2} times), command_drift {command:5.0} ns",
        body.len(),
        tolerant / plain,
    );
}

/// Reads every string's length, so that no decoding can be optimised away.
fn weight(value: Option<&FriendDelete>) -> usize {
    value.map_or(0, |value| {
        let pairs = value.pair_list.iter();
        value.callback_command.len()
            + pairs
                .map(|pair| pair.owner.len() + pair.removed.len())
                .sum::<usize>()
    })
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn nanoseconds(calls: usize, mut call: impl FnMut() -> usize) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        black_box(call());
    }
    start.elapsed().as_nanos() as f64 / calls as f64
}

fn median(mut rounds: Vec<f64>) -> f64 {
    rounds.sort_by(f64::total_cmp);
    rounds.get(ROUNDS / 2).copied().unwrap_or_default()
}
