//! The picture, drawn from the state alone.

use std::collections::BTreeSet;

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
};

use super::{
    figures, header,
    palette::Palette,
    state::{Drawn, Reach, State},
    table::{Column, Named, Table},
    view::{Command, Decider, Subscription},
};
use crate::cli::escape::escape;

/// What the keys do, and what is to be known of the figures.
const HELP: [&str; 6] = [
    "q Esc Ctrl-C quit   s next order   i hide or show idle commands   p pause   ? close",
    "arrows PageUp PageDown Home End scroll",
    "rates and latencies are of the time since the look before; – is not known, or nothing to measure",
    "RATE is of callbacks a second; so are outcomes, FAILED and DRIFT; TOTAL is since the start",
    "P50 P99: to the answer; only before-commands are measured one by one",
    "PARKED events wait for another attempt of their handler, DEAD ones were given up",
];

/// As the gateway's own documents list them; another gateway's others follow.
const OUTCOMES: [&str; 7] = [
    "ok",
    "refused",
    "dropped",
    "rewritten",
    "policy",
    "repeated",
    "unanswered",
];

/// Outcomes that nobody wants.
const ALARMS: [&str; 2] = ["policy", "unanswered"];

/// Draws all of it, whatever the size; returns the room that there was for commands.
pub(super) fn draw(frame: &mut Frame<'_>, state: &State, palette: Palette) -> Drawn {
    let area = frame.area();
    let width = usize::from(area.width);
    let top = top(state, width, palette);
    let bottom = bottom(state, width);
    let deciders = deciders(&state.view.deciders);
    let subscriptions = subscriptions(&state.view.subscriptions);
    let below = [deciders.rows.len(), subscriptions.rows.len()];
    let heights = heights(area.height, top.len(), below, bottom.len());
    let [
        top_area,
        _,
        table_area,
        _,
        deciders_area,
        _,
        subscriptions_area,
        bottom_area,
    ] = Layout::vertical(heights.map(Constraint::Length)).areas(area);
    draw_lines(frame, top_area, top);
    let mut table = commands(&state.commands());
    let drawn = Drawn {
        visible: usize::from(table_area.height.saturating_sub(1)),
        rows: table.rows.len(),
    };
    let first = state
        .first_row
        .min(drawn.rows.saturating_sub(drawn.visible));
    if drawn.visible < drawn.rows {
        let last = first + drawn.visible;
        table.heading = format!("COMMAND {}–{last} of {}", first + 1, drawn.rows);
    }
    table.draw(frame, table_area, first, palette);
    deciders.draw(frame, deciders_area, 0, palette);
    subscriptions.draw(frame, subscriptions_area, 0, palette);
    draw_lines(frame, bottom_area, bottom);
    drawn
}

/// Of the figures, a gap, commands, a gap, deciders, a gap, subscriptions and keys. Commands get most of what is left
/// where it is little.
fn heights(height: u16, top: usize, below: [usize; 2], bottom: usize) -> [u16; 8] {
    let limited = |wanted: usize, most: u16| u16::try_from(wanted).unwrap_or(u16::MAX).min(most);
    let bottom = limited(bottom, height / 2);
    let rest = height - bottom;
    let top = limited(top, (rest / 2).max(1).min(rest));
    let rest = rest - top;
    let gap = u16::from(rest > 4);
    let rest = rest - gap;
    let most = if below.contains(&0) {
        rest / 3
    } else {
        rest / 4
    };
    // With its heading; less than one row would tell nothing.
    let [deciders, subscriptions] = below.map(|rows| match limited(rows + 1, most) {
        0 | 1 => 0,
        height if rows > 0 => height,
        _ => 0,
    });
    let [before, between] = [deciders, subscriptions].map(|height| u16::from(height > 0));
    [
        top,
        gap,
        rest - deciders - before - subscriptions - between,
        before,
        deciders,
        between,
        subscriptions,
        bottom,
    ]
}

fn draw_lines(frame: &mut Frame<'_>, area: Rect, lines: Vec<Line<'static>>) {
    for (line, row) in lines.into_iter().zip(area.rows()) {
        frame.render_widget(line, row);
    }
}

