//! The plug-in API: one type for each command of Chat's, with everything that is known about it.
//!
//! Not here: how plug-ins are found and run (`callbacks.rs`, `dispatcher.rs`). Start at [`Callback`]; the crate
//! `callback-friend-delete` is the example to copy.

use std::{collections::HashSet, fmt, sync::Arc};

use async_trait::async_trait;
use poem_openapi::types::{ParseFromJSON, ToJSON, Type};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Answer, Envelope, EventId, Handled, Handler};

/// The code for one command: typed request, typed answer, handler.
#[async_trait]
pub trait Callback: Send + Sync + 'static {
    /// The vendor's name, as in the query's `CallbackCommand`.
    const COMMAND: &'static str;
    /// The group of the page that it is shown in, e.g. `Friends`.
    const FEATURE: &'static str;
    /// One short sentence without a full stop: what happened, or what is asked.
    const SUMMARY: &'static str;
    /// The vendor's page that documents the command.
    const SOURCE: &'static str;
    /// A whole request body as JSON: the page's example, what `trigger` sends, the test's input.
    const SAMPLE: &'static str;

    /// The body: serde decodes it, poem-openapi documents it.
    type Request: DeserializeOwned + Type + ParseFromJSON + ToJSON + Send + Sync + 'static;
    /// [`crate::Noted`] for an after-command; a verdict for a before-command.
    type Answer: Answer<Self::Request>;

    /// The accounts and groups that the event is about; it is found by them.
    fn subjects(request: &Self::Request) -> Subjects;

    /// When it happened, where the body says so; by default it does not.
    fn time(_request: &Self::Request) -> Option<EventTime> {
        None
    }

    /// What a batch consists of, where one body tells of several things; they are listed with the event.
    fn items(_request: &Self::Request) -> Vec<Item> {
        Vec::new()
    }

    /// Does the work: for an after-command at least once, after the ack; for a before-command within the deadline.
    ///
    /// By default there is no work: a before-command allows, and an after-event is only taken note of. It is journaled,
    /// found and delivered all the same. Write one where the command has something of its own to do, in an `impl` under
    /// `#[async_trait]`; who installs the plug-in can put another in its place ([`Callback::handled_by`]).
    ///
    /// ```
    /// # use async_trait::async_trait;
    /// # use gateway_core::{Callback, Context, HandlerError, Noted, Subjects};
    /// # use poem_openapi::Object;
    /// # use serde::Deserialize;
    /// # pub struct Shop;
    /// # impl Shop {
    /// #     async fn forget(&self, _owner: &str, _removed: &str) -> Result<(), std::io::Error> { Ok(()) }
    /// # }
    /// # pub struct FriendDelete { shop: Shop }
    /// # #[derive(Deserialize, Object)]
    /// # pub struct FriendDeleteRequest { pair_list: Vec<RemovedFriend> }
    /// # #[derive(Deserialize, Object)]
    /// # pub struct RemovedFriend { owner: String, removed: String }
    /// #[async_trait]
    /// impl Callback for FriendDelete {
    ///     // The constants, types and `subjects` as in every plug-in.
    /// #   const COMMAND: &'static str = "Sns.CallbackFriendDelete";
    /// #   const FEATURE: &'static str = "Friends";
    /// #   const SUMMARY: &'static str = "Friends were removed from friend lists";
    /// #   const SOURCE: &'static str = "https://example.com";
    /// #   const SAMPLE: &'static str = "{}";
    /// #   type Request = FriendDeleteRequest;
    /// #   type Answer = Noted;
    /// #   fn subjects(_request: &FriendDeleteRequest) -> Subjects { Subjects::default() }
    ///     async fn handle(
    ///         &self,
    ///         _cx: &Context,
    ///         request: FriendDeleteRequest,
    ///     ) -> Result<Noted, HandlerError> {
    ///         for RemovedFriend { owner, removed } in &request.pair_list {
    ///             let forgotten = self.shop.forget(owner, removed).await;
    ///             forgotten.map_err(HandlerError::new)?;
    ///         }
    ///         Ok(Noted)
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// An after-event whose handler errs is parked and tried again; a before-callback gets the failure policy's
    /// answer.
    async fn handle(
        &self,
        _cx: &Context,
        request: Self::Request,
    ) -> Result<Self::Answer, HandlerError> {
        Ok(Self::Answer::allow(&request))
    }

    /// The same command with another handler in the place of its own.
    fn handled_by<H: Handler<Self>>(self, handler: H) -> Handled<Self, H>
    where
        Self: Sized,
    {
        Handled::new(self, handler)
    }
}

/// What a handler gets beside the request.
#[derive(Debug, Clone)]
pub struct Context {
    /// Where the callback came from and how it was authenticated.
    pub envelope: Arc<Envelope>,
    /// The event in the journal; the same for every attempt. `None` for a before-callback, which is answered first.
    pub event: Option<EventId>,
    /// 1 for the first attempt.
    pub attempt: u32,
}

/// The accounts and groups that an event is about, without repeats.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Subjects {
    /// User ids.
    pub accounts: Vec<String>,
    /// Group ids.
    pub groups: Vec<String>,
}

