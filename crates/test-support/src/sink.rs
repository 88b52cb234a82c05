//! An HTTP server that a gateway calls: it hears everything and answers as it is told, also in bad manners.
//!
//! A thread for each connection, no library between a test and the bytes. Start at [`Sink::start`].

use std::{
    fmt,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::net::sockopt::set_socket_linger;

/// A listening server; stops when dropped.
#[derive(Debug)]
pub struct Sink {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

/// A request that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// When it had come in.
    pub at: Instant,
    /// The number of its connection, from 1.
    pub connection: usize,
    /// Path and query.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

/// How requests are answered.
#[derive(Debug, Clone)]
pub enum Manner {
    /// With this status and body.
    Answer(u16, String),
    /// With this status and these headers, and no body.
    Headed(u16, Vec<(String, String)>),
    /// With this status and no body, after so long.
    Late(Duration, u16),
    /// With these bytes, head and all, and then with silence.
    Raw(Vec<u8>),
    /// With a head that never ends, a byte each time that so long has gone by.
    Drip(Duration),
    /// Not at all.
    Silence,
    /// By closing the connection.
    Close,
    /// By resetting it.
    Reset,
    /// Each as it deserves.
    Each(Chooser),
}

/// Finds the manner for a request.
#[derive(Clone)]
pub struct Chooser(Arc<dyn Fn(&Heard) -> Manner + Send + Sync>);

#[derive(Debug)]
struct Shared {
    manner: Mutex<Manner>,
    heard: Mutex<Vec<Heard>>,
    connections: AtomicUsize,
    /// Requests that are not answered yet, and the most that ever were.
    unanswered: AtomicUsize,
    unanswered_max: AtomicUsize,
    is_over: AtomicBool,
}

// === impl Sink ===

impl Sink {
    /// Listens on a port of its own.
    ///
    /// # Errors
    ///
    /// When there is no port or no thread to be had.
    pub fn start(manner: Manner) -> io::Result<Self> {
        Self::start_at(([127, 0, 0, 1], 0).into(), manner)
    }

    /// Listens where another one did.
    ///
    /// # Errors
    ///
    /// When somebody else listens there, or there is no thread to be had.
    pub fn start_at(address: SocketAddr, manner: Manner) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let shared = Arc::new(Shared {
            manner: Mutex::new(manner),
            heard: Mutex::default(),
            connections: AtomicUsize::new(0),
            unanswered: AtomicUsize::new(0),
            unanswered_max: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
        });
        Ok(Self {
            address: listener.local_addr()?,
            accepting: Some(thread::Builder::new().spawn({
                let shared = Arc::clone(&shared);
                move || accept(&listener, &shared)
            })?),
            shared,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers so from now on.
    pub fn behave(&self, manner: Manner) {
        *lock(&self.shared.manner) = manner;
    }

    /// What came in since the last call, in the order of arrival.
    pub fn heard(&self) -> Vec<Heard> {
        std::mem::take(&mut *lock(&self.shared.heard))
    }

    /// The same, which stays to be heard.
    pub fn so_far(&self) -> Vec<Heard> {
        lock(&self.shared.heard).clone()
    }

    /// How many requests were unanswered at once, at most.
    pub fn at_once(&self) -> usize {
        self.shared.unanswered_max.load(Ordering::Relaxed)
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        // Wakes the thread, which looks at the flag.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            // It does not panic, and a test has nothing to learn from it.
            drop(accepting.join());
        }
    }
}

// === impl Manner ===

impl Manner {
    /// With a status and nothing else.
    pub fn status(status: u16) -> Self {
        Self::Answer(status, String::new())
    }

    /// Each as it deserves.
    pub fn each(choose: impl Fn(&Heard) -> Self + Send + Sync + 'static) -> Self {
        Self::Each(Chooser(Arc::new(choose)))
    }
}

impl fmt::Debug for Chooser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chooser")
    }
}

// === impl Heard ===

impl Heard {
    /// A header's value, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(known, _)| known == name);
        header.map(|(_, value)| value.as_str())
    }

    /// The body as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.is_over.load(Ordering::Relaxed) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let number = shared.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let shared = Arc::clone(shared);
        // Ends with its connection, which the gateway under test closes at the latest by its own end.
        thread::spawn(move || drop(serve(stream, number, &shared)));
    }
}

fn serve(stream: TcpStream, connection: usize, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some(heard) = read(&mut stream, connection)? {
        let mut manner = lock(&shared.manner).clone();
        while let Manner::Each(Chooser(choose)) = manner {
            manner = choose(&heard);
        }
        lock(&shared.heard).push(heard);
        let unanswered = shared.unanswered.fetch_add(1, Ordering::Relaxed) + 1;
        shared
            .unanswered_max
            .fetch_max(unanswered, Ordering::Relaxed);
        let is_kept = answer(&mut stream, manner, shared);
        shared.unanswered.fetch_sub(1, Ordering::Relaxed);
        if !is_kept? {
            return Ok(());
        }
    }
    Ok(())
}

/// Tells whether the connection is kept.
fn answer(stream: &mut BufReader<TcpStream>, manner: Manner, shared: &Shared) -> io::Result<bool> {
    match manner {
        Manner::Answer(status, body) => say(stream, status, &[], &body)?,
        Manner::Headed(status, headers) => say(stream, status, &headers, "")?,
        Manner::Late(pause, status) => {
            wait(pause);
            say(stream, status, &[], "")?;
        }
        Manner::Raw(bytes) => {
            stream.get_mut().write_all(&bytes)?;
            silence(stream)?;
            return Ok(false);
        }
        Manner::Drip(pause) => {
            stream.get_mut().write_all(b"HTTP/1.1 200 Told\r\nX: ")?;
            while !shared.is_over.load(Ordering::Relaxed) {
                wait(pause);
                stream.get_mut().write_all(b"x")?;
            }
            return Ok(false);
        }
        Manner::Silence => {
            silence(stream)?;
            return Ok(false);
        }
        Manner::Close | Manner::Each(_) => return Ok(false),
        Manner::Reset => {
            set_socket_linger(stream.get_ref(), Some(Duration::ZERO))?;
            return Ok(false);
        }
    }
    Ok(true)
}

fn say(
    stream: &mut BufReader<TcpStream>,
    status: u16,
    headers: &[(String, String)],
    body: &str,
) -> io::Result<()> {
    let mut bytes = format!("HTTP/1.1 {status} Told\r\n").into_bytes();
    for (name, value) in headers {
        write!(bytes, "{name}: {value}\r\n")?;
    }
    write!(bytes, "Content-Length: {}\r\n\r\n{body}", body.len())?;
    stream.get_mut().write_all(&bytes)
}

fn wait(pause: Duration) {
    let until = Instant::now() + pause;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        thread::park_timeout(left);
    }
}

/// Says nothing until the other side closes.
fn silence(stream: &mut BufReader<TcpStream>) -> io::Result<()> {
    io::copy(stream, &mut io::sink()).map(drop)
}

/// `None` when the connection ends between two requests.
fn read(stream: &mut BufReader<TcpStream>, connection: usize) -> io::Result<Option<Heard>> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, length)| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body)?;
    Ok(Some(Heard {
        at: Instant::now(),
        connection,
        target,
        headers,
        body,
    }))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing in here panics half-way through a change.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
