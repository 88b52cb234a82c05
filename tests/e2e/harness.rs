//! A gateway in a directory of its own: started, called, looked into, stopped, killed and started again.
//!
//! Start at [`Setup::new`], then [`Gateway`].

mod event;
mod stream;

use std::{
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, Read},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use gateway_test_support::{Answer, ChatApp, Connection};
use tempfile::TempDir;

pub(crate) use event::{Event, Page};
pub(crate) use stream::EventStream;

/// The app of every configuration here that does not say otherwise.
pub(crate) const SHOP: u64 = 1_400_000_001;

/// Its token.
pub(crate) const SHOP_TOKEN: &str = "the-token-of-the-shop";

/// What Chat gets when all is well, to the byte.
pub(crate) const ACK: &str = r#"{"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":""}"#;

/// The command that every gateway has a plug-in for.
pub(crate) const FRIEND_DELETE: &str = "Sns.CallbackFriendDelete";

/// Waiting longer than this means that it will never happen.
const PATIENCE: Duration = Duration::from_secs(90);

/// A directory with a configuration and a journal, and what a gateway in it is started with.
#[derive(Debug)]
pub(crate) struct Setup {
    directory: TempDir,
    program: PathBuf,
    variables: Vec<(String, String)>,
}

/// A running gateway; killed when dropped.
#[derive(Debug)]
pub(crate) struct Gateway {
    child: Child,
    /// Where Chat calls.
    pub(crate) callbacks: SocketAddr,
    /// Where people and tools call.
    pub(crate) admin: SocketAddr,
    /// The app that [`Gateway::call`] signs for.
    pub(crate) app: ChatApp,
}

/// Looks again and again until there is something, and gives it back.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "it never came to this: {what}");
        thread::park_timeout(Duration::from_millis(10));
    }
}

/// A body of a friend deletion.
pub(crate) fn friend_delete(owner: &str, removed: &str) -> String {
    format!(
        r#"{{"CallbackCommand":"Sns.CallbackFriendDelete","PairList":[{{"From_Account":"{owner}","To_Account":"{removed}"}}]}}"#
    )
}

// === impl Setup ===

impl Setup {
    /// The real binary, with one app.
    pub(crate) fn new() -> Self {
        Self::of(Path::new(env!("CARGO_BIN_EXE_callback-gateway")).to_owned())
    }

    /// The example with plug-ins that misbehave, which cargo builds beside the binary.
    pub(crate) fn faulty() -> Self {
        let setup = Self::example("faulty");
        let ran = setup.path("ran").display().to_string();
        setup.variable("FAULTY_RAN", &ran)
    }

    /// One of the examples, a gateway with plug-ins of its own.
    pub(crate) fn example(name: &str) -> Self {
        let binary = Path::new(env!("CARGO_BIN_EXE_callback-gateway"));
        let program = binary.with_file_name("examples").join(name);
        assert!(
            program.exists(),
            "cargo builds examples for a whole test run only: cargo build -p gateway-server --examples"
        );
        Self::of(program)
    }

    fn of(program: PathBuf) -> Self {
        let setup = Self {
            directory: TempDir::new().unwrap(),
            program,
            variables: Vec::new(),
        };
        setup.configure(&format!(
            "[apps.shop]\nsdk_app_id = {SHOP}\ntoken = \"{SHOP_TOKEN}\"\n"
        ));
        let journal = setup.journal().display().to_string();
        setup
            .variable("GATEWAY_CALLBACKS__LISTEN", "127.0.0.1:0")
            .variable("GATEWAY_ADMIN__LISTEN", "127.0.0.1:0")
            .variable("GATEWAY_JOURNAL__PATH", &journal)
    }

    /// The same with the real binary: other commands on the same journal.
    pub(crate) fn with_real_commands(mut self) -> Self {
        self.program = PathBuf::from(env!("CARGO_BIN_EXE_callback-gateway"));
        self
    }

