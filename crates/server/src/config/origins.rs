//! Where each key was set, for problems that are found when the layers are merged already.

use std::collections::BTreeMap;

use figment::{Figment, Metadata, value::Value};

/// The file or variable that set a key, by the key with dots. Keys that have their default are not in it.
#[derive(Debug, Clone, Default)]
pub struct Origins(BTreeMap<String, String>);

// === impl Origins ===

impl Origins {
    /// Of every value below `root`. `name` tells the origin of a key from what is known of its layer; nothing for the
    /// defaults.
    pub(super) fn new(
        figment: &Figment,
        root: &Value,
        name: impl Fn(&Metadata, &str) -> Option<String>,
    ) -> Self {
        let mut origins = BTreeMap::new();
        let of_value = |value: &Value, key: &str| name(figment.get_metadata(value.tag())?, key);
        note(root, "", &of_value, &mut origins);
        Self(origins)
    }

    /// Where a key was set. One that is missing stands nowhere; then it is where its table was, if that has no defaults.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        let key = unquoted(key);
        let table = || self.0.get(key.rsplit_once('.')?.0);
        self.0.get(&key).or_else(table).map(String::as_str)
    }
}

/// Notes a value and what is below it; returns the origin of the first value, unless one has its default.
fn note(
    value: &Value,
    key: &str,
    of_value: &impl Fn(&Value, &str) -> Option<String>,
    origins: &mut BTreeMap<String, String>,
) -> Option<String> {
    let origin = match value {
        Value::Dict(_, dict) if !dict.is_empty() => {
            let inner: Vec<Option<String>> = dict
                .iter()
                .map(|(name, value)| {
                    let dot = if key.is_empty() { "" } else { "." };
                    let key = format!("{key}{dot}{}", unquoted(name));
                    note(value, &key, of_value, origins)
                })
                .collect();
            let inner: Option<Vec<String>> = inner.into_iter().collect();
            inner?.into_iter().next()
        }
        value => of_value(value, key),
    }?;
    origins.insert(key.to_owned(), origin.clone());
    Some(origin)
}

/// Commands have a dot in their names and are quoted in keys; here they are found either way.
fn unquoted(key: &str) -> String {
    key.replace('"', "")
}

#[cfg(test)]
mod tests {
    use super::super::load;

    /// Where keys stand, when a file sets some and a variable another.
    fn check(expected: &[(&str, Option<&str>)]) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gateway.toml");
        let text = "[admin]\nhosts = [\"a\"]\n[apps.shop]\nsdk_app_id = 1\n[commands.\"Empty.Table\"]\n\
                    [commands.\"C2C.CallbackBeforeSendMsg\"]\npolicy = { ErrorCode = 1 }\n";
        std::fs::write(&path, text).unwrap();
        let variable = ("GATEWAY_LOG__LEVEL".to_owned(), "warn".to_owned());
        let config = load(Some(&path), [variable]).unwrap();
        let file = path.display().to_string();
        for (key, origin) in expected {
            let origin = origin.map(|origin| origin.replace("FILE", &file));
            assert_eq!(config.origins.get(key), origin.as_deref(), "{key}");
        }
    }

    #[test]
    fn a_key_stands_in_the_last_layer_that_sets_it() {
        check(&[
            ("admin.hosts", Some("FILE")),
            ("log.level", Some("GATEWAY_LOG__LEVEL")),
            ("log.format", None),
            ("apps.shop", Some("FILE")),
            (
                "commands.\"C2C.CallbackBeforeSendMsg\".policy",
                Some("FILE"),
            ),
            ("commands.\"Empty.Table\"", Some("FILE")),
        ]);
    }

    #[test]
    fn a_key_that_is_missing_stands_where_its_table_does() {
        check(&[
            ("apps.shop.token_files", Some("FILE")),
            ("admin.token_file", None),
            ("deciders", None),
        ]);
    }
}
