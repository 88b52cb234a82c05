//! A list that the admin API tells on one page: a table for people, a line of JSON an entry for scripts.

use serde_json::value::RawValue;

use super::{
    client::Client,
    failure::{Ending, Failure},
    output::Output,
};

/// What is asked for, and how it looks.
pub(super) struct List<'a> {
    /// Completes "failed to …".
    pub(super) action: &'a str,
    /// Below the admin listener's URL.
    pub(super) path: &'a str,
    /// What is said of an empty list.
    pub(super) empty: &'a str,
    /// The table's.
    pub(super) heading: &'a [&'a str],
    /// An entry's JSON as a row of the table.
    pub(super) row: fn(&str) -> Vec<String>,
}

impl List<'_> {
    /// Asks for all of it, or with a parameter for a part, and prints it.
    pub(super) fn print(
        &self,
        client: &Client,
        parameter: &str,
        value: Option<&String>,
        output: &mut Output<'_>,
    ) -> Result<Ending, Failure> {
        let query: Vec<_> = value
            .map(|value| (parameter, value.clone()))
            .into_iter()
            .collect();
        let list: Vec<Box<RawValue>> = client.list(self.action, self.path, &query)?;
        let mut entries = list.iter().map(|entry| entry.get());
        if output.wants_json() {
            entries.try_for_each(|entry| output.json_text(entry))?;
        } else if list.is_empty() {
            output.line(self.empty)?;
        } else {
            let rows: Vec<Vec<String>> = entries.map(self.row).collect();
            output.table(self.heading, &rows)?;
        }
        Ok(Ending::Done)
    }
}
