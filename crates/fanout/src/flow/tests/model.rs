//! Whatever happens to a flow, every event that is wanted arrives or is given up, and the sums add up.
//!
//! The log, the subscriber and the planner are models; the state is the real one.

use std::collections::BTreeMap;

use gateway_journal::{Deliveries, DeliveryFilter, State};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const NAME: &str = "billing";

#[derive(Debug, Clone, Copy)]
enum Logged {
    Unwanted,
    Damaged,
    /// In the lane of its account, or in none.
    Wanted(Option<&'static str>),
}

#[derive(Debug, Clone, Copy)]
enum Answer {
    Success,
    Error,
    Gone,
    Overloaded,
    Timeout,
}

#[derive(Debug, Clone)]
enum Turn {
    Append(Vec<Logged>),
    /// Many at once: more than a flow takes.
    Flood,
    /// The planner's, with a state that can be written or not.
    Step {
        is_writable: bool,
    },
    /// One of the attempts under way ends.
    End(prop::sample::Index, Answer),
    Wait(Duration),
    Pause(bool),
    Reconfigure {
        concurrency: usize,
    },
    Resurrect(prop::sample::Index),
    /// The process ends, and another one goes on.
    Crash,
}

struct World {
    /// Deleted when it is over.
    _dir: TempDir,
    state: State,
    deliveries: Deliveries,
    log: Vec<Logged>,
    position: Sequence,
    flow: Flow,
    under_way: Vec<Attempt>,
    /// How often each event has arrived.
    arrived: BTreeMap<Sequence, u32>,
    /// How often each may have, more than once.
    repeats: BTreeMap<Sequence, u32>,
    now: Instant,
    now_ms: u64,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let state = State::open(dir.path(), Uuid::from_u128(1)).unwrap();
        let deliveries = Deliveries::open(&state).unwrap();
        Self {
            _dir: dir,
            state,
            deliveries,
            log: Vec::new(),
            position: 0,
            flow: flow(0),
            under_way: Vec::new(),
            arrived: BTreeMap::new(),
            repeats: BTreeMap::new(),
            now: Instant::now(),
            now_ms: NOW_MS,
        }
    }

    fn turn(&mut self, turn: Turn) {
        match turn {
            Turn::Append(logged) => self.log.extend(logged),
            Turn::Flood => {
                let flood = [Logged::Wanted(None), Logged::Unwanted];
                self.log.extend(flood.iter().cycle().take(3 * READY_MAX));
            }
            Turn::Step { is_writable } => drop(self.step(is_writable)),
            Turn::End(which, answer) => {
                if !self.under_way.is_empty() {
                    let attempt = self.under_way.remove(which.index(self.under_way.len()));
                    self.end(&attempt, answer);
                }
            }
            Turn::Wait(time) => self.wait(time),
            Turn::Pause(is_paused) => {
                let pause = Pause {
                    by: PauseReason::Operator,
                    since_ms: self.now_ms,
                };
                self.flow.pause(is_paused.then_some(pause));
            }
            Turn::Reconfigure { concurrency } => {
                let subscriber = subscriber(concurrency);
                self.flow.reconfigure(subscriber, self.now);
            }
            Turn::Resurrect(which) => self.resurrect(which),
            Turn::Crash => self.crash(),
        }
    }

    /// As the planner does it.
    fn step(&mut self, is_writable: bool) -> Option<()> {
        self.save(is_writable)?;
        let (is_active, under_way) = (self.flow.is_active(), self.flow.under_way());
        self.retry();
        let live = self.log.len() as Sequence;
        for sequence in self.position + 1..=live {
            if self.flow.is_attached() {
                self.offer(sequence);
            }
        }
        self.position = live;
        self.flow.followed(live);
        if let Some((after, events)) = self.flow.reads_after(live, self.now) {
            let end = live.min(after + events as Sequence);
            if (after + 1..=end).all(|sequence| self.offer(sequence)) {
                self.flow.has_read(end, live);
            }
        }
        self.flow.advance(self.now, self.now_ms);
        assert!(is_active || self.flow.under_way() == under_way);
        self.save(is_writable)
    }

