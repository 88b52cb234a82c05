//! The catalogue as a page of Markdown: `docs/commands.md`. The same for the same list of plug-ins.

use gateway_core::{AckRules, Descriptor, Dispatcher, Extra, Installed, Phase};

use crate::cli::markdown::{cell, codes};

const INTRO: &str = "# Commands

The callbacks that this gateway has a plug-in for, by feature. An *after*-command tells what happened, and Chat reads
nothing of its ack; a *before*-command asks, and Chat waits for the answer: code 0 lets the action happen, and what else
an answer may say stands in the table. `callback-gateway commands --markdown` writes this page.
";

const HEADING: &str = "| command | phase | what happened, or is asked | an answer may say | source |\n|---|---|---|---|---|\n";

/// The whole page.
pub(super) fn page(dispatcher: &Dispatcher) -> String {
    let descriptors: Vec<&Descriptor> = dispatcher.iter().map(Installed::descriptor).collect();
    let mut features: Vec<&str> = Vec::new();
    for descriptor in &descriptors {
        if !features.contains(&descriptor.feature) {
            features.push(descriptor.feature);
        }
    }
    let mut page = INTRO.to_owned();
    for feature in features {
        page.extend(["\n## ", feature, "\n\n", HEADING]);
        let commands = descriptors
            .iter()
            .filter(|descriptor| descriptor.feature == feature);
        page.extend(commands.map(|descriptor| row(descriptor)));
    }
    page
}

fn row(descriptor: &Descriptor) -> String {
    let answers = match descriptor.phase {
        Phase::After => "nothing".to_owned(),
        Phase::Before => answers(&descriptor.rules),
    };
    let cells = [
        &format!("`{}`", descriptor.command),
        descriptor.phase.as_str(),
        &cell(descriptor.summary),
        &answers,
        &format!("[page]({})", descriptor.source),
    ];
    format!("| {} |\n", cells.join(" | "))
}

/// What Chat honours in the ack of a before-command.
fn answers(rules: &AckRules) -> String {
    let first = match rules.extra {
        Extra::Unknown => return "anything".to_owned(),
        Extra::Items => "`ResultItem`, for each account: 0 allows",
        Extra::Nothing | Extra::Message | Extra::Accounts(_) => "1 refuses",
    };
    let fields = match rules.extra {
        Extra::Message => Some(format!("{} rewrite", codes(rules.extra.names()))),
        Extra::Accounts(_) => Some(format!(
            "{} refuses those in it",
            codes(rules.extra.names())
        )),
        Extra::Nothing | Extra::Items | Extra::Unknown => None,
    };
    let parts = [
        Some(first.to_owned()),
        rules.drops.then(|| "2 drops".to_owned()),
        rules
            .codes
            .map(|codes| format!("{codes} refuses with a text")),
        fields,
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use gateway_core::Codes;

    use super::*;

    fn check(codes: Option<Codes>, drops: bool, extra: Extra, expected: &str) {
        let rules = AckRules {
            codes,
            drops,
            extra,
        };
        assert_eq!(answers(&rules), expected);
    }

    #[test]
    fn the_rules_are_told_in_words() {
        let codes = Codes {
            first: 10_100,
            last: 10_200,
        };
        check(None, false, Extra::Nothing, "1 refuses");
        check(
            Some(codes),
            true,
            Extra::Message,
            "1 refuses; 2 drops; 10100–10200 refuses with a text; `MsgBody`, `CloudCustomData` rewrite",
        );
        check(
            Some(codes),
            false,
            Extra::Accounts("RefusedMembers_Account"),
            "1 refuses; 10100–10200 refuses with a text; `RefusedMembers_Account` refuses those in it",
        );
        check(
            Some(codes),
            false,
            Extra::Items,
            "`ResultItem`, for each account: 0 allows; 10100–10200 refuses with a text",
        );
        check(None, true, Extra::Unknown, "anything");
    }
}
