//! Answers compared with those of a model that remembers everything.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const NAMES: [&str; 2] = ["a", "b"];

/// What happens to one event of a subscription. Those that make no sense for where it stands are passed over.
#[derive(Debug, Clone)]
enum Turn {
    Filter,
    /// A first attempt, in no lane.
    Begin {
        due_ms: u64,
    },
    /// A first or a further attempt, also of a dead letter, in its lane or in another.
    Try {
        due_ms: u64,
        lane: Option<u64>,
    },
    Deliver,
    Die {
        since_ms: u64,
        is_readable: bool,
    },
}

#[derive(Debug, Clone)]
enum Step {
    Save(Vec<(usize, Sequence, Turn)>),
    Expire {
        name: usize,
        before_ms: u64,
    },
    Remove {
        name: usize,
    },
    Reopen,
    /// A copy of the files, as they lie there.
    Kill,
}

#[derive(Debug, Default)]
struct Model {
    subscriptions: BTreeMap<String, Subscription>,
    rows: BTreeMap<(String, Sequence), Delivery>,
    copies: BTreeMap<(String, Sequence), String>,
    /// Those of the rows that are under way for the first time.
    first: BTreeSet<(String, Sequence)>,
    /// Events that a subscription was shown, whatever became of them.
    shown: BTreeMap<String, u64>,
}

