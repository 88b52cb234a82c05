//! A table that fits the terminal: what can be missed is left out first, and names are cut in their middle.

use ratatui::{
    Frame,
    layout::{Constraint, Rect},
    style::Style,
    text::{Line, Span},
    widgets::{Cell, Row, Table as Widget},
};

use super::{figures::NONE, palette::Palette};
use crate::cli::escape::escape;

/// Names, and figures beside them.
pub(super) struct Table {
    /// Of the names.
    pub heading: String,
    pub rows: Vec<Named>,
    /// As they stand from left to right.
    pub columns: Vec<Column>,
}

/// What a row is about.
pub(super) struct Named {
    pub name: String,
    pub is_quiet: bool,
}

/// Figures under a heading, one for each row.
pub(super) struct Column {
    pub heading: String,
    /// The highest is left out first.
    pub rank: u8,
    /// Whether it shows something wrong unless it is empty.
    pub is_alarm: bool,
    pub cells: Vec<String>,
}

/// Columns up to this rank are left out only where names would be cut to less than the first width, others already at
/// the second, at which few are cut.
const RANK_NEEDED: u8 = 3;
const NAME_WIDTH_LEAST: usize = 24;
const NAME_WIDTH_GOOD: usize = 36;

const GAP: usize = 2;

/// Cells in which nothing is wrong, in whatever column.
const CALM: [&str; 5] = ["", "0", "closed", "active", NONE];

// === impl Table ===

impl Table {
    /// Draws the rows from `first` on.
    pub(super) fn draw(&self, frame: &mut Frame<'_>, area: Rect, first: usize, palette: Palette) {
        let columns = self.fitting(usize::from(area.width));
        let name_width = self.name_width(usize::from(area.width), &columns);
        let mut heading = vec![Line::raw(&self.heading)];
        heading.extend(columns.iter().map(|column| column.heading()));
        let mut widths = vec![Constraint::Length(narrowed(name_width))];
        widths.extend(
            columns
                .iter()
                .map(|column| Constraint::Length(narrowed(column.width()))),
        );
        let rows = self.rows.iter().enumerate().skip(first);
        let rows = rows.take(usize::from(area.height)).map(|(at, named)| {
            let name = Cell::from(shortened(&named.name, name_width));
            let cells = columns.iter().map(|column| column.cell(at, palette));
            let row = Row::new(std::iter::once(name).chain(cells));
            row.style(if named.is_quiet {
                Palette::quiet()
            } else {
                Style::new()
            })
        });
        let widget = Widget::new(rows, widths)
            .column_spacing(narrowed(GAP))
            .header(Row::new(heading).style(Palette::heading()));
        frame.render_widget(widget, area);
    }

    /// The columns that there is room for beside a name.
    fn fitting(&self, width: usize) -> Vec<&Column> {
        let mut by_rank: Vec<(usize, &Column)> = self.columns.iter().enumerate().collect();
        by_rank.sort_by_key(|(at, column)| (column.rank, *at));
        let mut taken = 0;
        let mut kept = Vec::new();
        for (at, column) in by_rank {
            let name_width = if column.rank <= RANK_NEEDED {
                NAME_WIDTH_LEAST
            } else {
                NAME_WIDTH_GOOD
            };
            let with_it = taken + column.width() + GAP;
            if with_it + self.longest_name().min(name_width) <= width {
                taken = with_it;
                kept.push((at, column));
            }
        }
        kept.sort_by_key(|(at, _)| *at);
        kept.into_iter().map(|(_, column)| column).collect()
    }

    fn name_width(&self, width: usize, columns: &[&Column]) -> usize {
        let figures: usize = columns.iter().map(|column| column.width() + GAP).sum();
        self.longest_name().min(width.saturating_sub(figures))
    }

    fn longest_name(&self) -> usize {
        let names = self.rows.iter().map(|named| Span::raw(&named.name).width());
        names
            .max()
            .unwrap_or(0)
            .max(Span::raw(&self.heading).width())
    }
}

// === impl Named ===

impl Named {
    /// The name as it came from outside.
    pub(super) fn new(name: &str, is_quiet: bool) -> Self {
        let name = escape(name);
        Self { name, is_quiet }
    }
}

// === impl Column ===

impl Column {
    pub(super) fn new(heading: &str, rank: u8, is_alarm: bool, cells: Vec<String>) -> Self {
        let heading = heading.to_owned();
        Self {
            heading,
            rank,
            is_alarm,
            cells,
        }
    }

    fn width(&self) -> usize {
        let cells = self.cells.iter().chain([&self.heading]);
        let widths = cells.map(|cell| Span::raw(cell).width());
        widths.max().unwrap_or(0)
    }

    fn heading(&self) -> Line<'_> {
        Line::raw(&self.heading).right_aligned()
    }

    fn cell(&self, row: usize, palette: Palette) -> Cell<'_> {
        let text = self.cells.get(row).map_or("", String::as_str);
        let is_wrong = self.is_alarm && !CALM.contains(&text);
        let style = if is_wrong {
            palette.bad()
        } else {
            Style::new()
        };
        Cell::from(Line::styled(text, style).right_aligned())
    }
}

/// The beginning and the end of a name: both tell commands of one feature apart.
fn shortened(name: &str, width: usize) -> String {
    let length = name.chars().count();
    if length <= width {
        return name.to_owned();
    }
    let kept = width.saturating_sub(1);
    let start = name.chars().take(kept / 2);
    let end = name.chars().skip(length - (kept - kept / 2));
    start.chain(['…']).chain(end).take(width).collect()
}

fn narrowed(width: usize) -> u16 {
    u16::try_from(width).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let column = |heading, rank| Column::new(heading, rank, false, vec!["1".to_owned()]);
        Table {
            heading: "COMMAND".to_owned(),
            rows: vec![Named::new(&"x".repeat(40), false)],
            columns: vec![column("LAST", 9), column("FIRST", 0), column("SECOND", 1)],
        }
    }

    fn check(width: usize, expected: &[&str], name_width: usize) {
        let table = table();
        let columns = table.fitting(width);
        let headings: Vec<&str> = columns
            .iter()
            .map(|column| column.heading.as_str())
            .collect();
        assert_eq!(headings, expected, "{width}");
        assert_eq!(table.name_width(width, &columns), name_width, "{width}");
    }

    #[test]
    fn what_can_be_missed_goes_first_and_the_rest_is_the_names() {
        check(100, &["LAST", "FIRST", "SECOND"], 40);
        check(57, &["LAST", "FIRST", "SECOND"], 36);
        check(56, &["FIRST", "SECOND"], 40);
        check(39, &["FIRST", "SECOND"], 24);
        check(38, &["FIRST"], 31);
        check(31, &["FIRST"], 24);
        check(29, &[], 29);
        check(0, &[], 0);
    }

    #[test]
    fn a_name_is_cut_in_its_middle() {
        for (width, expected) in [
            (9, "abcdefghi"),
            (8, "abc…fghi"),
            (2, "…i"),
            (1, "…"),
            (0, ""),
        ] {
            assert_eq!(shortened("abcdefghi", width), expected);
        }
        assert_eq!(shortened("爱爱爱爱", 3), "爱…爱");
    }

    #[test]
    fn a_name_from_outside_drives_no_terminal() {
        assert_eq!(
            Named::new("a\u{1b}[2J\u{202e}", false).name,
            "a\\u{1b}[2J\\u{202e}"
        );
    }
}
