//! `tail`: events the moment they are journaled, over every loss of the connection.
//!
//! The place in the stream is the last id that the gateway gave; every connection after the first resumes there. What
//! the gateway says it can't give any more (a gap) goes to standard error.

use std::{
    io::{self, Read, Write},
    time::Duration,
};

use super::{
    arguments::TailOptions,
    backoff::Backoff,
    client::Client,
    escape::escape,
    event::Event,
    events,
    failure::{Ending, Failure},
    output::Output,
    sse::{Message, Parser},
};

const ACTION: &str = "follow the events";

/// Runs until the output is closed or the gateway refuses. `notices` is standard error; `wait` lets time pass.
pub(super) fn run(
    client: &Client,
    options: &TailOptions,
    output: &mut Output<'_>,
    notices: &mut dyn Write,
    wait: &mut dyn FnMut(Duration),
) -> Result<Ending, Failure> {
    let query = events::query(&options.filters);
    let mut cursor = options.since_id.clone();
    let mut backoff = Backoff::default();
    let mut connected = false;
    loop {
        let stream = client.stream(ACTION, "/v1/events/stream", &query, cursor.as_deref());
        let lost = match stream {
            Ok(response) => {
                if connected {
                    notice(notices, "connected again");
                }
                connected = true;
                let mut reader = response.into_body().into_reader();
                follow(&mut reader, &mut cursor, &mut backoff, output, notices)?
            }
            // A gateway that was never there is an error; one that restarts is waited for.
            Err(Failure::Unreachable(reason)) if connected => reason,
            Err(failure) => return Err(failure),
        };
        let delay = backoff.next();
        notice(
            notices,
            &format!("{lost}; trying again in {} ms", delay.as_millis()),
        );
        if cursor.is_none() {
            notice(
                notices,
                "no place in the stream is known yet: events in between will be missing",
            );
        }
        wait(delay);
    }
}

/// Prints what comes until the connection is lost; says why.
fn follow(
    reader: &mut dyn Read,
    cursor: &mut Option<String>,
    backoff: &mut Backoff,
    output: &mut Output<'_>,
    notices: &mut dyn Write,
) -> Result<String, Failure> {
    let mut parser = Parser::new();
    let mut chunk = vec![0; 64 << 10];
    loop {
        let count = match reader.read(&mut chunk) {
            Ok(0) => return Ok("the gateway ended the stream".to_owned()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Ok(format!("the connection was lost: {error}")),
        };
        let messages = match parser.push(chunk.get(..count).unwrap_or_default()) {
            Ok(messages) => messages,
            Err(error) => return Err(Failure::Failed(format!("failed to {ACTION}: {error}"))),
        };
        for message in messages {
            backoff.reset();
            print(&message, output, notices)?;
            if message.id.is_some() {
                *cursor = message.id;
            }
        }
    }
}

fn print(
    message: &Message,
    output: &mut Output<'_>,
    notices: &mut dyn Write,
) -> Result<(), Failure> {
    match message.event.as_str() {
        "callback" if output.wants_json() => output.json_text(&message.data),
        "callback" => match serde_json::from_str::<Event>(&message.data) {
            Ok(event) => output.line(&event.line()),
            Err(error) => {
                notice(notices, &format!("an event can't be shown: {error}"));
                Ok(())
            }
        },
        "gap" => {
            notice(
                notices,
                &format!("gap: events are missing here: {}", message.data),
            );
            Ok(())
        }
        // Heartbeats, and whatever comes later.
        _ => Ok(()),
    }
}

/// For the person behind; if standard error is closed, nobody is there to be told.
fn notice(notices: &mut dyn Write, text: &str) {
    let _written: io::Result<()> = writeln!(notices, "tail: {}", escape(text));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{
        arguments::{AdminOptions, Filters},
        event::tests::sample,
        test_server::{self, TestServer, answer, stream},
    };

    struct Run {
        result: Result<Ending, Failure>,
        stdout: String,
        stderr: String,
        waits: usize,
    }

    fn check(server: &TestServer, since_id: Option<&str>, json: bool) -> Run {
        let options = TailOptions {
            filters: Filters {
                account: Some("alice".into()),
                ..Filters::default()
            },
            since_id: since_id.map(ToOwned::to_owned),
            admin: AdminOptions {
                url: Some(server.url.clone()),
                ..AdminOptions::default()
            },
        };
        let client = Client::new(&options.admin, &crate::config::load(None, []).unwrap()).unwrap();
        let (mut stdout, mut stderr, mut waits) = (Vec::new(), Vec::new(), 0);
        let mut output = Output::new(&mut stdout, json, false);
        let result = run(&client, &options, &mut output, &mut stderr, &mut |_| {
            waits += 1;
            assert!(waits < 20, "it never ends");
        });
        Run {
            result,
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
            waits,
        }
    }

    fn last_event_id(request: &str) -> Option<String> {
        let line = request
            .lines()
            .find(|line| line.to_lowercase().starts_with("last-event-id:"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    }

    /// Ends a tail: a refusal is final.
    fn refusal() -> String {
        answer("403 Forbidden", "text/plain", "")
    }

    #[test]
    fn resumes_where_the_stream_broke() {
        let server = test_server::serve(vec![
            stream(
                "id: 1\nevent: callback\ndata: {\"n\":1}\n\nid: 2\nevent: heartbeat\ndata: {}\n\nid: 3\nevent: callback\ndata: {\"n\":",
            ),
            answer("503 Service Unavailable", "text/plain", ""),
            stream(
                "event: gap\ndata: {\"from\":\"2\"}\n\nid: 4\nevent: callback\ndata: {\"n\":4}\n\n",
            ),
            refusal(),
        ]);
        let run = check(&server, None, true);
        assert_eq!(run.stdout, "{\"n\":1}\n{\"n\":4}\n");
        assert!(
            run.stderr
                .contains("gap: events are missing here: {\"from\":\"2\"}"),
            "{}",
            run.stderr
        );
        assert_eq!(run.result.unwrap_err().code(), 1);
        assert_eq!(run.waits, 3);
        let ids: Vec<Option<String>> = (0..4).map(|_| last_event_id(&server.request())).collect();
        let id = |id: &str| Some(id.to_owned());
        assert_eq!(ids, [None, id("2"), id("2"), id("4")]);
    }

    #[test]
    fn starts_after_a_given_cursor_with_the_filters() {
        let server = test_server::serve(vec![refusal()]);
        check(&server, Some("c9"), true);
        let request = server.request();
        assert!(
            request.starts_with("GET /v1/events/stream?account=alice HTTP/1.1"),
            "{request}"
        );
        assert_eq!(last_event_id(&request).as_deref(), Some("c9"));
    }

    #[test]
    fn one_harmless_line_for_people() {
        let data = sample();
        let server = test_server::serve(vec![
            stream(&format!("id: 1\nevent: callback\ndata: {data}\n\n")),
            refusal(),
        ]);
        insta::assert_snapshot!(check(&server, None, false).stdout);
    }

    #[test]
    fn warns_that_events_may_be_missing_without_a_cursor() {
        let server = test_server::serve(vec![stream(": hello\n\n"), refusal()]);
        let run = check(&server, None, true);
        assert!(
            run.stderr.contains("events in between will be missing"),
            "{}",
            run.stderr
        );
    }

    #[test]
    fn a_gateway_that_was_never_there_is_not_waited_for() {
        let server = test_server::serve(vec![answer("503 Service Unavailable", "text/plain", "")]);
        let run = check(&server, None, true);
        assert_eq!(run.result.unwrap_err().code(), 3);
        assert_eq!(run.waits, 0);
    }
}
