//! How fast are events passed on, beside the same client without the gateway; how soon after the sync, also beside
//! subscribers that misbehave; and what do subscriptions cost the ack?
//!
//! The sink is a stock `poem::Server` with a constant answer. A backlog is delivered by the gateway, then as many events
//! by the gateway's own HTTP client from this process. Then events come at a fixed rate to a sink in this process, which
//! knows when each was acked; alone, and beside one subscriber each that is silent, resets, answers 500, and never
//! ends a body of 100 MB. Start at [`run`].

use std::{
    cell::RefCell,
    collections::HashMap,
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use gateway_core::{Envelope, EventId, Proof};
use gateway_fanout::{Client, Egress, Message, Secret, Secrets};
use gateway_test_support::{Manner, Sink};
use rustls::RootCertStore;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::sleep,
};
use uuid::Uuid;

use crate::{
    callgrind,
    connection::Connection,
    deletions,
    dispatch::{ALONE, FEW, Served},
    figures::{float, median, milliseconds, print},
    fill,
    gateway::{self, Gateway},
    histogram::Histogram,
    load::{self, Callbacks, Load, Shape},
    peers::{self, Role},
};

/// How much.
#[derive(Debug, clap::Args)]
pub(crate) struct PassingArguments {
    /// How often everything is measured.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Events of a backlog.
    #[arg(long, default_value_t = 50_000)]
    events: u64,
    /// Attempts under way at once, by the gateway and by the client alone.
    #[arg(long, default_value_t = 16)]
    concurrency: usize,
    /// How long events come at a fixed rate.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Events a second then.
    #[arg(long, default_value_t = 1_000)]
    rate: u32,
    /// CPUs for the gateway and the sink, as `taskset -c` takes them.
    #[arg(long)]
    server_cpus: Option<String>,
    /// Where journals go while it runs.
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    directory: PathBuf,
}

/// When an event was acked, or reached the sink, whichever came first.
type Seen = Rc<RefCell<HashMap<Vec<u8>, Instant>>>;

/// Of the standard, for 32 zero bytes: nobody is to be convinced.
const SECRET: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

const CONNECTIONS: u64 = 16;

/// Subscriptions beside which the ack is measured.
const MANY: usize = 10;

/// Between two looks at the metrics.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long acks are counted, under callgrind.
const COUNTED: Duration = Duration::from_secs(20);

/// Of the thread that acks.
const ACKING: &str = "gateway_server::ingest";

/// A backlog that takes longer has failed.
const DRAIN_MAX: Duration = Duration::from_mins(30);

/// Prints the tables.
pub(crate) async fn run(arguments: &PassingArguments) -> anyhow::Result<()> {
    print(
        "| backlog | events | a second | CPU µs each | RSS MiB | client alone: a second | ratio |\n\
         |---|--:|--:|--:|--:|--:|--:|\n",
    )?;
    let mut ratios = Vec::new();
    for round in 1..=arguments.rounds {
        let drained = drain(arguments).await?;
        let alone = alone(arguments).await?;
        let ratio = drained.a_second / alone;
        ratios.push(ratio);
        print(&format!(
            "| {round} | {} | {:.0} | {:.1} | {:.1} | {alone:.0} | {ratio:.2} |\n",
            arguments.events, drained.a_second, drained.cpu_us, drained.resident_mib,
        ))?;
    }
    print(&format!("\nmedian ratio {:.2}\n\n", median(ratios)))?;
    print(
        "| from the ack to the sink, ms | events | p50 | p99 | longest | acks: p99 |\n|---|--:|--:|--:|--:|--:|\n",
    )?;
    let mut p99s = [[Vec::new(), Vec::new()], [Vec::new(), Vec::new()]];
    for _ in 0..arguments.rounds {
        for (manners, [of_events, of_acks]) in [Vec::new(), hostile()].into_iter().zip(&mut p99s) {
            let beside = if manners.is_empty() {
                "alone"
            } else {
                "beside four that misbehave"
            };
            let Times { delays, acks } = times(arguments, manners).await?;
            let delay = |per_mille| milliseconds(delays.quantile(per_mille));
            let ack = milliseconds(acks.quantile(990));
            print(&format!(
                "| {beside} | {} | {:.2} | {:.2} | {:.2} | {ack:.2} |\n",
                delays.total(),
                delay(500),
                delay(990),
                delay(1000),
            ))?;
            of_events.push(delay(990));
            of_acks.push(ack);
        }
    }
    let [alone, beside] = p99s.map(|p99s| p99s.map(median));
    print(&format!(
        "\nmedian p99 beside them: events {:.2} times, acks {:.2} times what it is alone\n",
        beside[0] / alone[0],
        beside[1] / alone[1],
    ))?;
    if callgrind::can_count() {
        let none = ack_instructions(arguments, 0).await?;
        let many = ack_instructions(arguments, MANY).await?;
        print(&format!(
            "\ninstructions of an ack on the callbacks' thread: {none:.0} without subscriptions, {many:.0} beside \
             {MANY}, {:.3} times\n",
            many / none
        ))?;
    }
    print(
        "\n| subscriptions | acks | CPU µs each on the callbacks' threads | p50 ms | p99 ms |\n|--:|--:|--:|--:|--:|\n",
    )?;
    for _ in 0..arguments.rounds {
        for subscriptions in [0, MANY] {
            print(&acks(arguments, subscriptions).await?)?;
        }
    }
    Ok(())
}

