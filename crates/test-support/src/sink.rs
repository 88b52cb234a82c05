//! An HTTP server that a gateway calls: it hears everything and answers as it is told, also in bad manners.
//!
//! A thread for each connection, no library between a test and the bytes. Start at [`Sink::start`].

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
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
    /// With these bytes, head and all, and then with silence.
    Raw(Vec<u8>),
    /// Not at all.
    Silence,
    /// By closing the connection.
    Close,
    /// By resetting it.
    Reset,
}

#[derive(Debug)]
struct Shared {
    manner: Mutex<Manner>,
    heard: Mutex<Vec<Heard>>,
    connections: AtomicUsize,
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
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let shared = Arc::new(Shared {
            manner: Mutex::new(manner),
            heard: Mutex::default(),
            connections: AtomicUsize::new(0),
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
        lock(&shared.heard).push(heard);
        let manner = lock(&shared.manner).clone();
        match manner {
            Manner::Answer(status, body) => {
                let head = format!(
                    "HTTP/1.1 {status} Told\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                stream.get_mut().write_all((head + &body).as_bytes())?;
            }
            Manner::Raw(bytes) => {
                stream.get_mut().write_all(&bytes)?;
                return silence(&mut stream);
            }
            Manner::Silence => return silence(&mut stream),
            Manner::Close => return Ok(()),
            Manner::Reset => {
                let at_once = Some(Duration::ZERO);
                return Ok(set_socket_linger(stream.get_ref(), at_once)?);
            }
        }
    }
    Ok(())
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