    /// The same with an environment variable, which wins over one of the same name.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Writes the configuration file.
    pub(crate) fn configure(&self, toml: &str) {
        fs::write(self.path("gateway.toml"), toml).unwrap();
    }

    /// A path in the directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The journal's directory.
    pub(crate) fn journal(&self) -> PathBuf {
        self.path("journal")
    }

    /// What the gateways here have logged so far.
    pub(crate) fn logs(&self) -> String {
        fs::read_to_string(self.path("stderr")).unwrap_or_default()
    }

    /// The ids that the faulty handlers of a command have run for, one for each attempt.
    pub(crate) fn ran(&self, command: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path("ran")).unwrap_or_default();
        let lines = text.lines().filter_map(|line| {
            let (ran, rest) = line.split_once(' ')?;
            let (id, _attempt) = rest.split_once(' ')?;
            (ran == command).then(|| id.to_owned())
        });
        lines.collect()
    }

    /// Runs a command of the gateway's to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// A command of the gateway's, with the same configuration.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("--config")
            .arg(self.path("gateway.toml"))
            .args(arguments)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.directory.path());
        command
    }

    /// Starts a gateway and waits until it is ready.
    pub(crate) fn start(&self) -> Gateway {
        let mut gateway = self.launch();
        eventually("the gateway is ready", || {
            if let Some(status) = gateway.child.try_wait().unwrap() {
                panic!("the gateway ended with {status}:\n{}", self.logs());
            }
            (gateway.try_get("/readyz")?.status == 200).then_some(())
        });
        gateway
    }

    /// Starts a gateway and waits for its first words only.
    pub(crate) fn launch(&self) -> Gateway {
        let logs = self.path("stderr");
        let logs: File = OpenOptions::new()
            .create(true)
            .append(true)
            .open(logs)
            .unwrap();
        let mut child = self
            .command(&["serve"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(logs)
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().expect("it is piped");
        let (callbacks, admin) = addresses(stdout)
            .unwrap_or_else(|said| panic!("no addresses in:\n{said}{}", self.logs()));
        Gateway {
            child,
            callbacks,
            admin,
            app: ChatApp::new(SHOP, SHOP_TOKEN),
        }
    }
}

/// Reads the two addresses from what the gateway says at its start; what it said instead, if they are not there.
fn addresses(stdout: impl Read + Send + 'static) -> Result<(SocketAddr, SocketAddr), String> {
    let (lines, line) = mpsc::sync_channel(64);
    // Reads on to the end, so that the gateway can always write.
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // Whoever wanted the addresses may have them by now.
            let _sent = lines.try_send(line);
        }
    });
    let (mut callbacks, mut admin) = (None, None);
    let mut said = String::new();
    let deadline = Instant::now() + PATIENCE;
    while callbacks.is_none() || admin.is_none() {
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok(line) = line.recv_timeout(left) else {
            return Err(said);
        };
        for url in line
            .split_whitespace()
            .filter_map(|word| word.split_once("http://"))
        {
            let (address, path) = url.1.split_once('/').unwrap_or((url.1, ""));
            let address = address.parse().ok();
            match path {
                "callback" => callbacks = callbacks.or(address),
                _ => admin = admin.or(address),
            }
        }
        said.push_str(&line);
        said.push('\n');
    }
    callbacks.zip(admin).ok_or(said)
}

// === impl Gateway ===

impl Gateway {
    /// Makes a callback on a connection of its own.
    pub(crate) fn call(&self, command: &str, body: impl AsRef<[u8]>) -> Answer {
        self.call_as(&self.app, command, body)
    }

    /// Makes a callback of another app.
    pub(crate) fn call_as(&self, app: &ChatApp, command: &str, body: impl AsRef<[u8]>) -> Answer {
        let target = format!("/callback?{}", app.query(command));
        self.connect()
            .request("POST", &target, &[], body.as_ref())
            .unwrap()
    }

