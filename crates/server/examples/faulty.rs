//! The gateway with plug-ins that misbehave, for the end-to-end tests: they block their thread, panic, err and dawdle,
//! each under a command of its own. One that behaves takes batches, whose tests then depend on no command of Chat's.
//!
//! Each attempt of a handler appends a line `command id attempt` to the file named by `FAULTY_RAN`, before anything
//! goes wrong. With `FAULTY_FIXED` what errs succeeds. Not an example to copy for a plug-in: that is the crate `callback-friend-delete`.

use std::{
    fs::{File, OpenOptions},
    future::Future,
    io::Write,
    process::ExitCode,
    sync::Arc,
    thread,
    time::Duration,
};

use async_trait::async_trait;
use gateway_core::{
    Ack, AckRules, Answer, Callback, Context, EventTime, HandlerError, Item, Noted, Phase, Subjects,
};
use poem_openapi::Object;
use serde::Deserialize;

fn main() -> ExitCode {
    let ran = Ran::open();
    let callbacks = gateway_server::callbacks::installed()
        .with(Told::<Note>::new(&ran))
        .with(Told::<Block>::new(&ran))
        .with(Told::<Panic>::new(&ran))
        .with(Told::<Fails>::new(&ran))
        .with(Told::<FailsOnce>::new(&ran))
        .with(Told::<Slow>::new(&ran))
        .with(Told::<Unreadable>::new(&ran))
        .with(Batch { ran: ran.clone() })
        .with(Ask { ran });
    gateway_server::cli::main(callbacks)
}

/// A body of every command here.
#[derive(Debug, Deserialize, Object)]
struct FaultyRequest {
    /// Tells events apart.
    id: String,
    /// For the before-command, what to do: `allow`, `refuse`, `hang`, `panic`, `block`, `stick`, `err`, or
    /// `stray` from the codes of the command.
    #[serde(default)]
    #[oai(default)]
    act: String,
}

/// The file that tells which handlers ran. A line is one write to the end of a file: a kill leaves whole lines.
#[derive(Clone)]
struct Ran(Option<Arc<File>>);

/// What an after-command's handler does wrong.
trait Fault: Send + Sync + 'static {
    const COMMAND: &'static str;
    const SUMMARY: &'static str;

    fn subjects(request: &FaultyRequest) -> Subjects {
        Subjects::default().account(&request.id)
    }

    fn act(attempt: u32) -> impl Future<Output = Result<(), HandlerError>> + Send;
}

/// The after-command of a fault.
struct Told<F> {
    ran: Ran,
    fault: std::marker::PhantomData<F>,
}

/// Does nothing wrong.
struct Note;
/// Blocks its thread for ever.
struct Block;
/// Panics.
struct Panic;
/// Errs.
struct Fails;
/// Errs at the first attempt.
struct FailsOnce;
/// Gives way, and takes a while.
struct Slow;
/// Panics before its handler is called.
struct Unreadable;

/// The command whose body tells of several things.
struct Batch {
    ran: Ran,
}

/// A body of it.
#[derive(Debug, Deserialize, Object)]
struct FaultyBatchRequest {
    /// One for each thing.
    parts: Vec<FaultyPart>,
}

/// One of the things.
#[derive(Debug, Deserialize, Object)]
struct FaultyPart {
    /// Who did it.
    account: String,
    /// Where.
    group: String,
    /// When, in seconds.
    #[serde(default)]
    #[oai(default)]
    at: i64,
}

/// The before-command: its body says what to do.
struct Ask {
    ran: Ran,
}

/// Blocks the thread that drops it.
struct Stuck;

/// Its verdict.
struct Verdict {
    code: i64,
}

// === impl Ran ===

impl Ran {
    fn open() -> Self {
        let path = std::env::var_os("FAULTY_RAN");
        Self(path.map(|path| {
            let file = OpenOptions::new().create(true).append(true).open(path);
            Arc::new(file.expect("FAULTY_RAN names a file that can be written"))
        }))
    }

    fn note(&self, command: &str, id: &str, attempt: u32) {
        if let Some(file) = &self.0 {
            let line = format!("{command} {id} {attempt}\n");
            (&**file)
                .write_all(line.as_bytes())
                .expect("the file takes a line");
        }
    }
}

// === impl Fault ===

impl Fault for Note {
    const COMMAND: &'static str = "Faulty.Note";
    const SUMMARY: &'static str = "Takes note";

    async fn act(_attempt: u32) -> Result<(), HandlerError> {
        Ok(())
    }
}

impl Fault for Block {
    const COMMAND: &'static str = "Faulty.Block";
    const SUMMARY: &'static str = "Blocks its thread";

    async fn act(_attempt: u32) -> Result<(), HandlerError> {
        block()
    }
}

impl Fault for Panic {
    const COMMAND: &'static str = "Faulty.Panic";
    const SUMMARY: &'static str = "Panics";

    async fn act(_attempt: u32) -> Result<(), HandlerError> {
        panic!("a handler panics")
    }
}

impl Fault for Fails {
    const COMMAND: &'static str = "Faulty.Err";
    const SUMMARY: &'static str = "Errs";

    async fn act(attempt: u32) -> Result<(), HandlerError> {
        if std::env::var_os("FAULTY_FIXED").is_some() {
            return Ok(());
        }
        Err(HandlerError::new(format!("attempt {attempt} failed")))
    }
}

impl Fault for FailsOnce {
    const COMMAND: &'static str = "Faulty.ErrOnce";
    const SUMMARY: &'static str = "Errs at the first attempt";

