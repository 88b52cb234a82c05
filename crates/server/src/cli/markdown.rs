//! What the generated pages of Markdown have in common.

/// Names as code, with commas between them.
pub(super) fn codes<N: std::fmt::Display>(names: impl IntoIterator<Item = N>) -> String {
    let names = names.into_iter().map(|name| format!("`{name}`"));
    names.collect::<Vec<_>>().join(", ")
}

/// A text that fits in a cell of a table.
pub(super) fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
