//! `healthcheck`: asks both listeners for `/healthz`. Meant for a container's health check: no token, no shell, no
//! other program.

use std::time::Duration;

use super::{
    arguments::HealthcheckOptions,
    configuration::Loader,
    failure::{Ending, Failure},
    output::Output,
    transport::{self, Trust},
};
use crate::config::Config;

/// For each of the two listeners: together less than the 5 s that the image's `HEALTHCHECK` gives to this command.
const TIMEOUT: Duration = Duration::from_secs(2);

pub(super) fn run(
    options: &HealthcheckOptions,
    loader: &Loader,
    output: &mut Output<'_>,
) -> Result<Ending, Failure> {
    for base in listeners(&loader.load()?)? {
        check(&base, options.insecure)?;
    }
    if output.wants_json() {
        output.json(&serde_json::json!({ "ok": true }))?;
    } else {
        output.line("ok")?;
    }
    Ok(Ending::Done)
}

/// The URLs of both, as seen from this machine.
pub(super) fn listeners(config: &Config) -> Result<[String; 2], Failure> {
    if config.callbacks.listen.port() == 0 || config.admin.listen.port() == 0 {
        return Err(Failure::Usage(
            "failed to check the health: a listener's port is 0, so it can't be known here"
                .to_owned(),
        ));
    }
    let callbacks = config.callback_url();
    let callbacks = callbacks
        .strip_suffix(&config.callbacks.path)
        .unwrap_or(&callbacks);
    Ok([callbacks.to_owned(), config.admin_url()])
}

/// More than that is not read of an answer.
const BODY_MAX: u64 = 64;

/// What a gateway's `/healthz` says on both listeners, with or without the end of its line.
const HEALTHY: &str = "ok";

/// Fails when the listener does not answer as a gateway does. Whatever else answers 200, a file server or the page of a
/// proxy, says something else.
pub(super) fn check(base: &str, insecure: bool) -> Result<(), Failure> {
    let url = format!("{base}/healthz");
    // On loopback the certificate has another name, and there is nobody in between.
    let trust = if insecure || is_loopback(base) {
        Trust::Anybody
    } else {
        Trust::Public
    };
    let agent = transport::agent(transport::tls(&trust)?, Some(TIMEOUT));
    let mut response = agent.get(&url).call().map_err(|error| {
        transport::unreachable("check the health", &url, &error, "is the gateway running?")
    })?;
    let status = response.status();
    if status != 200 {
        return Err(Failure::Unreachable(format!(
            "failed to check the health: {url} answered {status}"
        )));
    }
    let body = response.body_mut().with_config().limit(BODY_MAX);
    let is_ours = body
        .read_to_string()
        .is_ok_and(|body| body.trim_end() == HEALTHY);
    if !is_ours {
        return Err(Failure::Unreachable(format!(
            "failed to check the health: {url} did not answer as a gateway does: it did not say `{HEALTHY}`"
        )));
    }
    Ok(())
}

fn is_loopback(base: &str) -> bool {
    let address = base.split_once("://").map_or(base, |(_, address)| address);
    let address = address.parse::<std::net::SocketAddr>();
    address.is_ok_and(|address| address.ip().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::test_server::{self, answer};

    fn check_answers(callbacks: &str, admin: &str) -> Result<Ending, u8> {
        let answers = [callbacks, admin].map(|status| {
            let server = test_server::serve(vec![answer(status, "text/plain", "ok")]);
            server.url.strip_prefix("http://").unwrap().to_owned()
        });
        let [callbacks, admin] = answers;
        let loader = Loader::new(
            None,
            vec![
                ("GATEWAY_CALLBACKS__LISTEN".to_owned(), callbacks),
                ("GATEWAY_ADMIN__LISTEN".to_owned(), admin),
            ],
        );
        let options = HealthcheckOptions { insecure: false };
        let mut bytes = Vec::new();
        run(
            &options,
            &loader,
            &mut Output::new(&mut bytes, false, false),
        )
        .map_err(|failure| failure.code())
    }

    #[test]
    fn both_listeners_must_serve() {
        assert_eq!(check_answers("200 OK", "200 OK"), Ok(Ending::Done));
        assert_eq!(check_answers("404 Not Found", "200 OK"), Err(3));
        assert_eq!(check_answers("200 OK", "503 Service Unavailable"), Err(3));
    }

    #[test]
    fn another_server_is_no_gateway() {
        let endless = "ok".repeat(1_000);
        for body in ["<html>It works!</html>", "", "okay", endless.as_str()] {
            let server = test_server::serve(vec![answer("200 OK", "text/html", body)]);
            let failure = check(&server.url, false).unwrap_err();
            let said = "did not answer as a gateway does";
            assert!(failure.to_string().contains(said), "{body}: {failure}");
        }
        let server = test_server::serve(vec![answer("200 OK", "text/plain", "ok\n")]);
        check(&server.url, false).unwrap();
    }

    #[test]
    fn a_certificate_is_not_looked_at_on_loopback() {
        let (server, _) = test_server::serve_tls(vec![answer("200 OK", "text/plain", "ok")]);
        check(&server.url, false).unwrap();
    }

    #[test]
    fn only_loopback_goes_without_a_certificate() {
        for (base, loopback) in [
            ("https://127.0.0.1:8081", true),
            ("https://[::1]:8081", true),
            ("https://10.0.0.1:8081", false),
            ("https://127.0.0.1.example.org:80", false),
        ] {
            assert_eq!(is_loopback(base), loopback, "{base}");
        }
    }

    #[test]
    fn asks_where_the_configuration_says() {
        let variables = [
            ("GATEWAY_CALLBACKS__LISTEN", "0.0.0.0:1"),
            ("GATEWAY_ADMIN__LISTEN", "[::]:2"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = crate::config::load(None, variables).unwrap();
        assert_eq!(
            listeners(&config).unwrap(),
            ["http://127.0.0.1:1", "http://[::1]:2"]
        );
    }
}
