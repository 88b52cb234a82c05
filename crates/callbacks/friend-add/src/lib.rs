//! Friends: requests for them, the answers, and what is added to friend lists.
//!
//! Three commands, one file each; Chat asks about requests and answers and tells of additions.

mod before_friend_add;
mod before_friend_response;
mod friend_add;

pub use before_friend_add::{BeforeFriendAdd, BeforeFriendAddRequest, RequestedFriend};
pub use before_friend_response::{
    BeforeFriendResponse, BeforeFriendResponseRequest, FriendRequestAnswer,
};
pub use friend_add::{AddedFriend, FriendAdd, FriendAddRequest};
