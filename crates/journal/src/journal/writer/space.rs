//! Deleting old events: those that nobody needs and that are older than the retention, or whatever nobody needs while
//! the log is larger than it may be.
//!
//! The file does not shrink; its free pages are used again. A step is short and is not synced, so that an append hardly
//! waits for it.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use gateway_core::Causes;
use tracing::{error, warn};

use super::{EVERY, Failure, Mode, Writer, now_ms};
use crate::{
    AppendError, Health,
    journal::store::{TrimLimit, Trimmed},
};

/// Pause between two steps that only follow the retention.
const STEP_EVERY: Duration = Duration::from_millis(10);
impl Writer {
    /// Deletes what may be deleted now, for a moment, and stops or goes on accepting events by the room that is left.
    pub(super) fn make_room(&mut self) {
        let started = Instant::now();
        while self.is_over() || started >= self.trim_at {
            let over = self.is_over();
            let Some(step) = self.trim(over) else {
                return;
            };
            self.trim_at = started + if step.more { STEP_EVERY } else { EVERY };
            if !over {
                break;
            }
            if step.events == 0 {
                return self.stop_over_limit("every event is still needed");
            }
            if started.elapsed() >= self.settings.options.make_room_max {
                self.trim_at = started;
                break;
            }
        }
        if self.is_far_over() {
            self.stop_over_limit("old events are not deleted fast enough");
        }
        if self.mode == Mode::OverLimit && !self.is_over() {
            self.go_on();
        }
    }

    /// One step; `None` when the store failed.
    fn trim(&mut self, over: bool) -> Option<Trimmed> {
        let limit = TrimLimit {
            released: self.shared.holders.released(),
            before_ms: (!over).then(|| now_ms().saturating_sub(self.settings.retention_ms)),
            last: self.last,
            clock_ms: self.clock_ms,
        };
        let store = self.store.as_mut()?;
        let step = store
            .trim(limit)
            .and_then(|step| Ok((step, store.bytes()?)));
        match step {
            Ok((step, bytes)) => {
                self.cannot_trim = false;
                self.shared.log_bytes.store(bytes, Ordering::Relaxed);
                if step.events > 0 {
                    self.shared.observer.trimmed(step.events);
                    self.keep_wal_short();
                }
                Some(step)
            }
            Err(error) => {
                self.trim_failed(&error);
                None
            }
        }
    }

    fn trim_failed(&mut self, error: &rusqlite::Error) {
        self.trim_at = Instant::now() + EVERY;
        if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt) {
            // Reopening does not mend old pages, and the log's end is sound: it only can't give up space any more.
            let path = self.settings.options.path.display();
            if !std::mem::replace(&mut self.cannot_trim, true) {
                warn!(%path, error = %Causes(error), "old events can't be deleted: run `journal check`, restore a backup");
            }
            if self.is_over() {
                self.stop_over_limit("old events can't be deleted");
            }
            return;
        }
        let failure = Failure::of(error);
        // A store that is full already tells nothing new.
        if self.mode != Mode::Probing || matches!(failure, Failure::Broken(_)) {
            self.fail(&failure);
        }
    }

    /// Refuses events until the log is below its limit again.
    fn stop_over_limit(&mut self, reason: &str) {
        if self.mode != Mode::Writing {
            return;
        }
        let path = self.settings.options.path.display();
        error!(%path, reason, "the log has reached journal.bytes_max: callbacks are not acknowledged");
        self.stop(Mode::OverLimit, Health::Full, AppendError::Full);
    }

    fn is_over(&self) -> bool {
        self.shared.log_bytes.load(Ordering::Relaxed) > self.settings.bytes_max
    }

    /// Deleting does not keep up with appending, or the limit was lowered: the log must not grow further.
    fn is_far_over(&self) -> bool {
        let bytes_max = self.settings.bytes_max;
        self.shared.log_bytes.load(Ordering::Relaxed) > bytes_max.saturating_add(bytes_max / 8)
    }
}
