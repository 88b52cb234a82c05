//! What is sent for an event: its body as it came, and headers that say what it is and who vouches for it.
//!
//! Standard Webhooks for id, time and signature, CloudEvents 1.0 (binary mode) for what happened, `callback-…` for what
//! else Chat said. Never in it: `Sign`, `RequestTime` or a token. Start at [`Message::headers`].
//!
//! SOURCE: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>,
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md>.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use gateway_core::{Envelope, EventId, EventTime, Subjects};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::de::IgnoredAny;

use crate::Secrets;

/// An event on its way to a subscriber, for one attempt.
#[derive(Debug, Clone)]
pub struct Message {
    /// The event; the same for every attempt, so that receivers can tell a repeat.
    pub id: EventId,
    /// Where it came from.
    pub envelope: Arc<Envelope>,
    /// When it happened, where the body says so.
    pub time: Option<EventTime>,
    /// Whom it is about, where the body could be decoded.
    pub subjects: Option<Subjects>,
    /// The callback's body, byte for byte.
    pub body: Bytes,
    /// 1 for the first attempt.
    pub attempt: u32,
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("callback-gateway/", env!("CARGO_PKG_VERSION")));

/// What CloudEvents wants escaped in a header: all but printable ASCII, and space, `"` and `%`. What is left is a legal
/// header value, and unescaping gives back what went in.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

/// The year 10000, in milliseconds since the Unix epoch: RFC 3339 has four digits for the year.
const RFC_3339_END_MS: u64 = 253_402_300_800_000;

// === impl Message ===

impl Message {
    /// The delivery's headers but for `Host` and `Content-Length`, signed for an attempt at `timestamp_s` (seconds since
    /// the Unix epoch). Values that are not of our making are percent-encoded as CloudEvents has it, the `callback-…`
    /// ones, too.
    pub fn headers(&self, secrets: &Secrets, timestamp_s: u64) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(20);
        headers.insert(header::CONTENT_TYPE, self.content_type());
        headers.insert(header::USER_AGENT, USER_AGENT);
        self.sign(&mut headers, secrets, timestamp_s);
        self.describe(&mut headers);
        self.recount(&mut headers);
        headers
    }

    fn content_type(&self) -> HeaderValue {
        // What serde_json skips it doesn't look at closely: text that is not UTF-8 would pass.
        let text = str::from_utf8(&self.body).ok();
        let is_json = text.is_some_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
        if is_json { JSON } else { BYTES }
    }

    /// Standard Webhooks.
    fn sign(&self, headers: &mut HeaderMap, secrets: &Secrets, timestamp_s: u64) {
        let id = self.id.to_string();
        let signature = secrets.sign(&id, timestamp_s, &self.body);
        insert(headers, "webhook-id", &id);
        headers.insert("webhook-timestamp", timestamp_s.into());
        let signature = HeaderValue::try_from(signature).expect("base64 is printable ASCII");
        headers.insert("webhook-signature", signature);
    }

    /// CloudEvents.
    fn describe(&self, headers: &mut HeaderMap) {
        insert(headers, "ce-specversion", "1.0");
        insert(headers, "ce-id", &self.id.to_string());
        insert(headers, "ce-type", &self.envelope.command);
        insert(headers, "ce-source", &self.envelope.app);
        let received = rfc_3339(self.envelope.received_ms);
        if let Some(time) = self.happened().or(received) {
            insert(headers, "ce-time", &time);
        }
        if let Some(subject) = self.subject() {
            insert(headers, "ce-subject", subject);
        }
    }

    /// What Chat said in the query.
    fn recount(&self, headers: &mut HeaderMap) {
        let Envelope {
            sdk_app_id,
            client_ip,
            platform,
            request_id,
            proof,
            simulated,
            ..
        } = &*self.envelope;
        headers.insert("callback-sdk-app-id", (*sdk_app_id).into());
        for (name, value) in [
            ("callback-client-ip", client_ip),
            ("callback-platform", platform),
            ("callback-request-id", request_id),
        ] {
            if let Some(value) = value {
                insert(headers, name, value);
            }
        }
        insert(headers, "callback-proof", &proof.to_string());
        headers.insert("callback-attempt", self.attempt.into());
        if *simulated {
            insert(headers, "callback-simulated", "true");
        }
    }

    fn happened(&self) -> Option<String> {
        let happened_ms = u64::try_from(self.time?.as_millis()).ok()?;
        rfc_3339(happened_ms)
    }

    /// The group in which it happened, else the account that the body names first.
    fn subject(&self) -> Option<&str> {
        let Subjects { accounts, groups } = self.subjects.as_ref()?;
        let subject = groups.first().or(accounts.first())?;
        Some(subject)
            .filter(|subject| !subject.is_empty())
            .map(String::as_str)
    }
}

