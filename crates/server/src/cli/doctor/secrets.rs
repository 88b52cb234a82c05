//! Files with secrets that other users of the machine can read or change.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::finding::Finding;
use crate::config::Config;

const OTHERS_READ: u32 = 0o004;
const OTHERS_WRITE: u32 = 0o002;
const OTHERS_ENTER: u32 = 0o001;

/// Looks at every file that holds a secret; `file` is that of the configuration.
pub(super) fn check_secrets(config: &Config, file: Option<&Path>) -> Vec<Finding> {
    let files = files(config, file);
    files
        .iter()
        .filter_map(|(key, path)| check_file(key, path))
        .collect()
}

/// Every file with a secret, by the key that names it.
fn files(config: &Config, file: Option<&Path>) -> Vec<(String, PathBuf)> {
    let mut files = Vec::new();
    let tls = [
        ("callbacks", &config.callbacks.tls),
        ("admin", &config.admin.tls),
    ];
    for (listener, tls) in tls {
        let key = tls.iter().map(|tls| tls.private_key.clone());
        files.extend(key.map(|path| (format!("{listener}.tls.private_key"), path)));
    }
    for (name, app) in &config.apps {
        let tokens = app.token_files.iter().cloned();
        files.extend(tokens.map(|path| (format!("apps.{name}.token_files"), path)));
        let key = format!("apps.{name}.token");
        let stands_in = config.origins.get(&key);
        if let Some(file) = file
            && app.token.is_some()
            && stands_in == file.to_str()
        {
            files.push((key, file.to_owned()));
        }
    }
    for (name, decider) in &config.deciders {
        let token = decider.token_file.iter().cloned();
        files.extend(token.map(|path| (format!("deciders.{name}.token_file"), path)));
    }
    for (name, subscription) in &config.subscriptions {
        let secrets = subscription.secret_files.iter().cloned();
        files.extend(secrets.map(|path| (format!("subscriptions.{name}.secret_files"), path)));
    }
    let admin = config.admin.token_file.iter().cloned();
    files.extend(admin.map(|path| ("admin.token_file".to_owned(), path)));
    let collector = config.traces.token_file.iter().cloned();
    files.extend(collector.map(|path| ("traces.token_file".to_owned(), path)));
    files
}

/// One that can't be read at all is for the configuration's check.
fn check_file(key: &str, path: &Path) -> Option<Finding> {
    let mode = mode(path)?;
    let shown = path.display();
    let others = match mode {
        mode if mode & OTHERS_WRITE != 0 => "change",
        mode if mode & OTHERS_READ != 0 => "read",
        _ => return None,
    };
    if !is_reached_by_others(path) {
        return None;
    }
    let what = format!("every user of this machine can {others} {shown}");
    let finding = Finding::warning("secret", what)
        .because(format!("{key}, mode {mode:o}"))
        .remedy(format!(
            "chmod 600 {shown}; for a mounted secret, defaultMode: 0400"
        ));
    Some(finding)
}

/// Whether every directory on the way lets them pass.
fn is_reached_by_others(path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else {
        return true;
    };
    let mut parents = path.ancestors().skip(1).filter_map(mode);
    parents.all(|mode| mode & OTHERS_ENTER != 0)
}

fn mode(path: &Path) -> Option<u32> {
    Some(fs::metadata(path).ok()?.permissions().mode() & 0o777)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_secret_that_others_reach_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        fs::write(&path, "hush").unwrap();
        for (parent, mode, told) in [
            (0o755, 0o600, None),
            (0o755, 0o640, None),
            (0o755, 0o644, Some("read")),
            (0o755, 0o602, Some("change")),
            (0o700, 0o644, None),
        ] {
            chmod(directory.path(), parent);
            chmod(&path, mode);
            let finding = check_file("apps.shop.token_files", &path);
            let said = finding.map(|finding| finding.what);
            let is_told = said
                .as_ref()
                .is_some_and(|said| said.contains(told.unwrap_or("?")));
            assert_eq!(is_told, told.is_some(), "{parent:o} {mode:o} {said:?}");
        }
    }

    #[test]
    fn a_token_in_the_configuration_makes_that_a_secret() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gateway.toml");
        let text = "[apps.shop]\nsdk_app_id = 1\ntoken = \"hush\"\n\
                    [subscriptions.crm]\nurl = \"https://crm/\"\nsecret_files = [\"a\", \"b\"]\n";
        fs::write(&path, text).unwrap();
        let collector = ("GATEWAY_TRACES__TOKEN_FILE", "collector.token");
        let collector = (collector.0.to_owned(), collector.1.to_owned());
        let config = crate::config::load(Some(&path), [collector]).unwrap();
        let found = files(&config, Some(&path));
        let found: Vec<&str> = found.iter().map(|(key, _)| key.as_str()).collect();
        let secrets = "subscriptions.crm.secret_files";
        assert_eq!(
            found,
            ["apps.shop.token", secrets, secrets, "traces.token_file"]
        );
    }
}
