//! The layers: embedded defaults, a file, the environment; merged, then read with every problem collected.
//!
//! A problem never shows the offending value: it may be a secret that stands under the wrong key.

use std::{
    fs,
    path::{Path, PathBuf},
};

use figment::{
    Figment, Metadata, Profile, Provider,
    error::Kind,
    providers::{Format, Toml},
    value::{Dict, Map, Value},
};

use super::{Config, Origins, Problem, Problems};

/// The defaults and the manual of every key.
const DEFAULTS: &str = include_str!("../../../../config/default.toml");

/// What a variable's name starts with.
const PREFIX: &str = "GATEWAY_";

/// What the last part of a key that holds a secret is called.
const SECRET: &str = "token";

/// Loads the defaults, `file` if one is given, and the variables `GATEWAY_…` among `environment`.
///
/// # Errors
///
/// Every key that is unknown, missing or of the wrong type; or that the file can't be read.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, Problems> {
    let mut figment = Figment::from(Defaults);
    if let Some(path) = file {
        let text = read(path).map_err(|problem| Problems(vec![problem]))?;
        figment = figment.merge(FileLayer {
            path: path.to_owned(),
            text,
        });
    }
    figment = figment.merge(Environment::new(environment));
    collect(&figment)
}

/// Reads the merged layers, taking out what is wrong and going on, so that one run tells everything.
fn collect(figment: &Figment) -> Result<Config, Problems> {
    let merged = figment
        .data()
        .map_err(|error| Problems(vec![Problem::new("configuration", error)]))?;
    let mut root = Value::from(merged.get(&Profile::Default).cloned().unwrap_or_default());
    let mut problems = Vec::new();
    loop {
        let error = match root.deserialize::<Config>() {
            Ok(config) if problems.is_empty() => {
                let origins = Origins::new(figment, &root, origin);
                return Ok(Config { origins, ..config });
            }
            Ok(_) => return Err(Problems(problems)),
            Err(error) => error,
        };
        let mut path = error.path.clone();
        if let Kind::UnknownField(name, _) = &error.kind
            && path.last() != Some(name)
        {
            path.push(name.clone());
        }
        let taken = take(&mut root, &path);
        let mut key = path.join(".");
        if let Kind::MissingField(name) = &error.kind {
            key = format!("{key}.{name}");
        }
        // The wrong value was taken out; that it is missing now is no news.
        let is_told = problems.iter().any(|told: &Problem| told.key == key);
        if matches!(error.kind, Kind::MissingField(_)) && is_told {
            if taken.is_some() {
                continue;
            }
            return Err(Problems(problems));
        }
        let origin = taken.as_ref().and_then(|taken| {
            let (tag, below) = innermost(taken);
            let metadata = figment.get_metadata(tag)?;
            // A table that nobody knows was made by a variable with a longer name.
            match error.kind {
                Kind::UnknownField(..) => origin(metadata, &format!("{key}{below}")),
                _ => origin(metadata, &key),
            }
        });
        problems.push(Problem {
            message: message(&error.kind, &key),
            key,
            origin: origin.unwrap_or_default(),
        });
        if taken.is_none() || problems.len() == 100 {
            return Err(Problems(problems));
        }
    }
}

/// Puts the default in the place of the value at `path`, or removes it; returns the value.
fn take(root: &mut Value, path: &[String]) -> Option<Value> {
    let defaults = Figment::from(Defaults);
    // A list's elements have no keys of their own: the list goes as a whole.
    let depth = path
        .iter()
        .position(|part| part.parse::<usize>().is_ok())
        .unwrap_or(path.len());
    let (last, parents) = path.get(..depth)?.split_last()?;
    let mut dict = root;
    for parent in parents {
        let Value::Dict(_, inner) = dict else {
            return None;
        };
        dict = inner.get_mut(parent)?;
    }
    let Value::Dict(_, inner) = dict else {
        return None;
    };
    let taken = inner.remove(last);
    if let Ok(default) = defaults.find_value(&path.get(..depth).unwrap_or_default().join(".")) {
        inner.insert(last.clone(), default);
    }
    taken
}

/// Tables are made of several layers and have no tag of their own; any of their values tells the layer. With its key
/// below the table's.
fn innermost(value: &Value) -> (figment::value::Tag, String) {
    let Value::Dict(tag, dict) = value else {
        return (value.tag(), String::new());
    };
    let Some((name, value)) = dict.iter().next() else {
        return (*tag, String::new());
    };
    let (tag, below) = innermost(value);
    (tag, format!(".{name}{below}"))
}

