//! Bodies of every installed command in which several things are otherwise than documented at once. Each plug-in's own
//! test changes its sample in one place; here random sets of such changes meet.

use gateway_core::{Callback, Callbacks, List, Visitor};
use gateway_server::callbacks::installed;
use gateway_test_support::{Change, Mutation, Step, check_mutated, mutations};
use poem_openapi::types::ToJSON;
use proptest::{
    sample::subsequence,
    test_runner::{Config, TestRunner},
};
use serde_json::Value;

/// Changes of one body at most.
const CHANGES_MAX: usize = 12;

/// Names that some editions of the vendor's pages have for a field, in the place of the one here.
const ALIASES: [(&str, &str, &str); 2] = [
    ("Group.CallbackAfterCreateGroup", "GroupId", "groupID"),
    (
        "Group.CallbackAfterMemberFieldChanged",
        "Modified_Account",
        "Member_Account",
    ),
];

/// Draws sets of changes for each command.
#[derive(Clone, Copy)]
enum Draw {
    /// Only of those that leave the sample's meaning alone.
    Harmless,
    Any,
}

impl Draw {
    fn from<C: Callback>(self, sample: &Value) -> Vec<Mutation> {
        let mut mutations = [mutations::<C>(), aliases::<C>()].concat();
        if let Self::Harmless = self {
            mutations.retain(|mutation| mutation.is_harmless(sample));
        }
        mutations
    }
}

impl Visitor for Draw {
    fn visit<C: Callback>(&mut self) {
        let sample: Value = serde_json::from_str(C::SAMPLE).expect("the sample is JSON");
        let known = check_mutated::<C>(&[]).expect("a sample can be read");
        let mutations = self.from::<C>(&sample);
        let most = CHANGES_MAX.min(mutations.len());
        let usual = Config::default();
        let mut runner = TestRunner::new(Config {
            // There are many commands.
            cases: usual.cases / 2,
            failure_persistence: None,
            ..usual
        });
        let outcome = runner.run(&subsequence(mutations, 1..=most), |mutations| {
            let read = check_mutated::<C>(&mutations);
            if let Self::Harmless = self {
                let read = read.expect("a harmless change keeps no body unread");
                assert_eq!(read.to_json().as_ref(), Some(&sample));
                assert_eq!(C::subjects(&read), C::subjects(&known));
                assert_eq!(C::time(&read), C::time(&known));
            }
            Ok(())
        });
        if let Err(error) = outcome {
            panic!("{}: {error}", C::COMMAND);
        }
    }
}

fn aliases<C: Callback>() -> Vec<Mutation> {
    let of_command = ALIASES
        .iter()
        .filter(|(command, ..)| *command == C::COMMAND);
    of_command
        .map(|(_, name, alias)| Mutation {
            place: vec![Step::Field((*name).to_owned())],
            change: Change::Renamed(alias),
        })
        .collect()
}

fn check(mut draw: Draw) {
    fn visit<L: List>(_callbacks: &Callbacks<L>, visitor: &mut impl Visitor) {
        L::visit(visitor);
    }
    visit(&installed(), &mut draw);
}

#[test]
fn the_same_in_another_form_is_read_as_the_sample() {
    check(Draw::Harmless);
}

#[test]
fn whatever_differs_is_told_and_the_rest_is_read() {
    check(Draw::Any);
}
