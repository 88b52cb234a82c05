//! What the screen shows beside the figures, and what keys do to it. Pure: no terminal, no gateway.

use std::cmp::Ordering;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::view::{Command, View};

/// All that is drawn.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The last one, or the one at which the screen was paused.
    pub view: View,
    pub reach: Reach,
    pub order: Order,
    pub hides_idle: bool,
    pub is_paused: bool,
    pub shows_help: bool,
    /// How many commands are above the first that is drawn.
    pub first_row: usize,
    /// The room that there was when it was last drawn.
    pub drawn: Drawn,
}

/// What became of the last question to the gateway.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Reach {
    /// It answered.
    #[default]
    Answered,
    /// There is no answer yet, though there should be.
    Silent { seconds: u64 },
    /// It can't be reached, since a time of day.
    Lost {
        since: String,
        seconds: u64,
        reason: String,
    },
}

/// What commands are sorted by.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    #[default]
    Rate,
    Latency,
    Backlog,
    Drift,
    Name,
}

/// The room that there was for commands.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Drawn {
    pub visible: usize,
    pub rows: usize,
}

// === impl State ===

impl State {
    /// Takes a new view, unless the screen is paused.
    pub(super) fn see(&mut self, view: View) {
        if !self.is_paused {
            self.view = view;
        }
    }

    /// Does what a key says; whether to go on.
    pub(super) fn press(&mut self, key: KeyEvent) -> bool {
        let has_control = key.modifiers.contains(KeyModifiers::CONTROL);
        let page = self.drawn.visible.max(1);
        match key.code {
            KeyCode::Char('c') if has_control => return false,
            _ if has_control => {}
            KeyCode::Char('q') | KeyCode::Esc => return false,
            KeyCode::Char('s') => {
                self.order = self.order.next();
                self.first_row = 0;
            }
            KeyCode::Char('i') => self.hides_idle = !self.hides_idle,
            KeyCode::Char('p') => self.is_paused = !self.is_paused,
            KeyCode::Char('?') => self.shows_help = !self.shows_help,
            KeyCode::Down => self.first_row = self.first_row.saturating_add(1),
            KeyCode::Up => self.first_row = self.first_row.saturating_sub(1),
            KeyCode::PageDown => self.first_row = self.first_row.saturating_add(page),
            KeyCode::PageUp => self.first_row = self.first_row.saturating_sub(page),
            KeyCode::Home => self.first_row = 0,
            KeyCode::End => self.first_row = usize::MAX,
            _ => {}
        }
        self.settle(self.drawn);
        true
    }

    /// Notes what was drawn; no row below the last is scrolled to.
    pub(super) fn settle(&mut self, drawn: Drawn) {
        self.drawn = drawn;
        let most = drawn.rows.saturating_sub(drawn.visible);
        self.first_row = self.first_row.min(most);
    }

    /// The commands to show, in their order.
    pub(super) fn commands(&self) -> Vec<&Command> {
        let commands = self.view.commands.iter();
        let mut commands: Vec<&Command> = commands
            .filter(|command| !self.hides_idle || !command.is_idle())
            .collect();
        commands.sort_by(|one, other| self.order.compare(one, other));
        commands
    }
}

// === impl Order ===