    fn offer(&mut self, sequence: Sequence) -> bool {
        match self.logged(sequence) {
            Logged::Unwanted => {
                self.flow.pass();
                true
            }
            Logged::Damaged => self.flow.damaged(sequence),
            Logged::Wanted(account) => self.flow.offer(&event(sequence, account)),
        }
    }

    fn retry(&mut self) {
        let room = self.flow.room_for_due(self.now);
        if room == 0 {
            return;
        }
        let limit = room + self.flow.under_way();
        let mut due = self.deliveries.due(NAME, self.now_ms, limit).unwrap();
        let is_all = due.len() < limit;
        due.retain(|delivery| !self.flow.is_under_way(delivery.sequence));
        for delivery in due.into_iter().take(room) {
            let decoded = match self.logged(delivery.sequence) {
                Logged::Wanted(account) => Some(event(delivery.sequence, account)),
                Logged::Unwanted | Logged::Damaged => None,
            };
            self.flow.retry(delivery, decoded, self.now, self.now_ms);
        }
        self.flow.looked(is_all);
    }

    fn save(&mut self, is_writable: bool) -> Option<()> {
        if !self.flow.is_unsaved() {
            return Some(());
        }
        if !is_writable {
            return None;
        }
        let mut change = Change::default();
        self.flow.add_unsaved(&mut change);
        self.deliveries.save(&change).unwrap();
        for attempt in self.flow.saved() {
            self.check_attempt(&attempt);
            self.under_way.push(attempt);
        }
        self.check();
        Some(())
    }

    fn end(&mut self, attempt: &Attempt, answer: Answer) {
        let sequence = attempt.decoded.sequence();
        let failed = |reason| {
            Err(DeliverError {
                reason,
                retry_after: None,
                detail: String::new(),
            })
        };
        let ended = match answer {
            Answer::Success => {
                *self.arrived.entry(sequence).or_default() += 1;
                Ok(Delivered {
                    status: http::StatusCode::OK,
                    took: Duration::ZERO,
                })
            }
            Answer::Error => failed(DeliverFailure::Status(500)),
            Answer::Gone => failed(DeliverFailure::Gone),
            Answer::Overloaded => failed(DeliverFailure::Status(503)),
            Answer::Timeout => failed(DeliverFailure::Timeout),
        };
        self.flow.ended(sequence, ended, 0.5, self.now, self.now_ms);
    }

    fn resurrect(&mut self, which: prop::sample::Index) {
        // The planner saves before it looks.
        if self.save(true).is_none() || self.log.is_empty() {
            return;
        }
        let sequence = which.index(self.log.len()) as Sequence + 1;
        let found = self.deliveries.delivery(NAME, sequence).unwrap();
        if let Some(letter) = found.filter(|found| found.status == DeliveryStatus::Dead) {
            *self.repeats.entry(sequence).or_default() += 1;
            self.flow.resurrect(letter, self.now_ms);
        }
    }

    fn crash(&mut self) {
        // Those under way have arrived, without anybody knowing; so may those of which the end was not saved.
        for attempt in std::mem::take(&mut self.under_way) {
            *self.arrived.entry(attempt.decoded.sequence()).or_default() += 1;
        }
        for (sequence, status) in self.rows() {
            if status == DeliveryStatus::Pending {
                *self.repeats.entry(sequence).or_default() += 1;
            }
        }
        self.deliveries = Deliveries::open(&self.state).unwrap();
        self.deliveries.interrupt(NAME).unwrap();
        let known = self.deliveries.subscriptions().unwrap();
        let row = known.get(NAME).cloned().unwrap_or_default();
        let lanes = self.deliveries.lanes(NAME).unwrap();
        self.position = self.log.len() as Sequence;
        self.flow = Flow::new(subscriber(2), row, lanes, self.now);
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.now_ms += millis(time);
        self.flow.look_again();
    }

    fn logged(&self, sequence: Sequence) -> Logged {
        self.log[usize::try_from(sequence).unwrap() - 1]
    }

    /// Everything that is not over.
    fn rows(&self) -> BTreeMap<Sequence, DeliveryStatus> {
        let everything = DeliveryFilter::default();
        let reader = self.state.reader();
        let page = reader.deliveries(&everything, Sequence::MAX, usize::MAX);
        let rows = page.unwrap().deliveries.into_iter();
        rows.map(|row| (row.sequence, row.status)).collect()
    }

