//! Refusal codes of a command's own: Chat passes them to the client together with a text.

use gateway_core::Codes;

/// A refusal code from `FIRST` to `LAST`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusalCode<const FIRST: i64, const LAST: i64>(i64);

/// The codes of one-to-one messages and of official accounts.
///
/// Source: <https://www.tencentcloud.com/document/product/1047/34364>; also pages 60795 and 60803.
pub const MESSAGE_CODES: Codes = Codes {
    first: 120_001,
    last: 130_000,
};

/// The codes of groups.
///
/// Source: <https://www.tencentcloud.com/document/product/1047/34374>; also pages 34368, 34370, 34371 and 49463.
pub const GROUP_CODES: Codes = Codes {
    first: 10_100,
    last: 10_200,
};

/// The codes of friend requests, one for each account.
///
/// Source: <https://www.tencentcloud.com/document/product/1047/43468>; also page 43467.
pub const FRIEND_CODES: Codes = Codes {
    first: 38_000,
    last: 39_000,
};

/// One of [`MESSAGE_CODES`].
pub type MessageCode = RefusalCode<{ MESSAGE_CODES.first }, { MESSAGE_CODES.last }>;

/// One of [`GROUP_CODES`].
pub type GroupCode = RefusalCode<{ GROUP_CODES.first }, { GROUP_CODES.last }>;

/// One of [`FRIEND_CODES`].
pub type FriendCode = RefusalCode<{ FRIEND_CODES.first }, { FRIEND_CODES.last }>;

/// A code that Chat would not pass on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code} is not among the command's codes, {codes}")]
pub struct CodeError {
    code: i64,
    codes: Codes,
}

// === impl RefusalCode ===

impl<const FIRST: i64, const LAST: i64> RefusalCode<FIRST, LAST> {
    /// The range.
    pub const CODES: Codes = Codes {
        first: FIRST,
        last: LAST,
    };

    /// The first code of the range, where nobody chose one.
    pub(super) const DEFAULT: Self = Self(FIRST);

    /// Checks a code.
    ///
    /// # Errors
    ///
    /// When it is out of the range.
    pub const fn new(code: i64) -> Result<Self, CodeError> {
        if Self::CODES.contains(code) {
            Ok(Self(code))
        } else {
            Err(CodeError {
                code,
                codes: Self::CODES,
            })
        }
    }

    /// The number.
    pub const fn get(self) -> i64 {
        self.0
    }
}
