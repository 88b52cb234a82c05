//! The fields of `trigger`: options that no command has, turned into ones that clap knows.

use std::{collections::BTreeMap, ffi::OsString};

use clap::CommandFactory;

use super::arguments::Arguments;

/// Turns the options of `trigger` that are not its own, `--from-account alice`, into `--field=from-account=alice`.
///
/// clap has no open set of options; its nearest, a trailing list, would swallow `trigger`'s own options too.
pub(super) fn rewrite(arguments: Vec<OsString>) -> Vec<OsString> {
    let mut root = Arguments::command();
    root.build();
    let Some(trigger) = root.find_subcommand("trigger") else {
        return arguments;
    };
    let known = options(trigger);
    let mut rest = arguments.into_iter();
    let mut rewritten: Vec<OsString> = rest.by_ref().take(1).collect();
    let mut in_trigger = false;
    while let Some(argument) = rest.next() {
        let text = argument.to_str().unwrap_or_default();
        if text == "--" {
            rewritten.push(argument);
            break;
        }
        let Some(option) = text.strip_prefix("--") else {
            if !in_trigger && !text.starts_with('-') {
                if text != "trigger" {
                    rewritten.push(argument);
                    break;
                }
                in_trigger = true;
            }
            rewritten.push(argument);
            continue;
        };
        let (name, value) = option
            .split_once('=')
            .map_or((option, None), |(name, value)| (name, Some(value)));
        let takes_value = known.get(name).copied();
        if in_trigger && takes_value.is_none() {
            let value = value.map(OsString::from).or_else(|| rest.next());
            rewritten.push(field(name, value));
            continue;
        }
        let wants_next = takes_value == Some(true) && value.is_none();
        rewritten.push(argument);
        if wants_next {
            rewritten.extend(rest.next());
        }
    }
    rewritten.extend(rest);
    rewritten
}

/// The long options of a command, and whether each takes a value.
fn options(command: &clap::Command) -> BTreeMap<String, bool> {
    command
        .get_arguments()
        .filter_map(|argument| {
            let name = argument.get_long()?.to_owned();
            Some((name, argument.get_action().takes_values()))
        })
        .collect()
}

fn field(name: &str, value: Option<OsString>) -> OsString {
    let mut field = OsString::from(format!("--field={name}"));
    // Without a value it is of the wrong form, which is told where fields are read.
    if let Some(value) = value {
        field.push("=");
        field.push(value);
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_rewrite(line: &str, expected: &str) {
        let arguments = line.split(' ').map(OsString::from).collect();
        let rewritten: Vec<String> = rewrite(arguments)
            .into_iter()
            .map(|argument| argument.into_string().unwrap())
            .collect();
        assert_eq!(rewritten.join(" "), expected);
    }

    #[test]
    fn unknown_options_of_trigger_are_fields() {
        check_rewrite(
            "g trigger C --from-account alice --To_Account=bob",
            "g trigger C --field=from-account=alice --field=To_Account=bob",
        );
        check_rewrite(
            "g --config trigger trigger --x -1 --app a --json C --body -",
            "g --config trigger trigger --field=x=-1 --app a --json C --body -",
        );
        check_rewrite(
            "g --config x.toml trigger C --x 1",
            "g --config x.toml trigger C --field=x=1",
        );
        check_rewrite("g trigger C --x --y", "g trigger C --field=x=--y");
        check_rewrite("g trigger C --x", "g trigger C --field=x");
        check_rewrite("g trigger C --help", "g trigger C --help");
        check_rewrite("g trigger -- C --x 1", "g trigger -- C --x 1");
    }

    #[test]
    fn other_commands_have_no_fields() {
        check_rewrite(
            "g tail --from-account trigger",
            "g tail --from-account trigger",
        );
        check_rewrite("g --json events --x 1", "g --json events --x 1");
        check_rewrite("g", "g");
    }
}
