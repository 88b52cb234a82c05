//! `trigger --url`: the callback as Chat would send it, with every documented parameter and a signature.

use std::{path::Path, time::Duration};

use gateway_core::{Token, sign};
use secrecy::ExposeSecret;

use super::{
    arguments::TriggerOptions,
    configuration::Loader,
    failure::Failure,
    transport::{self, Trust},
    trigger::{self, Acked},
};
use crate::{
    clock,
    config::{AppConfig, Config},
};

/// Longer than Chat waits, so that a late answer can be seen.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Whose callback it is.
struct Caller {
    sdk_app_id: u64,
    /// Without one the callback is not signed.
    token: Option<Token>,
}

/// Sends `body` to the URL of the options.
pub(super) fn call(
    trigger: &TriggerOptions,
    loader: &Loader,
    body: &[u8],
) -> Result<Acked, Failure> {
    let (command, options) = (&trigger.command, &trigger.network);
    let action = format!("trigger {command}");
    let url = transport::checked_url("--url", options.url.as_deref().unwrap_or_default())?;
    let caller = Caller::of(trigger, loader)?;
    let mut query = vec![
        ("SdkAppid", caller.sdk_app_id.to_string()),
        ("CallbackCommand", command.clone()),
        ("contenttype", "json".to_owned()),
        ("ClientIP", options.client_ip.clone()),
        ("OptPlatform", options.opt_platform.clone()),
    ];
    if let Some(token) = caller.token {
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
pub(super) fn read_token(path: &Path) -> Result<Token, Failure> {
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

// === impl Caller ===

impl Caller {
    /// By the options, and where they are silent by the configuration. An app that is given by its number needs none.
    fn of(trigger: &TriggerOptions, loader: &Loader) -> Result<Self, Failure> {
        let options = &trigger.network;
        let given = options.token_file.as_deref().map(read_token).transpose()?;
        if let Some(sdk_app_id) = options.sdk_app_id {
            let token = given;
            return Ok(Self { sdk_app_id, token });
        }
        let config = loader.load()?;
        let (name, app) = configured(&config, trigger.app.as_deref()).map_err(|why| {
            let command = &trigger.command;
            Failure::Usage(format!("failed to trigger {command}: {why}"))
        })?;
        let token = match given {
            Some(token) => Some(token),
            None => configured_token(name, app)?,
        };
        let sdk_app_id = app.sdk_app_id;
        Ok(Self { sdk_app_id, token })
    }
}

/// The app of that name, or the only one.
fn configured<'a>(
    config: &'a Config,
    name: Option<&str>,
) -> Result<(&'a str, &'a AppConfig), String> {
    let names: Vec<&str> = config.apps.keys().map(String::as_str).collect();
    let names = names.join(", ");
    let mut apps = config.apps.iter();
    let app = match (name, apps.len()) {
        (_, 0) => {
            return Err(
                "the configuration has no app: give --config, or --sdk-app-id and --token-file"
                    .to_owned(),
            );
        }
        (Some(name), _) => apps.find(|(known, _)| *known == name),
        (None, 1) => apps.next(),
        (None, _) => return Err(format!("--app is missing: one of {names}")),
    };
    let app = app.map(|(name, app)| (name.as_str(), app));
    app.ok_or_else(|| {
        let name = name.unwrap_or_default();
        format!("the configuration has no app {name}: it has {names}")
    })
}

/// The first of an app's tokens, which is the one that Chat signs with while it is being changed.
fn configured_token(name: &str, app: &AppConfig) -> Result<Option<Token>, Failure> {
    if let Some(secret) = &app.token {
        let token = Token::new(secret.expose_secret());
        let token = token.map_err(|error| Failure::Usage(format!("apps.{name}.token: {error}")));
        return token.map(Some);
    }
    app.token_files
        .first()
        .map(|path| read_token(path))
        .transpose()
}
