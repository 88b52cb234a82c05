//! Refusals: every reason for which a request is turned away, with its HTTP status and its metric label.

use std::fmt;

/// Why a request was refused. Nothing of it was parsed or stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// No such app id.
    UnknownApp,
    /// The app has a token and the request carries no `Sign` or no `RequestTime`.
    MissingSign,
    /// No live token of the app makes this `Sign`.
    BadSign,
    /// `RequestTime` is not all digits, or more than a minute away.
    Stale,
    /// The query is not percent-encoded UTF-8, has too many parameters, or lacks the command.
    MalformedQuery,
    /// A parameter occurs twice.
    RepeatedParameter,
    /// The peer's address is outside the app's source networks.
    Source,
    /// No such path.
    NotFound,
    /// Neither `POST` nor a probe.
    Method,
    /// The body did not arrive in time.
    Timeout,
    /// The body is longer than `callbacks.body_max`.
    TooLarge,
    /// The journal is full, read-only or recovering.
    Journal,
    /// Too many bodies are waiting.
    Overload,
}

impl Refusal {
    /// Every reason, for the metric's label set.
    pub const ALL: [Self; 13] = [
        Self::UnknownApp,
        Self::MissingSign,
        Self::BadSign,
        Self::Stale,
        Self::MalformedQuery,
        Self::RepeatedParameter,
        Self::Source,
        Self::NotFound,
        Self::Method,
        Self::Timeout,
        Self::TooLarge,
        Self::Journal,
        Self::Overload,
    ];

    /// The label value, e.g. `bad_sign`.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::UnknownApp => "unknown_app",
            Self::MissingSign => "missing_sign",
            Self::BadSign => "bad_sign",
            Self::Stale => "stale",
            Self::MalformedQuery => "malformed_query",
            Self::RepeatedParameter => "repeated_parameter",
            Self::Source => "source",
            Self::NotFound => "not_found",
            Self::Method => "method",
            Self::Timeout => "timeout",
            Self::TooLarge => "too_large",
            Self::Journal => "journal",
            Self::Overload => "overload",
        }
    }

    /// The HTTP status that the caller gets.
    pub const fn status(self) -> u16 {
        match self {
            Self::MalformedQuery | Self::RepeatedParameter => 400,
            Self::UnknownApp | Self::MissingSign | Self::BadSign | Self::Stale => 401,
            Self::Source => 403,
            Self::NotFound => 404,
            Self::Method => 405,
            Self::Timeout => 408,
            Self::TooLarge => 413,
            Self::Journal | Self::Overload => 503,
        }
    }

    /// The caller's text (`ErrorInfo`): one for all four failures of authentication, so that it tells an attacker
    /// nothing.
    pub const fn text(self) -> &'static str {
        match self {
            Self::UnknownApp | Self::MissingSign | Self::BadSign | Self::Stale => {
                "not authenticated"
            }
            Self::MalformedQuery => "malformed query",
            Self::RepeatedParameter => "repeated parameter",
            Self::Source => "source address not allowed",
            Self::NotFound => "not found",
            Self::Method => "method not allowed",
            Self::Timeout => "body not received in time",
            Self::TooLarge => "body too large",
            Self::Journal => "journal not writable",
            Self::Overload => "too many requests in flight",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}
