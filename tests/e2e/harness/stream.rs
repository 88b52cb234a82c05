//! The stream of events, as an SSE client sees it.

use std::{net::SocketAddr, sync::mpsc, thread};

use gateway_test_support::Connection;

use super::{Event, PATIENCE};

/// A stream that is read on a thread of its own.
#[derive(Debug)]
pub(crate) struct EventStream {
    messages: mpsc::Receiver<Message>,
}

/// One message of the stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// `callback`, `gap` or `heartbeat`.
    pub(crate) event: String,
    /// The place to go on behind.
    pub(crate) id: String,
    /// JSON.
    pub(crate) data: String,
}

/// Messages that may wait to be looked at; further ones wait on the wire.
const MESSAGES_MAX: usize = 1024;

impl EventStream {
    pub(super) fn open(admin: SocketAddr, query: &str, last_event_id: Option<&str>) -> Self {
        let mut connection = Connection::open(admin).unwrap();
        let resume =
            last_event_id.map_or_else(String::new, |id| format!("Last-Event-ID: {id}\r\n"));
        let request =
            format!("GET /v1/events/stream?{query} HTTP/1.1\r\nHost: {admin}\r\n{resume}\r\n");
        connection.send(request.as_bytes()).unwrap();
        let (status, headers) = connection.head().unwrap();
        assert_eq!(status, 200, "{headers:?}");
        let (sender, messages) = mpsc::sync_channel(MESSAGES_MAX);
        thread::spawn(move || {
            let mut text = Vec::new();
            while let Ok(Some(chunk)) = connection.chunk() {
                text.extend_from_slice(&chunk);
                while let Some(end) = text.windows(2).position(|pair| pair == b"\n\n") {
                    let rest = text.split_off(end + 2);
                    let message = Message::parse(&String::from_utf8(text).unwrap());
                    text = rest;
                    if sender.send(message).is_err() {
                        return;
                    }
                }
            }
        });
        Self { messages }
    }

    /// Waits for the next message, heartbeats included; `None` when the stream has ended.
    pub(crate) fn message(&self) -> Option<Message> {
        match self.messages.recv_timeout(PATIENCE) {
            Ok(message) => Some(message),
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("nothing came, not even a heartbeat"),
        }
    }

    /// Waits for the next message that is not a heartbeat.
    pub(crate) fn news(&self) -> Option<Message> {
        loop {
            let message = self.message()?;
            if message.event != "heartbeat" {
                return Some(message);
            }
        }
    }

    /// Waits for the next event; a gap or an end is a failure.
    pub(crate) fn next(&self) -> (Event, String) {
        let message = self.news().expect("the stream goes on");
        assert_eq!(message.event, "callback", "{message:?}");
        (serde_json::from_str(&message.data).unwrap(), message.id)
    }
}

impl Message {
    fn parse(text: &str) -> Self {
        let mut message = Self::default();
        for line in text.lines() {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match name {
                "event" => value.clone_into(&mut message.event),
                "id" => value.clone_into(&mut message.id),
                "data" => message.data.push_str(value),
                _ => {}
            }
        }
        message
    }
}