    fn check_attempt(&self, attempt: &Attempt) {
        let sequence = attempt.decoded.sequence();
        let mut under_way = self.under_way.iter();
        assert!(under_way.all(|other| other.decoded.sequence() != sequence));
        let Logged::Wanted(Some(account)) = self.logged(sequence) else {
            return;
        };
        for (earlier, status) in self.rows().range(..sequence) {
            if *status == DeliveryStatus::Pending
                && let Logged::Wanted(Some(other)) = self.logged(*earlier)
            {
                assert_ne!(other, account, "{sequence} overtakes {earlier}");
            }
        }
    }

    fn check(&self) {
        let row = self.deliveries.subscriptions().unwrap()[NAME].clone();
        let rows = self.rows();
        let dead = rows
            .values()
            .filter(|status| **status == DeliveryStatus::Dead);
        assert_eq!(row.dead, dead.count() as u64);
        let sum = row.delivered + row.filtered + rows.len() as u64;
        assert_eq!(sum, row.cursor);
        let counts = self.deliveries.counts().unwrap();
        assert_eq!(counts.values().sum::<u64>(), rows.len() as u64);
        let mut unwanted = 0;
        for sequence in 1..=row.cursor {
            let has_row = rows.contains_key(&sequence);
            match self.logged(sequence) {
                Logged::Unwanted => unwanted += 1,
                Logged::Damaged => assert!(has_row),
                Logged::Wanted(_) => {
                    let has_arrived = self.arrived.contains_key(&sequence);
                    assert!(has_arrived || has_row, "{sequence} is lost");
                }
            }
        }
        assert_eq!(row.filtered, unwanted);
    }

    /// The subscriber is well again, for as long as it takes.
    fn drain(&mut self) {
        self.flow.pause(None);
        let end = self.log.len() as Sequence;
        let is_over = |world: &Self| {
            let mut statuses = world.rows().into_values();
            let is_any_pending = statuses.any(|status| status == DeliveryStatus::Pending);
            world.flow.row().cursor == end && !is_any_pending
        };
        for _ in 0..=4 * self.log.len() + 100 {
            self.step(true).unwrap();
            for attempt in std::mem::take(&mut self.under_way) {
                self.end(&attempt, Answer::Success);
            }
            self.wait(Duration::from_mins(1));
            self.save(true).unwrap();
            if is_over(self) {
                break;
            }
        }
        assert!(is_over(self), "{:?}", self.flow);
        for (sequence, times) in &self.arrived {
            let repeats = self.repeats.get(sequence).copied().unwrap_or(0);
            assert!(
                *times <= 1 + repeats,
                "{sequence} has arrived {times} times"
            );
        }
    }
}

fn turn() -> impl Strategy<Value = Turn> {
    let logged = prop_oneof![
        2 => Just(Logged::Unwanted),
        1 => Just(Logged::Damaged),
        3 => Just(Logged::Wanted(None)),
        3 => prop_oneof![Just("alice"), Just("bob")].prop_map(|account| Logged::Wanted(Some(account))),
    ];
    let answer = prop_oneof![
        6 => Just(Answer::Success),
        3 => Just(Answer::Error),
        1 => Just(Answer::Gone),
        1 => Just(Answer::Overloaded),
        2 => Just(Answer::Timeout),
    ];
    let index = any::<prop::sample::Index>();
    prop_oneof![
        30 => prop::collection::vec(logged, 1..6).prop_map(Turn::Append),
        1 => Just(Turn::Flood),
        60 => prop::bool::weighted(0.9).prop_map(|is_writable| Turn::Step { is_writable }),
        60 => (index.clone(), answer).prop_map(|(which, answer)| Turn::End(which, answer)),
        15 => (1..8_000_u64).prop_map(|ms| Turn::Wait(Duration::from_millis(ms))),
        4 => any::<bool>().prop_map(Turn::Pause),
        3 => (1..5_usize).prop_map(|concurrency| Turn::Reconfigure { concurrency }),
        5 => index.prop_map(Turn::Resurrect),
        4 => Just(Turn::Crash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_and_the_sums_add_up(turns in prop::collection::vec(turn(), 1..80)) {
        let mut world = World::new();
        for turn in turns {
            world.turn(turn);
        }
        world.drain();
    }
}
