//! `trigger`: sends a callback through the running gateway's own pipeline, or over the network as Chat does.

use std::io::{self, Write};

use gateway_core::Dispatcher;
use serde_json::{json, value::RawValue};
use ureq::{Body, http::Response};

use super::{
    arguments::TriggerOptions,
    body,
    client::Client,
    configuration::Loader,
    escape::escape,
    failure::{Ending, Failure},
    network,
    output::Output,
};
use crate::config::BODY_MAX_MAX;

/// An ack holds a rewritten message at most.
const ACK_BYTES_MAX: u64 = BODY_MAX_MAX as u64;

/// What came back.
pub(super) struct Acked {
    pub(super) status: u16,
    pub(super) ack: String,
    /// The event, where the gateway says it.
    pub(super) event: Option<String>,
}

pub(super) fn run(
    options: &TriggerOptions,
    dispatcher: &Dispatcher,
    loader: &Loader,
    output: &mut Output<'_>,
    notices: &mut dyn Write,
) -> Result<Ending, Failure> {
    let body = body::build(options, dispatcher)?;
    let acked = if options.network.url.is_some() {
        network::call(options, loader, &body)?
    } else {
        let client = Client::new(&options.admin, &loader.load()?)?;
        simulate(&client, options, &body)?
    };
    if !output.wants_json()
        && let Some(event) = &acked.event
    {
        // If standard error is closed, nobody wants to know.
        let _written: io::Result<()> = writeln!(notices, "event {}", escape(event));
    }
    print(&acked, options.network.url.is_some(), output)
}

fn simulate(client: &Client, options: &TriggerOptions, body: &[u8]) -> Result<Acked, Failure> {
    let command = &options.command;
    let action = format!("trigger {command}");
    let query: Vec<(&str, String)> = options.app.iter().map(|app| ("app", app.clone())).collect();
    let response = client.post(&action, &format!("/v1/simulate/{command}"), &query, body)?;
    read(&action, response)
}

/// Reads the ack of a response, whatever its status.
pub(super) fn read(action: &str, mut response: Response<Body>) -> Result<Acked, Failure> {
    let event = response.headers().get("x-event-id");
    let event = event.and_then(|id| Some(id.to_str().ok()?.to_owned()));
    let reader = response.body_mut().with_config();
    let ack = reader
        .limit(ACK_BYTES_MAX)
        .lossy_utf8(true)
        .read_to_string();
    Ok(Acked {
        status: response.status().as_u16(),
        ack: ack.map_err(|error| {
            Failure::Unreachable(format!(
                "failed to {action}: the ack did not arrive: {error}"
            ))
        })?,
        event,
    })
}

