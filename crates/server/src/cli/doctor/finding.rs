//! What the doctor says: findings, and how they are shown.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Failure;
use crate::{cli::output::Output, plural::counted};

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

/// Findings of one check at one level that are told; further ones are counted. What a gateway says has no bound.
const TOLD_MAX: usize = 20;

/// Where the text of a finding begins.
const MARGIN: usize = 24;

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

    /// A finding of this level, without evidence and remedy yet.
    pub(super) fn finding(self, check: &'static str, what: impl Into<String>) -> Finding {
        Finding {
            level: self,
            check,
            what: what.into(),
            evidence: String::new(),
            remedy: String::new(),
        }
    }
}

// === impl Finding ===

impl Finding {
    pub(super) fn ok(check: &'static str, what: impl Into<String>) -> Self {
        Level::Ok.finding(check, what)
    }

    pub(super) fn note(check: &'static str, what: impl Into<String>) -> Self {
        Level::Note.finding(check, what)
    }

    pub(super) fn warning(check: &'static str, what: impl Into<String>) -> Self {
        Level::Warning.finding(check, what)
    }

    pub(super) fn problem(check: &'static str, what: impl Into<String>) -> Self {
        Level::Problem.finding(check, what)
    }

    /// Says how it is known.
    pub(super) fn because(self, evidence: impl Into<String>) -> Self {
        Self {
            evidence: evidence.into(),
            ..self
        }
    }

    /// Says what to do.
    pub(super) fn remedy(self, remedy: impl Into<String>) -> Self {
        Self {
            remedy: remedy.into(),
            ..self
        }
    }

    /// What, the evidence below it, and what to do.
    fn print(&self, output: &mut Output<'_>) -> Result<(), Failure> {
        let Self { check, what, .. } = self;
        let head = format!("{:<8} {check:<14} ", self.level.as_str());
        output.wrapped(&head, what, MARGIN)?;
        let margin = " ".repeat(MARGIN);
        if !self.evidence.is_empty() {
            output.wrapped(&margin, &self.evidence, MARGIN)?;
        }
        if !self.remedy.is_empty() {
            output.wrapped(&format!("{margin}→ "), &self.remedy, MARGIN + 2)?;
        }
        Ok(())
    }
}

/// Prints all of them, the worst first, and says which is the worst.
pub(super) fn print(mut findings: Vec<Finding>, output: &mut Output<'_>) -> Result<Level, Failure> {
    findings = capped(findings);
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

/// The first ones of each check, and how many more there are.
fn capped(findings: Vec<Finding>) -> Vec<Finding> {
    let mut found: BTreeMap<(Level, &'static str), usize> = BTreeMap::new();
    let mut told = Vec::new();
    for finding in findings {
        let count = found.entry((finding.level, finding.check)).or_default();
        *count += 1;
        if *count <= TOLD_MAX {
            told.push(finding);
        }
    }
    let more = found.into_iter().filter(|(_, count)| *count > TOLD_MAX);
    told.extend(more.map(|((level, check), count)| {
        level.finding(check, format!("and {} more", count - TOLD_MAX))
    }));
    told
}

fn summary(findings: &[Finding]) -> String {
    let of = |level| {
        let found = findings.iter().filter(|finding| finding.level == level);
        counted(found.count() as u64, level.as_str())
    };
    [Level::Problem, Level::Warning, Level::Note]
        .map(of)
        .join(", ")
}
