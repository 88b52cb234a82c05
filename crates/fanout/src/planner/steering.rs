//! What people want done with subscriptions, on its way to the planner, and what came of it, on the way back.

use std::sync::Arc;

use gateway_journal::{DeliveryStatus, Pause, PauseReason, Sequence};
use tokio::sync::{mpsc, oneshot};

use super::{
    PlanError, Planner,
    moving::{Move, Moved, Moving},
    tell,
};
use crate::{clock::now_ms, flow::Flow, subscriber::Subscriber};

/// Steers the fan-out from elsewhere.
#[derive(Debug, Clone)]
pub struct Steering(mpsc::Sender<Wish>);

/// What somebody wants, and who waits for it.
#[derive(Debug)]
pub(super) enum Wish {
    Configure(Vec<Arc<Subscriber>>, Reply),
    Pause(String, bool, Reply),
    Retry(String, Vec<Sequence>, Reply<u64>),
    Move(Moving),
    Foresee(String, Move, Reply<Moved>),
}

pub(super) type Reply<T = ()> = oneshot::Sender<Result<T, SteerError>>;

/// A wish was not granted.
#[derive(Debug, thiserror::Error)]
pub enum SteerError {
    /// There is no such subscription.
    #[error("no subscription is named `{0}`")]
    Unknown(String),
    /// Somebody else moves its cursor.
    #[error("the cursor of `{0}` is being moved already; try again")]
    Moving(String),
    /// The state could not be read or written; it may be done all the same, a little later.
    #[error("the state could not be read or written; the gateway's log says why")]
    Failed,
    /// Too many wait already, or the gateway stops.
    #[error("too much is asked for at once, or the gateway stops; try again")]
    Busy,
}

/// Those that wait; further ones are refused.
const WAITING_MAX: usize = 64;

// === impl Steering ===

impl Steering {
    pub(super) fn new() -> (Self, mpsc::Receiver<Wish>) {
        let (wishes, receiver) = mpsc::channel(WAITING_MAX);
        (Self(wishes), receiver)
    }

    /// Exchanges the subscriptions, in a moment; it is not waited for. Those that stay keep their place; what is due to
    /// others is forgotten.
    ///
    /// # Errors
    ///
    /// [`SteerError::Busy`].
    pub fn configure(&self, subscribers: Vec<Arc<Subscriber>>) -> Result<(), SteerError> {
        let (reply, _nobody_waits) = oneshot::channel();
        let wish = Wish::Configure(subscribers, reply);
        self.0.try_send(wish).map_err(|_| SteerError::Busy)
    }

    /// Begins no attempt until [`Steering::resume`]; those under way end. The journal keeps what comes meanwhile.
    ///
    /// # Errors
    ///
    /// Any.
    pub async fn pause(&self, subscription: String) -> Result<(), SteerError> {
        self.ask(|reply| Wish::Pause(subscription, true, reply))
            .await
    }

    /// Goes on, whoever has paused it.
    ///
    /// # Errors
    ///
    /// Any.
    pub async fn resume(&self, subscription: String) -> Result<(), SteerError> {
        self.ask(|reply| Wish::Pause(subscription, false, reply))
            .await
    }

    /// Tries dead letters again, from their first attempt on. Those that are none are passed over. Tells how many it
    /// tries.
    ///
    /// # Errors
    ///
    /// Any.
    pub async fn retry(
        &self,
        subscription: String,
        events: Vec<Sequence>,
    ) -> Result<u64, SteerError> {
        self.ask(|reply| Wish::Retry(subscription, events, reply))
            .await
    }

    /// Moves a cursor, as soon as none of the subscription's attempts is under way; none begins meanwhile. Whoever
    /// stops waiting before that has not moved it.
    ///
    /// # Errors
    ///
    /// Any.
    pub async fn move_cursor(&self, subscription: String, to: Move) -> Result<Moved, SteerError> {
        self.ask(|reply| Wish::Move(Moving::new(subscription, to, reply)))
            .await
    }

    /// What [`Steering::move_cursor`] would do now.
    ///
    /// # Errors
    ///
    /// [`SteerError::Unknown`], [`SteerError::Failed`], [`SteerError::Busy`].
    pub async fn foresee(&self, subscription: String, to: Move) -> Result<Moved, SteerError> {
        self.ask(|reply| Wish::Foresee(subscription, to, reply))
            .await
    }

    async fn ask<T>(&self, wish: impl FnOnce(Reply<T>) -> Wish) -> Result<T, SteerError> {
        let (reply, granted) = oneshot::channel();
        self.0.try_send(wish(reply)).map_err(|_| SteerError::Busy)?;
        granted.await.unwrap_or(Err(SteerError::Busy))
    }
}

// === impl Planner ===

impl Planner {
    /// Does what somebody wants, saves it, and tells.
    pub(super) fn grant(&mut self, wish: Wish) {
        match wish {
            Wish::Configure(subscribers, reply) => {
                self.wanted = Some(subscribers);
                let done = self.configure().map_err(failed);
                self.answer(done, reply);
            }
            Wish::Pause(name, is_paused, reply) => {
                let done = self.pause(name, is_paused);
                self.answer(done, reply);
            }
            Wish::Retry(name, events, reply) => {
                let done = self.retry_dead(name, events);
                self.answer(done, reply);
            }
            Wish::Move(moving) => self.begin_to_move(moving),
            // Whoever asked may have gone.
            Wish::Foresee(name, to, reply) => drop(reply.send(self.foresee(&name, to))),
        }
    }

    /// Saves what was done, and tells.
    fn answer<T>(&mut self, done: Result<T, SteerError>, reply: Reply<T>) {
        let saved = done.and_then(|done| {
            let saved = self.save().map_err(PlanError::from);
            let told = saved.and_then(|()| self.report());
            told.map(|()| done).map_err(failed)
        });
        // Whoever asked may have gone.
        drop(reply.send(saved));
    }

    fn pause(&mut self, name: String, is_paused: bool) -> Result<(), SteerError> {
        let pause = Pause {
            by: PauseReason::Operator,
            since_ms: now_ms(),
        };
        self.flow(name)?.pause(is_paused.then_some(pause));
        Ok(())
    }

    fn retry_dead(&mut self, name: String, mut events: Vec<Sequence>) -> Result<u64, SteerError> {
        // None is counted twice, though the state did not take it the last time.
        self.save().map_err(|error| failed(error.into()))?;
        events.sort_unstable();
        events.dedup();
        let mut letters = Vec::new();
        for sequence in events {
            let found = self.parts.deliveries.delivery(&name, sequence);
            let found = found.map_err(|error| failed(error.into()))?;
            letters.extend(found.filter(|delivery| delivery.status == DeliveryStatus::Dead));
        }
        let now_ms = now_ms();
        let flow = self.flow(name)?;
        let tried = letters.len() as u64;
        for letter in letters {
            flow.resurrect(letter, now_ms);
        }
        Ok(tried)
    }

    pub(super) fn flow(&mut self, name: String) -> Result<&mut Flow, SteerError> {
        let mut flows = self.flows.iter_mut();
        let found = flows.find(|flow| flow.name() == name);
        found.ok_or(SteerError::Unknown(name))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn failed(error: PlanError) -> SteerError {
    tell(&error);
    SteerError::Failed
}
