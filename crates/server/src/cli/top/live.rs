//! The terminal: what happens between its start and its end, which it always comes to.
//!
//! One thread asks the gateway and one reads keys, so that a signal is heard whatever either waits for; everything else
//! is on the caller's. Start at [`run`].

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TryRecvError},
    },
    thread,
    time::{Duration, Instant},
};

use ratatui::{
    Terminal,
    backend::Backend,
    crossterm::event::{self, Event},
};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag,
};

use super::{
    figures,
    palette::Palette,
    sample::Sample,
    sampler::{Look, Sampler},
    screen,
    state::{Drawn, Reach, State},
    view::History,
};
use crate::{
    cli::failure::{Ending, Failure},
    clock, time,
};

/// The screen of one run.
struct Live<'a> {
    state: State,
    history: History,
    palette: Palette,
    looks: &'a Receiver<Result<Look, Failure>>,
    contact: Contact,
    /// How many more looks are to be shown.
    left: Option<u64>,
}

/// When the gateway answered, or since when it does not.
struct Contact {
    answered: Instant,
    /// Without an answer for longer, something is wrong.
    patience: Duration,
    lost: Option<Lost>,
}

struct Lost {
    at: Instant,
    /// The same moment as people read it.
    time: String,
    reason: String,
}

/// For so long a look or a signal may go unnoticed.
const TICK: Duration = Duration::from_millis(100);

/// An answer may be late by so much.
const GRACE: Duration = Duration::from_secs(2);

/// Shows the gateway until somebody ends it. The first look is made before the screen is taken.
pub(super) fn run(
    mut sampler: Sampler,
    count: Option<u64>,
    palette: Palette,
) -> Result<Ending, Failure> {
    let patience = sampler.interval() + GRACE;
    let first = sampler.look()?;
    let ended = signals()?;
    let (sender, looks) = mpsc::sync_channel(1);
    let (stop, stopped) = mpsc::sync_channel::<()>(0);
    // Neither thread is joined: an answer may take half a minute, and a key may never come. They only read, and end
    // with the process.
    let _sampler = thread::Builder::new()
        .name("sampler".to_owned())
        .spawn(move || sample(sampler, first.pause, &sender, &stopped))?;
    let mut live = Live::new(palette, &looks, patience, count);
    if let Ok(sample) = first.found {
        live.see(sample);
    }
    let shown = on_terminal(&mut live, &ended);
    drop(stop);
    shown
}

/// Takes the terminal, and gives it back in every case; a panic's hook does so, too.
fn on_terminal(live: &mut Live<'_>, ended: &AtomicBool) -> Result<Ending, Failure> {
    let shown = ratatui::try_init()
        .map_err(Failure::from)
        .and_then(|mut terminal| {
            let events = events()?;
            live.run(
                &mut terminal,
                ended,
                &mut |most| match events.recv_timeout(most) {
                    Ok(event) => event.map(Some),
                    Err(RecvTimeoutError::Timeout) => Ok(None),
                    Err(RecvTimeoutError::Disconnected) => Err(io::ErrorKind::UnexpectedEof.into()),
                },
            )
        });
    let restored = ratatui::try_restore();
    let ending = shown?;
    restored?;
    Ok(ending)
}

/// Keys and changes of the size, read by a thread: at the end of a terminal crossterm reads for ever, whatever time it
/// was given (crossterm-rs/crossterm#793), and the signal of that end would not be noticed.
fn events() -> io::Result<Receiver<io::Result<Event>>> {
    let (sender, events) = mpsc::sync_channel(1);
    let _keyboard = thread::Builder::new()
        .name("keyboard".to_owned())
        .spawn(move || {
            let mut is_open = true;
            while is_open {
                let event = event::read();
                is_open = event.is_ok();
                is_open &= sender.send(event).is_ok();
            }
        })?;
    Ok(events)
}

/// Set when the process is to end: a signal's own action would leave the terminal as it is.
fn signals() -> io::Result<Arc<AtomicBool>> {
    let ended = Arc::new(AtomicBool::new(false));
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        flag::register(signal, Arc::clone(&ended))?;
    }
    Ok(ended)
}

/// Looks until nobody listens, or there is nothing more to see.
fn sample(
    mut sampler: Sampler,
    mut pause: Duration,
    sender: &SyncSender<Result<Look, Failure>>,
    stopped: &Receiver<()>,
) {
    while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
        let look = sampler.look();
        let Ok(next) = look.as_ref().map(|look| look.pause) else {
            // Whoever does not listen has ended already.
            sender.send(look).ok();
            return;
        };
        pause = next;
        if sender.send(look).is_err() {
            return;
        }
    }
}