impl Order {
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Latency => "p99",
            Self::Backlog => "backlog",
            Self::Drift => "drift",
            Self::Name => "name",
        }
    }

    const fn next(self) -> Self {
        match self {
            Self::Rate => Self::Latency,
            Self::Latency => Self::Backlog,
            Self::Backlog => Self::Drift,
            Self::Drift => Self::Name,
            Self::Name => Self::Rate,
        }
    }

    /// What matters most first, then what is called most, now or ever, then by name.
    fn compare(self, one: &Command, other: &Command) -> Ordering {
        let rate = |command: &Command| command.callbacks.per_second.unwrap_or(0.0);
        let latency = |command: &Command| command.latency.p99_seconds.map_or(0.0, |p99| p99.value);
        let drift = |command: &Command| command.drift.unwrap_or_default();
        let drift_rate = |command: &Command| drift(command).per_second.unwrap_or(0.0);
        let by_use = || {
            let by_rate = rate(other).total_cmp(&rate(one));
            by_rate.then_with(|| other.callbacks.total.cmp(&one.callbacks.total))
        };
        let first = match self {
            Self::Rate => by_use(),
            Self::Latency => latency(other).total_cmp(&latency(one)).then_with(by_use),
            Self::Backlog => other.backlog().cmp(&one.backlog()).then_with(by_use),
            Self::Drift => drift_rate(other)
                .total_cmp(&drift_rate(one))
                .then_with(|| drift(other).total.cmp(&drift(one).total))
                .then_with(by_use),
            Self::Name => Ordering::Equal,
        };
        first.then_with(|| one.name.cmp(&other.name))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::view::tests::busy, *};

    fn state() -> State {
        State {
            view: busy(),
            ..State::default()
        }
    }

    fn press(state: &mut State, codes: &[KeyCode]) -> bool {
        let mut pressed = codes.iter().map(|code| KeyEvent::from(*code));
        pressed.all(|key| state.press(key))
    }

    fn check_order(order: Order, expected: &[&str]) {
        let mut state = state();
        state.order = order;
        let found = state.commands();
        let found: Vec<&str> = found
            .iter()
            .map(|command| {
                command
                    .name
                    .split_once('.')
                    .map_or("other", |(feature, _)| feature)
            })
            .collect();
        assert_eq!(found, expected, "{order:?}");
    }

    #[test]
    fn every_order_puts_first_what_matters_to_it() {
        let rest = "other";
        check_order(
            Order::Rate,
            &[
                "C2C",
                "C2C",
                "Group",
                "State",
                "OfficialAccount",
                "Sns",
                rest,
            ],
        );
        check_order(
            Order::Latency,
            &[
                "Group",
                "C2C",
                "C2C",
                "State",
                "OfficialAccount",
                "Sns",
                rest,
            ],
        );
        check_order(
            Order::Backlog,
            &[
                "C2C",
                "Sns",
                "C2C",
                "Group",
                "State",
                "OfficialAccount",
                rest,
            ],
        );
        check_order(
            Order::Drift,
            &[
                "State",
                "C2C",
                "C2C",
                "Group",
                "OfficialAccount",
                "Sns",
                rest,
            ],
        );
        check_order(
            Order::Name,
            &[
                "C2C",
                "C2C",
                "Group",
                "OfficialAccount",
                "Sns",
                "State",
                rest,
            ],
        );
    }

    #[test]
    fn sorting_comes_round() {
        let mut state = state();
        let labels: Vec<&str> = (0..6)
            .map(|_| {
                assert!(press(&mut state, &[KeyCode::Char('s')]));
                state.order.label()
            })
            .collect();
        assert_eq!(labels, ["p99", "backlog", "drift", "name", "rate", "p99"]);
    }

    #[test]
    fn idle_commands_can_be_hidden_but_not_those_with_a_backlog() {
        let mut state = state();
        assert_eq!(state.commands().len(), 7);
        press(&mut state, &[KeyCode::Char('i')]);
        let names: Vec<&str> = state
            .commands()
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        assert_eq!(names.len(), 6);
        assert!(names.contains(&"Sns.CallbackFriendDelete"), "{names:?}");
        press(&mut state, &[KeyCode::Char('i')]);
        assert_eq!(state.commands().len(), 7);
    }

    #[test]
    fn paused_it_keeps_what_it_shows() {
        let mut state = state();
        press(&mut state, &[KeyCode::Char('p')]);
        state.see(View::default());
        assert_eq!(state.view, busy());
        press(&mut state, &[KeyCode::Char('p')]);
        state.see(View::default());
        assert_eq!(state.view, View::default());
    }

    #[test]
    fn scrolls_no_further_than_there_is_something() {
        let mut state = state();
        state.settle(Drawn {
            visible: 3,
            rows: 7,
        });
        for (code, expected) in [
            (KeyCode::Up, 0),
            (KeyCode::Down, 1),
            (KeyCode::PageDown, 4),
            (KeyCode::PageDown, 4),
            (KeyCode::Up, 3),
            (KeyCode::PageUp, 0),
            (KeyCode::End, 4),
            (KeyCode::Home, 0),
        ] {
            press(&mut state, &[code]);
            assert_eq!(state.first_row, expected, "{code}");
        }
        press(&mut state, &[KeyCode::End]);
        state.settle(Drawn {
            visible: 10,
            rows: 7,
        });
        assert_eq!(state.first_row, 0);
    }

    #[test]
    fn three_keys_quit_and_others_do_not() {
        let mut state = state();
        let control = |c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
        assert!(!press(&mut state, &[KeyCode::Char('q')]));
        assert!(!press(&mut state, &[KeyCode::Esc]));
        assert!(!state.press(control('c')));
        for key in [
            control('q'),
            control('s'),
            KeyCode::Char('c').into(),
            KeyCode::Tab.into(),
        ] {
            assert!(state.press(key));
        }
        assert_eq!(state.order, Order::Rate);
    }
}