struct Drained {
    a_second: f64,
    cpu_us: f64,
    resident_mib: f64,
}

/// Has the gateway deliver a backlog.
async fn drain(arguments: &PassingArguments) -> anyhow::Result<Drained> {
    let directory = tempfile::tempdir_in(&arguments.directory)?;
    let directory = directory.path();
    let cpus = arguments.server_cpus.as_deref();
    let journal = directory.join("journal");
    fill::fill(&journal, arguments.events).await?;
    // An outage leaves no index to be built.
    let mut indexing = Gateway::start(&journal, cpus).await?;
    indexing.caught_up(DRAIN_MAX).await?;
    indexing.server.terminate().await?;
    let (_sink, address) = peers::start(Role::Poem, true, directory, cpus)?;
    let configuration = subscriptions(directory, &[address], arguments.concurrency)?;
    let gateway = Gateway::configured(&configuration, directory, cpus).await?;
    let (since, before) = (Instant::now(), gateway.server.cpu_time()?);
    let begun = delivered(&gateway)?;
    while delivered(&gateway)? < float(arguments.events) {
        ensure!(since.elapsed() < DRAIN_MAX, "the backlog is not delivered");
        sleep(LOOK_EVERY).await;
    }
    let (took, used) = (since.elapsed(), gateway.server.cpu_time()?.since(&before));
    let events = float(arguments.events) - begun;
    let drained = Drained {
        a_second: events / took.as_secs_f64(),
        cpu_us: used.total.as_secs_f64() * 1e6 / events,
        resident_mib: float(gateway.server.memory()?.peak) / float(1 << 20),
    };
    gateway.server.terminate().await?;
    Ok(drained)
}

/// Delivers as many from here, a second.
async fn alone(arguments: &PassingArguments) -> anyhow::Result<f64> {
    let directory = tempfile::tempdir_in(&arguments.directory)?;
    let cpus = arguments.server_cpus.as_deref();
    let (_sink, address) = peers::start(Role::Poem, true, directory.path(), cpus)?;
    let url = format!("http://{address}/callback").parse()?;
    let secrets = Secrets::new(vec![SECRET.parse::<Secret>()?])?;
    let egress = Egress::Internal(vec!["127.0.0.0/8".parse()?]);
    let roots = Arc::new(RootCertStore::empty());
    let client = Arc::new(Client::new(&url, secrets, egress, roots)?);
    let since = Instant::now();
    let share = arguments.events / arguments.concurrency as u64;
    let mut senders = JoinSet::new();
    for number in 0..arguments.concurrency as u64 {
        let client = Arc::clone(&client);
        senders.spawn_local(async move {
            for serial in number * share..(number + 1) * share {
                client
                    .deliver(&message(serial), Duration::from_secs(15))
                    .await?;
            }
            anyhow::Ok(share)
        });
    }
    let mut sent = 0;
    while let Some(sender) = senders.join_next().await {
        sent += sender.context("a sender panicked")??;
    }
    Ok(float(sent) / since.elapsed().as_secs_f64())
}

fn message(serial: u64) -> Message {
    let mut body = Vec::with_capacity(deletions::length());
    deletions::write(&mut body, serial);
    Message {
        id: EventId::new(Uuid::from_u128(1), serial + 1, 1_769_846_400_000),
        envelope: Arc::new(Envelope {
            app: gateway::APP.to_owned(),
            sdk_app_id: gateway::SDK_APP_ID,
            command: deletions::COMMAND.to_owned(),
            received_ms: 1_769_846_400_000,
            client_ip: Some("127.0.0.1".to_owned()),
            platform: Some("RESTAPI".to_owned()),
            request_id: None,
            peer: None,
            proof: Proof::default(),
            simulated: false,
            verdict: None,
            trace: None,
        }),
        time: None,
        subjects: None,
        body: body.into(),
        attempt: 1,
    }
}