fn print(acked: &Acked, show_status: bool, output: &mut Output<'_>) -> Result<Ending, Failure> {
    if output.wants_json() {
        let ack = serde_json::from_str::<Box<RawValue>>(&acked.ack).ok();
        output.json(&json!({
            "status": acked.status,
            "event": acked.event,
            "ack": ack.map_or_else(|| json!(acked.ack), |ack| json!(ack)),
        }))?;
    } else {
        if show_status || acked.status != 200 {
            output.line(&format!("HTTP status {}", acked.status))?;
        }
        output.json_text(&acked.ack)?;
    }
    Ok(if acked.status == 200 {
        Ending::Done
    } else {
        Ending::Bad
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use gateway_core::Ack;

    use super::*;
    use crate::{
        callbacks,
        cli::{
            arguments::{Arguments, Command},
            rewrite::rewrite,
            test_server::{self, answer},
        },
    };

    const OK: &str = r#"{"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":""}"#;

    /// What a command line prints, standard error last; `URL` in it is a server that answers.
    fn check(response: String, line: &str) -> (Result<Ending, u8>, String, String) {
        let server = test_server::serve(vec![response]);
        let line = line.replace("URL", &server.url);
        let (result, stdout) = trigger(&line);
        let request = if result == Err(2) {
            String::new()
        } else {
            server.request()
        };
        (result, stdout, request)
    }

    fn trigger(line: &str) -> (Result<Ending, u8>, String) {
        let (result, stdout) = trigger_with(line, &Loader::new(None, Vec::new()));
        (result.map_err(|failure| failure.code()), stdout)
    }

    fn trigger_with(line: &str, loader: &Loader) -> (Result<Ending, Failure>, String) {
        let arguments = rewrite(line.split(' ').map(Into::into).collect());
        let Arguments { json, command, .. } = Arguments::try_parse_from(arguments).unwrap();
        let Some(Command::Trigger(options)) = command else {
            panic!("not a trigger: {line}");
        };
        let dispatcher = Dispatcher::new(callbacks::installed()).unwrap();
        let mut bytes = Vec::new();
        let mut output = Output::new(&mut bytes, json, true);
        let mut notices = Vec::new();
        let result = run(&options, &dispatcher, loader, &mut output, &mut notices);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (result, text(bytes) + &text(notices))
    }

    #[test]
    fn the_known_ack_is_what_the_tests_say() {
        assert_eq!(OK.as_bytes(), Ack::OK);
    }

    #[test]
    fn simulates_a_sample_with_fields_replaced() {
        let (result, stdout, request) = check(
            answer("200 OK", "application/json", OK),
            "g trigger Sns.CallbackFriendDelete --from-account dave --app shop --admin-url URL",
        );
        assert_eq!(result, Ok(Ending::Done));
        insta::assert_snapshot!(stdout);
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with("POST /v1/simulate/Sns.CallbackFriendDelete?app=shop HTTP/1.1"),
            "{head}"
        );
        assert!(
            head.to_lowercase()
                .contains("content-type: application/json"),
            "{head}"
        );
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["PairList"][0]["From_Account"], "dave");
        assert_eq!(body["PairList"][0]["To_Account"], "bob");
    }

    #[test]
    fn gives_scripts_the_event_and_the_ack() {
        let (_, stdout, _) = check(
            answer("200 OK", "application/json", OK),
            "g --json trigger Sns.CallbackFriendDelete --admin-url URL",
        );
        insta::assert_snapshot!(stdout);
    }

    #[test]
    fn a_refused_callback_is_exit_code_1() {
        let (result, stdout, _) = check(
            answer(
                "503 Service Unavailable",
                "application/json",
                "{\"ActionStatus\":\"FAIL\"}",
            ),
            "g trigger Sns.CallbackFriendDelete --admin-url URL",
        );
        assert_eq!(result, Ok(Ending::Bad));
        assert!(
            stdout.starts_with("HTTP status 503\n{\"ActionStatus\":\"FAIL\"}\n"),
            "{stdout}"
        );
        let (result, _, _) = check(
            answer(
                "409 Conflict",
                "application/problem+json",
                "{\"title\":\"Conflict\"}",
            ),
            "g trigger Sns.CallbackFriendDelete --admin-url URL",
        );
        assert_eq!(result, Err(1));
    }

    #[test]
    fn a_wrong_command_line_sends_nothing() {
        for line in [
            "g trigger No.Such",
            "g trigger ../../x --body -",
            "g trigger Sns.CallbackFriendDelete --no-such x",
            "g trigger Sns.CallbackFriendDelete --body no-such-file",
            "g trigger Sns.CallbackFriendDelete --admin-url nowhere",
        ] {
            assert_eq!(trigger(line).0, Err(2), "{line}");
        }
    }

    #[test]
    fn over_the_network_it_is_signed_like_chat_does() {
        let dir = tempfile::tempdir().unwrap();
        let token = dir.path().join("token");
        std::fs::write(&token, "xxxxyyyy\n").unwrap();
        let line = format!(
            "g trigger Sns.CallbackFriendDelete --url URL/callback --sdk-app-id 1400000000 --token-file {} --opt-platform iOS",
            token.display()
        );
        let (result, stdout, request) = check(answer("200 OK", "application/json", OK), &line);
        assert_eq!(result, Ok(Ending::Done));
        assert!(
            stdout.starts_with(&format!("HTTP status 200\n{OK}\n")),
            "{stdout}"
        );
        let query = request
            .strip_prefix("POST /callback?SdkAppid=1400000000&CallbackCommand=Sns.CallbackFriendDelete&contenttype=json&ClientIP=127.0.0.1&OptPlatform=iOS&Sign=")
            .unwrap_or_else(|| panic!("{request}"));
        let (sign, rest) = query.split_once("&RequestTime=").unwrap();
        let time = rest.split(' ').next().unwrap();
        let token = gateway_core::Token::new("xxxxyyyy").unwrap();
        assert_eq!(sign, gateway_core::sign(&token, time));
    }

    /// What a gateway at another place is sent for an app of a configuration; `URL` is that place.
    fn check_configured(config: &str, line: &str) -> Result<String, String> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("old"), "xxxxyyyy\n").unwrap();
        let config = config.replace("DIR", &dir.path().display().to_string());
        let file = dir.path().join("gateway.toml");
        std::fs::write(&file, config).unwrap();
        let server = test_server::serve(vec![answer("200 OK", "application/json", OK)]);
        let line = line.replace("URL", &server.url);
        let (result, _) = trigger_with(&line, &Loader::new(Some(file), Vec::new()));
        result
            .map(|_| server.request())
            .map_err(|failure| failure.to_string())
    }

    /// Whether the callback of an app is signed with the token of the tests.
    fn is_signed(request: &str) -> bool {
        let (_, sign) = request.split_once("&Sign=").unwrap();
        let (sign, time) = sign.split_once("&RequestTime=").unwrap();
        let token = gateway_core::Token::new("xxxxyyyy").unwrap();
        sign == gateway_core::sign(&token, time.split(' ').next().unwrap())
    }

    #[test]
    fn over_the_network_it_knows_the_apps_of_the_configuration() {
        const APPS: &str = "[apps.legacy]\nsdk_app_id = 1400000001\nunsigned = true\n\
            [apps.shop]\nsdk_app_id = 1400000002\ntoken_files = ['DIR/old', 'DIR/not-there-yet']\n\
            [apps.plain]\nsdk_app_id = 1400000003\ntoken = 'xxxxyyyy'\n";
        let line = |rest: &str| format!("g trigger Sns.CallbackFriendDelete --url URL/c {rest}");
        let sent = |app: &str| check_configured(APPS, &line(&format!("--app {app}"))).unwrap();
        for (app, number) in [("shop", 1_400_000_002_u64), ("plain", 1_400_000_003)] {
            let request = sent(app);
            let start = format!("POST /c?SdkAppid={number}&");
            assert!(request.starts_with(&start), "{request}");
            assert!(is_signed(&request), "{request}");
        }
        let request = sent("legacy");
        assert!(request.starts_with("POST /c?SdkAppid=1400000001&"));
        assert!(!request.contains("Sign="), "{request}");

        let one = "[apps.shop]\nsdk_app_id = 1400000002\ntoken_files = ['DIR/old']\n";
        assert!(is_signed(
            &check_configured(one, &line("--opt-platform iOS")).unwrap()
        ));
        for (config, rest, expected) in [
            (APPS, "--client-ip ::1", "one of legacy, plain, shop"),
            (
                APPS,
                "--app other",
                "no app other: it has legacy, plain, shop",
            ),
            ("", "--client-ip ::1", "has no app"),
        ] {
            let error = check_configured(config, &line(rest)).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn network_options_belong_together() {
        for line in [
            "g trigger C --token-file x",
            "g trigger C --sdk-app-id 1",
            "g trigger C --url http://a --sdk-app-id 1 --app shop",
        ] {
            assert!(
                Arguments::try_parse_from(line.split(' ')).is_err(),
                "{line}"
            );
        }
    }
}