// === impl Live ===

impl<'a> Live<'a> {
    fn new(
        palette: Palette,
        looks: &'a Receiver<Result<Look, Failure>>,
        patience: Duration,
        count: Option<u64>,
    ) -> Self {
        Self {
            state: State::default(),
            history: History::default(),
            palette,
            looks,
            contact: Contact {
                answered: Instant::now(),
                patience,
                lost: None,
            },
            left: count,
        }
    }

    /// Draws whenever something has changed.
    fn run<B: Backend>(
        &mut self,
        terminal: &mut Terminal<B>,
        ended: &AtomicBool,
        read: &mut dyn FnMut(Duration) -> io::Result<Option<Event>>,
    ) -> Result<Ending, Failure> {
        let mut has_changed = true;
        while !ended.load(Ordering::Relaxed) && self.left != Some(0) {
            if has_changed {
                self.draw(terminal)?;
            }
            let event = read(TICK)?;
            has_changed = event.is_some();
            if let Some(Event::Key(key)) = event
                && !key.is_release()
                && !self.state.press(key)
            {
                break;
            }
            has_changed |= self.look()?;
            let reach = self.contact.reach(Instant::now());
            has_changed |= reach != self.state.reach;
            self.state.reach = reach;
        }
        Ok(Ending::Done)
    }

    fn draw<B: Backend>(&mut self, terminal: &mut Terminal<B>) -> Result<(), Failure> {
        let mut drawn = Drawn::default();
        terminal
            .draw(|frame| drawn = screen::draw(frame, &self.state, self.palette))
            .map_err(|error| Failure::Failed(format!("failed to draw the screen: {error}")))?;
        self.state.settle(drawn);
        Ok(())
    }

    /// Takes a look that has come; whether one has.
    fn look(&mut self) -> Result<bool, Failure> {
        match self.looks.try_recv() {
            Ok(look) => match look?.found {
                Ok(sample) => {
                    self.see(sample);
                    self.left = self.left.map(|left| left.saturating_sub(1));
                }
                Err(reason) => self.contact.lose(reason),
            },
            Err(TryRecvError::Empty) => return Ok(false),
            Err(TryRecvError::Disconnected) => {
                return Err(Failure::Failed(
                    "failed to look at the gateway: the thread that asks it has ended".to_owned(),
                ));
            }
        }
        Ok(true)
    }

    fn see(&mut self, sample: Sample) {
        self.contact.answered = sample.taken;
        self.contact.lost = None;
        self.state.see(self.history.push(sample));
    }
}

// === impl Contact ===

impl Contact {
    /// The first loss in a row says since when.
    fn lose(&mut self, reason: String) {
        let lost = self.lost.take().unwrap_or_else(|| {
            let time = time::format(clock::now_ms());
            Lost {
                at: Instant::now(),
                time: figures::time_of_day(time.as_deref()),
                reason: String::new(),
            }
        });
        self.lost = Some(Lost { reason, ..lost });
    }

    fn reach(&self, now: Instant) -> Reach {
        let since = |at| now.saturating_duration_since(at);
        match &self.lost {
            Some(lost) => Reach::Lost {
                since: lost.time.clone(),
                seconds: since(lost.at).as_secs(),
                reason: brief(&lost.reason).to_owned(),
            },
            None if since(self.answered) > self.patience => Reach::Silent {
                seconds: since(self.answered).as_secs(),
            },
            None => Reach::Answered,
        }
    }
}

