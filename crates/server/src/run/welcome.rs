//! What a starting gateway tells its person: where things are, and one command to paste.

use std::{net::SocketAddr, path::Path};

use crate::config::{self, Config};

/// How this process was started, as far as a command for another shell has to repeat it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Invocation<'a> {
    /// The program as it was called, `argv[0]`: perhaps a relative path that is not on PATH.
    pub(super) program: &'a str,
    /// `--config`, if it was given.
    pub(super) file: Option<&'a Path>,
}

/// The command that is shown; its plug-in is always installed.
const COMMAND: &str = "trigger Sns.CallbackFriendDelete --from-account alice --to-account bob";

/// A few plain lines, without a line break at the end: where Chat calls, where the page is, where the journal lies, and
/// a command that works as it is when pasted in the same directory.
///
/// The addresses are those that were bound, which differ from the configuration's where a port is 0. `app` is the name
/// of the app that the command is for.
pub(super) fn welcome(
    config: &Config,
    callback_address: SocketAddr,
    admin_address: SocketAddr,
    app: &str,
    invocation: Invocation<'_>,
) -> String {
    let mut bound = config.clone();
    bound.callbacks.listen = callback_address;
    bound.admin.listen = admin_address;
    let mut lines = vec![
        format!("Chat calls    {}", bound.callback_url()),
        format!("The page      {}/docs", bound.admin_url()),
        format!("The journal   {}", bound.journal.path.display()),
    ];
    if config.apps.is_empty() {
        let token = bound.demo_token_file();
        lines.push(format!(
            "The app       {app}, its token in {}",
            token.display()
        ));
    }
    lines.push(format!(
        "Try it        {}",
        command(&bound, app, invocation)
    ));
    lines.join("\n")
}

/// The command, with what another shell would not know by itself.
fn command(bound: &Config, app: &str, invocation: Invocation<'_>) -> String {
    let mut words = vec![quote(invocation.program)];
    if let Some(file) = invocation.file {
        words.extend(["--config".to_owned(), quote(&file.to_string_lossy())]);
    }
    words.push(COMMAND.to_owned());
    if bound.apps.len() > 1 {
        words.extend(["--app".to_owned(), quote(app)]);
    }
    // Variables set for this process alone, and ports chosen by the system, are unknown elsewhere.
    let elsewhere = config::load(invocation.file, []).ok();
    let url = bound.admin_url();
    if elsewhere.as_ref().map(Config::admin_url).as_ref() != Some(&url) {
        words.extend(["--admin-url".to_owned(), url]);
    }
    let token_file = bound.admin.token_file.as_deref();
    let known = elsewhere
        .as_ref()
        .and_then(|config| config.admin.token_file.as_deref());
    if let Some(path) = token_file.filter(|_| token_file != known) {
        words.extend([
            "--admin-token-file".to_owned(),
            quote(&path.to_string_lossy()),
        ]);
    }
    words.join(" ")
}

/// A word for a POSIX shell.
fn quote(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        variables: &[(&str, &str)],
        callbacks: &str,
        admin: &str,
        invocation: Invocation<'_>,
    ) -> String {
        let variables = variables
            .iter()
            .map(|(name, value)| (format!("GATEWAY_{name}"), (*value).to_owned()));
        let config = config::load(None, variables).unwrap();
        welcome(
            &config,
            callbacks.parse().unwrap(),
            admin.parse().unwrap(),
            "demo",
            invocation,
        )
    }

    #[test]
    fn a_first_run_can_be_pasted() {
        let invocation = Invocation {
            program: "target/release/callback-gateway",
            file: None,
        };
        insta::assert_snapshot!(check(&[], "127.0.0.1:8080", "127.0.0.1:8081", invocation));
    }

    #[test]
    fn repeats_what_another_shell_does_not_know() {
        let variables = [
            ("APPS__DEMO__SDK_APP_ID", "1"),
            ("APPS__OTHER__SDK_APP_ID", "2"),
            ("ADMIN__TOKEN_FILE", "a token"),
            ("CALLBACKS__LISTEN", "0.0.0.0:0"),
        ];
        let invocation = Invocation {
            program: "/opt/it's/callback-gateway",
            file: Some(Path::new("no such.toml")),
        };
        insta::assert_snapshot!(check(
            &variables,
            "0.0.0.0:4711",
            "127.0.0.1:4712",
            invocation
        ));
    }
}