/// How many events the first subscription has got.
fn delivered(gateway: &Gateway) -> anyhow::Result<f64> {
    const SERIES: &str = "gateway_subscription_events{state=\"delivered\",subscription=\"sink0\"}";
    let metrics = gateway.get("/metrics")?;
    let line = metrics.lines().find_map(|line| line.strip_prefix(SERIES));
    Ok(line.map_or(Ok(0.0), |value| value.trim().parse())?)
}

/// The configuration of a subscription to each of the sinks.
fn subscriptions(
    directory: &Path,
    sinks: &[SocketAddr],
    concurrency: usize,
) -> anyhow::Result<String> {
    let secret = directory.join("sink.secret");
    fs::write(&secret, SECRET)?;
    let tables = sinks.iter().enumerate().map(|(number, sink)| {
        format!(
            "[subscriptions.sink{number}]\nurl = \"http://{sink}/callback\"\n\
             networks = [\"127.0.0.0/8\"]\nsecret_files = [\"{}\"]\nstart = \"beginning\"\n\
             rate = 1000000\nconcurrency = {concurrency}\n",
            secret.display()
        )
    });
    Ok(tables.collect())
}

/// What subscribers do that nobody would miss.
fn hostile() -> Vec<Manner> {
    let mut endless = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n".to_vec();
    endless.resize(16 << 10, b'x');
    let error = Manner::Answer(500, String::new());
    vec![Manner::Silence, Manner::Reset, error, Manner::Raw(endless)]
}

struct Times {
    /// How long after their acks events reach a sink.
    delays: Histogram,
    /// How long acks take.
    acks: Histogram,
}

/// Sends events at a fixed rate that a sink gets, and one subscriber of each of the `manners`.
async fn times(arguments: &PassingArguments, manners: Vec<Manner>) -> anyhow::Result<Times> {
    let directory = tempfile::tempdir_in(&arguments.directory)?;
    let directory = directory.path();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let mut sinks = vec![listener.local_addr()?];
    let others: Vec<Sink> = manners
        .into_iter()
        .map(Sink::start)
        .collect::<Result<_, _>>()?;
    sinks.extend(others.iter().map(Sink::address));
    let configuration = subscriptions(directory, &sinks, arguments.concurrency)?;
    let cpus = arguments.server_cpus.as_deref();
    let gateway = Gateway::configured(&configuration, directory, cpus).await?;
    let (seen, delays) = (Seen::default(), Rc::new(RefCell::new(Histogram::new())));
    let acks = Rc::new(RefCell::new(Histogram::new()));
    let sink = tokio::task::spawn_local(accept(listener, Rc::clone(&seen), Rc::clone(&delays)));
    let every = Duration::from_secs(1) * u32::try_from(CONNECTIONS)? / arguments.rate.max(1);
    let until = Instant::now() + Duration::from_secs(arguments.seconds);
    let mut senders = JoinSet::new();
    for number in 0..CONNECTIONS {
        let (seen, delays, acks) = (Rc::clone(&seen), Rc::clone(&delays), Rc::clone(&acks));
        let target = gateway.callbacks;
        senders.spawn_local(async move {
            let mut connection = Connection::open(target).await?;
            let mut serial = number;
            let mut due = Instant::now();
            while Instant::now() < until {
                let mut body = Vec::new();
                deletions::write(&mut body, serial);
                let target = gateway::target(target, Callbacks::Deletions);
                let request = load::numbered(&target, serial);
                let sent = Instant::now();
                let answer = connection.exchange(&request).await?;
                acks.borrow_mut().record(sent.elapsed());
                ensure!(answer.status == 200, "status {}", answer.status);
                met(&seen, &delays, body, true);
                serial += CONNECTIONS;
                due += every;
                tokio::time::sleep_until(due.into()).await;
            }
            anyhow::Ok(())
        });
    }
    while let Some(sender) = senders.join_next().await {
        sender.context("a sender panicked")??;
    }
    let since = Instant::now();
    while !seen.borrow().is_empty() {
        ensure!(since.elapsed() < DRAIN_MAX, "not every event came");
        sleep(LOOK_EVERY).await;
    }
    sink.abort();
    gateway.server.terminate().await?;
    Ok(Times {
        delays: delays.borrow().clone(),
        acks: acks.borrow().clone(),
    })
}

