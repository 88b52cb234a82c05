//! Subscriptions, deliveries and copies as rows: their words, and the statements that read and write them.

use rusqlite::{
    Connection, OptionalExtension, Row, ToSql, params,
    types::{FromSql, FromSqlResult, ToSqlOutput, ValueRef},
};

use super::{
    Delivery, DeliveryReason, DeliveryStatus, FirstAttempt, Gone, Pause, PauseReason, Subscription,
};
use crate::{
    Row as EventRow, Sequence, StoredEvent,
    event::{Checksum, RECORD_COLUMNS, Record},
    sqlite::{restored, stored},
    state::row::{meaning, word},
};

/// Bytes of a detail that are kept.
const DETAIL_BYTES_MAX: usize = 256;

pub(super) const DUE: &str = "SELECT * FROM deliveries
    WHERE status = 'pending' AND waits = 0 AND subscription = ?1 AND due_ms <= ?2 ORDER BY due_ms, sequence LIMIT ?3";

pub(super) const LATEST_DUE: &str = "SELECT max(due_ms) FROM deliveries
    WHERE status = 'pending' AND waits = 0 AND subscription = ?1";

pub(super) const HASTEN: &str = "UPDATE deliveries
    SET due_ms = ?3, first_ms = min(first_ms, ?3), since_ms = min(since_ms, ?3)
    WHERE subscription = ?1 AND sequence IN (
        SELECT sequence FROM deliveries
        WHERE status = 'pending' AND waits = 0 AND subscription = ?1 AND due_ms > ?2 LIMIT ?4
    )";

pub(super) const LANES: &str = "SELECT lane, count(*) FROM deliveries
    WHERE status = 'pending' AND lane IS NOT NULL AND subscription = ?1 GROUP BY lane";

pub(super) const OLDEST_PENDING: &str = "SELECT name, (
        SELECT min(sequence) FROM deliveries
        WHERE status = 'pending' AND subscription = name AND copied = 0
    ), (
        SELECT min(sequence) FROM first_attempts WHERE subscription = name
    ) FROM subscriptions";

pub(super) const SETTLE: &str = "DELETE FROM deliveries WHERE subscription = ?1 AND sequence = ?2";

pub(super) const SETTLE_FIRST: &str =
    "DELETE FROM first_attempts WHERE subscription = ?1 AND sequence = ?2";

pub(super) const SOME_PENDING: &str =
    "SELECT sequence FROM deliveries INDEXED BY deliveries_pending
    WHERE status = 'pending' AND subscription = ?1 LIMIT ?2";

pub(super) const LAST_PAST: &str = "SELECT sequence, status FROM deliveries
    WHERE subscription = ?1 AND sequence > ?2 ORDER BY sequence DESC LIMIT ?3";

pub(super) const COUNT_PAST: &str = "SELECT count(*) FILTER (WHERE status = 'pending'),
        count(*) FILTER (WHERE status = 'dead')
    FROM deliveries WHERE subscription = ?1 AND sequence > ?2";

pub(super) const EXPIRE: &str = "DELETE FROM deliveries WHERE subscription = ?1 AND sequence IN (
        SELECT sequence FROM deliveries
        WHERE status = 'dead' AND subscription = ?1 AND since_ms < ?2 ORDER BY since_ms LIMIT ?3
    )";

const STATUSES: [(DeliveryStatus, &str); 2] = [
    (DeliveryStatus::Pending, "pending"),
    (DeliveryStatus::Dead, "dead"),
];

const REASONS: [(DeliveryReason, &str); 11] = [
    (DeliveryReason::Status, "status"),
    (DeliveryReason::Redirect, "redirect"),
    (DeliveryReason::Gone, "gone"),
    (DeliveryReason::Timeout, "timeout"),
    (DeliveryReason::Refused, "refused"),
    (DeliveryReason::Connect, "connect"),
    (DeliveryReason::Tls, "tls"),
    (DeliveryReason::Reset, "reset"),
    (DeliveryReason::Unreadable, "unreadable"),
    (DeliveryReason::Interrupted, "interrupted"),
    (DeliveryReason::Damaged, "damaged"),
];

const PAUSE_REASONS: [(PauseReason, &str); 2] = [
    (PauseReason::Operator, "operator"),
    (PauseReason::Gone, "gone"),
];

