//! A plug-in with another handler: whoever installs it decides what is done, without touching its crate.
//!
//! Start at [`Callback::handled_by`].

use async_trait::async_trait;

use crate::{Callback, Context, EventTime, HandlerError, Item, Subjects};

/// Does the work of a command in the place of its plug-in's own handler.
#[async_trait]
pub trait Handler<C: Callback>: Send + Sync + 'static {
    /// As [`Callback::handle`].
    ///
    /// # Errors
    ///
    /// As [`Callback::handle`].
    async fn handle(&self, cx: &Context, request: C::Request) -> Result<C::Answer, HandlerError>;
}

/// A plug-in that leaves its work to a handler from elsewhere; all else is the plug-in's.
#[derive(Debug)]
pub struct Handled<C, H> {
    handler: H,
    // What the plug-in itself holds is kept, though its handler is not called.
    _callback: C,
}

// === impl Handled ===

impl<C: Callback, H: Handler<C>> Handled<C, H> {
    pub(crate) fn new(callback: C, handler: H) -> Self {
        Self {
            handler,
            _callback: callback,
        }
    }
}

#[async_trait]
impl<C: Callback, H: Handler<C>> Callback for Handled<C, H> {
    const COMMAND: &'static str = C::COMMAND;
    const FEATURE: &'static str = C::FEATURE;
    const SUMMARY: &'static str = C::SUMMARY;
    const SOURCE: &'static str = C::SOURCE;
    const SAMPLE: &'static str = C::SAMPLE;

    type Request = C::Request;
    type Answer = C::Answer;

    fn subjects(request: &C::Request) -> Subjects {
        C::subjects(request)
    }

    fn time(request: &C::Request) -> Option<EventTime> {
        C::time(request)
    }

    fn items(request: &C::Request) -> Vec<Item> {
        C::items(request)
    }

    async fn handle(&self, cx: &Context, request: C::Request) -> Result<C::Answer, HandlerError> {
        self.handler.handle(cx, request).await
    }
}
