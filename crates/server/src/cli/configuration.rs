//! `config`, and the configuration that the other commands work with.

use std::path::{Path, PathBuf};

use gateway_core::Descriptor;
use serde_json::json;

use super::{
    arguments::ConfigAction,
    failure::{Ending, Failure},
    output::Output,
};
use crate::config::{self, Config, Problem, Problems};

/// Where the configuration comes from. Loading it reads files and creates none.
#[derive(Debug)]
pub(super) struct Loader {
    file: Option<PathBuf>,
    environment: Vec<(String, String)>,
}

impl Loader {
    pub(super) fn new(file: Option<PathBuf>, environment: Vec<(String, String)>) -> Self {
        Self { file, environment }
    }

    /// The merged layers. That they hold together is for the gateway to check: a client needs less.
    pub(super) fn load(&self) -> Result<Config, Failure> {
        Ok(self.merged()?)
    }

    /// The file and the variables, for the gateway, which loads them again on a signal.
    pub(super) fn into_parts(self) -> (Option<PathBuf>, Vec<(String, String)>) {
        (self.file, self.environment)
    }

    /// The file.
    pub(super) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The merged layers, or every problem of them.
    pub(super) fn merged(&self) -> Result<Config, Problems> {
        config::load(self.file.as_deref(), self.environment.iter().cloned())
    }
}

pub(super) fn run(
    action: ConfigAction,
    loader: &Loader,
    descriptors: &[Descriptor],
    output: &mut Output<'_>,
) -> Result<Ending, Failure> {
    match action {
        ConfigAction::Check => check(loader, descriptors, output)?,
        ConfigAction::Show => show(&loader.load()?, output)?,
        ConfigAction::Schema => {
            let schema = schemars::schema_for!(Config);
            if output.wants_json() {
                output.json(&schema)?;
            } else {
                let pretty = serde_json::to_string_pretty(&schema).map_err(std::io::Error::from)?;
                output.raw(&pretty)?;
            }
        }
    }
    Ok(Ending::Done)
}

fn check(
    loader: &Loader,
    descriptors: &[Descriptor],
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let merged = loader.merged();
    let checked = merged.and_then(|config| config::check(config, descriptors));
    if output.wants_json() {
        let problems = checked
            .as_ref()
            .err()
            .map_or(&[][..], |problems| &problems.0);
        let problems: Vec<_> = problems.iter().map(problem_json).collect();
        output.json(&json!({ "ok": checked.is_ok(), "problems": problems }))?;
    } else if checked.is_ok() {
        output.line("ok")?;
    }
    checked.map(drop).map_err(Failure::from)
}

fn problem_json(problem: &Problem) -> serde_json::Value {
    json!({ "key": problem.key, "origin": problem.origin, "message": problem.message })
}

fn show(config: &Config, output: &mut Output<'_>) -> Result<(), Failure> {
    if output.wants_json() {
        return output.json(config);
    }
    let text = toml::to_string_pretty(config).map_err(|error| {
        Failure::Failed(format!("failed to show the configuration as TOML: {error}"))
    })?;
    output.raw(text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_action(action: ConfigAction, json: bool, variables: &[(&str, &str)]) -> (u8, String) {
        let variables = variables
            .iter()
            .map(|(name, value)| (format!("GATEWAY_{name}"), (*value).to_owned()))
            .collect();
        let mut bytes = Vec::new();
        let mut output = Output::new(&mut bytes, json, false);
        let result = run(action, &Loader::new(None, variables), &[], &mut output);
        let code = result.as_ref().err().map_or(0, Failure::code);
        let mut text = String::from_utf8(bytes).unwrap();
        if let Err(failure) = result {
            text.push_str(&failure.to_string());
        }
        (code, text)
    }

    #[test]
    fn shows_no_secret() {
        let variables = [
            ("APPS__SHOP__SDK_APP_ID", "1"),
            ("APPS__SHOP__TOKEN", "hush"),
        ];
        let (code, text) = check_action(ConfigAction::Show, false, &variables);
        assert_eq!(code, 0);
        insta::assert_snapshot!(text);
        let (_, json) = check_action(ConfigAction::Show, true, &variables);
        assert!(
            !json.contains("hush") && json.contains("[redacted]"),
            "{json}"
        );
    }

    #[test]
    fn what_is_shown_can_be_loaded_again() {
        let (_, text) = check_action(ConfigAction::Show, false, &[]);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("gateway.toml");
        std::fs::write(&file, text).unwrap();
        Loader::new(Some(file), Vec::new()).load().unwrap();
    }

    #[test]
    fn every_problem_is_exit_code_2() {
        assert_eq!(
            check_action(ConfigAction::Check, false, &[]),
            (0, "ok\n".to_owned())
        );
        let variables = [("CALLBACKS__PATH", "x"), ("CALLBACKS__THREADS", "0")];
        let (code, text) = check_action(ConfigAction::Check, false, &variables);
        assert_eq!(code, 2);
        assert!(
            text.contains("callbacks.path") && text.contains("callbacks.threads"),
            "{text}"
        );
        let (code, text) = check_action(ConfigAction::Check, true, &[("TYPO", "x")]);
        assert_eq!(code, 2);
        assert!(
            text.starts_with("{\"ok\":false,\"problems\":[{\"key\":\"typo\""),
            "{text}"
        );
    }

    #[test]
    fn the_schema_knows_every_section() {
        let (_, text) = check_action(ConfigAction::Schema, false, &[]);
        let schema: serde_json::Value = serde_json::from_str(&text).unwrap();
        for section in [
            "callbacks",
            "admin",
            "journal",
            "handlers",
            "log",
            "traces",
            "shutdown",
            "apps",
            "deciders",
            "commands",
        ] {
            assert!(schema["properties"][section].is_object(), "{section}");
        }
    }
}
