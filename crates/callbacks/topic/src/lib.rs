//! Topics of communities: asked for, created, changed and deleted.
//!
//! Four commands, one file each. Chat's console has no switches for them: each shares the matching group command's.

mod before_topic_create;
mod topic_create;
mod topic_destroy;
mod topic_info_change;

pub use before_topic_create::{BeforeTopicCreate, BeforeTopicCreateRequest};
pub use topic_create::{TopicCreate, TopicCreateRequest};
pub use topic_destroy::{TopicDestroy, TopicDestroyRequest};
pub use topic_info_change::{TopicInfoChange, TopicInfoChangeRequest};
