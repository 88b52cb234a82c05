//! Messages to bots.
//!
//! Three commands, one file each.

mod bot_c2c_message;
mod bot_c2c_signal;
mod bot_group_message;

pub use bot_c2c_message::{BotC2cMessage, BotC2cMessageRequest};
pub use bot_c2c_signal::{BotC2cSignal, BotC2cSignalRequest};
pub use bot_group_message::{BotGroupMessage, BotGroupMessageRequest};
