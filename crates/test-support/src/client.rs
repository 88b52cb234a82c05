//! A client that calls a gateway as Chat does: HTTP/1.1 on one kept connection, signed.
//!
//! It sends what it is told, well-formed or not; no library stands between a test and the bytes on the wire. Start at
//! [`ChatApp::query`] and [`Connection::request`].

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, SystemTime},
};

use gateway_core::{Token, sign};

/// An app as Chat knows it.
#[derive(Debug, Clone)]
pub struct ChatApp {
    /// The vendor's number.
    pub sdk_app_id: u64,
    /// The token that signs; none when authentication is off in Chat's console.
    pub token: Option<String>,
}

/// A connection that is kept for many requests.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The whole body, without its framing.
    pub body: Vec<u8>,
}

/// Longer than any answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

// === impl ChatApp ===

impl ChatApp {
    /// An app whose callbacks are signed with `token`.
    pub fn new(sdk_app_id: u64, token: &str) -> Self {
        Self {
            sdk_app_id,
            token: Some(token.to_owned()),
        }
    }

    /// The documented query of a callback, without its `?`, signed now.
    pub fn query(&self, command: &str) -> String {
        let now = SystemTime::UNIX_EPOCH.elapsed();
        self.query_at(command, now.expect("the clock is after 1970").as_secs())
    }

    /// The documented query of a callback, signed at a time in seconds since the Unix epoch.
    ///
    /// # Panics
    ///
    /// When the token is longer than a token may be.
    pub fn query_at(&self, command: &str, seconds: u64) -> String {
        let unsigned = format!(
            "SdkAppid={}&CallbackCommand={command}&contenttype=json&ClientIP=192.0.2.1&OptPlatform=iOS",
            self.sdk_app_id
        );
        let Some(token) = &self.token else {
            return unsigned;
        };
        let token = Token::new(token).expect("the app's token is a token");
        let time = seconds.to_string();
        format!("{unsigned}&Sign={}&RequestTime={time}", sign(&token, &time))
    }
}

// === impl Connection ===

impl Connection {
    /// Connects.
    ///
    /// # Errors
    ///
    /// When nobody listens.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    /// Sends a request and reads its answer. `Host` and `Content-Length` are added.
    ///
    /// # Errors
    ///
    /// When the connection ends before the answer does.
    pub fn request(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Answer> {
        let host = self.stream.get_ref().peer_addr()?;
        let mut bytes = Vec::new();
        write!(bytes, "{method} {target} HTTP/1.1\r\n")?;
        if !headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"))
        {
            write!(bytes, "Host: {host}\r\n")?;
        }
        for (name, value) in headers {
            write!(bytes, "{name}: {value}\r\n")?;
        }
        if method == "POST" || !body.is_empty() {
            write!(bytes, "Content-Length: {}\r\n", body.len())?;
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body);
        self.send(&bytes)?;
        self.answer(method == "HEAD")
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    ///
    /// When the connection is closed.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Reads an answer; the one to a `HEAD` has no body.
    ///
    /// # Errors
    ///
    /// When the connection ends before the answer does.
    pub fn answer(&mut self, to_head: bool) -> io::Result<Answer> {
        let (status, headers) = self.head()?;
        let value = |name: &str| {
            let header = headers.iter().find(|(known, _)| known == name);
            header.map(|(_, value)| value.as_str())
        };
        let mut body = Vec::new();
        if value("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk()? {
                body.extend_from_slice(&chunk);
            }
        } else if !to_head {
            let length = value("content-length").and_then(|length| length.parse().ok());
            body.resize(length.unwrap_or(0), 0);
            self.stream.read_exact(&mut body)?;
        }
        Ok(Answer {
            status,
            headers,
            body,
        })
    }

    /// Reads the head of an answer whose body is read in pieces, with [`Connection::chunk`]: its status and headers.
    ///
    /// # Errors
    ///
    /// When the connection ends before the head does.
    pub fn head(&mut self) -> io::Result<(u16, Vec<(String, String)>)> {
        let line = self.line()?;
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| invalid("an answer without a status"))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok((status, headers));
            }
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| invalid("a header without a colon"))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// Reads one chunk of a chunked body; `None` after the last.
    ///
    /// # Errors
    ///
    /// When the connection ends, or nothing comes for half a minute.
    pub fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let line = self.line()?;
        let size = line.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size.trim(), 16)
            .map_err(|_| invalid("a chunk without a size"))?;
        let mut chunk = vec![0; size];
        self.stream.read_exact(&mut chunk)?;
        self.line()?;
        Ok((size > 0).then_some(chunk))
    }

    /// Waits until the other side closes; what it sends before is passed over.
    ///
    /// # Errors
    ///
    /// When it does not within half a minute. A reset is an end, too.
    pub fn closed(&mut self) -> io::Result<()> {
        match io::copy(&mut self.stream, &mut io::sink()) {
            Err(error) if error.kind() != io::ErrorKind::ConnectionReset => Err(error),
            _ => Ok(()),
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }
}

// === impl Answer ===

impl Answer {
    /// A header's value, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(known, _)| known == name);
        header.map(|(_, value)| value.as_str())
    }

    /// The body as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_as_the_vendor_shows_it() {
        let query = ChatApp::new(1_400_000_000, "xxxxyyyy")
            .query_at("Sns.CallbackFriendDelete", 1_669_872_112);
        assert!(query.starts_with("SdkAppid=1400000000&CallbackCommand=Sns.CallbackFriendDelete&"));
        assert!(query.ends_with(
            "&Sign=17773bc39a671d7b9aa835458704d2a6db81360a5940292b587d6d760d484061&RequestTime=1669872112"
        ));
    }
}
