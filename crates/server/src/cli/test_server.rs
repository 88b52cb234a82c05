//! A tiny HTTP server for the tests of clients: one prepared answer a connection, and the requests as they came.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use serde_json::{Value, json};

use super::{
    arguments::AdminOptions,
    client::Client,
    failure::{Ending, Failure},
    output::Output,
};
use crate::config;

/// A running server. Its thread ends after the last answer.
pub(super) struct TestServer {
    pub(super) url: String,
    requests: mpsc::Receiver<String>,
}

/// Serves the answers, one a connection, each closed after it.
pub(super) fn serve(answers: Vec<String>) -> TestServer {
    start("http", answers, |mut stream, answer| {
        let request = read_request(&mut BufReader::new(&stream));
        stream.write_all(answer.as_bytes()).unwrap();
        request
    })
}

/// Serves one page of a list.
pub(super) fn serve_list(data: &Value) -> TestServer {
    let page = json!({ "data": data, "next": null }).to_string();
    serve(vec![answer("200 OK", "application/json", &page)])
}

/// What a command prints that asks the admin API, where no terminal is.
pub(super) fn printed(
    options: &AdminOptions,
    json: bool,
    run: impl FnOnce(&Client, &mut Output<'_>) -> Result<Ending, Failure>,
) -> String {
    let client = Client::new(options, &config::load(None, []).unwrap()).unwrap();
    let mut bytes = Vec::new();
    run(&client, &mut Output::new(&mut bytes, json, false)).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// The same over TLS, with a certificate of its own for 127.0.0.1; the second value is that certificate as PEM.
pub(super) fn serve_tls(answers: Vec<String>) -> (TestServer, String) {
    let signed = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signed.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![signed.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let server = start("https", answers, move |stream, answer| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut reader = BufReader::new(StreamOwned::new(connection, stream));
        let request = read_request(&mut reader);
        let mut stream = reader.into_inner();
        // A client that does not trust us hangs up.
        let _sent = stream.write_all(answer.as_bytes()).and_then(|()| {
            stream.conn.send_close_notify();
            stream.flush()
        });
        request
    });
    (server, signed.cert.pem())
}

fn start(
    scheme: &str,
    answers: Vec<String>,
    exchange: impl Fn(TcpStream, String) -> String + Send + 'static,
) -> TestServer {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("{scheme}://{}", listener.local_addr().unwrap());
    let (sender, requests) = mpsc::sync_channel(answers.len());
    thread::spawn(move || {
        for answer in answers {
            let (stream, _) = listener.accept().unwrap();
            stream
                .set_read_timeout(Some(Duration::from_secs(10)))
                .unwrap();
            let request = exchange(stream, answer);
            // A test may not care.
            let _unread: Result<(), _> = sender.send(request);
        }
    });
    TestServer { url, requests }
}

fn read_request(reader: &mut impl BufRead) -> String {
    let mut request = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).is_err() {
            return request;
        }
        let lower = line.to_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        request.push_str(&line);
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    request.push_str(&String::from_utf8(body).unwrap());
    request
}

/// A whole answer.
pub(super) fn answer(status: &str, content_type: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nX-Event-Id: 01900000-0000-7000-8000-000000000001\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// A stream that ends by closing the connection.
pub(super) fn stream(text: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n{text}")
}

impl TestServer {
    /// What a command needs to ask this server.
    pub(super) fn options(&self) -> AdminOptions {
        AdminOptions {
            url: Some(self.url.clone()),
            ..AdminOptions::default()
        }
    }

    /// The next request: its head and body.
    pub(super) fn request(&self) -> String {
        self.requests.recv_timeout(Duration::from_secs(10)).unwrap()
    }
}
