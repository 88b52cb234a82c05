//! The whole service: everything is built, started and stopped here, in one order.
//!
//! Threads: one for each `callbacks.threads`, one for the admin listener and those on which it reads, the journal's
//! writer, the index's flush, the follower, one for each plug-in that has had work, one for each decider, and one that
//! sends traces, if any are wanted. Start at [`run`]; [`serve()`] adds what a process needs: logs, signals, words.

mod demo;
mod files;
mod logs;
mod port;
mod reload;
mod serve;
mod service;
mod welcome;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use anyhow::{Context as _, bail};
use gateway_core::{Callbacks, List};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::config::{Checked, Config, Problems};

use service::Service;

pub use logs::HeldBack;
pub use serve::{ServeError, serve};

/// The sockets, bound before anything is opened, so that two gateways on one port find out at once.
#[derive(Debug)]
pub struct Listeners {
    /// For Chat.
    pub callbacks: TcpListener,
    /// For people and tools.
    pub admin: TcpListener,
}

/// What can be asked of a running gateway.
#[derive(Debug)]
pub struct Control {
    /// Stop: drain, finish, sync, return.
    pub shutdown: CancellationToken,
    /// Reload: the configuration as it is now, or what is wrong with it.
    pub reload: mpsc::Receiver<Result<Config, Problems>>,
    /// Told once everything is open and served.
    pub started: oneshot::Sender<()>,
    /// Whether acks mean something.
    pub durability: Durability,
    /// What the log holds back, which is counted and told of.
    pub held_back: HeldBack,
}

/// Whether the journal is synced before an ack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// As promised.
    Synced,
    /// Never: only for the test of power cuts, which must see events lost.
    #[doc(hidden)]
    Unsynced,
}

/// Connections that may wait to be accepted, if the system allows so many (`net.core.somaxconn`). With the 128 of the
/// standard library a burst of a few hundred would have to try again, a second later.
const BACKLOG: i32 = 4096;

/// How often gauges are read that nobody sets when they change.
const GAUGES_EVERY: Duration = Duration::from_secs(1);

impl Listeners {
    /// Binds both.
    ///
    /// # Errors
    ///
    /// Names the key and the address that can't be bound.
    pub fn bind(config: &Config) -> anyhow::Result<Self> {
        let bind = |key: &str, address: SocketAddr| {
            listen(address).with_context(|| format!("failed to listen on {address} ({key})"))
        };
        Ok(Self {
            callbacks: bind("callbacks.listen", config.callbacks.listen)?,
            admin: bind("admin.listen", config.admin.listen)?,
        })
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    // Asked again, a listening socket takes the new length.
    rustix::net::listen(&listener, BACKLOG)?;
    Ok(listener)
}

/// Serves until `control.shutdown`; returns when everything is finished, synced and closed.
///
/// # Errors
///
/// When something can't be opened or started, or did not close.
pub async fn run<L: List>(
    checked: Checked,
    callbacks: Callbacks<L>,
    listeners: Listeners,
    mut control: Control,
) -> anyhow::Result<()> {
    let mut service = Service::start(&checked, callbacks, &listeners, control.durability)?;
    // The threads have clones: with one more open here, the system would take connections that nobody serves any more.
    drop(listeners);
    // Whoever started the run may not want to know.
    control.started.send(()).ok();
    let mut gauges = tokio::time::interval(GAUGES_EVERY);
    let dead = loop {
        tokio::select! {
            () = control.shutdown.cancelled() => break None,
            Some(loaded) = control.reload.recv() => service.reload(loaded),
            _ = gauges.tick() => {
                service.read_gauges();
                service.count_held_back(&control.held_back);
            }
        }
        if let Some(part) = service.dead_part() {
            break Some(part);
        }
    };
    service.stop(&checked.config.shutdown).await?;
    if let Some(part) = dead {
        bail!("{part} has died; start the gateway again and report the error above");
    }
    Ok(())
}
