//! Opening: the directory, its lock, the log, and a look at its last rows.

use std::{
    fs::{File, TryLockError},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::watch;
use tracing::warn;
use uuid::Uuid;

use super::{
    Head, Health, Journal, JournalError, Observer, Shared,
    appender::Runtimes,
    file::{self, Identity, LOG, Purpose, connect},
    holder::Holders,
    queue::Queue,
    store::{Options, Store},
    writer::{Settings, Start, Writer},
};
use crate::{Config, sqlite::ReadPool};

/// The rows that a start looks at; `journal check` looks at all.
const LAST_ROWS: u32 = 100;

/// Frees more than the largest batch takes, and hardly delays its ack.
const MAKE_ROOM_MAX: Duration = Duration::from_millis(20);

pub(super) fn options(config: &Config) -> Options {
    Options {
        path: config.path.join(LOG),
        append: Purpose::Append,
        make_room_max: MAKE_ROOM_MAX,
        #[cfg(test)]
        faults: Arc::default(),
    }
}

pub(super) fn open(
    config: &Config,
    options: Options,
    observer: Arc<dyn Observer>,
) -> Result<Journal, JournalError> {
    let directory = &config.path;
    file::check_sqlite()?;
    file::create_directory(directory).map_err(JournalError::directory(directory))?;
    let lock = lock(directory)?;
    create_when_new(directory, &options.path)?;
    let (store, start) = prepare(&options)?;

    let head = Head {
        log_id: start.log_id,
        sequence: start.end.last,
    };
    let readers = ReadPool::new(&options.path, |path| connect(path, Purpose::Read));
    let shared = Arc::new(Shared {
        queue: Queue::new(config.queue_events, saturated(config.queue_bytes.as_u64())),
        runtimes: Runtimes::default(),
        head: watch::Sender::new(head),
        health: watch::Sender::new(Health::Writable),
        observer,
        holders: Holders::default(),
        log_bytes: AtomicU64::new(0),
        readers: Arc::new(readers),
        synced: Arc::new(AtomicU64::new(head.sequence)),
    });
    shared.log_bytes.store(start.bytes, Ordering::Relaxed);
    let settings = Settings {
        options,
        retention_ms: u64::try_from(config.retention.as_millis()).unwrap_or(u64::MAX),
        bytes_max: config.bytes_max.as_u64(),
    };
    let writer = Writer::new(shared.clone(), settings, store, start, lock);
    let writer = writer.spawn().map_err(JournalError::directory(directory))?;
    Ok(Journal {
        directory: directory.clone(),
        shared,
        writer: Some(writer),
    })
}

/// The lock is held as long as the file stays open; the system takes it back when the process dies.
fn lock(directory: &Path) -> Result<File, JournalError> {
    let lock = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(directory.join("lock"))
        .map_err(JournalError::directory(directory))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(JournalError::InUse {
            path: directory.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(JournalError::directory(directory)(error)),
    }
}

fn create_when_new(directory: &Path, path: &Path) -> Result<(), JournalError> {
    if file::is_lost(directory, path) {
        return Err(JournalError::Lost {
            path: path.to_owned(),
        });
    }
    // Also true of what a crash has left before the first transaction.
    let identity = Identity {
        log_id: Uuid::new_v4(),
        high_water: 0,
        clock_ms: 0,
        restored: false,
    };
    file::create(path, &identity)?;
    file::sync_directory(directory).map_err(JournalError::directory(directory))
}

/// Opens the store and learns where the log ends.
fn prepare(options: &Options) -> Result<(Store, Start), JournalError> {
    let of = |source| JournalError::of(&options.path, source);
    let (store, mut identity) = Store::open(options)?;
    if identity.restored {
        identity.log_id = Uuid::new_v4();
        store.rename(identity.log_id).map_err(of)?;
    }
    // What a killed process has written but not synced is synced before anyone can read it.
    store.checkpoint().map_err(of)?;
    let end = store.end(&identity, LAST_ROWS).map_err(of)?;
    if !end.damaged.is_empty() {
        let damaged = &end.damaged;
        warn!(path = %options.path.display(), ?damaged, "the last rows of the log are damaged: run `journal check`");
    }
    let bytes = store.bytes().map_err(of)?;
    let start = Start {
        log_id: identity.log_id,
        end,
        bytes,
    };
    Ok((store, start))
}

fn saturated(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
