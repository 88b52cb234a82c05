//! Dispatch: from a command's name to its plug-in, whose types are erased here and nowhere else.
//!
//! Not here: on which thread a handler runs, and what happens when it fails (the server decides that). Start at
//! [`Dispatcher::get`], then [`Installed::prepare`].

use std::{
    collections::HashMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use async_trait::async_trait;
use poem_openapi::types::ToJSON;
use serde_json::Value;

use crate::{
    Ack, AckRules, Answer, Callback, Callbacks, Context, Decoded, Drift, EventTime, HandlerError,
    Item, List, Phase, Subjects, command_drift, decode, decode::insert_drift,
};

/// Finds plug-ins by their command.
#[derive(Debug, Clone)]
pub struct Dispatcher {
    by_command: Arc<HashMap<&'static str, usize>>,
    installed: Arc<[Installed]>,
}

/// One installed plug-in.
#[derive(Clone)]
pub struct Installed {
    descriptor: Descriptor,
    erased: Arc<dyn Erased>,
}

/// The static facts of a plug-in: the constants of its [`Callback`].
#[derive(Debug, Clone, Copy)]
pub struct Descriptor {
    /// Its place in the list, from 0: an index into tables that hold something for each plug-in.
    pub index: usize,
    /// [`Callback::COMMAND`].
    pub command: &'static str,
    /// [`Callback::FEATURE`].
    pub feature: &'static str,
    /// [`Callback::SUMMARY`].
    pub summary: &'static str,
    /// [`Callback::SOURCE`].
    pub source: &'static str,
    /// [`Callback::SAMPLE`].
    pub sample: &'static str,
    /// [`Answer::PHASE`].
    pub phase: Phase,
    /// [`Answer::RULES`].
    pub rules: AckRules,
}

/// A body, decoded once: what the index, the drift report and the handler need of it.
#[derive(Debug, Default)]
pub struct Prepared {
    /// Who it is about; empty when the body can't be read.
    pub subjects: Subjects,
    /// When it happened, where the body says so.
    pub time: Option<EventTime>,
    /// What differs from the types.
    pub drift: Vec<Drift>,
    /// The handler's work; `None` when the body can't be read.
    pub work: Option<Work>,
}

/// A decoded request together with the handler that wants it.
pub struct Work(Box<dyn ErasedWork>);

/// Two plug-ins claim the same command.
#[derive(Debug, thiserror::Error)]
#[error("the command `{0}` is installed twice; remove one of them from the list of callbacks")]
pub struct DuplicateCommand(&'static str);

/// [`Callback`] without its types.
trait Erased: Send + Sync {
    fn prepare(self: Arc<Self>, body: &[u8]) -> Prepared;
    fn work(self: Arc<Self>, body: &[u8]) -> Option<Work>;
}

/// A decoded request without its type.
#[async_trait]
trait ErasedWork: Send {
    fn to_json(&self) -> Option<Value>;
    fn items(&self) -> Vec<Item>;
    fn allow(&self) -> Vec<u8>;
    fn refuse(&self) -> Vec<u8>;
    async fn run(self: Box<Self>, cx: &Context) -> Result<Vec<u8>, HandlerError>;
}

/// What both erased twins stand for.
struct Typed<C>(C);

struct TypedWork<C: Callback> {
    callback: Arc<Typed<C>>,
    request: C::Request,
}

// === impl Dispatcher ===

impl Dispatcher {
    /// Installs the plug-ins.
    ///
    /// # Errors
    ///
    /// Names the command that two of them claim.
    pub fn new<L: List>(callbacks: Callbacks<L>) -> Result<Self, DuplicateCommand> {
        let installed = callbacks.install();
        let mut by_command = HashMap::with_capacity(installed.len());
        for (index, callback) in installed.iter().enumerate() {
            if by_command
                .insert(callback.descriptor.command, index)
                .is_some()
            {
                return Err(DuplicateCommand(callback.descriptor.command));
            }
        }
        Ok(Self {
            by_command: Arc::new(by_command),
            installed: installed.into(),
        })
    }

    /// The plug-in for a command; `None` when none is installed.
    pub fn get(&self, command: &str) -> Option<&Installed> {
        self.installed.get(*self.by_command.get(command)?)
    }

    /// All of them, in the order of installation.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Installed> {
        self.installed.iter()
    }
}

// === impl Descriptor ===

impl Descriptor {
    pub(crate) fn of<C: Callback>(index: usize) -> Self {
        Self {
            index,
            command: C::COMMAND,
            feature: C::FEATURE,
            summary: C::SUMMARY,
            source: C::SOURCE,
            sample: C::SAMPLE,
            phase: <C::Answer as Answer<C::Request>>::PHASE,
            rules: <C::Answer as Answer<C::Request>>::RULES,
        }
    }
}

// === impl Installed ===

impl Installed {
    pub(crate) fn new<C: Callback>(callback: C, index: usize) -> Self {
        Self {
            descriptor: Descriptor::of::<C>(index),
            erased: Arc::new(Typed(callback)),
        }
    }

    /// Its static facts.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Decodes a body. Never fails: what can't be read is drift, and so is a body at which the plug-in panics.
    pub fn prepare(&self, body: &[u8]) -> Prepared {
        let erased = Arc::clone(&self.erased);
        guarded(|| erased.prepare(body)).unwrap_or_else(|| Prepared {
            drift: vec![Drift {
                path: String::new(),
                expected: "a request of the plug-in".to_owned(),
                found: "plug-in panicked".to_owned(),
            }],
            ..Prepared::default()
        })
    }

    /// Decodes a body for the handler alone; `None` when it can't be read, and when the plug-in panics at it.
    pub fn work(&self, body: &[u8]) -> Option<Work> {
        let erased = Arc::clone(&self.erased);
        guarded(|| erased.work(body)).flatten()
    }
}

impl fmt::Debug for Installed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Installed")
            .field(&self.descriptor.command)
            .finish()
    }
}

