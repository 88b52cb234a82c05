//! The load on a gateway that runs already, anywhere: what anyone can repeat against their own.

use std::{
    collections::BTreeMap,
    fs,
    net::ToSocketAddrs,
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, ensure};
use gateway_core::{Ack, Token};
use poem::http::Uri;
use tokio::time::sleep;

use crate::{
    deletions,
    figures::{float, milliseconds},
    load::{Callbacks, Load, Shape, Target},
};

/// Whom to call, how long, and as which app.
#[derive(Debug, clap::Args)]
pub(crate) struct LoadArguments {
    /// The callback URL; plain HTTP only.
    #[arg(long, default_value = "http://127.0.0.1:8080/callback")]
    url: Uri,
    /// The app's number.
    #[arg(long)]
    sdk_app_id: u64,
    /// The file with the app's token.
    #[arg(long)]
    token_file: PathBuf,
    #[command(flatten)]
    shape: Shape,
    /// How long.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

/// Puts the load on and says what came back.
pub(crate) async fn run(arguments: &LoadArguments) -> anyhow::Result<String> {
    // Bodies differ from those of earlier calls too.
    let serial = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() * deletions::ACCOUNTS;
    let load = Load::start(target(arguments)?, arguments.shape, serial);
    sleep(Duration::from_secs(arguments.seconds)).await;
    let mut tally = load.take();
    let elapsed = tally.since.elapsed();
    tally.add_failures(&load.stop().await);
    let latency = |per_mille| milliseconds(tally.latencies.quantile(per_mille));
    let refused: BTreeMap<String, u64> = tally
        .refused
        .iter()
        .map(|(status, count)| (format!("status {status}"), *count))
        .collect();
    Ok(format!(
        "{:.0} acks/s; p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms, longest {:.2} ms\n\
         acked {}, refused {refused:?}, other bodies than the ack {}, broken connections {}\n",
        float(tally.latencies.total()) / elapsed.as_secs_f64(),
        latency(500),
        latency(990),
        latency(999),
        latency(1000),
        tally.latencies.total(),
        tally.wrong,
        tally.broken,
    ))
}

fn target(arguments: &LoadArguments) -> anyhow::Result<Target> {
    let LoadArguments {
        url, token_file, ..
    } = arguments;
    ensure!(
        url.scheme_str() == Some("http"),
        "the load speaks plain HTTP only"
    );
    let authority = url.authority().context("the URL names no host")?;
    let port = authority.port_u16().unwrap_or(80);
    let mut addresses = (authority.host(), port).to_socket_addrs()?;
    let token =
        fs::read_to_string(token_file).with_context(|| format!("read {}", token_file.display()))?;
    Ok(Target {
        address: addresses.next().context("the host has no address")?,
        host: authority.to_string(),
        path: url.path().to_owned(),
        sdk_app_id: arguments.sdk_app_id,
        token: Token::new(token.trim())?,
        callbacks: Callbacks::Deletions,
        ack: Ack::OK,
    })
}