/// Writes a subscription over what is known of it, but for what [`expire`] counts.
pub(super) fn upsert_subscription(
    connection: &Connection,
    name: &str,
    subscription: &Subscription,
) -> rusqlite::Result<()> {
    let mut upsert = connection.prepare_cached(
        "INSERT INTO subscriptions VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7)
         ON CONFLICT DO UPDATE SET cursor = excluded.cursor, delivered = excluded.delivered,
             filtered = excluded.filtered, dead = excluded.dead, paused = excluded.paused,
             paused_ms = excluded.paused_ms",
    )?;
    let pause = subscription.paused.as_ref();
    upsert.execute(params![
        name,
        stored(subscription.cursor),
        stored(subscription.delivered),
        stored(subscription.filtered),
        stored(subscription.dead),
        pause.map(|pause| pause.by),
        pause.map(|pause| stored(pause.since_ms)),
    ])?;
    Ok(())
}

/// A row of `subscriptions`: the name and the rest.
pub(super) fn subscription(row: &Row<'_>) -> rusqlite::Result<(String, Subscription)> {
    let by: Option<PauseReason> = row.get("paused")?;
    let paused = match by {
        Some(by) => Some(Pause {
            by,
            since_ms: restored(row.get("paused_ms")?),
        }),
        None => None,
    };
    let subscription = Subscription {
        cursor: restored(row.get("cursor")?),
        delivered: restored(row.get("delivered")?),
        filtered: restored(row.get("filtered")?),
        dead: restored(row.get("dead")?),
        expired: restored(row.get("expired")?),
        paused,
    };
    Ok((row.get("name")?, subscription))
}

/// Pending deliveries of a subscription that are due, the longest due first; of several, the oldest event first.
pub(super) fn due(
    connection: &Connection,
    subscription: &str,
    now_ms: u64,
    limit: usize,
) -> rusqlite::Result<Vec<Delivery>> {
    connection
        .prepare_cached(DUE)?
        .query_map(
            params![subscription, stored(now_ms), stored(limit as u64)],
            delivery,
        )?
        .collect()
}

/// Makes due at `now_ms` what is due after `beyond_ms`, `limit` at most.
pub(super) fn hasten(
    connection: &Connection,
    subscription: &str,
    beyond_ms: u64,
    now_ms: u64,
    limit: u64,
) -> rusqlite::Result<u64> {
    let hastened = connection.prepare_cached(HASTEN)?.execute(params![
        subscription,
        stored(beyond_ms),
        stored(now_ms),
        stored(limit)
    ])?;
    Ok(hastened as u64)
}

/// Makes a subscription's first attempts deliveries like others.
pub(super) fn interrupt(connection: &Connection, subscription: &str) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO deliveries SELECT * FROM first_deliveries WHERE subscription = ?1
         ON CONFLICT DO NOTHING",
        [subscription],
    )?;
    connection
        .execute(
            "DELETE FROM first_attempts WHERE subscription = ?1",
            [subscription],
        )
        .map(drop)
}

/// Writes a first attempt.
pub(super) fn begin(connection: &Connection, attempt: &FirstAttempt<'_>) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO first_attempts VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            attempt.subscription,
            stored(attempt.sequence),
            attempt.command,
            stored(attempt.began_ms),
            stored(attempt.due_ms),
        ])
        .map(drop)
}

/// Forgets a delivery.
pub(super) fn settle(
    connection: &Connection,
    subscription: &str,
    sequence: Sequence,
) -> rusqlite::Result<()> {
    if settle_first(connection, subscription, sequence)? {
        return Ok(());
    }
    connection
        .prepare_cached(SETTLE)?
        .execute(params![subscription, stored(sequence)])
        .map(drop)
}

fn settle_first(
    connection: &Connection,
    subscription: &str,
    sequence: Sequence,
) -> rusqlite::Result<bool> {
    let mut settle = connection.prepare_cached(SETTLE_FIRST)?;
    let settled = settle.execute(params![subscription, stored(sequence)])?;
    Ok(settled > 0)
}

