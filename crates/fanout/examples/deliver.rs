//! Makes one delivery: `deliver URL SECRET… < BODY`, the newest secret first, to an address of this machine.

use std::{
    io::{Read, stdin},
    sync::Arc,
    time::{Duration, SystemTime},
};

use gateway_core::{Envelope, EventId, Proof, Subjects};
use gateway_fanout::{Client, Egress, Message, Secrets};
use rustls::RootCertStore;
use uuid::Uuid;

type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("a URL is missing")?.parse()?;
    let secrets = arguments.map(|secret| secret.parse());
    let secrets = Secrets::new(secrets.collect::<Result<_, _>>()?)?;
    let mut body = Vec::new();
    stdin().read_to_end(&mut body)?;
    let egress = Egress::Internal(vec!["127.0.0.0/8".parse()?]);
    let client = Client::new(&url, secrets, egress, Arc::new(RootCertStore::empty()))?;
    let message = message(body)?;
    client.deliver(&message, Duration::from_secs(30)).await?;
    Ok(())
}

fn message(body: Vec<u8>) -> Result<Message, Failure> {
    let now_ms = SystemTime::UNIX_EPOCH.elapsed()?.as_millis().try_into()?;
    let envelope = Envelope {
        app: "shop".to_owned(),
        sdk_app_id: 1_400_000_000,
        command: "Sns.CallbackFriendDelete".to_owned(),
        received_ms: now_ms,
        client_ip: Some("192.0.2.1".to_owned()),
        platform: Some("Web".to_owned()),
        request_id: Some("100% \"odd\"\r\nwebhook-id: forged".to_owned()),
        peer: None,
        proof: Proof::default(),
        simulated: false,
        verdict: None,
        trace: None,
    };
    Ok(Message {
        id: EventId::new(Uuid::new_v4(), 1, now_ms),
        envelope: Arc::new(envelope),
        time: None,
        subjects: Some(Subjects::default().account("Zoë")),
        body: body.into(),
        attempt: 1,
    })
}
