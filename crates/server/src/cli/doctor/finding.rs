//! What the doctor says: findings, and how they are shown.

use serde::Serialize;

use super::Failure;
use crate::cli::output::Output;

/// Something that was looked at, and what of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) level: Level,
    /// What was looked at, a word; scripts may choose by it.
    pub(super) check: &'static str,
    /// What is so.
    pub(super) what: String,
    /// How that is known.
    pub(super) evidence: String,
    /// What to do about it; empty where there is nothing to do.
    #[serde(rename = "do")]
    pub(super) remedy: String,
}

/// How bad it is; the worst decides on the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// Worth knowing.
    Note,
    /// Will be a problem, or may be one.
    Warning,
    /// Callbacks are refused, lost to Chat or not handled, or soon will be.
    Problem,
}

// === impl Level ===

impl Level {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

// === impl Finding ===

impl Finding {
    /// All is well.
    pub(super) fn ok(check: &'static str, what: impl Into<String>) -> Self {
        Self::new(Level::Ok, check, what, "", "")
    }

    pub(super) fn new(
        level: Level,
        check: &'static str,
        what: impl Into<String>,
        evidence: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            level,
            check,
            what: what.into(),
            evidence: evidence.into(),
            remedy: remedy.into(),
        }
    }

    /// A few lines: what, the evidence below it, and what to do.
    fn print(&self, output: &mut Output<'_>) -> Result<(), Failure> {
        let Self { check, what, .. } = self;
        output.line(&format!("{:<8} {check:<14} {what}", self.level.as_str()))?;
        for (mark, text) in [("", &self.evidence), ("→ ", &self.remedy)] {
            if !text.is_empty() {
                output.line(&format!("{:<24}{mark}{text}", ""))?;
            }
        }
        Ok(())
    }
}

/// Prints all of them, the worst first, and says which is the worst.
pub(super) fn print(mut findings: Vec<Finding>, output: &mut Output<'_>) -> Result<Level, Failure> {
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    for finding in &findings {
        if output.wants_json() {
            output.json(finding)?;
        } else {
            finding.print(output)?;
        }
    }
    if !output.wants_json() {
        output.line("")?;
        output.line(&summary(&findings))?;
    }
    let worst = findings.first().map(|finding| finding.level);
    Ok(worst.unwrap_or(Level::Ok))
}

fn summary(findings: &[Finding]) -> String {
    let counted = [
        (Level::Problem, "problem"),
        (Level::Warning, "warning"),
        (Level::Note, "note"),
    ];
    let counted = counted.map(|(level, noun)| {
        let count = findings
            .iter()
            .filter(|finding| finding.level == level)
            .count();
        let plural = if count == 1 { "" } else { "s" };
        format!("{count} {noun}{plural}")
    });
    counted.join(", ")
}
