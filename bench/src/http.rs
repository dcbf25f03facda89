//! A minimal HTTP/1.1 client. It uses little processor time, since it shares the machine with the
//! server that it measures: one connection, requests prepared as bytes, responses read by length or
//! chunks.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, bail};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

/// A connection that is kept.
pub struct HttpConnection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A complete response.
pub struct Response {
    pub status: u16,
    pub body: Vec<u8>,
}

impl HttpConnection {
    pub async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        Self::connect_from(Ipv4Addr::LOCALHOST, address).await
    }

    /// From one of this machine's own addresses, 127.x.x.x.
    pub async fn connect_from(from: Ipv4Addr, address: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self { stream: connect_from(from, address).await?, buffer: Vec::with_capacity(16 * 1024) })
    }

    /// Sends a request and reads its answer.
    pub async fn call(&mut self, request: &[u8]) -> anyhow::Result<Response> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head_end = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
            self.read_more().await?;
        };
        let head = std::str::from_utf8(&self.buffer[..head_end])?;
        let status = head.get(9..12).context("no status")?.parse()?;
        if header(head, "transfer-encoding").is_some() {
            return Ok(Response { status, body: self.chunks(head_end).await? });
        }
        let length = header(head, "content-length").map_or(Ok(0), str::parse::<usize>)?;
        while self.buffer.len() < head_end + length {
            self.read_more().await?;
        }
        Ok(Response { status, body: self.buffer[head_end..].to_vec() })
    }

    /// The chunks that begin at `at` of the buffer, as one.
    async fn chunks(&mut self, mut at: usize) -> anyhow::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line_end = loop {
                if let Some(end) = find(&self.buffer[at..], b"\r\n") {
                    break at + end;
                }
                self.read_more().await?;
            };
            let size = usize::from_str_radix(std::str::from_utf8(&self.buffer[at..line_end])?, 16)?;
            let (begin, end) = (line_end + 2, line_end + 2 + size);
            while self.buffer.len() < end + 2 {
                self.read_more().await?;
            }
            if size == 0 {
                return Ok(body);
            }
            body.extend_from_slice(&self.buffer[begin..end]);
            at = end + 2;
        }
    }

    async fn read_more(&mut self) -> anyhow::Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            bail!("the server closed the connection");
        }
        Ok(())
    }
}

/// A connection from one of this machine's own addresses, 127.x.x.x: a server has a limit for each.
pub async fn connect_from(from: Ipv4Addr, address: SocketAddr) -> anyhow::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A request as bytes. `token` or `body` empty: none.
pub fn request(method: &str, path: &str, token: &str, body: &str) -> Vec<u8> {
    let content = if body.is_empty() {
        String::new()
    } else {
        format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len())
    };
    let bearer = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
    format!("{method} {path} HTTP/1.1\r\nHost: bench\r\n{bearer}{content}\r\n{body}").into()
}

/// The value of a header.
pub fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

/// Where `needle` begins.
pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