/// The file or variable that set a key; nothing for the defaults.
fn origin(metadata: &Metadata, key: &str) -> Option<String> {
    match metadata.name.as_ref() {
        Defaults::NAME => None,
        Environment::NAME => Some(format!("{PREFIX}{}", key.to_uppercase().replace('.', "__"))),
        name => Some(name.to_owned()),
    }
}

fn message(kind: &Kind, key: &str) -> String {
    match kind {
        Kind::UnknownField(_, expected) => {
            format!("unknown key; expected one of {}", expected.join(", "))
        }
        Kind::MissingField(_) => "missing".to_owned(),
        // What other kinds say of a secret could show it.
        _ if key.rsplit('.').next() == Some(SECRET) => "expected a string in quotes".to_owned(),
        Kind::InvalidType(_, expected)
        | Kind::InvalidValue(_, expected)
        | Kind::InvalidLength(_, expected) => {
            format!("expected {}", plain(expected))
        }
        Kind::UnknownVariant(_, expected) => format!("expected one of {}", expected.join(", ")),
        Kind::Message(text) if plain(text) != text => format!("expected {}", plain(text)),
        other => other.to_string(),
    }
}

/// Our words for what the types of values say of themselves.
fn plain(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number",
        "socket address" | "invalid socket address syntax" => {
            "an address with a port, such as 127.0.0.1:8080"
        }
        "invalid IP address syntax" => "an IP address or a network, such as 10.0.0.0/8",
        "integer overflow" | "parsable string" => "a size, such as 10GiB",
        "a duration" => "a duration, such as 90s or 30days",
        other => other,
    }
}

fn read(path: &Path) -> Result<String, Problem> {
    let problem = |message: String| Problem {
        key: "--config".into(),
        origin: path.display().to_string(),
        message,
    };
    let text =
        fs::read_to_string(path).map_err(|error| problem(format!("can't be read: {error}")))?;
    // toml's own text shows the line, which may hold a token.
    if let Err(error) = text.parse::<toml::Table>() {
        let line = error.span().map_or(1, |span| {
            text.get(..span.start)
                .unwrap_or_default()
                .lines()
                .count()
                .max(1)
        });
        return Err(problem(format!(
            "line {line} is not TOML: {}",
            error.message().replace('\n', ", ")
        )));
    }
    Ok(text)
}

/// The embedded file.
struct Defaults;

/// The user's file. figment's own provider goes on silently without it.
struct FileLayer {
    path: PathBuf,
    text: String,
}

/// The variables. figment's own provider turns a token like `123456` into a number.
struct Environment {
    data: Dict,
}

// === impl Defaults ===

impl Defaults {
    const NAME: &'static str = "defaults";
}

impl Provider for Defaults {
    fn metadata(&self) -> Metadata {
        Metadata::named(Self::NAME)
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Toml::string(DEFAULTS).data()
    }
}

// === impl FileLayer ===

impl Provider for FileLayer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.path.display().to_string())
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Toml::string(&self.text).data()
    }
}

// === impl Environment ===

impl Environment {
    const NAME: &'static str = "environment";

    fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut data = Dict::new();
        for (name, value) in variables {
            let Some(name) = name.strip_prefix(PREFIX) else {
                continue;
            };
            let key = name.to_lowercase();
            let parts: Vec<&str> = key.split("__").collect();
            let value = match parts.last() {
                Some(&SECRET) => Value::from(value),
                _ => value.parse().unwrap_or_else(|never| match never {}),
            };
            insert(&mut data, &parts, value);
        }
        Self { data }
    }
}

