//! The one way to standard output: lines for people, escaped, or JSON for scripts, flushed line by line.

use std::io::{self, Write};

use serde::Serialize;

use super::{
    escape::{escape, escape_json},
    failure::Failure,
};

/// Where a command's output goes, and in which form it is wanted.
pub(super) struct Output<'a> {
    writer: &'a mut dyn Write,
    json: bool,
    terminal: bool,
    /// Of the terminal, in characters; `None` where lines may be as long as they are.
    width: Option<usize>,
}

/// The longest cell of a table, in characters.
const CELL_CHARS_MAX: usize = 120;

impl<'a> Output<'a> {
    /// `terminal` says whether a person may be reading; `json` that a script is.
    pub(super) fn new(writer: &'a mut dyn Write, json: bool, terminal: bool) -> Self {
        Self {
            writer,
            json,
            terminal,
            width: None,
        }
    }

    /// The same for a terminal of so many characters a line.
    pub(super) fn fitted(self, width: Option<usize>) -> Self {
        Self { width, ..self }
    }

    /// Whether `--json` was given.
    pub(super) fn wants_json(&self) -> bool {
        self.json
    }

    /// Whether hints are of use.
    pub(super) fn is_for_people(&self) -> bool {
        self.terminal && !self.json
    }

    /// One line for people; whatever it holds, it stays one line without control characters.
    pub(super) fn line(&mut self, text: &str) -> Result<(), Failure> {
        self.raw(&escape(text))
    }

    /// A text behind a `head`; on a terminal it is broken between words, and further lines begin at `margin`.
    pub(super) fn wrapped(&mut self, head: &str, text: &str, margin: usize) -> Result<(), Failure> {
        let room = self
            .width
            .map_or(usize::MAX, |width| width.saturating_sub(margin).max(20));
        let mut line = escape(head);
        let mut taken = 0;
        for word in escape(text).split(' ') {
            let chars = word.chars().count();
            if taken > 0 && taken + 1 + chars > room {
                self.raw(&line)?;
                line = " ".repeat(margin);
                taken = 0;
            }
            if taken > 0 {
                line.push(' ');
                taken += 1;
            }
            line.push_str(word);
            taken += chars;
        }
        self.raw(&line)
    }

    /// A value as one line of JSON.
    pub(super) fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value).map_err(io::Error::from)?;
        self.json_text(&text)
    }

    /// JSON that somebody else wrote, as one line; anything else is escaped.
    pub(super) fn json_text(&mut self, text: &str) -> Result<(), Failure> {
        if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
            self.raw(&escape_json(text))
        } else {
            self.line(text)
        }
    }

    /// Our own text as it is, with a line break at its end.
    pub(super) fn raw(&mut self, text: &str) -> Result<(), Failure> {
        self.writer.write_all(text.as_bytes())?;
        self.writer.write_all(b"\n")?;
        self.writer.flush()?;
        Ok(())
    }

    /// Columns under a heading, aligned by their widest cell.
    pub(super) fn table(&mut self, heading: &[&str], rows: &[Vec<String>]) -> Result<(), Failure> {
        self.table_continued(heading, &with_heading(heading, rows))
    }

    /// More rows of a table whose heading has been printed; no column is narrower than its name.
    pub(super) fn table_continued(
        &mut self,
        heading: &[&str],
        rows: &[Vec<String>],
    ) -> Result<(), Failure> {
        let mut lines = aligned(heading, rows).into_iter();
        lines.try_for_each(|line| self.raw(&line))
    }

    /// A table whose rows are cut on a terminal, so that each is a line: what can be missed goes into the last columns.
    pub(super) fn table_fitted(
        &mut self,
        heading: &[&str],
        rows: &[Vec<String>],
    ) -> Result<(), Failure> {
        let width = self.width.unwrap_or(usize::MAX);
        let mut lines = aligned(heading, &with_heading(heading, rows)).into_iter();
        lines.try_for_each(|line| self.raw(&shorten(&line, width)))
    }
}

