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
        }
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
        let names = heading.iter().map(|name| (*name).to_owned()).collect();
        let rows: Vec<Vec<String>> = std::iter::once(names).chain(rows.iter().cloned()).collect();
        self.table_continued(heading, &rows)
    }

    /// More rows of a table whose heading has been printed; no column is narrower than its name.
    pub(super) fn table_continued(
        &mut self,
        heading: &[&str],
        rows: &[Vec<String>],
    ) -> Result<(), Failure> {
        let rows: Vec<Vec<String>> = rows
            .iter()
            .map(|row| row.iter().map(|cell| shorten(&escape(cell))).collect())
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
        for row in &rows {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:width$}"))
                .collect();
            self.raw(cells.join("  ").trim_end())?;
        }
        Ok(())
    }
}

/// A cell that fits a line: an event may name thousands of accounts, or one that is very long.
fn shorten(cell: &str) -> String {
    match cell.char_indices().nth(CELL_CHARS_MAX) {
        Some((end, _)) => format!("{}…", cell.split_at(end).0),
        None => cell.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_cell_is_cut() {
        let row = vec!["é".repeat(900_000), "b".to_owned()];
        let expected = format!("A{}  B\n{}…  b\n", " ".repeat(120), "é".repeat(120));
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
}
