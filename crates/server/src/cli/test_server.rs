//! A tiny HTTP server for the tests of clients: one prepared answer a connection, and the requests as they came.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    sync::mpsc,
    thread,
    time::Duration,
};

/// A running server. Its thread ends after the last answer.
pub(super) struct TestServer {
    pub(super) url: String,
    requests: mpsc::Receiver<String>,
}

/// Serves the answers, one a connection, each closed after it.
pub(super) fn serve(answers: Vec<String>) -> TestServer {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, requests) = mpsc::sync_channel(answers.len());
    thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            stream
                .set_read_timeout(Some(Duration::from_secs(10)))
                .unwrap();
            let request = read_request(&mut BufReader::new(&stream));
            // A test may not care.
            let _unread: Result<(), _> = sender.send(request);
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    TestServer { url, requests }
}

fn read_request(reader: &mut impl BufRead) -> String {
    let mut request = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
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
    /// The next request: its head and body.
    pub(super) fn request(&self) -> String {
        self.requests.recv_timeout(Duration::from_secs(10)).unwrap()
    }
}