// === impl Work ===

impl Work {
    /// The request in the vendor's words, as our types understood it; `None` also when the plug-in panics.
    pub fn to_json(&self) -> Option<Value> {
        guarded(|| self.0.to_json()).flatten()
    }

    /// What a batch consists of; nothing for any other event, and when the plug-in panics.
    pub fn items(&self) -> Vec<Item> {
        guarded(|| self.0.items()).unwrap_or_default()
    }

    /// The ack that lets the action happen, as bytes on the wire; the plain one when the plug-in panics.
    pub fn allow(&self) -> Vec<u8> {
        guarded(|| self.0.allow()).unwrap_or_else(|| Ack::OK.to_vec())
    }

    /// The ack that stops the action, as far as the command can, as bytes on the wire; the plain one when the plug-in
    /// panics.
    pub fn refuse(&self) -> Vec<u8> {
        guarded(|| self.0.refuse()).unwrap_or_else(|| Ack::REFUSED.to_vec())
    }

    /// Runs the handler; the result is the ack as bytes on the wire.
    ///
    /// # Errors
    ///
    /// What the handler returned.
    pub async fn run(self, cx: &Context) -> Result<Vec<u8>, HandlerError> {
        self.0.run(cx).await
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Work")
    }
}

// === impl Typed ===

impl<C: Callback> Typed<C> {
    fn work_of(self: Arc<Self>, request: C::Request) -> Work {
        Work(Box::new(TypedWork {
            callback: self,
            request,
        }))
    }
}

impl<C: Callback> Erased for Typed<C> {
    fn prepare(self: Arc<Self>, body: &[u8]) -> Prepared {
        let Decoded { value, mut drift } = decode::<C::Request>(body);
        if let Some(found) = command_drift(body, C::COMMAND) {
            insert_drift(&mut drift, found);
        }
        let Some(request) = value else {
            return Prepared {
                drift,
                ..Prepared::default()
            };
        };
        Prepared {
            subjects: C::subjects(&request),
            time: C::time(&request),
            drift,
            work: Some(self.work_of(request)),
        }
    }

    fn work(self: Arc<Self>, body: &[u8]) -> Option<Work> {
        let request = decode::<C::Request>(body).value?;
        Some(self.work_of(request))
    }
}