    async fn act(attempt: u32) -> Result<(), HandlerError> {
        if attempt == 1 {
            return Err(HandlerError::new("not yet"));
        }
        Ok(())
    }
}

impl Fault for Slow {
    const COMMAND: &'static str = "Faulty.Slow";
    const SUMMARY: &'static str = "Takes a while";

    async fn act(_attempt: u32) -> Result<(), HandlerError> {
        tokio::time::sleep(Duration::from_millis(500)).await;
        Ok(())
    }
}

impl Fault for Unreadable {
    const COMMAND: &'static str = "Faulty.Unreadable";
    const SUMMARY: &'static str = "Panics when asked for its subjects";

    fn subjects(_request: &FaultyRequest) -> Subjects {
        panic!("a plug-in panics")
    }

    async fn act(_attempt: u32) -> Result<(), HandlerError> {
        Ok(())
    }
}

fn block() -> ! {
    loop {
        thread::park();
    }
}

impl Drop for Stuck {
    fn drop(&mut self) {
        block()
    }
}

// === impl Told ===

impl<F> Told<F> {
    fn new(ran: &Ran) -> Self {
        Self {
            ran: ran.clone(),
            fault: std::marker::PhantomData,
        }
    }
}

#[async_trait]
impl<F: Fault> Callback for Told<F> {
    const COMMAND: &'static str = F::COMMAND;
    const FEATURE: &'static str = "Faulty";
    const SUMMARY: &'static str = F::SUMMARY;
    const SOURCE: &'static str = "https://example.com/faulty";
    const SAMPLE: &'static str = r#"{"id":"1","act":""}"#;

    type Request = FaultyRequest;
    type Answer = Noted;

    fn subjects(request: &FaultyRequest) -> Subjects {
        F::subjects(request)
    }

    fn time(_request: &FaultyRequest) -> Option<EventTime> {
        None
    }

    async fn handle(&self, cx: &Context, request: FaultyRequest) -> Result<Noted, HandlerError> {
        self.ran.note(F::COMMAND, &request.id, cx.attempt);
        F::act(cx.attempt).await?;
        Ok(Noted)
    }
}

// === impl Batch ===

#[async_trait]
impl Callback for Batch {
    const COMMAND: &'static str = "Faulty.Batch";
    const FEATURE: &'static str = "Faulty";
    const SUMMARY: &'static str = "Takes a batch";
    const SOURCE: &'static str = "https://example.com/faulty";
    const SAMPLE: &'static str = r#"{"parts":[{"account":"alice","group":"lobby","at":1}]}"#;

    type Request = FaultyBatchRequest;
    type Answer = Noted;

    fn subjects(request: &FaultyBatchRequest) -> Subjects {
        let parts = request.parts.iter();
        Subjects::default()
            .accounts(parts.clone().map(|part| part.account.as_str()))
            .groups(parts.map(|part| part.group.as_str()))
    }

    fn time(_request: &FaultyBatchRequest) -> Option<EventTime> {
        None
    }

    fn items(request: &FaultyBatchRequest) -> Vec<Item> {
        let items = request.parts.iter().map(|part| Item {
            subjects: Subjects::default()
                .account(&part.account)
                .group(&part.group),
            time: EventTime::from_unix(part.at),
        });
        items.collect()
    }

    async fn handle(
        &self,
        cx: &Context,
        request: FaultyBatchRequest,
    ) -> Result<Noted, HandlerError> {
        let accounts = request.parts.iter().map(|part| part.account.as_str());
        let accounts: Vec<&str> = accounts.collect();
        self.ran
            .note(Self::COMMAND, &accounts.join("+"), cx.attempt);
        Ok(Noted)
    }
}

// === impl Ask ===

#[async_trait]
impl Callback for Ask {
    const COMMAND: &'static str = "Faulty.Ask";
    const FEATURE: &'static str = "Faulty";
    const SUMMARY: &'static str = "Asks";
    const SOURCE: &'static str = "https://example.com/faulty";
    const SAMPLE: &'static str = r#"{"id":"1","act":"allow"}"#;

    type Request = FaultyRequest;
    type Answer = Verdict;

    fn subjects(request: &FaultyRequest) -> Subjects {
        Subjects::default().account(&request.id)
    }

    fn time(_request: &FaultyRequest) -> Option<EventTime> {
        None
    }

    async fn handle(&self, cx: &Context, request: FaultyRequest) -> Result<Verdict, HandlerError> {
        self.ran.note(Self::COMMAND, &request.id, cx.attempt);
        match request.act.as_str() {
            "hang" => std::future::pending().await,
            "panic" => panic!("a decider panics"),
            "stick" => {
                let _stuck = Stuck;
                std::future::pending().await
            }
            "block" => block(),
            "err" => Err(HandlerError::new("undecided")),
            "stray" => Ok(Verdict { code: 7 }),
            "refuse" => Ok(Verdict { code: 1 }),
            _ => Ok(Verdict { code: 0 }),
        }
    }
}

impl Answer<FaultyRequest> for Verdict {
    const PHASE: Phase = Phase::Before;
    const RULES: AckRules = AckRules::NOTHING;
    type Ack = Ack;

    fn allow(_request: &FaultyRequest) -> Self {
        Self { code: 0 }
    }

    fn refuse(_request: &FaultyRequest) -> Self {
        Self { code: 1 }
    }

    fn into_ack(self) -> Ack {
        let mut ack = Ack::ok();
        ack.error_code = self.code;
        if self.code != 0 {
            "refused".clone_into(&mut ack.error_info);
        }
        ack
    }
}
