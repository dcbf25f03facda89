//! HTTP as bytes, for requests that no ordinary client sends.

use std::time::Duration;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{app::Node, wait::DEADLINE};

/// A connection of its own.
pub struct Raw {
    stream: TcpStream,
}

/// One response as it arrived.
#[derive(Debug)]
pub struct RawReply {
    pub status: u16,
    /// In lower case.
    pub head: String,
    pub body: String,
}

impl RawReply {
    pub fn problem(&self) -> Value {
        assert!(self.head.contains("content-type: application/problem+json"), "{self:?}");
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// Checks for a problem with this status and code.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) {
        let problem = self.problem();
        assert_eq!((self.status, problem["code"].as_str()), (status, Some(code)), "{self:?}");
        assert_eq!(problem["status"], status, "{self:?}");
    }
}

impl Raw {
    pub async fn connect(node: &Node) -> Self {
        let address = node.url.strip_prefix("http://").unwrap();
        Self::over(TcpStream::connect(address).await.unwrap())
    }

    pub fn over(stream: TcpStream) -> Self {
        Self { stream }
    }

    /// Whether `operation` is answered on this connection, which may be closed already.
    pub async fn try_call(&mut self, operation: &str) -> bool {
        let request = format!("{operation} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        self.send(request.as_bytes()).await
            && self.read_to_end(DEADLINE).await.is_some_and(|text| !text.is_empty())
    }

    /// False if the other side has closed.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        timeout(DEADLINE, self.stream.write_all(bytes)).await.is_ok_and(|sent| sent.is_ok())
    }

    /// `operation` with a token; the connection stays open.
    pub async fn call(&mut self, operation: &str, token: &str) -> RawReply {
        let request = format!("{operation} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
        assert!(self.send(request.as_bytes()).await, "closed before {operation}");
        let mut text = Vec::new();
        while !is_whole(&text) {
            let read = timeout(DEADLINE, self.stream.read_buf(&mut text)).await.expect("no answer");
            assert_ne!(read.unwrap(), 0, "closed: {}", String::from_utf8_lossy(&text));
        }
        parse(&String::from_utf8_lossy(&text)).remove(0)
    }

    /// Says that nothing more will be sent, and goes on reading.
    pub async fn finish(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Everything up to `end`, which must arrive.
    pub async fn read_until(&mut self, end: &str) -> String {
        let mut bytes = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&bytes);
            if text.contains(end) {
                return text.into_owned();
            }
            let read = timeout(DEADLINE, self.stream.read_buf(&mut bytes)).await;
            let arrived = read.is_ok_and(|read| read.is_ok_and(|count| count > 0));
            assert!(arrived, "{end:?} does not arrive: {}", String::from_utf8_lossy(&bytes));
        }
    }

    /// Everything that arrives until the other side closes, within `limit`. None: it did not close.
    pub async fn read_to_end(&mut self, limit: Duration) -> Option<String> {
        let mut bytes = Vec::new();
        let outcome = timeout(limit, self.stream.read_to_end(&mut bytes)).await.ok()?;
        // A reset also ends the connection; the bytes before it count.
        drop(outcome);
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The responses to `bytes` until the other side closes, which it must.
    pub async fn exchange(node: &Node, bytes: impl AsRef<[u8]>) -> Vec<RawReply> {
        let mut raw = Self::connect(node).await;
        raw.send(bytes.as_ref()).await;
        let text = raw.read_to_end(DEADLINE).await.expect("the connection stays open");
        parse(&text)
    }

    /// The one response to `bytes`, after which the other side must close.
    pub async fn ask(node: &Node, bytes: impl AsRef<[u8]>) -> RawReply {
        let mut replies = Self::exchange(node, bytes).await;
        assert_eq!(replies.len(), 1, "{replies:?}");
        replies.remove(0)
    }
}

/// `GET path`, with the path sent as it is.
pub async fn get(node: &Node, path: &str) -> RawReply {
    Raw::ask(node, format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await
}

/// Whether this is a response with its complete body.
fn is_whole(bytes: &[u8]) -> bool {
    let head = bytes.windows(4).position(|end| end == b"\r\n\r\n");
    head.is_some_and(|end| bytes.len() >= end + 4 + length(&String::from_utf8_lossy(&bytes[..end])).unwrap())
}

fn length(head: &str) -> Option<usize> {
    head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
}

fn parse(mut text: &str) -> Vec<RawReply> {
    let mut replies = Vec::new();
    while let Some((head, rest)) = text.split_once("\r\n\r\n") {
        let head = head.to_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no answer: {text}"));
        let length = length(&head).unwrap_or(rest.len()).min(rest.len());
        let (body, next) = rest.split_at(length);
        replies.push(RawReply { status, head, body: body.to_owned() });
        text = next;
    }
    replies
}
