//! The servers that the gateway is compared with. Each is a child process: this binary, started with a role.
//!
//! Start at [`Role`]. A role prints its address as one line and serves until it is killed.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    thread,
};

use anyhow::Context;
use bytes::Bytes;
use gateway_core::Ack;
use poem::{
    EndpointExt, IntoResponse, Response, Route, Server as PoemServer, handler,
    http::StatusCode,
    listener::{Acceptor, Listener, TcpListener},
    post,
    web::Data,
};
use tokio::{
    runtime::Builder,
    sync::{mpsc, oneshot},
};

use crate::process::Server;

/// Bodies that may wait for the disk; then requests wait for room.
const QUEUE: usize = 8192;

/// What a child process serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Role {
    /// A stock `poem::Server` that answers a constant.
    Poem,
    /// The same in front of a raw log: an ack after its `fdatasync`.
    Log,
    /// The same without any answer.
    Silent,
}

/// How a child process serves.
#[derive(Debug, clap::Args)]
pub(crate) struct RoleArguments {
    /// What to serve.
    role: Role,
    /// One thread instead of tokio's own choice.
    #[arg(long)]
    one_thread: bool,
    /// Where the raw log goes.
    #[arg(long)]
    directory: PathBuf,
}

/// A body on its way to the raw log, and who waits for it.
struct Entry {
    body: Bytes,
    synced: oneshot::Sender<()>,
}

/// Starts a role as a child process and reads its address.
pub(crate) fn start(
    role: Role,
    one_thread: bool,
    directory: &Path,
    cpus: Option<&str>,
) -> anyhow::Result<(Server, SocketAddr)> {
    let mut command = Command::new(std::env::current_exe()?);
    let name = clap::ValueEnum::to_possible_value(&role).context("a role has a name")?;
    command.args(["serve", name.get_name(), "--directory"]);
    command.arg(directory);
    if one_thread {
        command.arg("--one-thread");
    }
    let mut server = Server::start(&command, cpus)?;
    let output = server.child().stdout.take().context("no output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    let address = line.trim().parse();
    Ok((server, address.context("the peer did not start")?))
}

/// The child's side of [`start`].
pub(crate) fn serve(arguments: &RoleArguments) -> anyhow::Result<()> {
    let mut runtime = if arguments.one_thread {
        Builder::new_current_thread()
    } else {
        Builder::new_multi_thread()
    };
    let runtime = runtime.enable_all().build()?;
    runtime.block_on(async {
        let acceptor = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .into_acceptor()
            .await?;
        let address = acceptor.local_addr();
        announce(
            address
                .iter()
                .find_map(|address| address.as_socket_addr())
                .copied(),
        )?;
        let server = PoemServer::new_with_acceptor(acceptor);
        let route = Route::new();
        let route = match arguments.role {
            Role::Poem => route.at("/callback", post(constant)),
            Role::Log => {
                let log = open_log(&arguments.directory)?;
                route.at("/callback", post(append).data(log))
            }
            Role::Silent => route.at("/callback", post(silent)),
        };
        Ok(server.run(route).await?)
    })
}

fn announce(address: Option<SocketAddr>) -> anyhow::Result<()> {
    let address = address.context("no address")?;
    writeln!(io::stdout(), "{address}")?;
    Ok(io::stdout().flush()?)
}

#[handler]
fn constant() -> Response {
    ack()
}

#[handler]
async fn silent() -> Response {
    std::future::pending().await
}

#[handler]
async fn append(body: Vec<u8>, Data(log): Data<&Arc<mpsc::Sender<Entry>>>) -> Response {
    let (synced, wait) = oneshot::channel();
    let body = Bytes::from(body);
    let sent = log.send(Entry { body, synced }).await;
    if sent.is_err() || wait.await.is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    ack()
}

fn ack() -> Response {
    Response::builder()
        .content_type("application/json")
        .body(Ack::OK)
}

/// Starts the log's writer.
fn open_log(directory: &Path) -> anyhow::Result<Arc<mpsc::Sender<Entry>>> {
    let file = File::create_new(directory.join("raw.log"))?;
    let (sender, receiver) = mpsc::channel(QUEUE);
    thread::Builder::new()
        .name("log writer".to_owned())
        .spawn(move || write_log(file, receiver).expect("the raw log can be written"))?;
    Ok(Arc::new(sender))
}

/// Group commit: whatever waits is written with one `write` and synced with one `fdatasync`, then all are answered.
fn write_log(mut file: File, mut receiver: mpsc::Receiver<Entry>) -> io::Result<()> {
    let mut batch = Vec::new();
    let mut bytes = Vec::new();
    while receiver.blocking_recv_many(&mut batch, QUEUE) > 0 {
        bytes.clear();
        for entry in &batch {
            let length = u32::try_from(entry.body.len()).unwrap_or(u32::MAX);
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(&entry.body);
        }
        file.write_all(&bytes)?;
        file.sync_data()?;
        for entry in batch.drain(..) {
            // Nobody waits when the connection is gone; its body is synced all the same.
            entry.synced.send(()).unwrap_or_default();
        }
    }
    Ok(())
}
