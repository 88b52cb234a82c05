//! What moderation made of messages, profiles and other content.
//!
//! One command, one file.

mod moderation_result;

pub use moderation_result::{ModeratedContact, ModerationResult, ModerationResultRequest};
