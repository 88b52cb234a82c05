//! `commands`: what is installed.

use gateway_core::Dispatcher;
use serde_json::json;

use super::{
    failure::{Ending, Failure},
    output::Output,
};

pub(super) fn run(dispatcher: &Dispatcher, output: &mut Output<'_>) -> Result<Ending, Failure> {
    let descriptors = dispatcher.iter().map(gateway_core::Installed::descriptor);
    if output.wants_json() {
        for descriptor in descriptors {
            output.json(&json!({
                "command": descriptor.command,
                "phase": descriptor.phase.as_str(),
                "feature": descriptor.feature,
                "summary": descriptor.summary,
                "source": descriptor.source,
            }))?;
        }
        return Ok(Ending::Done);
    }
    let rows: Vec<Vec<String>> = descriptors
        .map(|descriptor| {
            vec![
                descriptor.command.to_owned(),
                descriptor.phase.as_str().to_owned(),
                descriptor.feature.to_owned(),
                descriptor.summary.to_owned(),
            ]
        })
        .collect();
    output.table(&["COMMAND", "PHASE", "FEATURE", "SUMMARY"], &rows)?;
    Ok(Ending::Done)
}

#[cfg(test)]
mod tests {
    use callback_friend_delete::FriendDelete;
    use gateway_core::Callbacks;

    use super::*;

    fn check(json: bool) -> String {
        let dispatcher = Dispatcher::new(Callbacks::new().with(FriendDelete)).unwrap();
        let mut bytes = Vec::new();
        run(&dispatcher, &mut Output::new(&mut bytes, json, false)).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn lists_what_is_installed() {
        insta::assert_snapshot!(format!("{}\n{}", check(false), check(true)));
    }
}
