//! What was passed on of the log: a row for each subscription, and one for each event that is under way or given up.

pub(super) mod tables;
