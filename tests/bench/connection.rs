//! One keep-alive connection that sends prepared requests and reads answers with a Content-Length: HTTP/1.1 with as
//! little CPU time as possible.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Longer answers are not ours.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

/// What a server answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer<'a> {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: &'a [u8],
}

/// Where an answer's body stands.
struct Head {
    status: u16,
    body_start: usize,
    body_end: usize,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            answer: Vec::with_capacity(4096),
        })
    }

    /// Sends a whole request and waits for the whole answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.answer.clear();
        self.stream.write_all(request).await?;
        loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match head(&self.answer)? {
                Some(head) if self.answer.len() >= head.body_end => {
                    let body = self.answer.get(head.body_start..head.body_end);
                    return Ok(Answer {
                        status: head.status,
                        body: body.unwrap_or_default(),
                    });
                }
                _ if self.answer.len() > ANSWER_BYTES_MAX => {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                _ => {}
            }
        }
    }
}

/// `None` while the head is not whole.
fn head(answer: &[u8]) -> io::Result<Option<Head>> {
    let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return Ok(None);
    };
    parse(answer.get(..end).unwrap_or_default(), end + 4)
        .map(Some)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not an answer with a length"))
}

fn parse(head: &[u8], body_start: usize) -> Option<Head> {
    let mut lines = str::from_utf8(head).ok()?.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let (_, length) = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    let length: usize = length.trim().parse().ok()?;
    Some(Head {
        status,
        body_start,
        body_end: body_start + length,
    })
}
