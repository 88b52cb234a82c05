//! What Chat honours in a command's ack, as data: the plug-ins' verdicts keep to it by their types, and what comes from
//! elsewhere (a decider, the configuration) is checked against it.
//!
//! Not here: the acks themselves ([`crate::Ack`]) and who decides (the server). Start at [`AckRules::check`].
//!
//! Source: <https://www.tencentcloud.com/document/product/1047/34354>, and each command's own page.

mod check;

use std::fmt;

pub use check::{AckFault, CheckedAck, Effect};

/// What Chat honours in a command's ack, beside code 0 (allow) and 1 (refuse).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AckRules {
    /// The codes of its own that refuse, and reach the client together with a text: of the ack, or with
    /// [`Extra::Items`] of a result.
    pub codes: Option<Codes>,
    /// Whether code 2 drops the message while its sender sees success.
    pub drops: bool,
    /// What an ack with code 0 may say beside the three common fields.
    pub extra: Extra,
}

/// A range of codes, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Codes {
    /// The lowest.
    pub first: i64,
    /// The highest.
    pub last: i64,
}

/// The fields of a command's ack beside the three common ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extra {
    /// None.
    Nothing,
    /// `MsgBody` and `CloudCustomData`, which take the place of the message's.
    Message,
    /// A list of accounts under this name, to which the action is denied.
    Accounts(&'static str),
    /// `ResultItem`, one result for each account, each with code 0 or one of the command's own. They decide alone.
    Items,
    /// Whatever it says goes to Chat: nothing is known of the command.
    Unknown,
}

const MESSAGE: &str = "MsgBody";
const CUSTOM_DATA: &str = "CloudCustomData";
const ITEMS: &str = "ResultItem";

// === impl AckRules ===

impl AckRules {
    /// Chat reads nothing of the ack: the rules of after-commands.
    pub const NOTHING: Self = Self {
        codes: None,
        drops: false,
        extra: Extra::Nothing,
    };

    /// Nothing is known of the command: any code and any field pass.
    pub const UNKNOWN: Self = Self {
        codes: Some(Codes {
            first: i64::MIN,
            last: i64::MAX,
        }),
        drops: true,
        extra: Extra::Unknown,
    };
}

// === impl Extra ===

impl Extra {
    /// The names of the fields; none also where nothing is known.
    pub fn names(self) -> Vec<&'static str> {
        match self {
            Self::Nothing | Self::Unknown => Vec::new(),
            Self::Message => vec![MESSAGE, CUSTOM_DATA],
            Self::Accounts(name) => vec![name],
            Self::Items => vec![ITEMS],
        }
    }
}

// === impl Codes ===

impl Codes {
    /// Whether a code is one of them.
    pub const fn contains(self, code: i64) -> bool {
        self.first <= code && code <= self.last
    }
}

impl fmt::Display for Codes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}–{}", self.first, self.last)
    }
}
