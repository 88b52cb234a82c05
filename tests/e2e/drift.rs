//! Drift: what of genuine bodies differs from our types is told by kind, counted over restarts, without values and in
//! bounded space.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::harness::{FRIEND_DELETE, Gateway, Setup, eventually, friend_delete};

const BLOCKLIST_ADD: &str = "Sns.CallbackBlackListAdd";

/// Where the kinds that found no place are added up.
const FURTHER: &str = "…";

/// One kind as the API tells it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kind {
    command: String,
    path: String,
    expected: String,
    found: String,
    count: u64,
    first_seen: String,
    last_seen: String,
}

/// The kinds, the last seen first, and the answer as it came.
fn drift(gateway: &Gateway, query: &str) -> (Vec<Kind>, String) {
    #[derive(Deserialize)]
    struct Page {
        data: Vec<Kind>,
        next: Value,
    }
    let answer = gateway.get(&format!("/v1/drift?{query}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let page: Page = serde_json::from_slice(&answer.body).unwrap();
    assert!(page.next.is_null());
    let seen = |kind: &Kind| kind.last_seen.clone();
    assert!(page.data.iter().rev().is_sorted_by_key(seen));
    (page.data, answer.text())
}

fn sum(kinds: &[Kind]) -> u64 {
    kinds.iter().map(|kind| kind.count).sum()
}

/// Waits until so much drift is told in all, and gives the kinds back.
fn told(gateway: &Gateway, reports: u64) -> Vec<Kind> {
    let (kinds, _) = eventually(&format!("{reports} reports are told"), || {
        let (kinds, text) = drift(gateway, "");
        assert!(sum(&kinds) <= reports, "too many: {text}");
        Some((kinds, text)).filter(|(kinds, _)| sum(kinds) == reports)
    });
    kinds
}

/// The counts of a command by path, what was expected and what came.
fn counts<'a>(kinds: &'a [Kind], command: &str) -> BTreeMap<(&'a str, &'a str, &'a str), u64> {
    let of_command = kinds.iter().filter(|kind| kind.command == command);
    of_command
        .map(|kind| ((&*kind.path, &*kind.expected, &*kind.found), kind.count))
        .collect()
}

/// When the newest event was journaled.
fn journaled_at(gateway: &Gateway) -> String {
    let newest = gateway.get("/v1/events?limit=1");
    let page: Value = serde_json::from_slice(&newest.body).unwrap();
    page["data"][0]["journaled_at"].as_str().unwrap().to_owned()
}

#[test]
fn every_kind_is_told_with_its_count_and_times_and_without_values() {
    let setup = Setup::new();
    let gateway = setup.start();
    assert!(drift(&gateway, "").0.is_empty());
    let good = friend_delete("secret-alice", "secret-bob");
    let drifting = [
        (
            good.replace("{\"Call", "{\"Surprise\":\"secret-c\",\"Call"),
            3,
        ),
        (good.replace("\"secret-alice\"", "770012345"), 4),
        (good.replace(",\"To_Account\":\"secret-bob\"", ""), 2),
        (good.replace("Sns.Callback", "secret."), 1),
        ("secret-d, not JSON".to_owned(), 5),
    ];
    let mut times = Vec::new();
    for (body, repeats) in &drifting {
        for _ in 0..*repeats {
            gateway.acked(FRIEND_DELETE, body);
            times.push(journaled_at(&gateway));
            gateway.acked(FRIEND_DELETE, &good);
        }
    }
    gateway.acked(BLOCKLIST_ADD, "secret-e, not JSON");

    let kinds = told(&gateway, 16);
    let expected = BTreeMap::from([
        (("Surprise", "no such field", "unknown field"), 3),
        (("PairList[].From_Account", "string", "number"), 4),
        (("PairList[].To_Account", "string", "missing"), 2),
        (
            ("CallbackCommand", "the query's command", "another command"),
            1,
        ),
        (("", "JSON", "not JSON"), 5),
    ]);
    assert_eq!(counts(&kinds, FRIEND_DELETE), expected);
    let numbers = kinds.iter().find(|kind| kind.found == "number").unwrap();
    assert_eq!(
        (&numbers.first_seen, &numbers.last_seen),
        (&times[3], &times[6])
    );
    assert!(kinds.iter().all(|kind| kind.first_seen <= kind.last_seen));
    let (of_blocklist, _) = drift(&gateway, &format!("command={BLOCKLIST_ADD}"));
    assert_eq!(of_blocklist, kinds[..1], "the last seen is the first");
    let (of_nobody, _) = drift(&gateway, "command=Nobody.KnowsThis");
    assert!(of_nobody.is_empty());
    let (_, text) = drift(&gateway, "");
    assert!(
        !text.contains("secret") && !text.contains("770012345"),
        "{text}"
    );
    gateway.reaches(
        "gateway_decode_drift_total",
        &[("command", FRIEND_DELETE)],
        15,
    );
}

#[test]
fn counts_go_on_after_a_stop_and_a_kill() {
    let setup = Setup::new();
    let gateway = setup.start();
    gateway.acked(FRIEND_DELETE, "not JSON");
    gateway.acked(FRIEND_DELETE, r#"{"PairList":[],"Surprise":1}"#);
    // What the last second brings is saved by the stop.
    assert!(gateway.stop().success());
    let gateway = setup.start();
    let (before, _) = drift(&gateway, "");
    assert_eq!(sum(&before), 2);
    gateway.acked(FRIEND_DELETE, "not JSON");
    let kinds = told(&gateway, 3);
    let count = |found| kinds.iter().find(|kind| kind.found == found).unwrap();
    assert_eq!(
        (count("not JSON").count, count("unknown field").count),
        (2, 1)
    );
    let earlier = before.iter().find(|kind| kind.found == "not JSON").unwrap();
    assert_eq!(count("not JSON").first_seen, earlier.first_seen);
    assert!(count("not JSON").last_seen > earlier.last_seen);

    gateway.kill();
    let gateway = setup.start();
    assert_eq!(drift(&gateway, "").0, kinds);
    gateway.acked(FRIEND_DELETE, "not JSON");
    told(&gateway, 4);
}

#[test]
fn a_flood_of_made_up_fields_stays_in_its_bounds_and_adds_up() {
    let setup = Setup::new();
    let gateway = setup.start();
    let known = r#"{"PairList":[],"Known":1}"#;
    gateway.acked(FRIEND_DELETE, known);
    told(&gateway, 1);
    let mut connection = gateway.connect();
    let target = format!("/callback?{}", gateway.app.query(FRIEND_DELETE));
    for number in 0..200 {
        let mut body = json!({"PairList": []});
        for field in 0..25 {
            body[format!("Made{}Up", number * 25 + field)] = json!("secret");
        }
        let body = body.to_string();
        let answer = connection.request("POST", &target, &[], body.as_bytes());
        assert_eq!(answer.unwrap().status, 200);
    }
    gateway.acked(FRIEND_DELETE, known);
    // Another command still has its own places, and a field can't pass for the further kinds.
    gateway.acked(BLOCKLIST_ADD, r#"{"PairList":[],"…":1}"#);

    let reports = 1 + 200 * 25 + 1;
    let check = |gateway: &Gateway, more: u64| {
        let kinds = told(gateway, reports + more + 1);
        let counts = counts(&kinds, FRIEND_DELETE);
        let (further, own): (Vec<_>, Vec<_>) = counts
            .into_iter()
            .partition(|((path, ..), _)| *path == FURTHER);
        assert_eq!(own.len(), 64);
        assert_eq!(
            further,
            [((FURTHER, FURTHER, "further kinds"), 5_000 - 63 + more)]
        );
        let known = (("Known", "no such field", "unknown field"), 2);
        assert!(
            own.contains(&known),
            "a known kind keeps its place: {own:?}"
        );
        let of_blocklist = kinds.iter().find(|kind| kind.command == BLOCKLIST_ADD);
        assert_ne!(of_blocklist.unwrap().path, FURTHER);
    };
    check(&gateway, 0);
    let events = gateway.metric("gateway_decode_drift_total", &[("command", FRIEND_DELETE)]);
    assert_eq!(events, 202);
    assert!(gateway.stop().success());
    let gateway = setup.start();
    gateway.acked(FRIEND_DELETE, r#"{"PairList":[],"AfterTheStop":1}"#);
    check(&gateway, 1);
}

#[test]
fn the_command_line_shows_it_to_people_and_scripts() {
    let setup = Setup::new();
    let gateway = setup.start();
    let admin = format!("http://{}", gateway.admin);
    let run = |arguments: &[&str]| {
        let arguments = [&["drift", "--admin-url", &admin], arguments].concat();
        let output = setup.run(&arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(run(&[]), "nothing drifted\n");
    assert_eq!(run(&["--json"]), "");
    gateway.acked(FRIEND_DELETE, "not JSON");
    gateway.acked(BLOCKLIST_ADD, r#"{"PairList":[],"Surprise":1}"#);
    let kinds = told(&gateway, 2);
    let table = run(&[]);
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(
        table.contains("the body") && table.contains("Surprise"),
        "{table}"
    );
    let json = run(&["--json", "--command", FRIEND_DELETE]);
    assert_eq!(serde_json::from_str::<Kind>(&json).unwrap(), kinds[1]);
    gateway.kill();
    let gone = setup.run(&["drift", "--admin-url", &admin]);
    assert_eq!(gone.status.code(), Some(3), "{gone:?}");
}