/// Who has deliveries but is no subscription.
pub(super) fn half_removed(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare(
            "SELECT DISTINCT subscription FROM delivery_counts
             WHERE subscription NOT IN (SELECT name FROM subscriptions)",
        )?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// Writes a delivery with this status over what is known of the same event and subscription. A copy of its event stays.
pub(super) fn upsert(
    connection: &Connection,
    delivery: &Delivery,
    status: DeliveryStatus,
) -> rusqlite::Result<()> {
    settle_first(connection, &delivery.subscription, delivery.sequence)?;
    // Not REPLACE, which deletes without telling the triggers.
    let mut upsert = connection.prepare_cached(
        "INSERT INTO deliveries VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0, 0)
         ON CONFLICT DO UPDATE SET command = excluded.command, status = excluded.status,
             attempts = excluded.attempts, first_ms = excluded.first_ms, due_ms = excluded.due_ms,
             lane = excluded.lane, reason = excluded.reason, detail = excluded.detail,
             since_ms = excluded.since_ms",
    )?;
    let detail = delivery.detail.as_ref().map(|detail| {
        detail
            .split_at(detail.floor_char_boundary(DETAIL_BYTES_MAX))
            .0
    });
    upsert.execute(params![
        delivery.subscription,
        stored(delivery.sequence),
        delivery.command,
        status,
        delivery.attempts,
        stored(delivery.first_ms),
        stored(delivery.due_ms),
        delivery.lane.map(u64::cast_signed),
        delivery.reason,
        detail,
        stored(delivery.since_ms),
    ])?;
    Ok(())
}

/// Puts a copy of its event beside a delivery.
pub(super) fn copy(
    connection: &Connection,
    delivery: &Delivery,
    event: &StoredEvent,
) -> rusqlite::Result<()> {
    let envelope = serde_json::to_vec(&event.envelope)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let (app, command) = (&event.envelope.app, &event.envelope.command);
    let crc = Checksum::of(app, command, &envelope, &event.body)
        .at(delivery.sequence, event.journaled_ms);
    connection
        .prepare_cached("INSERT OR REPLACE INTO copies VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
        .execute(params![
            delivery.subscription,
            stored(delivery.sequence),
            stored(event.journaled_ms),
            app,
            command,
            envelope,
            &*event.body,
            crc,
        ])?;
    connection
        .prepare_cached(
            "UPDATE deliveries SET copied = 1 WHERE subscription = ?1 AND sequence = ?2",
        )?
        .execute(params![delivery.subscription, stored(delivery.sequence)])
        .map(drop)
}

/// The copy of its event, when there is one and its checksum fits.
pub(super) fn copied(
    connection: &Connection,
    subscription: &str,
    sequence: Sequence,
) -> rusqlite::Result<Option<StoredEvent>> {
    let select =
        format!("SELECT {RECORD_COLUMNS} FROM copies WHERE subscription = ?1 AND sequence = ?2");
    let row = connection
        .prepare_cached(&select)?
        .query_row(params![subscription, stored(sequence)], |row| {
            Record::read(row).map(|record| record.decode())
        })
        .optional()?;
    Ok(match row {
        Some(EventRow::Event(event)) => Some(event),
        Some(EventRow::Damaged(_)) | None => None,
    })
}

/// Forgets dead deliveries that died before `before_ms`, `limit` at most, and counts them as expired.
pub(super) fn expire(
    connection: &Connection,
    subscription: &str,
    before_ms: u64,
    limit: u64,
) -> rusqlite::Result<u64> {
    let expired = connection.prepare_cached(EXPIRE)?.execute(params![
        subscription,
        stored(before_ms),
        stored(limit)
    ])? as u64;
    if expired == 0 {
        return Ok(0);
    }
    connection
        .prepare_cached("UPDATE subscriptions SET expired = expired + ?2 WHERE name = ?1")?
        .execute(params![subscription, stored(expired)])?;
    Ok(expired)
}

/// Forgets pending deliveries, `limit` at most.
pub(super) fn skip(
    connection: &Connection,
    subscription: &str,
    limit: u64,
) -> rusqlite::Result<Gone> {
    let sequences: Vec<i64> = connection
        .prepare_cached(SOME_PENDING)?
        .query_map(params![subscription, stored(limit)], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    settle_all(connection, subscription, &sequences)?;
    let pending = sequences.len() as u64;
    Ok(Gone {
        pending,
        dead: 0,
        is_all: pending < limit,
    })
}

/// Forgets deliveries past `cursor`, the newest events first and `limit` at most. Also tells how far back a cursor can
/// be now: an event past it must have no row.
pub(super) fn rewind(
    connection: &Connection,
    subscription: &str,
    cursor: Sequence,
    limit: u64,
) -> rusqlite::Result<(Gone, Sequence)> {
    let rows: Vec<(i64, DeliveryStatus)> = connection
        .prepare_cached(LAST_PAST)?
        .query_map(
            params![subscription, stored(cursor), stored(limit)],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?
        .collect::<Result<_, _>>()?;
    let sequences: Vec<i64> = rows.iter().map(|(sequence, _)| *sequence).collect();
    settle_all(connection, subscription, &sequences)?;
    let is_dead = |(_, status): &&(i64, DeliveryStatus)| *status == DeliveryStatus::Dead;
    let dead = rows.iter().filter(is_dead).count() as u64;
    let all = rows.len() as u64;
    let is_all = all < limit;
    let reached = match sequences.last() {
        Some(last) if !is_all => restored(last - 1),
        _ => cursor,
    };
    let gone = Gone {
        pending: all - dead,
        dead,
        is_all,
    };
    Ok((gone, reached))
}

fn settle_all(
    connection: &Connection,
    subscription: &str,
    sequences: &[i64],
) -> rusqlite::Result<()> {
    let mut settle = connection.prepare_cached(SETTLE)?;
    for sequence in sequences {
        settle.execute(params![subscription, sequence])?;
    }
    Ok(())
}

/// How many deliveries are past a place.
pub(super) fn past(
    connection: &Connection,
    subscription: &str,
    sequence: Sequence,
) -> rusqlite::Result<Gone> {
    connection.prepare_cached(COUNT_PAST)?.query_row(
        params![subscription, stored(sequence)],
        |row| {
            Ok(Gone {
                pending: restored(row.get(0)?),
                dead: restored(row.get(1)?),
                is_all: true,
            })
        },
    )
}

/// Forgets a subscription and of its deliveries `limit` at most, with the last ones their counts; tells whether that was
/// all of it.
pub(super) fn remove(
    connection: &Connection,
    subscription: &str,
    limit: u64,
) -> rusqlite::Result<bool> {
    connection.execute("DELETE FROM subscriptions WHERE name = ?1", [subscription])?;
    connection.execute(
        "DELETE FROM first_attempts WHERE subscription = ?1",
        [subscription],
    )?;
    let forgotten = connection.execute(
        "DELETE FROM deliveries WHERE subscription = ?1 AND sequence IN (
            SELECT sequence FROM deliveries WHERE subscription = ?1 LIMIT ?2
        )",
        params![subscription, stored(limit)],
    )? as u64;
    if forgotten == limit {
        return Ok(false);
    }
    connection.execute(
        "DELETE FROM delivery_counts WHERE subscription = ?1",
        [subscription],
    )?;
    Ok(true)
}

pub(super) fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    let lane: Option<i64> = row.get("lane")?;
    Ok(Delivery {
        subscription: row.get("subscription")?,
        sequence: restored(row.get("sequence")?),
        command: row.get("command")?,
        status: row.get("status")?,
        attempts: row.get("attempts")?,
        first_ms: restored(row.get("first_ms")?),
        due_ms: restored(row.get("due_ms")?),
        lane: lane.map(i64::cast_unsigned),
        reason: row.get("reason")?,
        detail: row.get("detail")?,
        since_ms: restored(row.get("since_ms")?),
    })
}

impl ToSql for DeliveryStatus {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(word(&STATUSES, self).into())
    }
}

impl FromSql for DeliveryStatus {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        meaning(&STATUSES, value)
    }
}

impl DeliveryReason {
    /// In a word, as it is stored.
    pub fn as_str(self) -> &'static str {
        word(&REASONS, &self)
    }
}

impl ToSql for DeliveryReason {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(word(&REASONS, self).into())
    }
}

impl FromSql for DeliveryReason {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        meaning(&REASONS, value)
    }
}

impl ToSql for PauseReason {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(word(&PAUSE_REASONS, self).into())
    }
}

impl FromSql for PauseReason {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        meaning(&PAUSE_REASONS, value)
    }
}
