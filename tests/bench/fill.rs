//! A journal with as many events as asked for, through the journal's public interface.

use std::{
    ops::Range,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use bytesize::ByteSize;
use futures_util::future::try_join_all;
use gateway_core::{Envelope, Proof};
use gateway_journal::{Config, Journal, Observer};

use crate::{deletions, gateway};

/// Events that wait for one sync while a journal is filled.
const FILL_AT_ONCE: usize = 4096;

/// Counts what the journal's writer did.
#[derive(Debug, Default)]
struct Batches(AtomicUsize);

/// Appends until the journal in `directory` holds `events`, if it holds fewer.
pub(crate) async fn fill(directory: &Path, events: u64) -> anyhow::Result<()> {
    let journal = open(directory, Arc::new(Batches::default()))?;
    let stored = journal.head().borrow().sequence;
    eprintln!("{stored} events stored, {events} wanted");
    append_to(&journal, stored..events, FILL_AT_ONCE).await?;
    Ok(journal.close()?)
}

/// Appends `events` friend deletions of the account number 0.
pub(crate) async fn fill_about_one(directory: &Path, events: u64) -> anyhow::Result<()> {
    let journal = open(directory, Arc::new(Batches::default()))?;
    let (appender, completions) = journal.appender();
    let completions = tokio::spawn(completions.run());
    let serials = (0..events).map(|number| number * deletions::ACCOUNTS);
    let appends = serials.map(|serial| {
        let (envelope, body) = event(serial);
        appender.append(envelope, body)
    });
    try_join_all(appends).await?;
    completions.abort();
    Ok(journal.close()?)
}

/// Appends `events` more to the journal in `directory`, `at_once` waiting for each sync; returns how many syncs it took.
pub(crate) async fn append(directory: &Path, events: u64, at_once: usize) -> anyhow::Result<usize> {
    let batches = Arc::new(Batches::default());
    let journal = open(directory, batches.clone())?;
    let stored = journal.head().borrow().sequence;
    append_to(&journal, stored..stored + events, at_once).await?;
    journal.close()?;
    Ok(batches.0.load(Ordering::Relaxed))
}

fn open(directory: &Path, batches: Arc<Batches>) -> anyhow::Result<Journal> {
    let config = Config {
        path: directory.to_owned(),
        retention: Duration::from_hours(24 * 30),
        bytes_max: ByteSize::gib(10),
        queue_events: 2 * FILL_AT_ONCE,
        queue_bytes: ByteSize::mib(32),
    };
    Ok(Journal::open(&config, batches)?)
}

/// Appends in waves: the next `at_once` events go in when the last ones are synced, so that two runs make the same
/// batches as far as threads allow.
async fn append_to(journal: &Journal, serials: Range<u64>, at_once: usize) -> anyhow::Result<()> {
    let (appender, completions) = journal.appender();
    let completions = tokio::spawn(completions.run());
    for wave in waves(serials, at_once) {
        let appends = wave.map(|serial| {
            let (envelope, body) = event(serial);
            appender.append(envelope, body)
        });
        try_join_all(appends).await?;
    }
    completions.abort();
    Ok(())
}

/// `serials` in pieces of at most `length`.
fn waves(serials: Range<u64>, length: usize) -> impl Iterator<Item = Range<u64>> {
    let end = serials.end;
    serials
        .step_by(length)
        .map(move |start| start..end.min(start + length as u64))
}

/// What the gateway would journal for the body number `serial`.
fn event(serial: u64) -> (Envelope, Bytes) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let received_ms = now.map_or(0, |time| time.as_millis());
    let mut body = Vec::with_capacity(deletions::length());
    deletions::write(&mut body, serial);
    let envelope = Envelope {
        app: gateway::APP.to_owned(),
        sdk_app_id: gateway::SDK_APP_ID,
        command: deletions::COMMAND.to_owned(),
        received_ms: u64::try_from(received_ms).unwrap_or(u64::MAX),
        client_ip: Some("127.0.0.1".to_owned()),
        platform: Some("RESTAPI".to_owned()),
        request_id: None,
        peer: Some([127, 0, 0, 1].into()),
        proof: Proof {
            sign: true,
            ..Proof::default()
        },
        simulated: false,
        verdict: None,
        trace: None,
    };
    (envelope, body.into())
}

impl Observer for Batches {
    fn committed(&self, _events: usize, _took: Duration) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    fn unrecorded(&self, _events: usize) {}
    fn trimmed(&self, _events: u64) {}
}
