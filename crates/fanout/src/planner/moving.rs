//! Moving a subscription's cursor at somebody's wish: a piece at a time, while none of its attempts is under way.

use std::{mem, time::Instant};

use gateway_journal::Sequence;

use super::{
    PlanError, Planner,
    steering::{Reply, SteerError, failed},
};
use crate::{
    flow::{Flow, STALL},
    subscriber::Start,
};

/// Where a cursor is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// To the end that the log has then; what waits until there is given up, and counts as filtered.
    Skip,
    /// Back to a place, if it is not before it anyway. What is between is seen and counted again.
    Rewind(Start),
}

/// What a move did, or would do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    /// Events that the cursor passes, wanted or not.
    pub events: u64,
    /// Deliveries that waited for another attempt and are forgotten.
    pub pending: u64,
    /// Dead letters that are forgotten, as their events are seen again.
    pub dead: u64,
}

/// A cursor that is to be moved.
#[derive(Debug)]
pub(super) struct Moving {
    name: String,
    to: Move,
    /// Where to, once it has begun.
    target: Option<Sequence>,
    moved: Moved,
    /// Nothing of it is done before.
    stalled_until: Option<Instant>,
    reply: Option<Reply<Moved>>,
}

/// How a move goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// For attempts to end, or the live reading to come by.
    Waits,
    /// There are further pieces.
    More,
    Over,
}

// === impl Moving ===

impl Moving {
    pub(super) fn new(name: String, to: Move, reply: Reply<Moved>) -> Self {
        Self {
            name,
            to,
            target: None,
            moved: Moved::default(),
            stalled_until: None,
            reply: Some(reply),
        }
    }

    /// Nobody waits for it any more, and nothing of it is done.
    fn is_given_up(&self) -> bool {
        self.target.is_none() && self.reply.as_ref().is_none_or(Reply::is_closed)
    }

    fn end(&mut self, moved: Result<Moved, SteerError>) {
        // Whoever asked may have gone.
        drop(self.reply.take().map(|reply| reply.send(moved)));
    }
}

// === impl Planner ===

impl Planner {
    /// Halts a subscription, for [`Planner::go_on_moving`] to move its cursor.
    pub(super) fn begin_to_move(&mut self, mut moving: Moving) {
        let name = moving.name.clone();
        if self.moving.iter().any(|other| other.name == name) {
            return moving.end(Err(SteerError::Moving(name)));
        }
        match self.flow(name) {
            Ok(flow) => {
                flow.halt();
                self.moving.push(moving);
            }
            Err(unknown) => moving.end(Err(unknown)),
        }
    }

    /// Moves every cursor by one piece that can be moved now; tells whether there is more to do at once. One that fails has
    /// not begun, or goes on after a pause.
    pub(super) fn go_on_moving(&mut self) -> bool {
        let mut moving = mem::take(&mut self.moving);
        let mut is_behind = false;
        moving.retain_mut(|one| match self.move_on(one) {
            Ok(Progress::Over) => {
                let flow = self.flow(one.name.clone());
                one.end(flow.map(Flow::go_on).map(|()| one.moved));
                false
            }
            Ok(progress) => {
                is_behind |= progress == Progress::More;
                true
            }
            Err(error) => {
                one.stalled_until = Some(Instant::now() + STALL);
                let failed = failed(error);
                if one.target.is_none() {
                    let flow = self.flow(one.name.clone());
                    one.end(flow.map(Flow::go_on).and(Err(failed)));
                }
                one.target.is_some()
            }
        });
        self.moving = moving;
        is_behind
    }

    /// One piece of one move.
    fn move_on(&mut self, moving: &mut Moving) -> Result<Progress, PlanError> {
        let name = &*moving.name;
        let Some(place) = self.flows.iter().position(|flow| flow.name() == name) else {
            return Ok(Progress::Over);
        };
        if moving.is_given_up() {
            return Ok(Progress::Over);
        }
        let now = Instant::now();
        if moving.stalled_until.is_some_and(|until| now < until) {
            return Ok(Progress::Waits);
        }
        let Some(cursor) = self.flows.get_mut(place).and_then(Flow::halt) else {
            return Ok(Progress::Waits);
        };
        let target = match moving.target {
            Some(target) => target,
            None => self.target(moving.to, cursor)?,
        };
        if moving.target.is_none() {
            moving.moved.events = target.abs_diff(cursor);
            moving.target = Some(target);
        }
        // Else it would be shown again what it has passed.
        if self.position < target {
            return Ok(Progress::Waits);
        }
        let Some(flow) = self.flows.get_mut(place) else {
            return Ok(Progress::Over);
        };
        let deliveries = &mut self.parts.deliveries;
        let gone = match moving.to {
            Move::Skip => deliveries.skip(name, flow.row_mut())?,
            Move::Rewind(_) => deliveries.rewind(name, flow.row_mut(), target)?,
        };
        moving.moved.pending += gone.pending;
        moving.moved.dead += gone.dead;
        if !gone.is_all {
            return Ok(Progress::More);
        }
        flow.arrive(target, deliveries.lanes(name)?);
        self.save()?;
        self.report()?;
        Ok(Progress::Over)
    }

    /// What a move would do now.
    pub(super) fn foresee(&mut self, name: &str, to: Move) -> Result<Moved, SteerError> {
        let cursor = self.flow(name.to_owned())?.row().cursor;
        self.foreseen(name, to, cursor).map_err(failed)
    }

    fn foreseen(&self, name: &str, to: Move, cursor: Sequence) -> Result<Moved, PlanError> {
        let target = self.target(to, cursor)?;
        let gone = match to {
            Move::Skip => self.parts.deliveries.past(name, 0)?,
            Move::Rewind(_) => self.parts.deliveries.past(name, target)?,
        };
        Ok(Moved {
            events: target.abs_diff(cursor),
            pending: gone.pending,
            dead: if to == Move::Skip { 0 } else { gone.dead },
        })
    }

    /// Where a cursor comes to. What the journal has no more can't be seen again.
    fn target(&self, to: Move, cursor: Sequence) -> Result<Sequence, PlanError> {
        let Move::Rewind(start) = to else {
            return Ok(self.head.borrow().sequence.max(cursor));
        };
        let first = self.reader.bounds()?.map_or(cursor, |(first, _)| first - 1);
        Ok(self.first(start)?.max(first).min(cursor))
    }
}