/// An event was acked, or has reached the sink. With the second of both its delay is known; 0 when the sink was first.
fn met(seen: &Seen, delays: &Rc<RefCell<Histogram>>, body: Vec<u8>, is_ack: bool) {
    let now = Instant::now();
    let Some(other) = seen.borrow_mut().remove(&body) else {
        seen.borrow_mut().insert(body, now);
        return;
    };
    let delay = if is_ack { Duration::ZERO } else { now - other };
    delays.borrow_mut().record(delay);
}

async fn accept(listener: TcpListener, seen: Seen, delays: Rc<RefCell<Histogram>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (seen, delays) = (Rc::clone(&seen), Rc::clone(&delays));
        tokio::task::spawn_local(async move {
            // The gateway closes what it does not need.
            serve(stream, &seen, &delays).await.ok();
        });
    }
}

async fn serve(
    mut stream: TcpStream,
    seen: &Seen,
    delays: &Rc<RefCell<Histogram>>,
) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut request = Vec::with_capacity(4096);
    loop {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
        let Some(head) = request.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
            continue;
        };
        let body = head + 4;
        if request.len() < body + deletions::length() {
            continue;
        }
        met(seen, delays, request.split_off(body), false);
        request.clear();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .await?;
    }
}

/// What an ack costs beside so many subscriptions.
async fn acks(arguments: &PassingArguments, count: usize) -> anyhow::Result<String> {
    let directory = tempfile::tempdir_in(&arguments.directory)?;
    let directory = directory.path();
    let cpus = arguments.server_cpus.as_deref();
    let (_sink, address) = peers::start(Role::Poem, true, directory, cpus)?;
    let configuration = subscriptions(directory, &vec![address; count], arguments.concurrency)?;
    let gateway = Gateway::configured(&configuration, directory, cpus).await?;
    let target = gateway::target(gateway.callbacks, Callbacks::Deletions);
    let shape = Shape {
        connections: 64,
        rate: Some(arguments.rate),
    };
    let load = Load::start(target, shape, 0);
    sleep(Duration::from_secs(1)).await;
    load.take();
    let before = gateway.server.cpu_time()?;
    sleep(Duration::from_secs(arguments.seconds)).await;
    let tally = load.take();
    let used = gateway.server.cpu_time()?.since(&before);
    load.stop().await;
    let threads = used.threads.iter();
    let threads = threads.filter(|(name, _)| name.starts_with("callbacks"));
    let busy: Duration = threads.map(|(_, time)| *time).sum();
    let acks = tally.latencies.total();
    gateway.server.terminate().await?;
    Ok(format!(
        "| {count} | {acks} | {:.2} | {:.2} | {:.2} |\n",
        busy.as_secs_f64() * 1e6 / float(acks.max(1)),
        milliseconds(tally.latencies.quantile(500)),
        milliseconds(tally.latencies.quantile(990)),
    ))
}

/// Instructions of an ack, on the thread that gives it, beside so many subscriptions. What the thread does without
/// callbacks falls out.
async fn ack_instructions(arguments: &PassingArguments, count: usize) -> anyhow::Result<f64> {
    let few = counted(arguments, count, FEW).await?;
    let more = counted(arguments, count, ALONE).await?;
    Ok(more.each_beyond(&few))
}

/// What the callbacks' thread does under a load.
async fn counted(
    arguments: &PassingArguments,
    count: usize,
    shape: Shape,
) -> anyhow::Result<Served> {
    let directory = tempfile::tempdir_in(&arguments.directory)?;
    let directory = directory.path();
    let (_sink, address) = peers::start(Role::Poem, true, directory, None)?;
    let config = directory.join("gateway.toml");
    let sinks = vec![address; count];
    fs::write(
        &config,
        subscriptions(directory, &sinks, arguments.concurrency)?,
    )?;
    let mut command = callgrind::command_by_thread(&std::env::current_exe()?, directory);
    command.args(["host", "all", "--config"]).arg(&config);
    let gateway = Gateway::launch(command, &directory.join("journal"), None).await?;
    let target = gateway::target(gateway.callbacks, Callbacks::Deletions);
    let load = Load::start(target, shape, 0);
    sleep(COUNTED).await;
    let tally = load.stop().await;
    ensure!(tally.failures() == 0, "not all callbacks were acked");
    gateway.server.terminate().await?;
    Ok(Served {
        instructions: callgrind::collected_by_threads_with(directory, ACKING)?,
        callbacks: tally.latencies.total(),
    })
}