/// Without what was being done, which can be seen, and without the hint, which is for the start.
fn brief(reason: &str) -> &str {
    let reason = reason
        .strip_prefix("failed to look at the gateway: ")
        .unwrap_or(reason);
    reason.split_once("; ").map_or(reason, |(reason, _)| reason)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use ratatui::{backend::TestBackend, crossterm::event::KeyCode};

    use super::super::change::tests::samples;
    use super::*;

    struct Run {
        result: Result<Ending, Failure>,
        picture: String,
        /// Looks that nobody took.
        left_over: usize,
    }

    /// Gives an event, or nothing, at each tick; more ticks than that are an endless loop.
    fn check(
        given: Vec<Result<Look, Failure>>,
        count: Option<u64>,
        ticks: Vec<Option<Event>>,
        ended: bool,
    ) -> Run {
        let (sender, looks) = mpsc::sync_channel(10);
        for look in given {
            sender.send(look).unwrap();
        }
        let palette = Palette { has_colours: true };
        let mut live = Live::new(palette, &looks, GRACE, count);
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        let mut ticks = VecDeque::from(ticks);
        let ended = AtomicBool::new(ended);
        let result = live.run(&mut terminal, &ended, &mut |_| {
            ticks
                .pop_front()
                .ok_or_else(|| io::Error::other("the end of the test"))
        });
        let left_over = looks.try_iter().count();
        drop(sender);
        Run {
            result,
            picture: terminal.backend().to_string(),
            left_over,
        }
    }

    fn looks(texts: &[&str]) -> Vec<Result<Look, Failure>> {
        let samples = samples(texts).into_iter();
        samples.map(|sample| Ok(look(Ok(sample)))).collect()
    }

    fn look(found: Result<Sample, String>) -> Look {
        Look {
            found,
            pause: Duration::ZERO,
        }
    }

    fn lost(reason: &str) -> Look {
        look(Err(reason.to_owned()))
    }

    fn key(code: KeyCode) -> Event {
        Event::Key(code.into())
    }

    #[test]
    fn a_key_ends_it() {
        let run = check(
            Vec::new(),
            None,
            vec![None, Some(key(KeyCode::Char('q')))],
            false,
        );
        assert_eq!(run.result.unwrap(), Ending::Done);
    }

    #[test]
    fn a_signal_ends_it() {
        let run = check(Vec::new(), None, Vec::new(), true);
        assert_eq!(run.result.unwrap(), Ending::Done);
    }

    #[test]
    fn so_many_looks_end_it() {
        let given = looks(&["", "gateway_requests_total 1", "", ""]);
        let run = check(given, Some(3), vec![None; 10], false);
        assert_eq!(run.result.unwrap(), Ending::Done);
        assert_eq!(run.left_over, 1);
    }

    #[test]
    fn what_is_seen_is_drawn_also_while_the_gateway_is_away() {
        let mut given = looks(&["gateway_requests_total 4", "gateway_requests_total 10"]);
        given.push(Ok(lost(
            "failed to look at the gateway: no answer from http://a: refused; start it",
        )));
        given.push(Ok(lost(
            "failed to look at the gateway: 503 Service Unavailable",
        )));
        let run = check(given, None, vec![None; 6], false);
        assert!(run.picture.contains("requests 3/s"), "{}", run.picture);
        assert!(
            run.picture.contains("can't be reached since "),
            "{}",
            run.picture
        );
        assert!(
            run.picture.contains("\"503 Service Unavailable "),
            "{}",
            run.picture
        );
    }

    #[test]
    fn a_gateway_that_is_back_is_shown_as_such() {
        let mut given = looks(&["gateway_requests_total 400", "gateway_requests_total 10"]);
        given.insert(1, Ok(lost("gone")));
        let run = check(given, None, vec![None; 6], false);
        assert!(run.picture.contains("requests 5/s"), "{}", run.picture);
        assert!(!run.picture.contains("can't be reached"), "{}", run.picture);
    }

    #[test]
    fn a_refusal_is_final() {
        let given = vec![Err(Failure::Failed("401".to_owned()))];
        let run = check(given, None, vec![None; 6], false);
        assert_eq!(run.result.unwrap_err().to_string(), "401");
    }

    #[test]
    fn a_terminal_that_is_gone_ends_it() {
        let run = check(Vec::new(), None, Vec::new(), false);
        assert_eq!(run.result.unwrap_err().code(), 1);
    }

    #[test]
    fn an_answer_ends_the_silence() {
        let (_sender, looks) = mpsc::sync_channel(1);
        let palette = Palette { has_colours: true };
        let mut live = Live::new(palette, &looks, GRACE, None);
        let sample = samples(&["", "", ""]).pop().unwrap();
        let taken = sample.taken;
        assert_ne!(live.contact.reach(taken), Reach::Answered);
        live.see(sample);
        assert_eq!(live.contact.reach(taken + GRACE), Reach::Answered);
    }

    #[test]
    fn an_answer_that_is_late_is_told_before_it_is_given_up() {
        let mut contact = Contact {
            answered: Instant::now(),
            patience: Duration::from_secs(3),
            lost: None,
        };
        let after = |seconds| Instant::now() + Duration::from_secs(seconds);
        assert_eq!(contact.reach(after(2)), Reach::Answered);
        assert_eq!(contact.reach(after(9)), Reach::Silent { seconds: 9 });
        contact.lose("one".to_owned());
        contact.lose("other".to_owned());
        let Reach::Lost {
            seconds, reason, ..
        } = contact.reach(after(60))
        else {
            panic!("it is lost");
        };
        assert_eq!((seconds, reason.as_str()), (60, "other"));
    }
}