impl Model {
    /// Applies turns, and says what must be saved for them.
    fn turn(&mut self, turns: &[(usize, Sequence, Turn)]) -> Change<'static> {
        let mut change = Change::default();
        for (name, sequence, turn) in turns {
            let name = NAMES[*name];
            self.turn_one(name, *sequence, turn, &mut change);
        }
        for name in NAMES {
            let subscription = self.subscriptions.entry(name.to_owned()).or_default();
            change.subscriptions.push((name, subscription.clone()));
        }
        change
    }

    fn turn_one(
        &mut self,
        name: &'static str,
        sequence: Sequence,
        turn: &Turn,
        change: &mut Change<'static>,
    ) {
        // One change says one thing of a row.
        let is_named = change.settled.contains(&(name, sequence))
            || change
                .first_attempts
                .iter()
                .any(|attempt| attempt.subscription == name && attempt.sequence == sequence)
            || change
                .pending
                .iter()
                .any(|row| row.subscription == name && row.sequence == sequence)
            || change.dead.iter().any(|letter| {
                letter.delivery.subscription == name && letter.delivery.sequence == sequence
            });
        if is_named {
            return;
        }
        let key = (name.to_owned(), sequence);
        let known = self.rows.get(&key).map(|row| row.status);
        let subscription = self.subscriptions.entry(name.to_owned()).or_default();
        let shown = self.shown.entry(name.to_owned()).or_default();
        match (turn, known) {
            (Turn::Filter, None) => {
                subscription.filtered += 1;
                *shown += 1;
            }
            (Turn::Begin { due_ms }, None) => {
                *shown += 1;
                let row = pending(name, sequence, *due_ms);
                change.first_attempts.push(FirstAttempt {
                    subscription: name,
                    sequence,
                    command: REMOVED,
                    began_ms: row.first_ms,
                    due_ms: row.due_ms,
                });
                self.rows.insert(key.clone(), row);
                self.first.insert(key);
            }
            (Turn::Try { due_ms, lane }, _) => {
                *shown += u64::from(known.is_none());
                subscription.dead -= u64::from(known == Some(DeliveryStatus::Dead));
                let row = Delivery {
                    lane: *lane,
                    ..pending(name, sequence, *due_ms)
                };
                self.first.remove(&key);
                self.rows.insert(key, row.clone());
                change.pending.push(row);
            }
            (Turn::Deliver, Some(DeliveryStatus::Pending)) => {
                subscription.delivered += 1;
                self.rows.remove(&key);
                self.first.remove(&key);
                self.copies.remove(&key);
                change.settled.push((name, sequence));
            }
            (
                Turn::Die {
                    since_ms,
                    is_readable,
                },
                Some(DeliveryStatus::Pending),
            ) => {
                subscription.dead += 1;
                let row = Delivery {
                    lane: self.rows[&key].lane,
                    ..dead(name, sequence, *since_ms)
                };
                let event = is_readable.then(|| event(sequence, &format!("{name}{since_ms}")));
                if let Some(body) = bodies(event.clone()) {
                    self.copies.insert(key.clone(), body);
                }
                self.first.remove(&key);
                self.rows.insert(key, row.clone());
                change.dead.push(DeadLetter {
                    delivery: row,
                    event,
                });
            }
            _ => {}
        }
    }

    fn expire(&mut self, name: &str, before_ms: u64) -> u64 {
        let is_expired = |row: &Delivery| {
            row.subscription == name
                && row.status == DeliveryStatus::Dead
                && row.since_ms < before_ms
        };
        let expired: Vec<_> = self.rows.extract_if(.., |_, row| is_expired(row)).collect();
        for (key, _) in &expired {
            self.copies.remove(key);
        }
        if let Some(subscription) = self.subscriptions.get_mut(name) {
            subscription.expired += expired.len() as u64;
        }
        expired.len() as u64
    }

    fn remove(&mut self, name: &str) {
        self.subscriptions.remove(name);
        self.shown.remove(name);
        self.rows.retain(|(of, _), _| of != name);
        self.first.retain(|(of, _)| of != name);
        self.copies.retain(|(of, _), _| of != name);
    }

    /// As the fan-out does it at its start.
    fn interrupt(&mut self, deliveries: &mut Deliveries) {
        for name in NAMES {
            deliveries.interrupt(name).unwrap();
        }
        self.first.clear();
    }

    fn pending_of(&self, name: &str) -> Vec<&Delivery> {
        let rows = self.rows.values();
        let pending =
            rows.filter(|row| row.subscription == name && row.status == DeliveryStatus::Pending);
        pending.collect()
    }

    fn lanes(&self, name: &str) -> BTreeMap<u64, u64> {
        let mut lanes = BTreeMap::new();
        for lane in self.pending_of(name).into_iter().filter_map(|row| row.lane) {
            *lanes.entry(lane).or_default() += 1;
        }
        lanes
    }

    fn due(&self, name: &str, now_ms: u64) -> Vec<Delivery> {
        let pending = self.pending_of(name);
        let waits = |row: &Delivery| {
            let others = pending.iter();
            row.lane.is_some()
                && others
                    .into_iter()
                    .any(|other| other.lane == row.lane && other.sequence < row.sequence)
        };
        let mut due: Vec<Delivery> = pending
            .iter()
            .filter(|row| row.due_ms <= now_ms && !waits(row))
            .filter(|row| !self.first.contains(&(name.to_owned(), row.sequence)))
            .map(|row| (*row).clone())
            .collect();
        due.sort_by_key(|row| (row.due_ms, row.sequence));
        due
    }

    fn check(&self, state: &State, deliveries: &Deliveries) {
        assert_eq!(deliveries.subscriptions().unwrap(), self.subscriptions);
        for name in NAMES {
            self.check_one(name, deliveries);
        }
        let oldest = self.rows.iter().filter(|(key, row)| {
            row.status == DeliveryStatus::Pending && !self.copies.contains_key(key)
        });
        let oldest = oldest.map(|((_, sequence), _)| *sequence).min();
        assert_eq!(oldest_pending(deliveries), oldest);

        let page = state.reader();
        let page = page
            .deliveries(&DeliveryFilter::default(), Sequence::MAX, 1_000)
            .unwrap();
        let mut listed: Vec<_> = self.rows.values().cloned().collect();
        listed.sort_by_key(|row| (std::cmp::Reverse(row.sequence), row.subscription.clone()));
        assert_eq!(page.deliveries, listed);
        assert_eq!(page.next, None);
    }

    fn check_one(&self, name: &str, deliveries: &Deliveries) {
        for now_ms in [0, 2, 4, u64::MAX] {
            let due = self.due(name, now_ms);
            assert_eq!(deliveries.due(name, now_ms, 100).unwrap(), due);
            assert_eq!(
                deliveries.due(name, now_ms, 2).unwrap(),
                due[..due.len().min(2)]
            );
        }
        assert_eq!(deliveries.lanes(name).unwrap(), self.lanes(name));

        let pending = count(deliveries, name, DeliveryStatus::Pending);
        let dead = count(deliveries, name, DeliveryStatus::Dead);
        assert_eq!(pending, self.pending_of(name).len() as u64);
        let saved = deliveries.subscriptions().unwrap();
        let saved = saved.get(name).cloned().unwrap_or_default();
        assert_eq!(saved.dead, dead + saved.expired);
        let shown = self.shown.get(name).copied().unwrap_or_default();
        assert_eq!(
            saved.delivered + saved.filtered + saved.dead + pending,
            shown
        );

        for sequence in SEQUENCES {
            let copy = self.copies.get(&(name.to_owned(), sequence));
            assert_eq!(
                bodies(deliveries.event_of(name, sequence).unwrap()).as_ref(),
                copy
            );
        }
    }
}

