//! The query of a callback's URL: the truth about where it goes.
//!
//! Parameters come in any order. The app id occurs in three spellings, which count as one; whatever occurs twice is
//! refused, since two readers could disagree about it. Facts: section 1 of the protocol overview.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter};
use percent_encoding::percent_decode_str;

use crate::Refusal;

/// The parameters that the gateway reads; the others are checked for repeats and passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query<'a> {
    /// `SdkAppid`, also spelled `SDKAppID` or `SdkAppId`.
    pub sdk_app_id: Option<Cow<'a, str>>,
    /// `CallbackCommand`.
    pub command: Option<Cow<'a, str>>,
    /// `ClientIP`.
    pub client_ip: Option<Cow<'a, str>>,
    /// `OptPlatform`.
    pub platform: Option<Cow<'a, str>>,
    /// `RequestId`, undocumented but seen.
    pub request_id: Option<Cow<'a, str>>,
    /// `Sign`.
    pub sign: Option<Cow<'a, str>>,
    /// `RequestTime`.
    pub request_time: Option<Cow<'a, str>>,
}

/// A query as it came.
#[derive(Clone, Copy)]
struct RawQuery<'a> {
    text: &'a str,
    /// Whether all of it is visible ASCII without an escape, as most are: then nothing in it is looked at twice.
    is_plain: bool,
}

/// More than any callback carries; a bound on the search for repeats.
const PARAMETERS_MAX: usize = 32;

/// Longer than any value that is kept; it becomes part of the envelope.
const VALUE_BYTES_MAX: usize = 256;

impl<'a> Query<'a> {
    /// Reads a raw query, without its `?`.
    ///
    /// # Errors
    ///
    /// [`Refusal::MalformedQuery`] or [`Refusal::RepeatedParameter`].
    pub fn parse(raw: &'a str) -> Result<Self, Refusal> {
        let raw = RawQuery::new(raw);
        let mut query = Self::default();
        let mut others: Vec<Cow<'a, str>> = Vec::new();
        for (count, (name, value)) in raw.pairs().map(halves).enumerate() {
            if count == PARAMETERS_MAX {
                return Err(Refusal::MalformedQuery);
            }
            let name = raw.unescape(name)?;
            let Some(slot) = query.slot(&name) else {
                if others.contains(&name) {
                    return Err(Refusal::RepeatedParameter);
                }
                others.push(name);
                continue;
            };
            if slot.is_some() {
                return Err(Refusal::RepeatedParameter);
            }
            let is_informational = matches!(&*name, "ClientIP" | "OptPlatform" | "RequestId");
            *slot = Some(if is_informational {
                raw.tidy(value)
            } else {
                raw.strict(value)?
            });
        }
        Ok(query)
    }

    /// Whether it is a console's check of the URL rather than a callback.
    pub fn is_probe(&self) -> bool {
        self.sdk_app_id.is_none() && self.command.is_none()
    }

    /// The raw query without `Sign` and `RequestTime`, which for a minute are a credential; all else stays as it came.
    /// `raw` is one that [`Query::parse`] has read.
    pub fn without_credentials(raw: &str) -> String {
        let raw = RawQuery::new(raw);
        let is_credential = |pair: &str| {
            let (name, _) = halves(pair);
            let name = raw.unescape(name);
            name.is_ok_and(|name| name == "Sign" || name == "RequestTime")
        };
        let mut others = String::with_capacity(raw.text.len());
        for pair in raw.pairs().filter(|pair| !is_credential(pair)) {
            if !others.is_empty() {
                others.push('&');
            }
            others.push_str(pair);
        }
        others
    }

    fn slot(&mut self, name: &str) -> Option<&mut Option<Cow<'a, str>>> {
        match name {
            "CallbackCommand" => Some(&mut self.command),
            "ClientIP" => Some(&mut self.client_ip),
            "OptPlatform" => Some(&mut self.platform),
            "RequestId" => Some(&mut self.request_id),
            "Sign" => Some(&mut self.sign),
            "RequestTime" => Some(&mut self.request_time),
            name if name.eq_ignore_ascii_case("SdkAppid") => Some(&mut self.sdk_app_id),
            _ => None,
        }
    }
}

// === impl RawQuery ===

impl<'a> RawQuery<'a> {
    fn new(text: &'a str) -> Self {
        let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'%' && byte != b'+';
        Self {
            text,
            // Without an early end it takes a few instructions for all of it.
            is_plain: text.bytes().fold(true, |all, byte| all & is_plain(byte)),
        }
    }

