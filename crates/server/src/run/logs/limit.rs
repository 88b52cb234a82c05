//! A share of the log for each kind of line, so that nobody who can provoke a line can fill the disk with it.
//!
//! A kind is the statement that the line comes from, ours or a library's, with what the fields in [`NAMES`] say: one
//! decider that fails must not hide that another one does. What libraries say by the crate `log` comes from one statement
//! for each level. There are as many statements as were compiled in, and [`NAMED_MAX`] kinds of each.
//!
//! Start at [`HeldBack::passes`].

use std::{
    collections::HashMap,
    fmt,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tracing::{
    Event, Level, Subscriber,
    callsite::Identifier,
    field::{Field, Visit},
    warn,
};
use tracing_subscriber::layer::{Context, Layer};

/// Lines of a kind that pass in a period.
const BURST: u32 = 10;

/// How long a period is, from a kind's first line on.
const PERIOD: Duration = Duration::from_secs(10);

/// The fields whose values tell kinds apart. Each names one of a few; what callers choose (accounts, events, addresses)
/// is none of them.
const NAMES: [&str; 3] = ["command", "decider", "place"];

/// Kinds of one statement that are told apart. Further ones share one kind.
const NAMED_MAX: usize = 128;

/// What the log holds back, by kind.
#[derive(Debug, Clone, Default)]
pub struct HeldBack(Arc<Kinds>);

#[derive(Debug, Default)]
struct Kinds {
    statements: Mutex<HashMap<Identifier, Statement>>,
    uncounted: AtomicU64,
}

/// The kinds of lines that a statement has said.
#[derive(Debug, Default)]
struct Statement {
    named: HashMap<Names, Kind>,
    /// Of lines without a name, and of those whose names are too many.
    others: Option<Kind>,
}

/// What the fields in [`NAMES`] say, as a hash: whatever they hold, it takes no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Names(u64);

#[derive(Debug)]
struct Kind {
    since: Instant,
    passed: u32,
    held_back: u64,
    /// What the first line that was held back says.
    like: String,
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Passes,
    /// `is_first` since the last time that somebody was told.
    Held {
        is_first: bool,
    },
}

/// What a line says, with its names and without its other fields.
#[derive(Debug, Default)]
struct Said {
    message: String,
    named: Vec<(&'static str, String)>,
}

/// The layer of the subscriber that holds lines back.
#[derive(Debug)]
pub(super) struct Limit(pub(super) HeldBack);

// === impl HeldBack ===

impl HeldBack {
    /// Says how many lines were held back, one line for each kind whose period is over.
    pub(crate) fn tell(&self, now: Instant) {
        for (held_back, like) in self.over(now) {
            warn!(held_back, like, "lines of one kind were held back");
        }
    }

    /// Says the rest.
    pub(crate) fn tell_rest(&self) {
        self.tell(Instant::now() + PERIOD);
    }

    /// How many lines were held back since the last call.
    pub(crate) fn count(&self) -> u64 {
        self.0.uncounted.swap(0, Ordering::Relaxed)
    }

    /// Takes what was held back in periods that are over.
    fn over(&self, now: Instant) -> Vec<(u64, String)> {
        let mut statements = self.statements();
        let over = statements
            .values_mut()
            .flat_map(Statement::kinds)
            .filter(|kind| kind.held_back > 0 && kind.is_over(now));
        over.map(|kind| {
            let like = std::mem::take(&mut kind.like);
            (std::mem::take(&mut kind.held_back), like)
        })
        .collect()
    }

    fn passes(&self, event: &Event<'_>, now: Instant) -> bool {
        let metadata = event.metadata();
        // Who asks for more wants every line. And what is said here must not silence itself.
        if *metadata.level() > Level::INFO || metadata.target() == module_path!() {
            return true;
        }
        let identifier = metadata.callsite();
        // Not under the lock: what is formatted may panic, and the panic is logged.
        let said = Said::of(event);
        let fate = self.fate(identifier.clone(), said.names(), now);
        if fate == (Fate::Held { is_first: true }) {
            let like = said.to_string();
            let mut statements = self.statements();
            let statement = statements.entry(identifier).or_default();
            statement.kind(said.names(), now).like = like;
        }
        fate == Fate::Passes
    }

    fn fate(&self, identifier: Identifier, names: Option<Names>, now: Instant) -> Fate {
        let mut statements = self.statements();
        let fate = statements
            .entry(identifier)
            .or_default()
            .kind(names, now)
            .fate(now);
        if fate != Fate::Passes {
            self.0.uncounted.fetch_add(1, Ordering::Relaxed);
        }
        fate
    }

    fn statements(&self) -> MutexGuard<'_, HashMap<Identifier, Statement>> {
        // Nothing in here panics half-way through a change.
        let statements = self.0.statements.lock();
        statements.unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Statement ===

impl Statement {
    /// The kind of a line, made at its first one.
    fn kind(&mut self, names: Option<Names>, now: Instant) -> &mut Kind {
        let is_full = self.named.len() >= NAMED_MAX;
        if is_full && names.is_some_and(|names| !self.named.contains_key(&names)) {
            self.named.retain(|_, kind| kind.is_in_use(now));
        }
        let is_full = self.named.len() >= NAMED_MAX;
        match names {
            Some(names) if !is_full || self.named.contains_key(&names) => {
                let kind = self.named.entry(names);
                kind.or_insert_with(|| Kind::new(now))
            }
            _ => self.others.get_or_insert_with(|| Kind::new(now)),
        }
    }

    fn kinds(&mut self) -> impl Iterator<Item = &mut Kind> {
        self.named.values_mut().chain(&mut self.others)
    }
}

// === impl Kind ===

impl Kind {
    fn new(since: Instant) -> Self {
        Self {
            since,
            passed: 0,
            held_back: 0,
            like: String::new(),
        }
    }

    /// What becomes of one more line.
    fn fate(&mut self, now: Instant) -> Fate {
        if self.is_over(now) {
            self.since = now;
            self.passed = 0;
        }
        if self.passed < BURST {
            self.passed += 1;
            return Fate::Passes;
        }
        self.held_back += 1;
        Fate::Held {
            is_first: self.held_back == 1,
        }
    }

    /// Until its period is over and what it held back is told.
    fn is_in_use(&self, now: Instant) -> bool {
        self.held_back > 0 || !self.is_over(now)
    }

    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= PERIOD
    }
}

// === impl Limit ===

impl<S: Subscriber> Layer<S> for Limit {
    fn event_enabled(&self, event: &Event<'_>, _cx: Context<'_, S>) -> bool {
        self.0.passes(event, Instant::now())
    }
}

// === impl Said ===

impl Said {
    fn of(event: &Event<'_>) -> Self {
        let mut said = Self::default();
        event.record(&mut said);
        said
    }

    /// Nothing for a line that names nothing.
    fn names(&self) -> Option<Names> {
        let mut hasher = DefaultHasher::new();
        self.named.hash(&mut hasher);
        (!self.named.is_empty()).then(|| Names(hasher.finish()))
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            name if NAMES.contains(&name) => self.named.push((name, format!("{value:?}"))),
            _ => {}
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        // Without the quotes that `Debug` puts around it.
        self.record_debug(field, &format_args!("{value}"));
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for (name, value) in &self.named {
            write!(f, " {name}={value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tracing::{debug, error, info};

    use super::{super::subscriber, *};
    use crate::config::{LogConfig, LogFormat};

    const TOLD: &str = "lines of one kind were held back";

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Written {
        fn count(&self, text: &str) -> usize {
            let written = self.0.lock().unwrap();
            let written = String::from_utf8_lossy(&written);
            written.lines().filter(|line| line.contains(text)).count()
        }

        /// What follows a text, with the other fields.
        fn rest_of(&self, text: &str) -> String {
            let written = self.0.lock().unwrap();
            let written = String::from_utf8_lossy(&written);
            written.split_once(text).unwrap().1.to_owned()
        }
    }

    /// What the log holds after `say`, through the subscriber of a gateway.
    fn log(format: LogFormat, level: &str, say: impl FnOnce(&HeldBack)) -> Written {
        let (written, held_back) = (Written::default(), HeldBack::default());
        let config = LogConfig {
            format,
            level: level.to_owned(),
        };
        let writer = written.clone();
        let subscriber = subscriber(&config, move || writer.clone(), held_back.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || say(&held_back));
        written
    }

    fn floods(times: usize) {
        for number in 0..times {
            error!(number, "the disk is full");
        }
    }

    #[test]
    fn a_flood_of_one_kind_is_a_few_lines_and_a_count() {
        for format in [LogFormat::Human, LogFormat::Json] {
            let written = log(format, "info", |held_back| {
                floods(100);
                info!("another kind");
                assert_eq!((held_back.count(), held_back.count()), (90, 0));
                held_back.tell(Instant::now());
                held_back.tell_rest();
                held_back.tell_rest();
            });
            assert_eq!(written.count("the disk is full"), 10 + 1);
            assert_eq!(written.count("another kind"), 1);
            assert_eq!(written.count(TOLD), 1);
            assert!(written.rest_of(TOLD).contains("90"));
        }
    }

    #[test]
    fn who_is_loud_hides_nobody_else() {
        let written = log(LogFormat::Human, "info", |held_back| {
            for _ in 0..100 {
                fails("loud", "always the same");
            }
            for number in 0..30 {
                fails(&format!("quiet {number}"), "once");
            }
            assert_eq!(held_back.count(), 90);
            held_back.tell_rest();
        });
        assert_eq!(written.count("\"loud\" error"), 10);
        assert_eq!(written.count("\"quiet "), 30);
        let told = written.rest_of(TOLD);
        assert!(
            told.contains("the decider has failed decider=loud"),
            "{told}"
        );
    }

    fn fails(decider: &str, error: &str) {
        error!(decider, error, "the decider has failed");
    }

    #[test]
    fn whoever_can_choose_the_names_gets_a_bounded_share() {
        let start = Instant::now();
        let mut statement = Statement::default();
        let mut passed_in = |start: Instant| {
            let fates = (0..10_000).map(|name| {
                let kind = statement.kind(Some(Names(name)), start);
                kind.fate(start)
            });
            let passed = fates.filter(|fate| *fate == Fate::Passes).count();
            (passed, statement.named.len())
        };
        // One line of each name, and ten of the others together.
        let expected = (NAMED_MAX + 10, NAMED_MAX);
        assert_eq!(passed_in(start), expected);
        // Those that are not in use any more make room.
        assert_eq!(passed_in(start + PERIOD), expected);
        let mut fresh = statement.kind(Some(Names(20_000)), start + PERIOD * 2);
        assert_eq!(fresh.fate(start + PERIOD * 2), Fate::Passes);
        fresh = statement.kind(None, start + PERIOD);
        assert!(fresh.held_back > 0);
    }

    #[test]
    fn after_a_period_lines_pass_again() {
        let held_back = HeldBack::default();
        let subscriber = tracing_subscriber::registry();
        tracing::subscriber::with_default(subscriber, || {
            // Any event will do: it names the kind.
            let kind = tracing::callsite::Identifier(&CALLSITE);
            let start = Instant::now();
            let fate = |at| held_back.fate(kind.clone(), None, at);
            for _ in 0..BURST {
                assert_eq!(fate(start), Fate::Passes);
            }
            let held = |is_first| Fate::Held { is_first };
            assert_eq!(fate(start), held(true));
            assert_eq!(fate(start + PERIOD / 2), held(false));
            assert_eq!(fate(start + PERIOD), Fate::Passes);
            // Nobody was told yet, and nothing is forgotten.
            let over = held_back.over(start + PERIOD * 2);
            assert_eq!(over, [(2, String::new())]);
            assert_eq!(held_back.over(start + PERIOD * 2), []);
        });
    }

    struct Place;

    static CALLSITE: Place = Place;

    impl tracing::Callsite for Place {
        fn set_interest(&self, _interest: tracing::subscriber::Interest) {}

        fn metadata(&self) -> &tracing::Metadata<'_> {
            unreachable!("nobody asks")
        }
    }

    #[test]
    fn who_asks_for_debug_gets_every_line() {
        let written = log(LogFormat::Human, "debug", |_| {
            for _ in 0..100 {
                debug!("a detail");
            }
        });
        assert_eq!(written.count("a detail"), 100);
    }

    #[test]
    fn what_is_below_the_level_is_not_even_looked_at() {
        log(LogFormat::Human, "info", |_| {
            assert!(tracing::enabled!(Level::INFO));
            assert!(!tracing::enabled!(Level::DEBUG));
        });
    }
}
