//! Answers compared with those of a model that remembers everything.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// What an index must answer, from everything that was ever added.
#[derive(Debug, Default)]
pub(super) struct Model {
    accounts: BTreeMap<String, BTreeSet<Sequence>>,
    groups: BTreeMap<String, BTreeSet<Sequence>>,
    shadows: BTreeMap<String, BTreeSet<Sequence>>,
    pub(super) trimmed: Sequence,
}

impl Model {
    pub(super) fn add(&mut self, entries: &[(Key<'_>, Sequence)]) {
        for &(key, sequence) in entries {
            let (side, id) = match key {
                Key::Account(id) => (&mut self.accounts, id),
                Key::Group(id) => (&mut self.groups, id),
                Key::Shadow(agreement) => (&mut self.shadows, agreement.as_str()),
            };
            side.entry(id.to_owned()).or_default().insert(sequence);
        }
    }

    pub(super) fn find(&self, query: &IndexQuery<'_>, limit: usize) -> Vec<Sequence> {
        let nothing = BTreeSet::new();
        let side = |side: &BTreeMap<String, _>, id: &str| -> BTreeSet<Sequence> {
            side.get(id).unwrap_or(&nothing).clone()
        };
        let matches = match (query.account, query.group) {
            (Some(account), Some(group)) => {
                &side(&self.accounts, account) & &side(&self.groups, group)
            }
            (Some(account), None) => side(&self.accounts, account),
            (None, Some(group)) => side(&self.groups, group),
            (None, None) => BTreeSet::new(),
        };
        matches
            .into_iter()
            .rev()
            .filter(|&sequence| query.before.is_none_or(|before| sequence < before))
            .filter(|&sequence| sequence > self.trimmed)
            .take(limit)
            .collect()
    }
}

#[test]
fn three_hundred_thousand_entries_are_found_as_in_the_model() {
    let dir = tempfile::tempdir().unwrap();
    let index = Index::open(dir.path(), LOG, BUILT_WITH).unwrap();
    let accounts: Vec<_> = (0..5_000).map(|id| format!("user{id}")).collect();
    let groups: Vec<_> = (0..40).map(|id| format!("group{id}")).collect();
    let mut model = Model::default();
    let mut random = 1_u64;
    let mut pick = |from: usize| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(random >> 33).unwrap() % from
    };
    for first in (1..=100_000).step_by(1_000) {
        let entries: Vec<_> = (first..first + 1_000)
            .flat_map(|sequence| {
                [
                    (Key::Account(&accounts[pick(5_000)]), sequence),
                    (Key::Account(&accounts[pick(50)]), sequence),
                    (Key::Group(&groups[pick(40)]), sequence),
                ]
            })
            .collect();
        model.add(&entries);
        add(&index, &entries, first + 999);
    }
    let check = |index: &Index| {
        for step in 0..100 {
            let account = Some(accounts[step * step % 5_000].as_str());
            let group = Some(groups[step % 40].as_str());
            let before = (step % 3 > 0).then_some(step as u64 * 1_000);
            for (account, group) in [(account, None), (None, group), (account, group)] {
                let query = IndexQuery {
                    account,
                    group,
                    before,
                    ..IndexQuery::default()
                };
                assert_eq!(find(index, &query, 60).unwrap(), model.find(&query, 60));
            }
        }
    };
    check(&index);
    eventually("the first buffer is on disk", || durable(&index) > 0);
    check(&index);
    index.close().unwrap();
    check(&Index::open(dir.path(), LOG, BUILT_WITH).unwrap());
}

/// What happens to an index.
#[derive(Debug, Clone)]
enum Step {
    /// Events with these accounts and groups, some without any.
    Add(Vec<(Vec<u8>, Vec<u8>)>),
    /// Accounts of events so far back.
    Late(Vec<(u8, u64)>),
    Flush,
    Trim(u64),
    Close,
    /// Drop without a close, then add again what the durable cursor doesn't cover.
    Crash,
    Find {
        account: Option<u8>,
        group: Option<u8>,
        back: Option<u64>,
        limit: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let subjects = || prop::collection::vec(0..4_u8, 0..3);
    let events = prop::collection::vec((subjects(), subjects()), 0..12);
    prop_oneof![
        4 => events.prop_map(Step::Add),
        2 => prop::collection::vec((0..4_u8, 0..30_u64), 1..6).prop_map(Step::Late),
        1 => Just(Step::Flush),
        1 => (0..30_u64).prop_map(Step::Trim),
        1 => Just(Step::Close),
        1 => Just(Step::Crash),
        6 => (
            prop::option::of(0..4_u8),
            prop::option::of(0..4_u8),
            prop::option::of(0..60_u64),
            0..20_usize,
        )
            .prop_map(|(account, group, back, limit)| Step::Find { account, group, back, limit }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn answers_as_the_model_whatever_happens(
        steps in prop::collection::vec(step(), 1..60),
        eager in any::<bool>(),
    ) {
        const IDS: [&str; 4] = ["a", "b", "c", "d"];
        let dir = tempfile::tempdir().unwrap();
        let limits = if eager { EAGER } else { BY_HAND };
        let mut index = open(&dir, limits);
        let mut model = Model::default();
        let mut log: Vec<(Key<'_>, Sequence)> = Vec::new();
        let mut late: Vec<(Key<'_>, Sequence)> = Vec::new();
        let mut head: Sequence = 0;
        for step in steps {
            match step {
                Step::Add(events) => {
                    let start = log.len();
                    for (accounts, groups) in events {
                        head += 1;
                        log.extend(accounts.iter().map(|&id| (Key::Account(IDS[usize::from(id)]), head)));
                        log.extend(groups.iter().map(|&id| (Key::Group(IDS[usize::from(id)]), head)));
                    }
                    model.add(&log[start..]);
                    add(&index, &log[start..], head);
                }
                Step::Late(entries) => {
                    let start = late.len();
                    late.extend(entries.iter().filter_map(|&(id, back)| {
                        let sequence = head.checked_sub(back).filter(|&sequence| sequence > 0)?;
                        Some((Key::Account(IDS[usize::from(id)]), sequence))
                    }));
                    model.add(&late[start..]);
                    add_late(&index, &late[start..]);
                }
                Step::Flush => index.shared.flush().unwrap(),
                Step::Trim(kept) => {
                    model.trimmed = model.trimmed.max(head.saturating_sub(kept));
                    index.trim(model.trimmed).unwrap();
                }
                Step::Close => {
                    index.close().unwrap();
                    index = open(&dir, limits);
                    prop_assert_eq!(index.cursor(), head);
                    index.trim(model.trimmed).unwrap();
                }
                Step::Crash => {
                    let durable = durable(&index);
                    drop(index);
                    index = open(&dir, limits);
                    prop_assert!(index.cursor() >= durable);
                    let cursor = index.cursor();
                    let lost: Vec<_> = log.iter().copied().filter(|&(_, sequence)| sequence > cursor).collect();
                    add(&index, &lost, head);
                    add_late(&index, &late);
                    index.trim(model.trimmed).unwrap();
                }
                Step::Find { account, group, back, limit } => {
                    let query = IndexQuery {
                        account: account.map(|id| IDS[usize::from(id)]),
                        group: group.map(|id| IDS[usize::from(id)]),
                        before: back.map(|back| (head + 1).saturating_sub(back)),
                        ..IndexQuery::default()
                    };
                    prop_assert_eq!(find(&index, &query, limit).unwrap(), model.find(&query, limit));
                }
            }
        }
    }
}
