//! What a subscriber gets, and which events.

use std::time::SystemTime;

use gateway_test_support::{ChatApp, Connection, Manner};

use super::*;

const JOIN: &str = "Group.CallbackAfterNewMemberJoin";

fn join(group: &str, member: &str) -> String {
    format!(
        r#"{{"CallbackCommand":"{JOIN}","GroupId":"{group}","Type":"Public","JoinType":"Apply","Operator_Account":"{member}","NewMemberList":[{{"Member_Account":"{member}"}}],"EventTime":1670574414123}}"#
    )
}

#[test]
fn the_body_as_it_came_and_headers_that_say_what_it_is() {
    let billing = Subscriber::new("billing", Manner::status(204), "");
    let (_setup, gateway) = gateway_of(&[&billing]);
    let body = "{ \"CallbackCommand\":\"Sns.CallbackFriendDelete\",\r\n\"PairList\":[{\"From_Account\":\"Zoë\",\"To_Account\":\"\\u4f60\"}], \"More\":1e400}\n";
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let query = gateway.app.query_at(FRIEND_DELETE, now - 20);
    let target = format!("/callback?{query}&RequestId=r-1");
    let mut connection = gateway.connect();
    let answer = connection.request("POST", &target, &[], body.as_bytes());
    assert_eq!(answer.unwrap().status, 200);
    billing.gets(1);
    let heard = billing.sink.so_far().remove(0);
    assert_eq!(heard.text(), body);
    assert_eq!(heard.target, "/events?of=chat");

    let event = gateway.events("").remove(0);
    let header = |name: &str| heard.header(name).unwrap_or_default().to_owned();
    assert_eq!(header("webhook-id"), event.id);
    assert_eq!(header("webhook-signature"), signature(&heard, KEY));
    let timestamp: u64 = header("webhook-timestamp").parse().unwrap();
    assert!((now..now + 120).contains(&timestamp), "{timestamp}");
    for (name, expected) in [
        ("ce-specversion", "1.0"),
        ("ce-id", event.id.as_str()),
        ("ce-type", FRIEND_DELETE),
        ("ce-source", "shop"),
        ("ce-subject", "Zo%C3%AB"),
        ("content-type", "application/json"),
        ("callback-sdk-app-id", "1400000001"),
        ("callback-client-ip", "192.0.2.1"),
        ("callback-platform", "iOS"),
        ("callback-request-id", "r-1"),
        ("callback-attempt", "1"),
        ("callback-simulated", ""),
    ] {
        assert_eq!(header(name), expected, "{name}");
    }
    let all = format!("{heard:?}");
    let secret = |part: &str| {
        let value = query.split('&').find_map(|pair| pair.strip_prefix(part));
        value.unwrap().to_owned()
    };
    assert!(!all.contains(&secret("Sign=")), "{all}");
    assert!(!all.contains(&secret("RequestTime=")), "{all}");
    assert!(!all.contains(SHOP_TOKEN), "{all}");
    all_delivered(&gateway, &[&billing]);
}

#[test]
fn a_body_that_is_no_json_is_passed_on_as_it_is() {
    let billing = Subscriber::new("billing", Manner::status(200), "");
    let (_setup, gateway) = gateway_of(&[&billing]);
    let bodies = [&b"not \xff json \0"[..], b""];
    for body in bodies {
        assert_eq!(gateway.call(FRIEND_DELETE, body).status, 200);
    }
    billing.gets(2);
    let heard = billing.sink.so_far();
    let sent: BTreeSet<&[u8]> = heard.iter().map(|heard| &*heard.body).collect();
    assert_eq!(sent, BTreeSet::from(bodies));
    for heard in &heard {
        assert_eq!(
            heard.header("content-type"),
            Some("application/octet-stream")
        );
        assert_eq!(
            heard.header("webhook-signature"),
            Some(&*signature(heard, KEY))
        );
    }
    all_delivered(&gateway, &[&billing]);
}

#[test]
fn each_gets_what_it_asks_for() {
    let ok = || Manner::status(200);
    let friends = Subscriber::new("friends", ok(), "commands = [\"Sns.*\"]\n");
    let game = Subscriber::new("game", ok(), "apps = [\"game\"]\n");
    let carol = Subscriber::new("carol", ok(), "accounts = [\"carol\", \"dave\"]\n");
    let group = Subscriber::new("group", ok(), "groups = [\"@TGS#1\"]\n");
    let simulated = Subscriber::new("simulated", ok(), "simulated = true\n");
    let subscribers = [&friends, &game, &carol, &group, &simulated];
    let setup = Setup::new();
    configure(&setup, &subscribers);
    let config = fs::read_to_string(setup.path("gateway.toml")).unwrap();
    setup.configure(&format!(
        "{config}[apps.game]\nsdk_app_id = 1400000002\ntoken = \"the-token-of-the-game\"\n"
    ));
    let gateway = setup.start();
    let game_app = ChatApp::new(1_400_000_002, "the-token-of-the-game");
    gateway.acked(FRIEND_DELETE, friend_delete("alice", "bob"));
    gateway.acked(FRIEND_DELETE, friend_delete("alice", "carol"));
    gateway.acked(JOIN, join("@TGS#1", "alice"));
    gateway.acked(JOIN, join("@TGS#2", "carol"));
    let answer = gateway.call_as(&game_app, FRIEND_DELETE, friend_delete("eve", "mallory"));
    assert_eq!(answer.status, 200);
    let answer = Connection::open(gateway.admin).unwrap().request(
        "POST",
        &format!("/v1/simulate/{FRIEND_DELETE}?app=shop"),
        &[("Content-Type", "application/json")],
        friend_delete("carol", "simulated").as_bytes(),
    );
    assert_eq!(answer.unwrap().status, 200);

    for (subscriber, delivered) in subscribers.into_iter().zip([3, 1, 2, 1, 6]) {
        stands_at(&gateway, subscriber.name, "delivered", delivered);
        stands_at(&gateway, subscriber.name, "filtered", 6 - delivered);
    }
    sums_hold(&gateway, &subscribers);
    let texts = |subscriber: &Subscriber| -> Vec<String> {
        let heard = subscriber.sink.so_far();
        let mut texts: Vec<String> = heard.iter().map(Heard::text).collect();
        texts.sort_unstable();
        texts
    };
    assert_eq!(
        texts(&friends),
        [
            friend_delete("alice", "bob"),
            friend_delete("alice", "carol"),
            friend_delete("eve", "mallory"),
        ]
    );
    assert_eq!(texts(&game), [friend_delete("eve", "mallory")]);
    assert_eq!(
        texts(&carol),
        [join("@TGS#2", "carol"), friend_delete("alice", "carol")]
    );
    assert_eq!(texts(&group), [join("@TGS#1", "alice")]);
    let marked = simulated.sink.so_far();
    let mut marked = marked
        .iter()
        .filter(|heard| heard.header("callback-simulated") == Some("true"));
    let marked: Vec<String> = marked.by_ref().map(Heard::text).collect();
    assert_eq!(marked, [friend_delete("carol", "simulated")]);
}
