//! Appending from asynchronous code, and the way back: the writer sends one message for each batch and runtime, and a
//! task on that runtime wakes the futures there, where it costs no call of the system.

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use gateway_core::{Envelope, EventId};
use tokio::sync::{mpsc, oneshot};

use super::{AppendError, Shared, queue::Pending};

/// Batches that may wait for a runtime to wake its futures. Beyond it, e.g. when the runtime is blocked, the writer
/// wakes them itself and never waits.
const COMPLETIONS_MAX: usize = 64;

/// Appends events, for one runtime. Cheap to clone within it.
#[derive(Clone)]
pub struct Appender {
    shared: Arc<Shared>,
    runtime: usize,
}

/// Answers the appenders of one runtime: one wake-up for each batch. Spawn `run` on that runtime.
#[derive(Debug)]
pub struct Completions {
    batches: mpsc::Receiver<Vec<Completion>>,
}

/// An event on its way to the disk.
#[derive(Debug)]
#[must_use = "the event is acknowledged when the future says so"]
pub struct Append(Result<oneshot::Receiver<Answer>, AppendError>);

pub(super) type Answer = Result<EventId, AppendError>;

/// A future that waits for its event's sync.
#[derive(Debug)]
pub(super) struct Waiter {
    runtime: usize,
    sender: oneshot::Sender<Answer>,
}

/// An answer on its way.
#[derive(Debug)]
pub(super) struct Completion {
    sender: oneshot::Sender<Answer>,
    answer: Answer,
}

/// Where the answers for each runtime go.
#[derive(Debug, Default)]
pub(super) struct Runtimes(Mutex<Vec<mpsc::Sender<Vec<Completion>>>>);

// === impl Appender ===

impl Appender {
    pub(super) fn pair(shared: Arc<Shared>) -> (Self, Completions) {
        let (sender, batches) = mpsc::channel(COMPLETIONS_MAX);
        let runtime = shared.runtimes.add(sender);
        if shared.queue.is_closed() {
            // The writer may have ended already: nobody else would end `run`.
            shared.runtimes.clear();
        }
        (Self { shared, runtime }, Completions { batches })
    }

    /// Queues an event at once; the future waits for its sync. Dropping it does not take the event back.
    ///
    /// # Errors
    ///
    /// The event was not acknowledged. It may still be in the log when the journal was closed, or the store failed,
    /// while it was being written.
    pub fn append(&self, envelope: Envelope, body: Bytes) -> Append {
        let (sender, answer) = oneshot::channel();
        let mut event = Pending::new(envelope, body);
        event.waiter = Some(Waiter {
            runtime: self.runtime,
            sender,
        });
        Append(self.shared.queue.push(event).map(|()| answer))
    }

    /// Puts a before-event with its verdict into the next batch; nobody waits for it. `false`, and
    /// `Observer::unrecorded`, when there is no room.
    pub fn record(&self, envelope: Envelope, body: Bytes) -> bool {
        let recorded = self.shared.queue.push(Pending::new(envelope, body)).is_ok();
        if !recorded {
            self.shared.observer.unrecorded(1);
        }
        recorded
    }
}

impl fmt::Debug for Appender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Appender")
            .field("runtime", &self.runtime)
            .finish_non_exhaustive()
    }
}

// === impl Append ===

impl Future for Append {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        match &mut self.0 {
            Ok(answer) => {
                let answer = ready!(Pin::new(answer).poll(cx));
                Poll::Ready(answer.unwrap_or(Err(AppendError::Closed)))
            }
            Err(error) => Poll::Ready(Err(*error)),
        }
    }
}

// === impl Completions ===

impl Completions {
    /// Runs until the journal is closed.
    pub async fn run(mut self) {
        while let Some(batch) = self.batches.recv().await {
            batch.into_iter().for_each(Completion::send);
        }
    }
}

// === impl Completion ===

impl Completion {
    /// A caller that is gone does not want its answer.
    fn send(self) {
        self.sender.send(self.answer).ok();
    }
}

// === impl Runtimes ===

impl Runtimes {
    /// Sends each runtime its answers in one message.
    pub(super) fn answer(&self, answers: impl IntoIterator<Item = (Waiter, Answer)>) {
        let runtimes = self.lock().clone();
        let mut groups = Vec::new();
        groups.resize_with(runtimes.len(), Vec::new);
        for (Waiter { runtime, sender }, answer) in answers {
            let completion = Completion { sender, answer };
            match groups.get_mut(runtime) {
                Some(group) => group.push(completion),
                None => completion.send(),
            }
        }
        for (runtime, group) in runtimes.iter().zip(groups) {
            if group.is_empty() {
                continue;
            }
            if let Err(unsent) = runtime.try_send(group) {
                unsent.into_inner().into_iter().for_each(Completion::send);
            }
        }
    }

    /// No more answers will come.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    /// Finds a place for a runtime; the place of one that is gone is used again.
    fn add(&self, sender: mpsc::Sender<Vec<Completion>>) -> usize {
        let mut runtimes = self.lock();
        if let Some(place) = runtimes.iter().position(mpsc::Sender::is_closed)
            && let Some(gone) = runtimes.get_mut(place)
        {
            *gone = sender;
            return place;
        }
        runtimes.push(sender);
        runtimes.len() - 1
    }

    fn lock(&self) -> MutexGuard<'_, Vec<mpsc::Sender<Vec<Completion>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