    /// The parameters, none of them empty.
    fn pairs(self) -> impl Iterator<Item = &'a str> {
        let ends = memchr_iter(b'&', self.text.as_bytes()).chain([self.text.len()]);
        let pairs = ends.scan(0, move |start, end| {
            let pair = self.text.get(*start..end);
            *start = end + 1;
            pair
        });
        pairs.filter(|pair| !pair.is_empty())
    }

    /// A value that decides something: what is odd about it is refused.
    fn strict(self, value: &'a str) -> Result<Cow<'a, str>, Refusal> {
        let value = self.unescape(value)?;
        let is_odd = !self.is_plain && value.chars().any(char::is_control);
        if value.len() > VALUE_BYTES_MAX || is_odd {
            return Err(Refusal::MalformedQuery);
        }
        Ok(value)
    }

    /// A value that is only kept: a genuine callback is not refused for it. What can't be shown becomes U+FFFD, and a
    /// long one is cut.
    fn tidy(self, value: &'a str) -> Cow<'a, str> {
        if let Ok(plain) = self.strict(value) {
            return plain;
        }
        let decoded = percent_decode_str(value).decode_utf8_lossy();
        let shown = decoded.replace(char::is_control, "\u{fffd}");
        let (kept, _) = shown.split_at(shown.floor_char_boundary(VALUE_BYTES_MAX));
        Cow::Owned(kept.to_owned())
    }

    /// A part without its escapes.
    fn unescape(self, part: &'a str) -> Result<Cow<'a, str>, Refusal> {
        if self.is_plain {
            return Ok(Cow::Borrowed(part));
        }
        unescape(part)
    }
}

/// Name and value of a parameter, as they came.
fn halves(pair: &str) -> (&str, &str) {
    match memchr(b'=', pair.as_bytes()) {
        Some(end) => (&pair[..end], &pair[end + 1..]),
        None => (pair, ""),
    }
}

/// Percent-decodes, strictly: a stray `%` or anything but UTF-8 is malformed.
fn unescape(text: &str) -> Result<Cow<'_, str>, Refusal> {
    if !text.contains(['%', '+']) {
        return Ok(Cow::Borrowed(text));
    }
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('%') {
        let is_hex = after
            .as_bytes()
            .get(..2)
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        if !is_hex {
            return Err(Refusal::MalformedQuery);
        }
        rest = after;
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced)
        .decode_utf8()
        .map_err(|_| Refusal::MalformedQuery)?;
    Ok(Cow::Owned(decoded.into_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DOCUMENTED: &str = "SdkAppid=1400000000&CallbackCommand=Sns.CallbackFriendDelete&contenttype=json&ClientIP=127.0.0.1&OptPlatform=iOS&Sign=ab&RequestTime=1669872112";

    #[test]
    fn reads_the_documented_query_in_any_order() {
        let forward = Query::parse(DOCUMENTED).unwrap();
        let reversed: Vec<&str> = DOCUMENTED.split('&').rev().collect();
        let reversed = reversed.join("&");
        assert_eq!(Query::parse(&reversed).unwrap(), forward);
        assert_eq!(forward.command.as_deref(), Some("Sns.CallbackFriendDelete"));
        assert_eq!(forward.client_ip.as_deref(), Some("127.0.0.1"));
    }

    #[test]
    fn knows_three_spellings_of_the_app_id() {
        for name in ["SdkAppid", "SDKAppID", "SdkAppId"] {
            let raw = format!("{name}=1400000000");
            assert_eq!(
                Query::parse(&raw).unwrap().sdk_app_id.as_deref(),
                Some("1400000000")
            );
        }
    }

    #[test]
    fn refuses_whatever_occurs_twice() {
        for raw in [
            "SdkAppid=1&SDKAppID=2",
            "Sign=a&Sign=b",
            "other=1&other=1",
            "CallbackCommand=a&Callback%43ommand=b",
        ] {
            assert_eq!(Query::parse(raw), Err(Refusal::RepeatedParameter), "{raw}");
        }
    }

    #[test]
    fn refuses_what_is_not_a_query() {
        for raw in [
            "CallbackCommand=%zz",
            "Sign=%f",
            "SdkAppid=%ff",
            "CallbackCommand=a%0ab",
            "%=1",
            "RequestTime=%00",
        ] {
            assert_eq!(Query::parse(raw), Err(Refusal::MalformedQuery), "{raw}");
        }
        let many: Vec<String> = (0..=PARAMETERS_MAX).map(|n| format!("p{n}=1")).collect();
        assert_eq!(Query::parse(&many.join("&")), Err(Refusal::MalformedQuery));
        let long = format!("CallbackCommand={}", "a".repeat(VALUE_BYTES_MAX + 1));
        assert_eq!(Query::parse(&long), Err(Refusal::MalformedQuery));
    }

    #[test]
    fn refuses_nothing_for_what_is_only_kept() {
        let long = format!("ClientIP={}&OptPlatform=%0a%ff%zz", "1".repeat(300));
        let query = Query::parse(&long).unwrap();
        assert_eq!(query.client_ip.unwrap().len(), VALUE_BYTES_MAX);
        assert_eq!(query.platform.as_deref(), Some("\u{fffd}\u{fffd}%zz"));
    }

    #[test]
    fn credentials_are_left_out_however_they_are_spelled() {
        for raw in [
            "Sign=ab&SdkAppid=1&ClientIP=%3a%3A1&RequestTime=5",
            "SdkAppid=1&&S%69gn=ab&ClientIP=%3a%3A1&%52equestTime=5",
        ] {
            assert_eq!(
                Query::without_credentials(raw),
                "SdkAppid=1&ClientIP=%3a%3A1"
            );
        }
        assert_eq!(Query::without_credentials("Sign=a"), "");
    }

    #[test]
    fn an_empty_query_is_a_probe() {
        assert!(Query::parse("").unwrap().is_probe());
        assert!(Query::parse("probe=1").unwrap().is_probe());
        assert!(!Query::parse("CallbackCommand=a").unwrap().is_probe());
    }

    proptest! {
        #[test]
        fn never_panics(raw in ".{0,200}") {
            let _query = Query::parse(&raw);
        }
    }
}