fn with_heading(heading: &[&str], rows: &[Vec<String>]) -> Vec<Vec<String>> {
    let names = heading.iter().map(|name| (*name).to_owned()).collect();
    std::iter::once(names).chain(rows.iter().cloned()).collect()
}

/// The rows as lines, safe to print.
fn aligned(heading: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            row.iter()
                .map(|cell| shorten(&escape(cell), CELL_CHARS_MAX))
                .collect()
        })
        .collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = heading
        .iter()
        .enumerate()
        .map(|(column, name)| width(column).max(name.len()))
        .collect();
    let lines = rows.iter().map(|row| {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        cells.join("  ").trim_end().to_owned()
    });
    lines.collect()
}

/// So many characters at most. An event may name thousands of accounts, or one that is very long.
fn shorten(text: &str, chars_max: usize) -> String {
    if text.chars().nth(chars_max).is_none() {
        return text.to_owned();
    }
    let kept = text.chars().take(chars_max.saturating_sub(1));
    kept.chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_cell_is_cut() {
        let row = vec!["é".repeat(900_000), "b".to_owned()];
        let expected = format!("A{}  B\n{}…  b\n", " ".repeat(119), "é".repeat(119));
        check(
            false,
            |output| output.table(&["A", "B"], &[row]).unwrap(),
            &expected,
        );
    }

    fn check(json: bool, write: impl FnOnce(&mut Output<'_>), expected: &str) {
        let mut bytes = Vec::new();
        write(&mut Output::new(&mut bytes, json, true));
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }

    #[test]
    fn columns_are_aligned_and_stay_rows() {
        let rows = [
            vec!["爱".to_owned(), "x\ny".to_owned()],
            vec!["longer".to_owned(), String::new()],
        ];
        check(
            false,
            |output| output.table(&["A", "B"], &rows).unwrap(),
            "A       B\n爱       x\\ny\nlonger\n",
        );
    }

    #[test]
    fn a_fitted_row_is_a_line_of_the_terminal() {
        let rows = [vec!["爱".repeat(10), "b".repeat(8)], vec![String::new()]];
        let check = |width, expected: &str| {
            let mut bytes = Vec::new();
            let mut output = Output::new(&mut bytes, false, true).fitted(width);
            output.table_fitted(&["A", "B"], &rows).unwrap();
            assert_eq!(String::from_utf8(bytes).unwrap(), expected);
        };
        let heading = "A           B\n";
        check(
            None,
            &format!("{heading}爱爱爱爱爱爱爱爱爱爱  bbbbbbbb\n\n"),
        );
        check(
            Some(20),
            &format!("{heading}爱爱爱爱爱爱爱爱爱爱  bbbbbbbb\n\n"),
        );
        check(
            Some(19),
            &format!("{heading}爱爱爱爱爱爱爱爱爱爱  bbbbbb…\n\n"),
        );
        check(Some(4), "A  …\n爱爱爱…\n\n");
    }

    #[test]
    fn foreign_json_is_one_harmless_line() {
        check(
            true,
            |output| output.json_text("{\n \"a\": \"\u{9b}\"}").unwrap(),
            "{  \"a\": \"\\u009b\"}\n",
        );
        check(
            true,
            |output| output.json_text("no\njson").unwrap(),
            "no\\njson\n",
        );
    }

    #[test]
    fn a_reader_that_left_is_no_failure() {
        struct Left;
        impl Write for Left {
            fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let result = Output::new(&mut Left, false, false).line("x");
        assert!(matches!(result, Err(Failure::Closed)));
    }

    #[test]
    fn a_long_text_is_broken_between_words_at_its_margin() {
        let check = |width: Option<usize>, expected: &str| {
            let mut bytes = Vec::new();
            let mut output = Output::new(&mut bytes, false, true).fitted(width);
            output
                .wrapped("head  ", "one two three four five six", 6)
                .unwrap();
            assert_eq!(String::from_utf8(bytes).unwrap(), expected);
        };
        check(None, "head  one two three four five six\n");
        check(Some(26), "head  one two three four\n      five six\n");
        // Narrower than that nothing is readable.
        check(Some(3), "head  one two three four\n      five six\n");
    }
}
