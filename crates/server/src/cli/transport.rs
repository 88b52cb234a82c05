//! HTTP for every command that calls somebody: agents, whom they trust, and what a failure to reach anybody means.
//!
//! Not here: the admin API (`client.rs`) and callbacks (`network.rs`). Start at [`agent`].

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use secrecy::SecretString;
use ureq::{
    Agent,
    tls::{PemItem, RootCerts, TlsConfig, parse_pem},
};

use super::failure::Failure;
use crate::config;

/// From the end of a request to the head of its answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Until there is a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that has been silent for so long is dead: a stream has a heartbeat every 10 s.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(40);

/// What a client trusts.
#[derive(Debug, Clone)]
pub(super) enum Trust {
    /// The public authorities.
    Public,
    /// Those in a PEM file, and no others.
    Private(PathBuf),
    /// Anybody.
    Anybody,
}

/// The gateway, or whoever was called, did not answer.
pub(super) fn unreachable(action: &str, url: &str, error: &ureq::Error, hint: &str) -> Failure {
    let reason = match error {
        ureq::Error::Io(error) => error.to_string(),
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
            return Failure::Usage(format!("failed to {action}: {error}"));
        }
        error => error.to_string(),
    };
    Failure::Unreachable(format!(
        "failed to {action}: no answer from {url}: {reason}; {hint}"
    ))
}

/// Whether the other side is there and its certificate is not accepted.
pub(super) fn is_distrust(error: &ureq::Error) -> bool {
    matches!(error, ureq::Error::Tls(_)) || rustls_error(error).is_some()
}

/// Whether the other side is there and answers a handshake with something else, most often HTTP.
pub(super) fn is_no_tls(error: &ureq::Error) -> bool {
    matches!(rustls_error(error), Some(rustls::Error::InvalidMessage(_)))
}

fn rustls_error(error: &ureq::Error) -> Option<&rustls::Error> {
    match error {
        ureq::Error::Rustls(error) => Some(error),
        // What fails in a handshake comes wrapped.
        ureq::Error::Io(error) => error.get_ref()?.downcast_ref(),
        _ => None,
    }
}

/// An agent that reads no environment, follows no redirect and takes every status for an answer. Without a timeout it
/// is for streams.
pub(super) fn agent(tls: TlsConfig, timeout: Option<Duration>) -> Agent {
    Agent::config_builder()
        .tls_config(tls)
        .proxy(None)
        .http_status_as_error(false)
        .max_redirects(0)
        .user_agent(concat!("callback-gateway/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(ANSWER_TIMEOUT))
        .timeout_per_read(Some(SILENCE_TIMEOUT))
        .timeout_global(timeout)
        .build()
        .new_agent()
}

/// The TLS side of an agent.
pub(super) fn tls(trust: &Trust) -> Result<TlsConfig, Failure> {
    let builder = TlsConfig::builder();
    Ok(match trust {
        Trust::Public => builder.build(),
        Trust::Anybody => builder.disable_verification(true).build(),
        Trust::Private(path) => builder.root_certs(authorities(path)?).build(),
    })
}

fn authorities(path: &Path) -> Result<RootCerts, Failure> {
    let wrong = |what: String| {
        let path = path.display();
        Failure::Usage(format!("failed to read the authority {path}: {what}"))
    };
    let pem = fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) =
            item.map_err(|_| wrong("it is not PEM".to_owned()))?
        {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(wrong("it holds no certificate in PEM".to_owned()));
    }
    Ok(RootCerts::from(certificates))
}

/// A URL given on the command line, without the slash at its end.
pub(super) fn checked_url(option: &str, url: &str) -> Result<String, Failure> {
    let host = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    if host.is_none_or(|host| host.is_empty() || host.starts_with('/') || host.contains(['?', '#']))
    {
        return Err(Failure::Usage(format!(
            "failed to read {option}: expected a URL such as http://127.0.0.1:8081, without a query"
        )));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// The token in a file.
pub(super) fn read_secret(path: &Path) -> Result<SecretString, Failure> {
    config::read_secret(path)
        .map_err(|error| Failure::Usage(format!("failed to read a token: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_checked() {
        assert_eq!(checked_url("--x", "https://a:1/").unwrap(), "https://a:1");
        for wrong in [
            "",
            "a:1",
            "ftp://a",
            "http://",
            "http:///a",
            "http://a/?q=1",
        ] {
            assert_eq!(checked_url("--x", wrong).unwrap_err().code(), 2, "{wrong}");
        }
    }

    #[test]
    fn a_wrong_authority_or_token_is_named_and_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "hush hush\nhush").unwrap();
        for failure in [
            read_secret(&path).unwrap_err(),
            tls(&Trust::Private(path.clone())).unwrap_err(),
            tls(&Trust::Private(dir.path().join("none"))).unwrap_err(),
        ] {
            assert_eq!(failure.code(), 2);
            assert!(!failure.to_string().contains("hush"), "{failure}");
        }
    }
}
