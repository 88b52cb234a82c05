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

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{self, Poll, Waker},
    };

    use poem_openapi::Object;
    use serde::Deserialize;

    use super::*;
    use crate::{Callbacks, Dispatcher, Envelope, Noted, Proof};

    struct Greeting;

    #[derive(Deserialize, Object)]
    struct GreetingRequest {
        from: String,
    }

    #[async_trait]
    impl Callback for Greeting {
        const COMMAND: &'static str = "Test.Greeting";
        const FEATURE: &'static str = "Tests";
        const SUMMARY: &'static str = "Somebody said hello";
        const SOURCE: &'static str = "https://example.com";
        const SAMPLE: &'static str = r#"{"from":"alice"}"#;

        type Request = GreetingRequest;
        type Answer = Noted;

        fn subjects(request: &GreetingRequest) -> Subjects {
            Subjects::default().account(&request.from)
        }

        fn time(_request: &GreetingRequest) -> Option<EventTime> {
            EventTime::from_unix(7)
        }

        fn items(_request: &GreetingRequest) -> Vec<Item> {
            vec![Item::default()]
        }

        async fn handle(&self, _cx: &Context, _: GreetingRequest) -> Result<Noted, HandlerError> {
            Err(HandlerError::new("the plug-in's own handler"))
        }
    }

    struct Politely;

    #[async_trait]
    impl Handler<Greeting> for Politely {
        async fn handle(&self, _cx: &Context, _: GreetingRequest) -> Result<Noted, HandlerError> {
            Ok(Noted)
        }
    }

    #[test]
    fn only_the_handler_is_another() {
        let callbacks = Callbacks::new().with(Greeting.handled_by(Politely));
        let dispatcher = Dispatcher::new(callbacks).unwrap();
        let installed = dispatcher.get(Greeting::COMMAND).unwrap();
        let descriptor = installed.descriptor();
        assert_eq!(
            (
                descriptor.feature,
                descriptor.summary,
                descriptor.source,
                descriptor.sample
            ),
            (
                Greeting::FEATURE,
                Greeting::SUMMARY,
                Greeting::SOURCE,
                Greeting::SAMPLE
            )
        );
        let prepared = installed.prepare(Greeting::SAMPLE.as_bytes());
        assert_eq!(prepared.subjects.accounts, ["alice"]);
        assert_eq!(prepared.time, EventTime::from_unix(7));
        let work = prepared.work.unwrap();
        assert_eq!(work.items().len(), 1);

        let cx = Context {
            envelope: std::sync::Arc::new(Envelope {
                app: "shop".to_owned(),
                sdk_app_id: 1,
                command: Greeting::COMMAND.to_owned(),
                received_ms: 0,
                client_ip: None,
                platform: None,
                request_id: None,
                peer: None,
                proof: Proof::default(),
                simulated: false,
                verdict: None,
                trace: None,
            }),
            event: None,
            attempt: 1,
        };
        let mut run = pin!(work.run(&cx));
        let ran = run
            .as_mut()
            .poll(&mut task::Context::from_waker(Waker::noop()));
        assert!(matches!(ran, Poll::Ready(Ok(_))), "its own handler errs");
    }
}