const SEQUENCES: std::ops::Range<Sequence> = 1..9;

fn step() -> impl Strategy<Value = Step> {
    let lane = prop::option::of(prop_oneof![Just(0), Just(7), Just(u64::MAX)]);
    let turn = prop_oneof![
        1 => Just(Turn::Filter),
        3 => (0..5_u64).prop_map(|due_ms| Turn::Begin { due_ms }),
        6 => (0..5_u64, lane).prop_map(|(due_ms, lane)| Turn::Try { due_ms, lane }),
        2 => Just(Turn::Deliver),
        2 => (0..5_u64, any::<bool>())
            .prop_map(|(since_ms, is_readable)| Turn::Die { since_ms, is_readable }),
    ];
    let turns = prop::collection::vec((0..NAMES.len(), SEQUENCES, turn), 0..8);
    prop_oneof![
        12 => turns.prop_map(Step::Save),
        1 => (0..NAMES.len(), 0..6_u64).prop_map(|(name, before_ms)| Step::Expire { name, before_ms }),
        1 => (0..NAMES.len()).prop_map(|name| Step::Remove { name }),
        1 => Just(Step::Reopen),
        1 => Just(Step::Kill),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn answers_as_the_model_whatever_happens(steps in prop::collection::vec(step(), 1..40)) {
        let mut dir = tempfile::tempdir().unwrap();
        let (mut state, mut deliveries) = open(&dir);
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Save(turns) => deliveries.save(&model.turn(&turns)).unwrap(),
                Step::Expire { name, before_ms } => {
                    let expired = deliveries.expire(NAMES[name], before_ms).unwrap();
                    prop_assert_eq!(expired, model.expire(NAMES[name], before_ms));
                }
                Step::Remove { name } => {
                    prop_assert!(deliveries.remove(NAMES[name]).unwrap());
                    model.remove(NAMES[name]);
                }
                Step::Reopen => {
                    drop((state, deliveries));
                    (state, deliveries) = open(&dir);
                    model.interrupt(&mut deliveries);
                }
                Step::Kill => {
                    let copied = tempfile::tempdir().unwrap();
                    for name in ["state.db", "state.db-wal"] {
                        fs::copy(dir.path().join(name), copied.path().join(name)).unwrap();
                    }
                    drop((state, deliveries));
                    dir = copied;
                    (state, deliveries) = open(&dir);
                    model.interrupt(&mut deliveries);
                }
            }
            model.check(&state, &deliveries);
        }
    }
}