fn insert(headers: &mut HeaderMap, name: &'static str, value: &str) {
    let escaped: String = utf8_percent_encode(value, ESCAPED).collect();
    let escaped = HeaderValue::try_from(escaped).expect("what is no header value is escaped");
    headers.insert(HeaderName::from_static(name), escaped);
}

fn rfc_3339(unix_ms: u64) -> Option<String> {
    if unix_ms >= RFC_3339_END_MS {
        return None;
    }
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(unix_ms);
    Some(humantime::format_rfc3339_millis(time).to_string())
}

#[cfg(test)]
mod tests {
    use gateway_core::Proof;
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::Secret;

    const BODY: &[u8] = br#"{"CallbackCommand":"Sns.CallbackFriendDelete"}"#;

    fn envelope() -> Envelope {
        Envelope {
            app: "shop".to_owned(),
            sdk_app_id: 1_400_000_000,
            command: "Sns.CallbackFriendDelete".to_owned(),
            received_ms: 1_700_000_000_123,
            client_ip: Some("192.0.2.7".to_owned()),
            platform: Some("iOS".to_owned()),
            request_id: Some("r-1".to_owned()),
            peer: None,
            proof: Proof {
                sign: true,
                ..Proof::default()
            },
            simulated: false,
            verdict: None,
            trace: None,
        }
    }

    fn message() -> Message {
        Message {
            id: EventId::new(Uuid::from_u128(1), 42, 1_700_000_000_000),
            envelope: Arc::new(envelope()),
            time: EventTime::from_unix(1_699_999_999_000),
            subjects: Some(Subjects::default().accounts(["alice", "bob"])),
            body: Bytes::from_static(BODY),
            attempt: 3,
        }
    }

    fn headers(message: &Message) -> HeaderMap {
        message.headers(&secrets(), 1_700_000_001)
    }

    fn secrets() -> Secrets {
        let secret: Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
        Secrets::new(vec![secret]).unwrap()
    }

    fn text(headers: &HeaderMap) -> Vec<String> {
        let mut lines: Vec<String> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        lines.sort();
        lines
    }

    fn check_subject(subjects: Option<Subjects>, expected: Option<&str>) {
        let message = Message {
            subjects,
            ..message()
        };
        let headers = headers(&message);
        let subject = headers.get("ce-subject");
        assert_eq!(subject.map(|subject| subject.to_str().unwrap()), expected);
    }

    #[test]
    fn says_everything_of_an_event() {
        let message = message();
        let id = message.id.to_string();
        let signature = secrets().sign(&id, 1_700_000_001, BODY);
        let expected = [
            "callback-attempt: 3",
            "callback-client-ip: 192.0.2.7",
            "callback-platform: iOS",
            "callback-proof: sign",
            "callback-request-id: r-1",
            "callback-sdk-app-id: 1400000000",
            &format!("ce-id: {id}"),
            "ce-source: shop",
            "ce-specversion: 1.0",
            "ce-subject: alice",
            "ce-time: 2023-11-14T22:13:19.000Z",
            "ce-type: Sns.CallbackFriendDelete",
            "content-type: application/json",
            concat!("user-agent: callback-gateway/", env!("CARGO_PKG_VERSION")),
            &format!("webhook-id: {id}"),
            &format!("webhook-signature: {signature}"),
            "webhook-timestamp: 1700000001",
        ];
        assert_eq!(text(&headers(&message)), expected);
    }

    #[test]
    fn says_no_more_than_is_known() {
        let bare = Message {
            envelope: Arc::new(Envelope {
                client_ip: None,
                platform: None,
                request_id: None,
                ..envelope()
            }),
            time: None,
            subjects: None,
            ..message()
        };
        let headers = headers(&bare);
        for name in [
            "callback-client-ip",
            "callback-platform",
            "callback-request-id",
            "callback-simulated",
            "ce-subject",
        ] {
            assert!(!headers.contains_key(name), "{name}");
        }
        assert_eq!(headers["ce-time"], "2023-11-14T22:13:20.123Z");
    }