/// Whose figures these are, how it is, and the figures.
fn top(state: &State, width: usize, palette: Palette) -> Vec<Line<'static>> {
    let mut lines = vec![title(state, palette)];
    let time = figures::time_of_day(state.view.time.as_deref());
    let time = if state.is_paused {
        Span::styled(format!("paused at {time}"), palette.bad())
    } else {
        Span::raw(time)
    };
    let room = width.checked_sub(lines.iter().map(Line::width).sum::<usize>() + time.width());
    match (room, lines.first_mut()) {
        (Some(room @ 2..), Some(title)) => title.extend([Span::raw(" ".repeat(room)), time]),
        _ if state.is_paused => lines.push(time.into()),
        _ => {}
    }
    let problems = problems(state);
    let problems = problems.iter().flat_map(|text| wrapped(text, width));
    lines.extend(problems.map(|text| Line::styled(text, palette.bad())));
    lines.extend(header::lines(&state.view, width, palette));
    lines
}

fn title(state: &State, palette: Palette) -> Line<'static> {
    let view = &state.view;
    let version = view.version.as_deref().map(escape).unwrap_or_default();
    let mut title = Line::from(Span::styled("callback-gateway", Palette::heading()));
    title.push_span(format!(" {version}"));
    if let Some(seconds) = view.uptime_seconds {
        title.push_span(format!("   up {}", figures::age(seconds)));
    }
    if view.ready == Some(true) && !matches!(state.reach, Reach::Lost { .. }) {
        title.push_span("   ");
        title.push_span(Span::styled("ready", palette.good()));
    }
    title
}

/// What is wrong with the gateway as a whole, in sentences.
fn problems(state: &State) -> Vec<String> {
    let mut problems = Vec::new();
    match &state.reach {
        Reach::Answered => {}
        Reach::Silent { seconds } => problems.push(format!("no answer for {seconds} s")),
        Reach::Lost {
            since,
            seconds,
            reason,
        } => {
            let seconds = figures::age(i64::try_from(*seconds).unwrap_or(i64::MAX));
            problems.push(format!("can't be reached since {since}, for {seconds}"));
            problems.push(escape(reason));
        }
    }
    let view = &state.view;
    if view.ready == Some(false) {
        let reasons: Vec<String> = view.problems.iter().map(|reason| escape(reason)).collect();
        problems.push(format!("not ready: {}", reasons.join("; ")));
    }
    problems
}

fn bottom(state: &State, width: usize) -> Vec<Line<'static>> {
    if state.shows_help {
        let help = HELP.iter().flat_map(|text| wrapped(text, width));
        return help.map(Line::raw).collect();
    }
    let idle = if state.hides_idle { "show" } else { "hide" };
    let text = format!(
        "q quit   s order: {}   i {idle} idle   p pause   ? help",
        state.order.label()
    );
    let lines = wrapped(&text, width).into_iter();
    lines
        .map(|text| Line::styled(text, Palette::quiet()))
        .collect()
}

/// In lines of at most so many characters, as far as single words allow.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if Span::raw(line.as_str()).width() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn commands(commands: &[&Command]) -> Table {
    let column = |heading: &str, rank, is_alarm, cell: &dyn Fn(&Command) -> String| {
        let cells = commands.iter().map(|command| cell(command)).collect();
        Column::new(heading, rank, is_alarm, cells)
    };
    let p50 = |command: &Command| figures::seconds(command.latency.p50_seconds);
    let p99 = |command: &Command| figures::seconds(command.latency.p99_seconds);
    let mut columns = vec![
        column("RATE", 0, false, &|one| {
            figures::rate(one.callbacks.per_second)
        }),
        column("P50", 6, false, &p50),
        column("P99", 2, false, &p99),
    ];
    for outcome in outcomes(commands) {
        let (rank, is_alarm) = importance(outcome);
        let cell = |command: &Command| {
            let count = command.outcomes.get(outcome);
            count.map_or_else(String::new, |count| figures::rate(count.per_second))
        };
        let heading = escape(&outcome.to_uppercase());
        columns.push(column(&heading, rank, is_alarm, &cell));
    }
    columns.extend(backlog(commands));
    columns.push(column("TOTAL", 9, false, &|one| {
        figures::count(one.callbacks.total)
    }));
    let rows = commands.iter();
    let rows = rows.map(|command| Named::new(&command.name, command.is_idle()));
    Table {
        heading: "COMMAND".to_owned(),
        rows: rows.collect(),
        columns,
    }
}

/// What is left to do and to mend, where there is something.
fn backlog(commands: &[&Command]) -> Vec<Column> {
    let gauge = |count: Option<i64>| {
        let count = count.filter(|count| *count != 0);
        count.map_or_else(String::new, figures::count)
    };
    let drift = |command: &Command| {
        let drift = command.drift.filter(|drift| drift.total != 0);
        drift.map_or_else(String::new, |drift| figures::rate(drift.per_second))
    };
    let column = |heading, rank, is_alarm, cell: &dyn Fn(&Command) -> String| {
        let cells = commands.iter().map(|command| cell(command)).collect();
        Column::new(heading, rank, is_alarm, cells)
    };
    let mut columns = vec![
        column("PARKED", 3, false, &|one| gauge(one.parked_events)),
        column("DEAD", 3, true, &|one| gauge(one.dead_events)),
        column("DRIFT", 5, true, &drift),
    ];
    columns.retain(|column| column.cells.iter().any(|cell| !cell.is_empty()));
    columns
}

