//! Responses that last for hours. When such a response's head is ready, its socket is taken from
//! hyper, whose buffers and state would cost ten times what an idle stream needs.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use axum::{
    http::{Version, header},
    response::Response,
};
use tokio::net::TcpStream;

/// Writes the response, including its head, until it ends.
pub type Writer = Pin<Box<dyn Future<Output = ()> + Send>>;
type Start = Box<dyn FnOnce(Socket) -> Writer + Send>;

/// An extension of the response to a GET: a [`Writer`] writes the response. It is dropped unused if
/// the client has gone.
#[derive(Clone)]
pub struct Takeover(Arc<Mutex<Option<Start>>>);

/// A socket that carries only this response from now on.
pub struct Socket {
    pub stream: TcpStream,
    /// The head of the response, to be written first.
    pub head: Vec<u8>,
    /// The body goes in chunks (RFC 9112, section 7.1). For an HTTP/1.0 client it ends with the
    /// connection instead.
    pub is_chunked: bool,
}

impl Takeover {
    pub fn new(start: impl FnOnce(Socket) -> Writer + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Some(Box::new(start)))))
    }
}

/// A response whose head is ready and whose socket is taken from hyper.
pub struct Taken {
    start: Start,
    head: Vec<u8>,
    is_chunked: bool,
}

impl Taken {
    /// `None`: hyper writes the response.
    pub fn find(response: &mut Response, version: Version) -> Option<Self> {
        let Takeover(slot) = response.extensions_mut().remove()?;
        let start = slot.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let is_chunked = version == Version::HTTP_11;
        Some(Self { start, head: write_head(response, is_chunked), is_chunked })
    }

    pub fn start(self, stream: TcpStream) -> Writer {
        (self.start)(Socket { stream, head: self.head, is_chunked: self.is_chunked })
    }
}

/// The head as hyper would write it (RFC 9112, sections 4 and 5).
fn write_head(response: &Response, is_chunked: bool) -> Vec<u8> {
    let status = response.status();
    let reason = status.canonical_reason().unwrap_or_default();
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
    let framing = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION, header::DATE];
    for (name, value) in response.headers().iter().filter(|(name, _)| !framing.contains(name)) {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    let framing = if is_chunked { "transfer-encoding: chunked" } else { "connection: close" };
    let date = httpdate::fmt_http_date(SystemTime::now());
    head.extend_from_slice(format!("{framing}\r\ndate: {date}\r\n\r\n").as_bytes());
    head
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::HeaderValue};

    use super::*;

    fn head(version: Version) -> String {
        let mut response = Response::new(Body::from("hyper's"));
        response.headers_mut().insert("x-mine", HeaderValue::from_static("1"));
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("7"));
        response.extensions_mut().insert(Takeover::new(|_| Box::pin(async {})));
        let taken = Taken::find(&mut response, version).unwrap();
        assert!(Taken::find(&mut response, version).is_none(), "once");
        assert_eq!(response.headers()["x-mine"], "1");
        String::from_utf8(taken.head).unwrap()
    }

    #[test]
    fn the_head_is_that_of_the_response_with_a_framing_of_its_own() {
        let new = head(Version::HTTP_11);
        assert!(
            new.starts_with("HTTP/1.1 200 OK\r\nx-mine: 1\r\ntransfer-encoding: chunked\r\ndate: "),
            "{new}"
        );
        assert!(new.ends_with(" GMT\r\n\r\n") && !new.contains("content-length"), "{new}");
        let old = head(Version::HTTP_10);
        assert!(old.contains("\r\nconnection: close\r\n") && !old.contains("transfer-encoding"), "{old}");
    }
}
