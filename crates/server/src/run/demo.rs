//! The app of a first run: without `[apps]`, and with both listeners on loopback, the gateway can be tried at once.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use anyhow::Context as _;
use gateway_core::{App, Apps, Token};
use secrecy::ExposeSecret;
use uuid::Uuid;

use crate::config::{Checked, Config, read_secret};

/// Its name.
pub(super) const NAME: &str = "demo";

/// Its number.
const SDK_APP_ID: u64 = 1_400_000_000;

/// Adds the app when there is no other. Its token lies beside the journal and is made when it is missing.
pub(super) fn add(mut checked: Checked) -> anyhow::Result<Checked> {
    if checked.apps.iter().len() > 0 {
        return Ok(checked);
    }
    let app = App {
        name: NAME.into(),
        sdk_app_id: SDK_APP_ID,
        tokens: vec![token(&checked.config)?],
        unsigned: false,
        sources: Vec::new(),
    };
    checked.apps = Apps::new([app]).expect("one signed app with one token is whole");
    Ok(checked)
}

fn token(config: &Config) -> anyhow::Result<Token> {
    let file = config.demo_token_file();
    if let Some(directory) = file.parent() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .with_context(|| format!("failed to create {}", directory.display()))?;
    }
    make(&file).with_context(|| format!("failed to write {}", file.display()))?;
    let hint = || format!("{}: remove the file to get a new token", file.display());
    let secret = read_secret(&file).with_context(hint)?;
    Token::new(secret.expose_secret()).with_context(hint)
}

fn make(file: &Path) -> std::io::Result<()> {
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file);
    match opened {
        Ok(mut opened) => {
            writeln!(opened, "{}", Uuid::new_v4().simple())?;
            opened.sync_all()
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