fn insert(dict: &mut Dict, parts: &[&str], value: Value) {
    match parts {
        [] => {}
        [last] => {
            dict.insert((*last).to_owned(), value);
        }
        [first, rest @ ..] => {
            let inner = dict
                .entry((*first).to_owned())
                .or_insert_with(|| Value::from(Dict::new()));
            if let Value::Dict(_, inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

impl Provider for Environment {
    fn metadata(&self) -> Metadata {
        Metadata::named(Self::NAME)
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Ok(Profile::Default.collect(self.data.clone()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use secrecy::ExposeSecret;

    use super::*;

    fn check(text: &str, variables: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        let mut file = tempfile::Builder::new()
            .prefix("gateway")
            .suffix(".toml")
            .tempfile()
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        load(Some(file.path()), variables).map_err(|problems| {
            let path = file.path().display().to_string();
            problems
                .0
                .iter()
                .map(|problem| problem.to_string().replace(&path, "FILE"))
                .collect()
        })
    }

    #[test]
    fn the_defaults_are_a_whole_configuration() {
        let config = load(None, []).unwrap();
        assert!(config.is_local());
        assert!(config.apps.is_empty());
    }

    #[test]
    fn a_file_goes_over_the_defaults_and_a_variable_over_the_file() {
        let text = "[callbacks]\npath = \"/chat\"\n[apps.shop]\nsdk_app_id = 1\ntoken = \"a\"";
        let config = check(
            text,
            &[("GATEWAY_APPS__SHOP__TOKEN", "123456"), ("HOME", "/")],
        )
        .unwrap();
        assert_eq!(config.callbacks.path, "/chat");
        let token = config.apps["shop"].token.as_ref().unwrap();
        assert_eq!(token.expose_secret(), "123456");
    }

    #[test]
    fn names_every_wrong_key_with_its_origin() {
        let text = "[callbacks]\nlisten = 5\npaht = \"/x\"\n[admin]\nhosts = [1]\n[apps.shop]\nunsigned = true\n[apps.other]\nsdk_app_id = 1\nsources = [\"x\"]\n";
        let problems = check(
            text,
            &[("GATEWAY_LOG__FORMAT", "xml"), ("GATEWAY_TYPO", "1")],
        )
        .unwrap_err();
        insta::assert_snapshot!(problems.join("\n"));
    }

    #[test]
    fn names_a_variable_of_a_table_that_there_is_not_in_full() {
        let variables = [
            ("GATEWAY_CALLBACK__LISTEN", "127.0.0.1:1"),
            ("GATEWAY_CALLBACKS__TSL__CERTIFICATE", "a.pem"),
            ("GATEWAY_APPS__SHOP__UNSIGNED", "true"),
        ];
        let problems = check("", &variables).unwrap_err().join("\n");
        for expected in [
            "callback (GATEWAY_CALLBACK__LISTEN): unknown key",
            "callbacks.tsl (GATEWAY_CALLBACKS__TSL__CERTIFICATE): unknown key",
            "apps.shop.sdk_app_id (GATEWAY_APPS__SHOP__SDK_APP_ID): missing",
        ] {
            assert!(problems.contains(expected), "{problems}");
        }
    }

    #[test]
    fn says_once_and_plainly_what_is_expected() {
        let text =
            "[apps.shop]\nsdk_app_id = \"x\"\n[journal]\nretention = \"a while\"\nbytes_max = -1";
        assert_eq!(
            check(text, &[]).unwrap_err(),
            [
                "apps.shop.sdk_app_id (FILE): expected a whole number",
                "journal.bytes_max (FILE): expected a size, such as 10GiB",
                "journal.retention (FILE): expected a duration, such as 90s or 30days",
            ]
        );
        let problems = check("[callbacks\nlisten = 1", &[]).unwrap_err();
        assert!(!problems.join("").contains('\n'), "{problems:?}");
    }

    #[test]
    fn a_token_where_none_belongs_is_an_unknown_key() {
        let text = "[deciders.x]\nurl = \"http://x\"\ntoken = \"99887766\"";
        let problems = check(text, &[]).unwrap_err().join("\n");
        assert!(
            problems.starts_with("deciders.x.token (FILE): unknown key; expected one of url, "),
            "{problems}"
        );
    }

    #[test]
    fn no_error_shows_a_secret() {
        for text in [
            "[apps.shop]\nsdk_app_id = 1\ntoken = 99887766",
            "[apps.shop]\nsdk_app_id = 1\ntoken = \"99887766",
            "[apps.shop]\nsdk_app_id = 1\ntoken_files = \"99887766\"",
            "[apps.shop]\nsdk_app_id = \"99887766\"",
            "[apps.shop]\nsdk_app_id = 1\ntoken = [\"99887766\"]",
            "log = \"99887766\"",
            "[deciders.x]\nurl = \"http://x\"\ntoken = \"99887766\"",
        ] {
            let problems = check(text, &[]).unwrap_err().join("\n");
            assert!(!problems.contains("99887766"), "{problems}");
        }
    }

    #[test]
    fn a_missing_file_is_a_problem() {
        let problems = load(Some(Path::new("no-such.toml")), []).unwrap_err();
        assert!(problems.to_string().contains("no-such.toml"), "{problems}");
    }
}