/// Those that there were since the start, so that columns don't come and go with the traffic.
fn outcomes<'a>(commands: &[&'a Command]) -> Vec<&'a str> {
    let occurred: BTreeSet<&str> = commands
        .iter()
        .flat_map(|command| command.outcomes.keys().map(String::as_str))
        .collect();
    let place = |outcome: &str| OUTCOMES.iter().position(|known| *known == outcome);
    let mut occurred: Vec<&str> = occurred.into_iter().collect();
    occurred.sort_by_key(|outcome| place(outcome).unwrap_or(OUTCOMES.len()));
    occurred
}

/// The rank of an outcome's column, and whether it is an alarm.
fn importance(outcome: &str) -> (u8, bool) {
    match outcome {
        outcome if ALARMS.contains(&outcome) => (1, true),
        "refused" => (4, false),
        // The rest of the rate.
        "ok" => (8, false),
        _ => (7, false),
    }
}

fn deciders(deciders: &[Decider]) -> Table {
    let column = |heading, rank, is_alarm, cell: &dyn Fn(&Decider) -> String| {
        Column::new(heading, rank, is_alarm, deciders.iter().map(cell).collect())
    };
    let breaker = |decider: &Decider| match decider.open {
        Some(true) => "open".to_owned(),
        Some(false) => "closed".to_owned(),
        None => figures::NONE.to_owned(),
    };
    let columns = vec![
        column("BREAKER", 0, true, &breaker),
        column("RATE", 1, false, &|one| figures::rate(one.asked.per_second)),
        column("FAILED", 1, true, &|one| {
            figures::rate(one.failed.per_second)
        }),
        column("P50", 4, false, &|one| {
            figures::seconds(one.latency.p50_seconds)
        }),
        column("P99", 2, false, &|one| {
            figures::seconds(one.latency.p99_seconds)
        }),
        column("TOTAL", 5, false, &|one| figures::count(one.asked.total)),
    ];
    let rows = deciders.iter();
    let rows = rows.map(|decider| Named::new(&decider.name, false));
    Table {
        heading: "DECIDER".to_owned(),
        rows: rows.collect(),
        columns,
    }
}

fn subscriptions(subscriptions: &[Subscription]) -> Table {
    let column = |heading, rank, is_alarm, cell: &dyn Fn(&Subscription) -> String| {
        let cells = subscriptions.iter().map(cell).collect();
        Column::new(heading, rank, is_alarm, cells)
    };
    let status = |one: &Subscription| match (one.paused, one.down) {
        (Some(true), _) => "paused".to_owned(),
        (_, Some(true)) => "down".to_owned(),
        (Some(false), _) => "active".to_owned(),
        _ => figures::NONE.to_owned(),
    };
    let gauge = |count: Option<i64>| count.map_or_else(|| figures::NONE.to_owned(), figures::count);
    let oldest = |one: &Subscription| match one.oldest_seconds {
        Some(seconds) => figures::age(seconds),
        None => figures::NONE.to_owned(),
    };
    let columns = vec![
        column("STATUS", 0, true, &status),
        column("OK", 1, false, &|one| figures::rate(one.ok.per_second)),
        column("FAILED", 1, true, &|one| {
            figures::rate(one.failed.per_second)
        }),
        column("PENDING", 3, false, &|one| gauge(one.pending_events)),
        column("BEHIND", 4, false, &|one| gauge(one.behind_events)),
        column("OLDEST", 2, false, &oldest),
        column("DEAD", 3, true, &|one| gauge(one.dead_events)),
    ];
    let rows = subscriptions.iter();
    let rows = rows.map(|one| Named::new(&one.name, false));
    Table {
        heading: "SUBSCRIPTION".to_owned(),
        rows: rows.collect(),
        columns,
    }
}

#[cfg(test)]
mod tests {
    use ratatui::{Terminal, backend::TestBackend, crossterm::event::KeyCode};

    use super::{
        super::{
            change::tests::samples,
            view::{History, View, tests::busy},
        },
        *,
    };

    const PALETTE: Palette = Palette { has_colours: true };

    fn state() -> State {
        State {
            view: busy(),
            ..State::default()
        }
    }