/// One of the things that a batch tells of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Item {
    /// Whom it is about.
    pub subjects: Subjects,
    /// When it happened, where the body says so.
    pub time: Option<EventTime>,
}

/// A moment in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct EventTime(i64);

/// Why a handler could not do its work. The text is stored with the event and never logged: it may name accounts.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct HandlerError {
    message: String,
}

/// As seconds this is in the year 5138, as milliseconds in March 1973: smaller times are seconds.
const SECONDS_END: i64 = 100_000_000_000;

// === impl Subjects ===

impl Subjects {
    /// Adds an account; an empty one and a repeat are passed over.
    #[must_use]
    pub fn account(self, account: &str) -> Self {
        self.accounts([account])
    }

    /// Adds accounts; empty ones and repeats are passed over.
    #[must_use]
    pub fn accounts<'a>(mut self, accounts: impl IntoIterator<Item = &'a str>) -> Self {
        extend(&mut self.accounts, accounts);
        self
    }

    /// Adds a group; an empty one and a repeat are passed over.
    #[must_use]
    pub fn group(self, group: &str) -> Self {
        self.groups([group])
    }

    /// Adds groups; empty ones and repeats are passed over.
    #[must_use]
    pub fn groups<'a>(mut self, groups: impl IntoIterator<Item = &'a str>) -> Self {
        extend(&mut self.groups, groups);
        self
    }
}

/// Few names are compared with each other. A body can name a hundred thousand, and those are hashed: comparing them all
/// would take minutes.
fn extend<'a>(names: &mut Vec<String>, more: impl IntoIterator<Item = &'a str>) {
    const FEW: usize = 16;
    // Named in full: poem-openapi's `Type` has an `is_empty`, too, which comes first and is always false.
    let mut more = more.into_iter().filter(|name| !str::is_empty(name));
    while names.len() < FEW {
        let Some(name) = more.next() else {
            return;
        };
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    let mut seen: HashSet<&str> = names.iter().map(String::as_str).collect();
    let new: Vec<&str> = more.filter(|name| seen.insert(name)).collect();
    let new: Vec<String> = new.into_iter().map(str::to_owned).collect();
    names.extend(new);
}

// === impl EventTime ===

impl EventTime {
    /// From a time in milliseconds or seconds since the Unix epoch; which of them it is, its size tells: most commands
    /// carry milliseconds, push events and message times seconds. `None` for a time that is missing, which reads as 0,
    /// or is none.
    pub const fn from_unix(time: i64) -> Option<Self> {
        match time {
            ..=0 => None,
            1..SECONDS_END => Some(Self(time * 1000)),
            _ => Some(Self(time)),
        }
    }

    /// The first of several times that is one, each as in [`EventTime::from_unix`]: in milliseconds or seconds, 0 for a
    /// missing one. For commands whose newer bodies have an `EventTime` in milliseconds, and whose older ones have only
    /// the message's time in seconds.
    pub fn first_of<const N: usize>(times: [Option<i64>; N]) -> Option<Self> {
        times.into_iter().flatten().find_map(Self::from_unix)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }
}

// === impl HandlerError ===

impl HandlerError {
    /// `reason` completes "failed to handle the event: …".
    pub fn new(reason: impl fmt::Display) -> Self {
        Self {
            message: reason.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_hold_each_name_once() {
        let subjects = Subjects::default()
            .accounts(["alice", "bob", "alice", ""])
            .group("lobby")
            .group("lobby");
        assert_eq!(subjects.accounts, ["alice", "bob"]);
        assert_eq!(subjects.groups, ["lobby"]);
    }

    #[test]
    fn many_subjects_hold_each_name_once_too() {
        let names: Vec<String> = (0..100_000).map(|n| format!("u{}", n % 50_000)).collect();
        let names = || names.iter().map(String::as_str);
        let subjects = Subjects::default()
            .account("u7")
            .accounts(names())
            .accounts(names());
        assert_eq!(subjects.accounts.len(), 50_000);
        assert_eq!(subjects.accounts[..3], ["u7", "u0", "u1"]);
    }

    #[test]
    fn the_size_of_a_time_tells_its_unit() {
        let millis = |time| EventTime::from_unix(time).map(EventTime::as_millis);
        assert_eq!(millis(1_670_574_414_123), Some(1_670_574_414_123));
        assert_eq!(millis(1_557_481_127), Some(1_557_481_127_000));
        assert_eq!(millis(i64::MAX), Some(i64::MAX));
        assert_eq!(millis(0), None);
        assert_eq!(millis(-5), None);
    }

    #[test]
    fn the_first_time_that_is_one_counts() {
        let millis = |times| EventTime::first_of(times).map(EventTime::as_millis);
        let (event, message) = (1_557_481_127_123, 1_557_481_126);
        assert_eq!(millis([Some(event), Some(message)]), Some(event));
        assert_eq!(millis([None, Some(message)]), Some(message * 1000));
        assert_eq!(millis([Some(0), Some(message)]), Some(message * 1000));
        assert_eq!(millis([Some(0), None]), None);
    }
}