#[async_trait]
impl<C: Callback> ErasedWork for TypedWork<C> {
    fn to_json(&self) -> Option<Value> {
        self.request.to_json()
    }

    fn items(&self) -> Vec<Item> {
        C::items(&self.request)
    }

    fn allow(&self) -> Vec<u8> {
        encode::<C>(C::Answer::allow(&self.request))
    }

    fn refuse(&self) -> Vec<u8> {
        encode::<C>(C::Answer::refuse(&self.request))
    }

    async fn run(self: Box<Self>, cx: &Context) -> Result<Vec<u8>, HandlerError> {
        let answer = self.callback.0.handle(cx, self.request).await?;
        Ok(encode::<C>(answer))
    }
}

fn encode<C: Callback>(answer: C::Answer) -> Vec<u8> {
    serde_json::to_vec(&answer.into_ack())
        .expect("an ack has string keys and no failing serializer")
}

/// Runs code of a plug-in on a thread that must go on; `None` when it panics.
fn guarded<T>(run: impl FnOnce() -> T) -> Option<T> {
    // What the closures see is read only, and dropped after a panic.
    catch_unwind(AssertUnwindSafe(run)).ok()
}

#[cfg(test)]
mod tests {
    use poem_openapi::Object;
    use serde::Deserialize;

    use super::*;
    use crate::Noted;

    struct Greeting;

    #[derive(Deserialize, Object)]
    #[serde(rename_all = "PascalCase")]
    #[oai(rename_all = "PascalCase")]
    struct GreetingRequest {
        from: String,
    }

    impl Callback for Greeting {
        const COMMAND: &'static str = "Test.Greeting";
        const FEATURE: &'static str = "Tests";
        const SUMMARY: &'static str = "Somebody said hello";
        const SOURCE: &'static str = "https://example.com";
        const SAMPLE: &'static str = r#"{"From": "alice"}"#;

        type Request = GreetingRequest;
        type Answer = Noted;

        fn subjects(request: &GreetingRequest) -> Subjects {
            assert_ne!(request.from, "mallory", "a plug-in panics");
            Subjects::default().account(&request.from)
        }
    }

    fn check(body: &str, accounts: &[&str], found: &[&str]) {
        let dispatcher = Dispatcher::new(Callbacks::new().with(Greeting)).unwrap();
        let prepared = dispatcher
            .get("Test.Greeting")
            .unwrap()
            .prepare(body.as_bytes());
        assert_eq!(prepared.subjects.accounts, accounts);
        assert_eq!(prepared.work.is_some(), !accounts.is_empty());
        let drift: Vec<&str> = prepared.drift.iter().map(|drift| &*drift.found).collect();
        assert_eq!(drift, found);
    }

    #[test]
    fn prepares_a_body_and_tells_its_drift() {
        check(r#"{"From": "alice"}"#, &["alice"], &[]);
        check(r#"{"From": 7}"#, &["7"], &["number"]);
        check("hello", &[], &["not JSON"]);
    }

    #[test]
    fn a_plug_in_that_panics_is_drift() {
        check(r#"{"From": "mallory"}"#, &[], &["plug-in panicked"]);
    }

    #[test]
    fn a_body_that_names_another_command_is_drift() {
        check(
            r#"{"CallbackCommand": "Test.Greeting", "From": "alice"}"#,
            &["alice"],
            &["unknown field"],
        );
        check(
            r#"{"CallbackCommand": "Test.Farewell", "From": "alice"}"#,
            &["alice"],
            &["unknown field", "another command"],
        );
        check(
            r#"{"CallbackCommand": "Test.Farewell", "From": "alice""#,
            &[],
            &["not JSON", "another command"],
        );
    }

    #[test]
    fn refuses_a_command_that_is_installed_twice() {
        let twice = Dispatcher::new(Callbacks::new().with(Greeting).with(Greeting));
        let error = twice.unwrap_err().to_string();
        assert!(
            error.contains("`Test.Greeting` is installed twice"),
            "{error}"
        );
    }
}
