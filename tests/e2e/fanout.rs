//! Events on their way to subscriptions: what is sent, and that it arrives, whatever the subscribers, the gateway or its
//! configuration go through. After each test the sums of each subscription are what was journaled.
//!
//! Start at [`Subscriber`] and [`sums_hold`].

mod failures;
mod kills;
mod lanes;
mod neighbours;
mod reloads;
mod sent;
mod space;
mod stops;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use gateway_test_support::{Answer, Connection, Heard, Manner, Sink};
use hmac::{Hmac, Mac as _};
use serde_json::Value;
use sha2::Sha256;

use super::harness::{FRIEND_DELETE, Gateway, SHOP, SHOP_TOKEN, Setup, eventually, friend_delete};

/// A subscription with a sink of its own.
#[derive(Debug)]
struct Subscriber {
    name: &'static str,
    sink: Sink,
    /// Of the configuration, beside URL, secret and networks.
    keys: String,
}

/// What most subscriptions here have: attempts that follow each other quickly.
const QUICK: &str = "timeout = \"1s\"\nretries = [\"100ms\"]\n";

const KEY: &[u8] = b"the secret of one of the subscribers";

impl Subscriber {
    fn new(name: &'static str, manner: Manner, keys: &str) -> Self {
        Self {
            name,
            sink: Sink::start(manner).unwrap(),
            keys: format!("{QUICK}{keys}"),
        }
    }

    /// Its place in the configuration.
    fn table(&self, setup: &Setup) -> String {
        let secret = secret_file(setup, "secret", KEY);
        format!(
            "[subscriptions.{}]\nurl = \"http://{}/events?of=chat\"\nnetworks = [\"127.0.0.0/8\"]\nsecret_files = [\"{secret}\"]\n{}\n",
            self.name,
            self.sink.address(),
            self.keys
        )
    }

    /// Waits until it was sent so many events, each counted once.
    fn gets(&self, events: usize) {
        eventually(&format!("{} gets {events} events", self.name), || {
            (self.ids().len() >= events).then_some(())
        });
    }

    /// The ids of what it was sent, each once.
    fn ids(&self) -> BTreeSet<String> {
        self.sink.so_far().iter().map(id).collect()
    }

    /// What it was sent under each id.
    fn by_id(&self) -> BTreeMap<String, Vec<Heard>> {
        let mut by_id: BTreeMap<String, Vec<Heard>> = BTreeMap::new();
        for heard in self.sink.so_far() {
            by_id.entry(id(&heard)).or_default().push(heard);
        }
        by_id
    }
}

fn configure(setup: &Setup, subscribers: &[&Subscriber]) {
    let mut text = format!("[apps.shop]\nsdk_app_id = {SHOP}\ntoken = \"{SHOP_TOKEN}\"\n");
    for subscriber in subscribers {
        write!(text, "{}", subscriber.table(setup)).unwrap();
    }
    setup.configure(&text);
}

/// A gateway that passes everything on to these.
fn gateway_of(subscribers: &[&Subscriber]) -> (Setup, Gateway) {
    let setup = Setup::new();
    configure(&setup, subscribers);
    let gateway = setup.start();
    (setup, gateway)
}

/// Has so many events acked, about accounts of their own.
fn send(gateway: &Gateway, events: usize) {
    let mut connection = gateway.connect();
    for number in 0..events {
        let target = format!("/callback?{}", gateway.app.query(FRIEND_DELETE));
        let body = friend_delete("alice", &format!("friend-{number}"));
        let answer = connection.request("POST", &target, &[], body.as_bytes());
        assert_eq!(answer.unwrap().status, 200);
    }
}

/// Writes a secret to a file and gives back its path.
fn secret_file(setup: &Setup, name: &str, key: &[u8]) -> String {
    let path = setup.path(name);
    fs::write(&path, format!("whsec_{}", STANDARD.encode(key))).unwrap();
    path.display().to_string()
}

fn id(heard: &Heard) -> String {
    heard.header("webhook-id").expect("it has an id").to_owned()
}

fn attempt(heard: &Heard) -> u32 {
    let attempt = heard.header("callback-attempt").expect("it has a number");
    attempt.parse().unwrap()
}

/// What the key's signature of a delivery is.
fn signature(heard: &Heard, key: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    let timestamp = heard.header("webhook-timestamp").unwrap();
    mac.update(format!("{}.{timestamp}.", id(heard)).as_bytes());
    mac.update(&heard.body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// A subscription as the admin API tells of it.
fn standing(gateway: &Gateway, name: &str) -> Value {
    let answer = gateway.get("/v1/subscriptions");
    let all: Value = serde_json::from_slice(&answer.body).unwrap();
    let mut all = all["data"].as_array().unwrap().iter();
    let names = all.clone().map(|standing| standing["name"].as_str());
    assert!(names.is_sorted(), "by name");
    let found = all.find(|standing| standing["name"] == name);
    found.cloned().unwrap_or_default()
}

fn count(standing: &Value, state: &str) -> u64 {
    standing[state].as_u64().unwrap()
}

/// Waits until a subscription has `count` events in a state, e.g. `delivered`.
fn stands_at(gateway: &Gateway, name: &str, state: &str, events: u64) {
    eventually(&format!("{events} events of {name} are {state}"), || {
        (standing(gateway, name)[state] == events).then_some(())
    });
}

/// Pauses or resumes.
fn steer(gateway: &Gateway, name: &str, verb: &str) -> Answer {
    let target = format!("/v1/subscriptions/{name}/{verb}");
    let mut connection = Connection::open(gateway.admin).unwrap();
    let headers = [("Content-Type", "application/json")];
    connection
        .request("POST", &target, &headers, b"{}")
        .unwrap()
}

/// Whatever became of them, each subscription accounts for all events that were journaled since it was there, in the API
/// as in the metrics.
fn sums_hold(gateway: &Gateway, subscribers: &[&Subscriber]) {
    for subscriber in subscribers {
        sum_holds(gateway, subscriber.name);
    }
}

fn sum_holds(gateway: &Gateway, name: &str) {
    let journaled = gateway.events("").len() as u64;
    // What is told is a moment old.
    let standing = eventually(&format!("the sums of {name} are {journaled}"), || {
        let standing = standing(gateway, name);
        let states = ["delivered", "filtered", "dead", "pending", "behind"];
        let sum: u64 = states.iter().map(|state| count(&standing, state)).sum();
        (sum == journaled).then_some(standing)
    });
    for state in ["delivered", "filtered", "dead", "pending"] {
        let labels = [("subscription", name), ("state", state)];
        eventually(&format!("the metric of {state} is the same"), || {
            let events = gateway.metric("gateway_subscription_events", &labels);
            (events == count(&standing, state)).then_some(())
        });
    }
}

/// All events are delivered to these.
fn all_delivered(gateway: &Gateway, subscribers: &[&Subscriber]) {
    let journaled = gateway.events("").len() as u64;
    for subscriber in subscribers {
        stands_at(gateway, subscriber.name, "delivered", journaled);
    }
    sums_hold(gateway, subscribers);
}
