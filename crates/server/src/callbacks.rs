//! The installed plug-ins: the one list. To add a callback, see `docs/adding-a-callback.md`.

use callback_blocklist::{BlocklistAdd, BlocklistDelete};
use callback_friend_delete::FriendDelete;
use gateway_core::{Callbacks, List};

/// Every command that this gateway knows.
pub fn installed() -> Callbacks<impl List> {
    Callbacks::new()
        .with(FriendDelete)
        .with(BlocklistAdd)
        .with(BlocklistDelete)
}