    fn check(width: u16, height: u16, state: &State) -> String {
        drawn(width, height, state).backend().to_string()
    }

    fn drawn(width: u16, height: u16, state: &State) -> Terminal<TestBackend> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal
            .draw(|frame| {
                draw(frame, state, PALETTE);
            })
            .unwrap();
        terminal
    }

    /// What a server that means ill says of everything: each value in each place, and labels without end.
    fn hostile(value: &str) -> String {
        let ordinary = include_str!("testdata/now.txt").lines();
        let samples = ordinary.filter(|line| !line.starts_with('#'));
        let valued =
            samples.filter_map(|line| Some(format!("{} {value}\n", line.rsplit_once(' ')?.0)));
        let huge = "爱\u{1b}[2J".repeat(100);
        let named = (0..20).map(|number| {
            format!(
                "gateway_callbacks_total{{command=\"{number}\",outcome=\"{number}\"}} {value}\n\
                 gateway_handler_dead_events{{command=\"{number}\"}} {value}\n\
                 gateway_decider_requests_total{{decider=\"{number}\"}} {value}\n"
            )
        });
        let long = format!(
            "gateway_callbacks_total{{command=\"{huge}\",outcome=\"{huge}\"}} {value}\n\
             gateway_open_connections{{listener=\"{huge}\"}} {value}\n\
             gateway_build_info{{version=\"{huge}\"}} {value}\n"
        );
        valued.chain(named).chain([long]).collect()
    }

    #[test]
    fn whatever_a_server_says_is_drawn_and_told() {
        let values = [
            "NaN", "+Inf", "-Inf", "1e308", "-1e308", "-1", "1e-320", "x",
        ];
        for (before, now) in values.iter().zip(values.iter().cycle().skip(3)) {
            let mut history = History::default();
            for sample in samples(&[&hostile(before), &hostile(now), &hostile(now)]) {
                let mut state = State {
                    view: history.push(sample),
                    ..State::default()
                };
                serde_json::to_string(&state.view).unwrap();
                for code in [KeyCode::Char('s'); 5] {
                    for (width, height) in [(80, 24), (1, 1), (300, 9)] {
                        check(width, height, &state);
                    }
                    state.press(code.into());
                }
            }
        }
    }

    #[test]
    fn an_ordinary_terminal() {
        insta::assert_snapshot!(check(80, 24, &state()));
    }

    #[test]
    fn a_wide_terminal() {
        insta::assert_snapshot!(check(120, 40, &state()));
    }

    #[test]
    fn a_narrow_terminal_with_a_gateway_in_trouble() {
        let mut state = state();
        state.view.ready = Some(false);
        state.view.problems = vec![
            "the journal is full".into(),
            "the gateway is stopping".into(),
        ];
        state.view.journal.writable = Some(false);
        insta::assert_snapshot!(check(44, 30, &state));
    }

    #[test]
    fn a_gateway_that_went_away() {
        let mut state = state();
        state.reach = Reach::Lost {
            since: "12:00:02Z".into(),
            seconds: 75,
            reason: "no answer from http://127.0.0.1:8081: Connection refused\u{1b}[2J".into(),
        };
        let picture = check(80, 24, &state);
        assert!(
            picture.contains("can't be reached since 12:00:02Z, for 1m 15s"),
            "{picture}"
        );
        assert!(
            picture.contains("Connection refused\\u{1b}[2J"),
            "{picture}"
        );
        assert!(!picture.contains("   ready"), "{picture}");
        assert!(picture.contains("C2C.CallbackBeforeSendMsg"), "{picture}");
        state.reach = Reach::Silent { seconds: 7 };
        let picture = check(80, 24, &state);
        assert!(picture.contains("no answer for 7 s"), "{picture}");
    }

    #[test]
    fn the_first_look_has_gauges_and_totals() {
        let mut state = state();
        let none = |count: &mut super::super::change::Count| count.per_second = None;
        state.view.requests.iter_mut().for_each(none);
        for command in &mut state.view.commands {
            none(&mut command.callbacks);
            command.outcomes.values_mut().for_each(none);
        }
        let picture = check(140, 24, &state);
        assert!(picture.contains("requests –"), "{picture}");
        assert!(picture.contains("5.0 GiB of 10.0 GiB"), "{picture}");
        assert!(picture.contains("1.2M"), "{picture}");
    }

    #[test]
    fn a_gateway_that_says_nothing_is_drawn() {
        let state = State::default();
        let picture = check(80, 24, &state);
        assert!(picture.contains("requests –"), "{picture}");
        assert!(!picture.contains("DECIDER"), "{picture}");
    }

    #[test]
    fn sentences_wrap_between_words() {
        assert_eq!(wrapped("ab cd efghij k", 5), ["ab cd", "efghij", "k"]);
        assert_eq!(wrapped("ab   cd", 80), ["ab   cd"]);
        assert_eq!(wrapped("a b", 0), ["a", "b"]);
        for width in [80, 60] {
            let help = HELP.iter().flat_map(|text| wrapped(text, width));
            assert!(help.into_iter().all(|line| line.chars().count() <= width));
        }
    }

    #[test]
    fn every_size_is_drawn() {
        let mut state = state();
        for shows_help in [false, true] {
            state.shows_help = shows_help;
            for width in [0, 1, 2, 7, 23, 40, 80, 300] {
                for height in (0..12).chain([30]) {
                    drawn(width, height, &state);
                }
            }
        }
    }

    #[test]
    fn scrolled_to_the_end_the_last_command_is_there() {
        let mut state = state();
        state.first_row = usize::MAX;
        let picture = check(80, 16, &state);
        assert!(picture.contains("other"), "{picture}");
        assert!(picture.contains("of 7"), "{picture}");
        assert!(!picture.contains("C2C.CallbackBeforeSendMsg"), "{picture}");
    }

    #[test]
    fn paused_and_with_help_it_says_so() {
        let mut state = state();
        state.is_paused = true;
        state.shows_help = true;
        let picture = check(100, 30, &state);
        assert!(picture.contains("paused at 12:00:02Z"), "{picture}");
        assert!(picture.contains("PARKED events wait"), "{picture}");
        let narrow = check(40, 30, &state);
        assert!(narrow.contains("\"paused at 12:00:02Z "), "{narrow}");
    }

    #[test]
    fn where_there_is_no_room_for_the_time_it_is_left_out() {
        let state = state();
        assert!(check(52, 24, &state).contains("ready  12:00:02Z\""));
        assert!(check(51, 24, &state).contains("ready          \""));
    }

    #[test]
    fn names_from_outside_drive_no_terminal() {
        let mut state = state();
        state.view.version = Some("1\u{1b}[2J".into());
        state.view.problems = vec!["\u{202e}x".into()];
        state.view.ready = Some(false);
        if let Some(command) = state.view.commands.first_mut() {
            command.name = "a\u{9b}31m".into();
            let outcome = command.outcomes.get("ok").copied().unwrap();
            command.outcomes.insert("o\u{1b}k".into(), outcome);
        }
        state.view.deciders[0].name = "d\u{200f}".into();
        let picture = check(140, 30, &state);
        let has_unsafe =
            |c: char| c != '\n' && (c.is_control() || ('\u{200b}'..'\u{2030}').contains(&c));
        assert!(
            !picture.replace(['–', '…'], "").contains(has_unsafe),
            "{picture}"
        );
        for part in [
            "1\\u{1b}[2J",
            "\\u{202e}x",
            "a\\u{9b}31m",
            "O\\u{1b}K",
            "d\\u{200f}",
        ] {
            assert!(picture.contains(part), "{part} in\n{picture}");
        }
    }

    #[test]
    fn without_colours_there_are_none() {
        use ratatui::style::Color;
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        let mut coloured = |has_colours| {
            let palette = Palette { has_colours };
            terminal
                .draw(|frame| {
                    draw(frame, &state(), palette);
                })
                .unwrap();
            let cells = terminal.backend().buffer().content();
            cells
                .iter()
                .any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset)
        };
        assert!(coloured(true));
        assert!(!coloured(false));
    }

    #[test]
    fn the_bottom_line_is_at_the_bottom_of_a_low_terminal() {
        assert_eq!(heights(24, 8, [2, 0], 1), [8, 1, 10, 1, 3, 0, 0, 1]);
        assert_eq!(heights(24, 8, [0, 0], 1), [8, 1, 14, 0, 0, 0, 0, 1]);
        assert_eq!(heights(24, 8, [2, 3], 1), [8, 1, 6, 1, 3, 1, 3, 1]);
        assert_eq!(heights(5, 8, [2, 2], 1), [2, 0, 2, 0, 0, 0, 0, 1]);
        assert_eq!(heights(1, 8, [2, 2], 1), [1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(heights(0, 8, [2, 2], 1), [0; 8]);
    }

    #[test]
    fn a_view_without_commands_has_a_heading() {
        let state = State {
            view: View {
                deciders: vec![Decider::default(); 40],
                ..View::default()
            },
            ..State::default()
        };
        let picture = check(80, 24, &state);
        assert!(picture.contains("COMMAND"), "{picture}");
    }
}
