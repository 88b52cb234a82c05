//! A list that the admin API tells page by page: walked up to a limit, and printed as one table.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{client::Client, failure::Failure, output::Output};

/// What is asked for.
pub(super) struct Pages<'a> {
    /// Completes "failed to …".
    pub(super) action: &'a str,
    /// Below the admin listener's URL.
    pub(super) path: &'a str,
    /// The filters.
    pub(super) query: Vec<(&'static str, String)>,
    /// Entries at most.
    pub(super) limit: u64,
}

#[derive(Deserialize)]
struct Page {
    data: Vec<Box<RawValue>>,
    #[serde(default)]
    next: Option<String>,
}

/// Entries asked for at once.
const PAGE_ENTRIES: u64 = 100;

/// What is said when the limit has ended the list.
pub(super) const MORE: &str = "there may be more: see --limit and --all";

// === impl Pages ===

impl Pages<'_> {
    /// Gives the entries to `each`, page by page, up to the limit; tells whether there are more.
    pub(super) fn walk(
        self,
        client: &Client,
        mut each: impl FnMut(&[&str]) -> Result<(), Failure>,
    ) -> Result<bool, Failure> {
        let mut left = self.limit;
        let mut cursor: Option<String> = None;
        loop {
            let mut query = self.query.clone();
            query.push(("limit", left.min(PAGE_ENTRIES).to_string()));
            query.extend(cursor.as_ref().map(|cursor| ("cursor", cursor.clone())));
            let page: Page = client.get(self.action, self.path, &query)?;
            let wanted = usize::try_from(left).unwrap_or(usize::MAX);
            let data: Vec<&str> = page.data.iter().map(|raw| raw.get()).take(wanted).collect();
            each(&data)?;
            left = left.saturating_sub(data.len() as u64);
            // A page can be empty and have a next one: the server looks at so many rows a call.
            match page.next {
                Some(next) if left > 0 && Some(&next) != cursor.as_ref() => cursor = Some(next),
                next => return Ok(next.is_some()),
            }
        }
    }
}

/// Prints a page; the heading stands over the first one only.
pub(super) fn print(
    page: &[&str],
    is_first: bool,
    heading: &[&str],
    row: fn(&str) -> Vec<String>,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    if output.wants_json() {
        return page.iter().try_for_each(|entry| output.json_text(entry));
    }
    if page.is_empty() {
        return Ok(());
    }
    let rows: Vec<Vec<String>> = page.iter().map(|entry| row(entry)).collect();
    if is_first {
        output.table(heading, &rows)
    } else {
        output.table_continued(heading, &rows)
    }
}
