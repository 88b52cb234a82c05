//! `top`: a running gateway, looked at once a second: on the screen, or as lines of JSON.
//!
//! It reads `/metrics` and `/readyz` and nothing else. Looks come from `sampler.rs`; two of them make a view
//! (`view.rs`), which `screen.rs` draws. Start at [`run`].

mod change;
mod figures;
mod header;
mod live;
mod palette;
mod quantile;
mod sample;
mod sampler;
mod screen;
mod state;
mod table;
mod view;

use std::{
    io::{self, Write},
    time::Duration,
};

use self::{palette::Palette, sampler::Sampler, view::History};
use super::{
    arguments::TopOptions,
    client::Client,
    escape::escape,
    failure::{Ending, Failure},
    output::Output,
};

/// Runs until it is told to end, or the gateway refuses. `notices` is standard error; `wait` lets time pass.
pub(super) fn run(
    client: Client,
    options: &TopOptions,
    has_colours: bool,
    output: &mut Output<'_>,
    notices: &mut dyn Write,
    wait: &mut dyn FnMut(Duration),
) -> Result<Ending, Failure> {
    let sampler = Sampler::new(client, options.interval);
    if output.wants_json() {
        return print(sampler, options.count, output, notices, wait);
    }
    if !output.is_for_people() {
        return Err(Failure::Usage(
            "failed to show the gateway: standard output is not a terminal; give --json for a line of JSON at each look"
                .to_owned(),
        ));
    }
    live::run(sampler, options.count, Palette { has_colours })
}

/// A line at each look but the first, which has nothing to compare with.
fn print(
    mut sampler: Sampler,
    count: Option<u64>,
    output: &mut Output<'_>,
    notices: &mut dyn Write,
    wait: &mut dyn FnMut(Duration),
) -> Result<Ending, Failure> {
    let mut history = History::default();
    let mut printed = 0;
    loop {
        let look = sampler.look()?;
        match look.found {
            Ok(sample) if history.is_empty() => {
                history.push(sample);
            }
            Ok(sample) => {
                output.json(&history.push(sample))?;
                printed += 1;
            }
            Err(reason) => {
                let delay = look.pause.as_millis();
                // If standard error is closed, nobody is there to be told.
                let _written: io::Result<()> = writeln!(
                    notices,
                    "top: {}; trying again in {delay} ms",
                    escape(&reason)
                );
            }
        }
        if count == Some(printed) {
            return Ok(Ending::Done);
        }
        wait(look.pause);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::cli::{
        arguments::AdminOptions,
        test_server::{self, TestServer, answer},
    };

    struct Run {
        result: Result<Ending, Failure>,
        lines: Vec<Value>,
        stderr: String,
        waits: Vec<Duration>,
    }

    fn check(server: &TestServer, count: Option<u64>, json: bool) -> Run {
        let options = TopOptions {
            interval: Duration::from_secs(1),
            count,
            admin: server.options(),
        };
        let client = client(&options.admin);
        let (mut stdout, mut stderr, mut waits) = (Vec::new(), Vec::new(), Vec::new());
        let mut output = Output::new(&mut stdout, json, false);
        let result = run(
            client,
            &options,
            true,
            &mut output,
            &mut stderr,
            &mut |delay| {
                waits.push(delay);
                assert!(waits.len() < 20, "it never ends");
            },
        );
        let stdout = String::from_utf8(stdout).unwrap();
        Run {
            result,
            lines: stdout
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect(),
            stderr: String::from_utf8(stderr).unwrap(),
            waits,
        }
    }

    fn client(options: &AdminOptions) -> Client {
        Client::new(options, &crate::config::load(None, []).unwrap()).unwrap()
    }

    /// The two answers of a look.
    fn look(requests: u64, start: u64) -> [String; 2] {
        let metrics =
            format!("gateway_requests_total {requests}\nprocess_start_time_seconds {start}\n");
        [
            answer("200 OK", "text/plain", &metrics),
            answer(
                "200 OK",
                "application/json",
                r#"{"ready":true,"problems":[]}"#,
            ),
        ]
    }

    fn gone() -> String {
        answer("503 Service Unavailable", "text/plain", "")
    }

    fn totals(run: &Run) -> Vec<i64> {
        let lines = run.lines.iter();
        lines
            .map(|line| line["requests"]["total"].as_i64().unwrap())
            .collect()
    }

    #[test]
    fn a_line_of_json_at_each_look_but_the_first() {
        let server = test_server::serve([look(5, 1), look(7, 1), look(9, 1)].concat());
        let run = check(&server, Some(2), true);
        assert_eq!(run.result.unwrap(), Ending::Done);
        assert_eq!(run.lines.len(), 2);
        for line in &run.lines {
            assert!(
                line["requests"]["per_second"].as_f64().unwrap() > 0.0,
                "{line}"
            );
            assert_eq!(line["ready"], true);
        }
        assert_eq!(run.waits.len(), 2);
        assert!(run.waits.iter().all(|wait| *wait <= Duration::from_secs(1)));
        assert_eq!(run.stderr, "");
    }

    #[test]
    fn a_restart_is_waited_for_and_counted_over() {
        let mut answers = [look(500, 1), look(501, 1)].concat();
        answers.extend([gone(), gone()]);
        answers.extend(look(3, 2));
        let server = test_server::serve(answers);
        let run = check(&server, Some(2), true);
        assert_eq!(totals(&run), [501, 3]);
        assert!(run.lines[1]["requests"]["per_second"].as_f64().unwrap() >= 0.0);
        assert_eq!(
            run.stderr.matches("trying again in").count(),
            2,
            "{}",
            run.stderr
        );
        assert!(
            run.stderr
                .starts_with("top: failed to look at the gateway: 503"),
            "{}",
            run.stderr
        );
        assert_eq!(run.result.unwrap(), Ending::Done);
    }

    #[test]
    fn a_gateway_that_came_back_is_soon_asked_again_when_it_goes() {
        let mut answers = look(1, 1).to_vec();
        answers.extend([gone(), gone(), gone(), gone()]);
        answers.extend(look(2, 1));
        answers.push(gone());
        answers.extend(look(3, 1));
        let run = check(&test_server::serve(answers), Some(2), true);
        let [.., long, _, short] = run.waits.as_slice() else {
            panic!("{:?}", run.waits);
        };
        assert!(*long > Duration::from_secs(1), "{:?}", run.waits);
        assert!(*short <= Duration::from_millis(250), "{:?}", run.waits);
    }

    #[test]
    fn a_gateway_that_was_never_there_is_not_waited_for() {
        let run = check(&test_server::serve(vec![gone()]), None, true);
        assert_eq!(run.result.unwrap_err().code(), 3);
        assert!(run.waits.is_empty());
    }

    #[test]
    fn a_refused_token_is_final() {
        let mut answers = look(1, 1).to_vec();
        answers.push(answer("401 Unauthorized", "text/plain", ""));
        let run = check(&test_server::serve(answers), None, true);
        let failure = run.result.unwrap_err();
        assert_eq!(failure.code(), 1);
        assert!(
            failure.to_string().contains("--admin-token-file"),
            "{failure}"
        );
    }

    #[test]
    fn without_a_terminal_it_asks_for_json() {
        let run = check(&test_server::serve(Vec::new()), None, false);
        let failure = run.result.unwrap_err();
        assert_eq!(failure.code(), 2);
        assert!(failure.to_string().contains("--json"), "{failure}");
    }
}