    /// Makes a callback that must be acked.
    pub(crate) fn acked(&self, command: &str, body: impl AsRef<[u8]>) {
        let answer = self.call(command, body);
        assert_eq!((answer.status, answer.text().as_str()), (200, ACK));
    }

    /// A connection to the callback listener.
    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.callbacks).unwrap()
    }

    /// Gets something from the admin listener.
    pub(crate) fn get(&self, target: &str) -> Answer {
        Connection::open(self.admin)
            .and_then(|mut connection| connection.request("GET", target, &[], b""))
            .unwrap()
    }

    /// The same when it may not be there.
    pub(crate) fn try_get(&self, target: &str) -> Option<Answer> {
        let mut connection = Connection::open(self.admin).ok()?;
        connection.request("GET", target, &[], b"").ok()
    }

    /// One page of events, as soon as there is a place for it: a test may ask for more at once than there are.
    pub(crate) fn page(&self, query: &str) -> Page {
        let answer = eventually("there is a place for a page", || {
            let answer = self.get(&format!("/v1/events?{query}"));
            (answer.status != 503).then_some(answer)
        });
        assert_eq!(answer.status, 200, "{}", answer.text());
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// All events that match, oldest first.
    pub(crate) fn events(&self, query: &str) -> Vec<Event> {
        let mut page = self.page(&format!("limit=500&{query}"));
        let mut events = page.data;
        while let Some(cursor) = page.next {
            page = self.page(&format!("limit=500&{query}&cursor={cursor}"));
            events.append(&mut page.data);
        }
        events.reverse();
        events
    }

    /// The bodies of all events that match, oldest first.
    pub(crate) fn texts(&self, query: &str) -> Vec<String> {
        self.events(query).iter().map(Event::text).collect()
    }

    /// One event with all that is known of it.
    pub(crate) fn event(&self, id: &str) -> Event {
        let answer = self.get(&format!("/v1/events/{id}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// Follows the events, from behind a place or from now on.
    pub(crate) fn stream(&self, query: &str, last_event_id: Option<&str>) -> EventStream {
        EventStream::open(self.admin, query, last_event_id)
    }

    /// The sum of a metric's series that have these labels.
    pub(crate) fn metric(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let text = self.get("/metrics").text();
        let labels: Vec<String> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{value}\""))
            .collect();
        let series = text.lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let is_named = series.split('{').next() == Some(name);
            let is_wanted = is_named && labels.iter().all(|label| series.contains(label));
            is_wanted.then(|| value.parse::<u64>().unwrap())
        });
        series.sum()
    }

    /// Waits until a metric has at least a value.
    pub(crate) fn reaches(&self, name: &str, labels: &[(&str, &str)], least: u64) {
        eventually(&format!("{name}{labels:?} is {least}"), || {
            (self.metric(name, labels) >= least).then_some(())
        });
    }

    /// Sends a signal by its name, e.g. `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &id]).status();
        assert!(status.unwrap().success(), "no process to signal");
    }

    /// The processor time that it has taken so far.
    pub(crate) fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let (_name, rest) = stat.rsplit_once(") ").unwrap();
        let fields = rest.split(' ').skip(11).take(2);
        // Of a hundredth of a second, on every Linux.
        let ticks: u64 = fields.map(|ticks| ticks.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 10)
    }

    /// Kills it as a crash would, and waits for its end.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop and waits for its end.
    pub(crate) fn stop(self) -> ExitStatus {
        self.signal("TERM");
        self.ended()
    }

    /// Waits for its end.
    pub(crate) fn ended(mut self) -> ExitStatus {
        eventually("the gateway has ended", || self.child.try_wait().unwrap())
    }

    /// Whether somebody still listens for callbacks.
    pub(crate) fn is_listening(&self) -> bool {
        TcpStream::connect(self.callbacks).is_ok()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _killed = self.child.kill();
        let _ended = self.child.wait();
    }
}
