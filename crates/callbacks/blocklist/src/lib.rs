//! Entries added to and removed from blocklists.
//!
//! Two commands, one file each; the entry that both speak of is in `entry.rs`.

mod blocklist_add;
mod blocklist_delete;
mod entry;

pub use blocklist_add::{BlocklistAdd, BlocklistAddRequest};
pub use blocklist_delete::{BlocklistDelete, BlocklistDeleteRequest};
pub use entry::BlocklistEntry;
