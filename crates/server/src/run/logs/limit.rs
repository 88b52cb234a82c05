//! A share of the log for each kind of line, so that nobody who can provoke a line can fill the disk with it.
//!
//! A kind is the place in the code that the line comes from, ours or a library's: there are as many as were compiled in.
//! What libraries say by the crate `log` comes from one place for each level. Start at [`HeldBack::passes`].

use std::{
    collections::HashMap,
    fmt,
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

/// What the log holds back, by kind.
#[derive(Debug, Clone, Default)]
pub struct HeldBack(Arc<Kinds>);

#[derive(Debug, Default)]
struct Kinds {
    kinds: Mutex<HashMap<Identifier, Kind>>,
    uncounted: AtomicU64,
}

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
        let mut kinds = self.kinds();
        let over = kinds
            .values_mut()
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
        let fate = self.fate(identifier.clone(), now);
        if fate == (Fate::Held { is_first: true }) {
            // Not under the lock: what is formatted may panic, and the panic is logged.
            let like = message(event);
            if let Some(kind) = self.kinds().get_mut(&identifier) {
                kind.like = like;
            }
        }
        fate == Fate::Passes
    }

    fn fate(&self, kind: Identifier, now: Instant) -> Fate {
        let mut kinds = self.kinds();
        let kind = kinds.entry(kind).or_insert_with(|| Kind::new(now));
        if kind.is_over(now) {
            kind.since = now;
            kind.passed = 0;
        }
        if kind.passed < BURST {
            kind.passed += 1;
            return Fate::Passes;
        }
        kind.held_back += 1;
        self.0.uncounted.fetch_add(1, Ordering::Relaxed);
        Fate::Held {
            is_first: kind.held_back == 1,
        }
    }

    fn kinds(&self) -> MutexGuard<'_, HashMap<Identifier, Kind>> {
        // Nothing in here panics half-way through a change.
        self.0.kinds.lock().unwrap_or_else(PoisonError::into_inner)
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

/// What a line says, without its fields.
fn message(event: &Event<'_>) -> String {
    #[derive(Default)]
    struct Message(String);

    impl Visit for Message {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            if field.name() == "message" {
                self.0 = format!("{value:?}");
            }
        }
    }

    let mut message = Message::default();
    event.record(&mut message);
    message.0
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
    fn after_a_period_lines_pass_again() {
        let held_back = HeldBack::default();
        let subscriber = tracing_subscriber::registry();
        tracing::subscriber::with_default(subscriber, || {
            // Any event will do: it names the kind.
            let kind = tracing::callsite::Identifier(&CALLSITE);
            let start = Instant::now();
            for _ in 0..BURST {
                assert_eq!(held_back.fate(kind.clone(), start), Fate::Passes);
            }
            let held = |is_first| Fate::Held { is_first };
            assert_eq!(held_back.fate(kind.clone(), start), held(true));
            assert_eq!(
                held_back.fate(kind.clone(), start + PERIOD / 2),
                held(false)
            );
            assert_eq!(held_back.fate(kind.clone(), start + PERIOD), Fate::Passes);
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
