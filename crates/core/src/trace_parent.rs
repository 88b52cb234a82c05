//! Where a trace goes on: W3C's `traceparent`, in the envelope of an event and in what deciders are told.
//!
//! Written as `00-`, 32 hexadecimal digits of the trace, `-`, 16 of the span, `-`, two of flags.
//! Source: <https://www.w3.org/TR/trace-context/#traceparent-header>

use std::{
    fmt,
    num::{NonZeroU64, NonZeroU128},
    str::FromStr,
};

use serde::{Serialize, Serializer};

/// A span, as whoever makes its children names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace.
    pub trace: NonZeroU128,
    /// The span in it.
    pub span: NonZeroU64,
    /// The lowest bit says that it is sampled.
    pub flags: u8,
}

/// A text is no `traceparent` of the version that is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no traceparent of version {VERSION}")]
pub struct TraceParentError;

const VERSION: &str = "00";

// === impl TraceParent ===

impl TraceParent {
    /// The trace as 32 hexadecimal digits.
    pub fn trace_id(self) -> String {
        format!("{:032x}", self.trace)
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trace, span, flags } = self;
        write!(f, "{VERSION}-{trace:032x}-{span:016x}-{flags:02x}")
    }
}

impl FromStr for TraceParent {
    type Err = TraceParentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or(TraceParentError)
    }
}

impl Serialize for TraceParent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn parse(text: &str) -> Option<TraceParent> {
    let rest = text.strip_prefix(VERSION)?.strip_prefix('-')?;
    let (trace, rest) = rest.split_once('-')?;
    let (span, flags) = rest.split_once('-')?;
    Some(TraceParent {
        trace: NonZeroU128::new(digits(trace, 32)?)?,
        span: NonZeroU64::new(digits(span, 16)?.try_into().ok()?)?,
        flags: digits(flags, 2)?.try_into().ok()?,
    })
}

/// The number that so many hexadecimal digits make, in lower case only.
fn digits(text: &str, count: usize) -> Option<u128> {
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_whole = text.len() == count && text.bytes().all(is_digit);
    is_whole.then(|| u128::from_str_radix(text, 16).ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn reads_what_it_writes(trace in 1u128.., span in 1u64.., flags: u8) {
            let parent = TraceParent {
                trace: NonZeroU128::new(trace).unwrap(),
                span: NonZeroU64::new(span).unwrap(),
                flags,
            };
            prop_assert_eq!(parent.to_string().parse(), Ok(parent));
        }

        #[test]
        fn reads_nothing_else(text in "[0-9a-fA-F+-]{50,60}") {
            if let Ok(parent) = text.parse::<TraceParent>() {
                prop_assert_eq!(parent.to_string(), text);
            }
        }
    }

    #[test]
    fn refuses_what_names_no_span() {
        for wrong in [
            "",
            "00",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-zz-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
        ] {
            assert_eq!(
                wrong.parse::<TraceParent>(),
                Err(TraceParentError),
                "{wrong}"
            );
        }
    }
}
