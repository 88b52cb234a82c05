//! Server-sent events: from bytes in any chunks to messages. Knows nothing of what they say.
//!
//! The format: <https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream>

use crate::config::BODY_MAX_MAX;

/// Longer than any message of ours: an event with the longest body in base64, those whom it is about, and acks that
/// rewrite it. A bound on what a stream without line breaks can cost.
const MESSAGE_BYTES_MAX: usize = 4 * BODY_MAX_MAX;

/// One message of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// `message` where the stream names none.
    pub(super) event: String,
    /// Its lines, joined by line breaks; may be empty.
    pub(super) data: String,
    /// The last id that the stream gave, with this message or before it.
    pub(super) id: Option<String>,
}

/// A message grew beyond what the gateway ever sends.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a message of the stream is longer than any of a gateway's")]
pub(super) struct TooLong;

/// Remembers what is not yet a whole message. One for each connection.
#[derive(Debug)]
pub(super) struct Parser {
    bytes_max: usize,
    line: Vec<u8>,
    after_return: bool,
    started: bool,
    event: String,
    data: Vec<String>,
    data_bytes: usize,
    has_field: bool,
    id: Option<String>,
}

impl Parser {
    /// For a stream of a gateway's.
    pub(super) const fn new() -> Self {
        Self::bounded(MESSAGE_BYTES_MAX)
    }

    /// For messages of so many bytes.
    const fn bounded(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            line: Vec::new(),
            after_return: false,
            started: false,
            event: String::new(),
            data: Vec::new(),
            data_bytes: 0,
            has_field: false,
            id: None,
        }
    }

    /// Takes the next bytes and gives the messages that they complete.
    ///
    /// # Errors
    ///
    /// [`TooLong`]; the connection is then of no more use.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Message>, TooLong> {
        let mut messages = Vec::new();
        for &byte in bytes {
            // CR LF is one line break, also when the chunk ends between them.
            let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => messages.extend(self.end_line()),
                _ => self.line.push(byte),
            }
            if self.line.len() + self.data_bytes > self.bytes_max {
                return Err(TooLong);
            }
        }
        Ok(messages)
    }

    fn end_line(&mut self) -> Option<Message> {
        let bytes = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&bytes);
        let line = if self.started {
            &*line
        } else {
            line.strip_prefix('\u{feff}').unwrap_or(&line)
        };
        self.started = true;
        if line.is_empty() {
            return self.end_message();
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => value.clone_into(&mut self.event),
            "data" => {
                self.data_bytes += value.len() + 1;
                self.data.push(value.to_owned());
            }
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            // Comments, `retry` and whatever comes later.
            _ => return None,
        }
        self.has_field = true;
        None
    }

    /// Unlike a browser, a message without data counts: a bare id is a cursor.
    fn end_message(&mut self) -> Option<Message> {
        let event = std::mem::take(&mut self.event);
        let data = std::mem::take(&mut self.data).join("\n");
        self.data_bytes = 0;
        std::mem::take(&mut self.has_field).then(|| Message {
            event: if event.is_empty() {
                "message".to_owned()
            } else {
                event
            },
            data,
            id: self.id.clone().filter(|id| !id.is_empty()),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STREAM: &str = "\u{feff}: hello\r\n\r\nid: 7\nevent: callback\ndata: {\"a\":\"爱\"}\n\nevent: heartbeat\rid:8\r\rdata: one\r\ndata\ndata:two\n\nunknown: x\n\nid: a\0b\ndata: last\n\nevent: cut";

    fn message(event: &str, data: &str, id: &str) -> Message {
        Message {
            event: event.to_owned(),
            data: data.to_owned(),
            id: Some(id.to_owned()),
        }
    }

    fn check_chunks(chunks: &[&[u8]]) {
        let mut parser = Parser::new();
        let messages: Vec<Message> = chunks
            .iter()
            .flat_map(|chunk| parser.push(chunk).unwrap())
            .collect();
        let expected = [
            message("callback", "{\"a\":\"爱\"}", "7"),
            message("heartbeat", "", "8"),
            message("message", "one\n\ntwo", "8"),
            message("message", "last", "8"),
        ];
        assert_eq!(messages, expected);
    }

    #[test]
    fn reads_a_whole_stream() {
        check_chunks(&[STREAM.as_bytes()]);
    }

    #[test]
    fn an_event_with_a_long_body_is_a_message() {
        let mut parser = Parser::new();
        let data = "x".repeat(17 << 20);
        let messages = parser.push(format!("data: {data}\n\n").as_bytes());
        assert!(messages.is_ok_and(|messages| messages.len() == 1));
    }

    #[test]
    fn a_stream_without_breaks_is_cut_off() {
        let mut parser = Parser::bounded(1 << 10);
        let chunk = vec![b'x'; 1 << 10];
        assert_eq!(parser.push(&chunk), Ok(Vec::new()));
        assert_eq!(parser.push(b"x"), Err(TooLong));
    }

    proptest! {
        #[test]
        fn chunks_make_no_difference(cuts in prop::collection::vec(0..=STREAM.len(), 0..40)) {
            let mut cuts = cuts;
            cuts.extend([0, STREAM.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|cut| &STREAM.as_bytes()[cut[0]..cut[1]]).collect();
            check_chunks(&chunks);
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut parser = Parser::new();
            let _messages = parser.push(&bytes);
        }
    }
}