    #[test]
    fn a_simulated_event_says_so() {
        let simulated = Message {
            envelope: Arc::new(Envelope {
                simulated: true,
                ..envelope()
            }),
            ..message()
        };
        assert_eq!(headers(&simulated)["callback-simulated"], "true");
    }

    #[test]
    fn a_retry_has_another_time_and_the_same_id() {
        let first = message();
        let retry = Message {
            attempt: 4,
            ..message()
        };
        let first = first.headers(&secrets(), 1_700_000_001);
        let retry = retry.headers(&secrets(), 1_700_000_060);
        assert_eq!(first["webhook-id"], retry["webhook-id"]);
        assert_eq!(first["ce-id"], retry["ce-id"]);
        assert_eq!(retry["webhook-timestamp"], "1700000060");
        assert_ne!(first["webhook-signature"], retry["webhook-signature"]);
        assert_eq!(retry["callback-attempt"], "4");
    }

    #[test]
    fn only_json_is_called_json() {
        for (body, expected) in [
            (&b"{}"[..], JSON),
            (b" [1]\n", JSON),
            (b"", BYTES),
            (b"{", BYTES),
            (b"{} {}", BYTES),
            (b"a=b", BYTES),
            (b"\"\xff\"", BYTES),
        ] {
            let message = Message {
                body: Bytes::from_static(body),
                ..message()
            };
            assert_eq!(headers(&message)["content-type"], expected, "{body:?}");
        }
    }

    #[test]
    fn a_group_comes_before_an_account() {
        let subjects = Subjects::default().account("alice");
        check_subject(Some(subjects.clone()), Some("alice"));
        check_subject(Some(subjects.group("lobby")), Some("lobby"));
        check_subject(Some(Subjects::default()), None);
        check_subject(None, None);
    }

    /// SOURCE: the examples of the HTTP binding, 3.1.3.2.
    #[test]
    fn escapes_as_the_binding_says() {
        for (subject, expected) in [
            ("Euro € 😀", "Euro%20%E2%82%AC%20%F0%9F%98%80"),
            ("a\"b%c", "a%22b%25c"),
            ("@TGS#1/x~!", "@TGS#1/x~!"),
            ("a\r\nwebhook-id: b\0\x7f", "a%0D%0Awebhook-id:%20b%00%7F"),
        ] {
            check_subject(Some(Subjects::default().group(subject)), Some(expected));
        }
    }

    #[test]
    fn a_time_that_cannot_be_written_gives_way() {
        for distant in [253_402_300_800_000, i64::MAX] {
            let distant = Message {
                time: EventTime::from_unix(distant),
                ..message()
            };
            assert_eq!(headers(&distant)["ce-time"], "2023-11-14T22:13:20.123Z");
        }
        let last = Message {
            time: EventTime::from_unix(253_402_300_799_999),
            ..message()
        };
        assert_eq!(headers(&last)["ce-time"], "9999-12-31T23:59:59.999Z");
        let nowhere = Message {
            time: None,
            envelope: Arc::new(Envelope {
                received_ms: u64::MAX,
                ..envelope()
            }),
            ..message()
        };
        assert!(!headers(&nowhere).contains_key("ce-time"));
    }

    proptest! {
        #[test]
        fn whatever_chat_says_comes_back_and_adds_no_header(
            [app, command, client_ip, platform, request_id, account] in prop::array::uniform6(any::<String>()),
            body in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            let message = Message {
                envelope: Arc::new(Envelope {
                    app: app.clone(),
                    command: command.clone(),
                    client_ip: Some(client_ip.clone()),
                    platform: Some(platform.clone()),
                    request_id: Some(request_id.clone()),
                    ..envelope()
                }),
                subjects: Some(Subjects::default().account(&format!("u{account}"))),
                body: Bytes::from(body),
                ..message()
            };
            let headers = headers(&message);
            prop_assert_eq!(headers.len(), 17);
            for (name, expected) in [
                ("ce-source", app),
                ("ce-type", command),
                ("callback-client-ip", client_ip),
                ("callback-platform", platform),
                ("callback-request-id", request_id),
                ("ce-subject", format!("u{account}")),
            ] {
                let value = headers[name].to_str().unwrap();
                prop_assert!(value.bytes().all(|byte| byte.is_ascii_graphic()), "{value}");
                let decoded = percent_decode_str(value).decode_utf8().unwrap();
                prop_assert_eq!(&*decoded, &expected);
            }
        }
    }
}
