//! What documents show is what is there.

use std::{fs, path::Path};

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_code_that_is_shown_is_that_of_the_examples() {
    let document = read("docs/deciding.md");
    let examples = ["decider.py", "decider.rs", "word_filter.rs"];
    for (language, example) in ["python", "rust", "rust"].into_iter().zip(examples) {
        let code = read(&format!("crates/server/examples/{example}"));
        let shown = format!("```{language}\n{code}```\n");
        assert!(
            document.contains(&shown),
            "{example} is not what docs/deciding.md shows"
        );
    }
}
