//! The stream as server-sent events: how a [`Tail`]'s items look on the wire, and how many streams there may be.

use std::{sync::Arc, time::Duration};

use futures_util::stream::unfold;
use gateway_core::Causes;
use poem::Body;
use tokio::sync::OwnedSemaphorePermit;

use super::{
    Shared,
    cursor::Cursor,
    problem::{self, Problem},
    selection::Selection,
    tail::{Item, Kind, Tail},
};
use crate::openapi::payload::EventStream;

/// After so long without anything else a reader hears that the stream is alive.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(10);

/// Opens a stream.
///
/// # Errors
///
/// 503 when there are too many already.
pub(crate) fn open(
    shared: &Shared,
    selection: Selection,
    from: Option<Cursor>,
) -> Result<EventStream, Problem> {
    let Ok(permit) = Arc::clone(&shared.streams).try_acquire_owned() else {
        return Err(Problem::busy("too many streams are open; close one"));
    };
    let tail = Tail::new(
        shared.finder(),
        Arc::clone(&shared.stream_reads),
        shared.parts.head.clone(),
        selection,
        from,
        shared.parts.stop.clone(),
        HEARTBEAT,
    );
    Ok(EventStream(body(tail, permit)))
}

/// Pulls the tail as fast as the client reads. The permit goes with the body: dropped when the client is gone.
fn body(tail: Tail, permit: OwnedSemaphorePermit) -> Body {
    let chunks = unfold(Some((tail, permit)), |state| async {
        let (mut tail, permit) = state?;
        match tail.next().await {
            Ok(Some(item)) => Some((Ok::<_, std::io::Error>(encode(&item)), Some((tail, permit)))),
            Ok(None) => None,
            Err(error) => {
                problem::log("read the journal for a stream", &Causes(&error));
                Some((Err(std::io::Error::other(error)), None))
            }
        }
    });
    Body::from_bytes_stream(chunks)
}

/// One item as a server-sent event.
fn encode(item: &Item) -> String {
    let (name, data) = match &item.kind {
        Kind::Event(event) => ("callback", serde_json::to_string(event)),
        Kind::Gap(gap) => ("gap", serde_json::to_string(gap)),
        Kind::Heartbeat => ("heartbeat", Ok("{}".to_owned())),
    };
    let data = data.expect("an item has string keys and no failing serializer");
    // A body may have line breaks between its tokens; on this wire they would end the field and let it forge others.
    let data = data.replace(['\r', '\n'], " ");
    format!("id: {}\nevent: {name}\ndata: {data}\n\n", item.cursor)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use gateway_core::{Dispatcher, Envelope, Proof};
    use gateway_journal::StoredEvent;
    use uuid::Uuid;

    use super::*;
    use crate::{
        admin::{
            event::{Event, prepare},
            tail::{Gap, GapReason},
        },
        callbacks::installed,
    };

    fn check(kind: Kind, expected: &str) {
        let cursor = Cursor {
            log_id: Uuid::nil(),
            sequence: 1,
        };
        let item = Item { cursor, kind };
        assert_eq!(encode(&item), format!("id: {cursor}\n{expected}\n\n"));
    }

    #[test]
    fn a_gap_says_what_is_missing() {
        let gap = Gap {
            reason: GapReason::OtherLog,
            from: None,
            to: Some(5),
        };
        check(
            Kind::Gap(gap),
            "event: gap\ndata: {\"reason\":\"other_log\",\"from\":null,\"to\":5}",
        );
    }

    #[test]
    fn a_heartbeat_has_an_id_too() {
        check(Kind::Heartbeat, "event: heartbeat\ndata: {}");
    }

    #[test]
    fn a_body_cannot_forge_fields() {
        let body = Bytes::from_static(b"{\"PairList\":[]\r,\n\"x\":\r\n\"id: 5\"\r}\n");
        let stored = StoredEvent {
            sequence: 1,
            journaled_ms: 0,
            envelope: Envelope {
                app: "shop\nevent: gap".to_owned(),
                sdk_app_id: 1,
                command: "Sns.CallbackFriendDelete".to_owned(),
                received_ms: 0,
                client_ip: None,
                platform: None,
                request_id: None,
                peer: None,
                proof: Proof::default(),
                simulated: false,
                verdict: None,
                trace: None,
            },
            body,
        };
        let dispatcher = Dispatcher::new(installed()).unwrap();
        let event = Event::new(Uuid::nil(), &stored, &prepare(&stored, &dispatcher));
        assert!(event.body.is_some());
        let cursor = Cursor {
            log_id: Uuid::nil(),
            sequence: 1,
        };
        let kind = Kind::Event(Box::new(event));
        let text = encode(&Item { cursor, kind });
        let fields: Vec<&str> = text.split(['\r', '\n']).collect();
        assert_eq!(fields.len(), 5, "{text}");
        assert!(fields[2].starts_with("data: {"), "{text}");
        assert_eq!(fields[3..], ["", ""]);
    }
}
