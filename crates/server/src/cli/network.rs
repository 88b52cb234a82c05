//! `trigger --url`: the callback as Chat would send it, with every documented parameter and a signature.

use std::time::Duration;

use gateway_core::{Token, sign};
use secrecy::ExposeSecret;

use super::{
    arguments::NetworkOptions,
    failure::Failure,
    transport::{self, Trust},
    trigger::{self, Acked},
};
use crate::clock;

/// Longer than Chat waits, so that a late answer can be seen.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Sends `body` to the URL of the options.
pub(super) fn call(options: &NetworkOptions, command: &str, body: &[u8]) -> Result<Acked, Failure> {
    let action = format!("trigger {command}");
    let (Some(url), Some(sdk_app_id)) = (&options.url, options.sdk_app_id) else {
        return Err(Failure::Usage(format!(
            "failed to {action}: --url and --sdk-app-id belong together"
        )));
    };
    let url = transport::checked_url("--url", url)?;
    let mut query = vec![
        ("SdkAppid", sdk_app_id.to_string()),
        ("CallbackCommand", command.to_owned()),
        ("contenttype", "json".to_owned()),
        ("ClientIP", options.client_ip.clone()),
        ("OptPlatform", options.opt_platform.clone()),
    ];
    if let Some(path) = &options.token_file {
        let token = read_token(path)?;
        let time = now_seconds().to_string();
        query.push(("Sign", sign(&token, &time)));
        query.push(("RequestTime", time));
    }
    let trust = options.ca.clone().map_or(Trust::Public, Trust::Private);
    let agent = transport::agent(transport::tls(&trust)?, Some(TIMEOUT));
    let request = agent.post(&url).content_type("application/json");
    let response = request.query_pairs(query).send(body).map_err(|error| {
        let hint = "is the URL right, and its certificate's authority public or given with --ca?";
        transport::unreachable(&action, &url, &error, hint)
    })?;
    trigger::read(&action, response)
}

/// An app's token from its file.
pub(super) fn read_token(path: &std::path::Path) -> Result<Token, Failure> {
    let secret = transport::read_secret(path)?;
    Token::new(secret.expose_secret()).map_err(|error| {
        let path = path.display();
        Failure::Usage(format!("failed to read the token file {path}: {error}"))
    })
}

/// Seconds since 1970, as `RequestTime` has them.
pub(super) fn now_seconds() -> u64 {
    clock::now_ms() / 1000
}
