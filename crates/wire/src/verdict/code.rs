//! Refusal codes of a command's own: Chat passes them to the client together with a text.

use gateway_core::Codes;

/// A refusal code from `FIRST` to `LAST`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusalCode<const FIRST: i64, const LAST: i64>(i64);

/// The codes of one-to-one messages and of official accounts.
pub type MessageCode = RefusalCode<120_001, 130_000>;

/// The codes of groups.
pub type GroupCode = RefusalCode<10_100, 10_200>;

/// The codes of friend requests, one for each account.
pub type FriendCode = RefusalCode<38_000, 39_000>;

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

    /// The first code of the range.
    pub const DEFAULT: Self = Self(FIRST);

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
