//! The figures above the tables, in groups that wrap between figures where the terminal is narrow.

use ratatui::text::{Line, Span};

use super::{
    change::{Count, Latency},
    figures::{self, NONE},
    palette::Palette,
    view::View,
};
use crate::cli::escape::escape;

/// A figure with its name; stays on one line.
type Item = Vec<Span<'static>>;

/// Of the groups' names, with the gap.
const NAME_WIDTH: usize = 10;

const GAP: &str = "  ";

/// Every group in lines of at most so many characters, as far as single figures allow.
pub(super) fn lines(view: &View, width: usize, palette: Palette) -> Vec<Line<'static>> {
    let groups = [
        ("traffic", traffic(view, palette)),
        ("answers", answers(view)),
        ("journal", journal(view, palette)),
        ("process", process(view, palette)),
    ];
    let lines = groups.into_iter();
    lines
        .flat_map(|(name, items)| flow(name, items, width))
        .collect()
}

fn flow(name: &str, items: Vec<Item>, width: usize) -> Vec<Line<'static>> {
    let name = Span::styled(format!("{name:NAME_WIDTH$}"), Palette::heading());
    let mut lines = Vec::new();
    let mut line = Line::from(name);
    let mut is_empty = true;
    for item in items {
        let item_width: usize = item.iter().map(Span::width).sum();
        if !is_empty && line.width() + GAP.len() + item_width > width {
            lines.push(std::mem::take(&mut line));
            line.push_span(" ".repeat(NAME_WIDTH));
            is_empty = true;
        }
        if !is_empty {
            line.push_span(GAP);
        }
        line.extend(item);
        is_empty = false;
    }
    lines.push(line);
    lines
}

fn traffic(view: &View, palette: Palette) -> Vec<Item> {
    let mut items = vec![
        plain(format!("requests {}", per_second(view.requests))),
        refused(view, palette),
        plain(format!("probes {}", per_second(view.probes))),
    ];
    let connections = view.connections.iter();
    let connections: Vec<String> = connections
        .map(|(listener, count)| format!("{} {}", escape(listener), figures::count(*count)))
        .collect();
    if !connections.is_empty() {
        items.push(plain(format!("connections {}", connections.join(" "))));
    }
    items
}

fn refused(view: &View, palette: Palette) -> Item {
    let mut item = plain(format!("refused {}", per_second(view.refused)));
    let now = view.refused_reasons.iter();
    let mut now: Vec<(&String, f64)> = now
        .filter_map(|(reason, count)| Some((reason, count.per_second?)))
        .filter(|(_, rate)| *rate > 0.0)
        .collect();
    now.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    if !now.is_empty() {
        let reasons = now.iter().map(|(reason, _)| escape(reason));
        let reasons: Vec<String> = reasons.take(3).collect();
        item.push(Span::styled(
            format!(" {}", reasons.join(" ")),
            palette.bad(),
        ));
    }
    item
}

fn answers(view: &View) -> Vec<Item> {
    vec![
        plain(format!("after {}", latency(&view.after))),
        plain(format!("before {}", latency(&view.before))),
    ]
}

fn journal(view: &View, palette: Palette) -> Vec<Item> {
    let journal = &view.journal;
    let size = figures::bytes(journal.bytes);
    let mut items = vec![
        plain(format!("{size} of {}", figures::bytes(journal.max_bytes))),
        plain(format!("WAL {}", figures::bytes(journal.wal_bytes))),
        plain(format!("commit {}", latency(&journal.commit))),
        plain(format!("lag {}", optional(view.lag_events))),
    ];
    if journal.writable == Some(false) {
        items.insert(0, vec![Span::styled("not writable", palette.bad())]);
    }
    items
}

fn process(view: &View, palette: Palette) -> Vec<Item> {
    let cpu = view
        .cpu_percent
        .map(|percent| format!("{} %", figures::percent(percent)));
    let cpu = cpu.unwrap_or_else(|| NONE.to_owned());
    let skew = view.skew_seconds.map(|skew| format!("{skew:+} s"));
    let skew = skew.unwrap_or_else(|| NONE.to_owned());
    // At 60 either way callbacks are refused.
    let is_off = view
        .skew_seconds
        .is_some_and(|skew| skew.unsigned_abs() >= 30);
    let skew = if is_off {
        Span::styled(skew, palette.bad())
    } else {
        Span::raw(skew)
    };
    vec![
        plain(format!("CPU {cpu}")),
        plain(format!("memory {}", figures::bytes(view.resident_bytes))),
        vec![Span::raw("Chat's clock "), skew],
    ]
}

fn plain(text: String) -> Item {
    vec![Span::raw(text)]
}

fn per_second(count: Option<Count>) -> String {
    let rate = count.and_then(|count| count.per_second);
    rate.map_or_else(
        || NONE.to_owned(),
        |rate| format!("{}/s", figures::rate(Some(rate))),
    )
}

fn latency(latency: &Latency) -> String {
    let at = figures::seconds;
    format!(
        "p50 {} p99 {}",
        at(latency.p50_seconds),
        at(latency.p99_seconds)
    )
}

fn optional(count: Option<i64>) -> String {
    count.map_or_else(|| NONE.to_owned(), figures::count)
}

#[cfg(test)]
mod tests {
    use super::{super::view::tests::busy, *};

    const PALETTE: Palette = Palette { has_colours: true };

    fn check(width: usize) -> Vec<String> {
        let lines = lines(&busy(), width, PALETTE);
        lines.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn groups_wrap_between_figures() {
        for width in [42, 60, 80, 120] {
            for line in check(width) {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
        }
        assert_eq!(check(200).len(), 4);
        insta::assert_snapshot!(check(50).join("\n"));
    }

    #[test]
    fn too_narrow_for_a_figure_is_a_figure_a_line() {
        assert_eq!(check(0).len(), 4 + 2 + 4 + 3);
    }

    #[test]
    fn what_came_from_outside_drives_no_terminal() {
        let mut view = busy();
        view.connections.insert("a\u{1b}[2J".to_owned(), 1);
        view.refused_reasons.insert(
            "b\u{9b}".to_owned(),
            Count {
                total: 1,
                per_second: Some(1e9),
            },
        );
        let lines = lines(&view, 200, PALETTE);
        let text = lines.iter().map(ToString::to_string).collect::<String>();
        assert!(!text.contains(char::is_control), "{text}");
        assert!(
            text.contains("refused 11.5/s b\\u{9b} bad_sign stale"),
            "{text}"
        );
    }

    #[test]
    fn a_clock_that_is_off_and_a_log_that_is_full_stand_out() {
        let mut view = busy();
        view.skew_seconds = Some(-45);
        view.journal.writable = Some(false);
        let lines = lines(&view, 200, PALETTE);
        let spans = lines.iter().flatten();
        let bad: Vec<&str> = spans
            .filter(|span| span.style == PALETTE.bad())
            .map(|span| span.content.as_ref())
            .collect();
        assert_eq!(bad, [" bad_sign stale", "not writable", "-45 s"]);
    }
}
