//! The socket under a connection, with two things that hyper leaves out: a body for the refusals that it writes by
//! itself, and an end that the client gets to read.

use std::{
    future::Future as _,
    io,
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::http::StatusCode;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use crate::connection::Shared;

/// How long, and for how many bytes, what a refused client still sends is read and thrown away. Without that the kernel
/// answers it with a reset, which may overtake the refusal.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 16 * 1024 * 1024;

/// Wraps a socket.
pub struct Polite<S> {
    stream: S,
    /// The rest of a refusal that stands in for hyper's.
    refusal: Bytes,
    shared: Arc<Shared>,
    linger: Option<(Pin<Box<Sleep>>, usize)>,
}

impl<S> Polite<S> {
    pub fn new(stream: S, shared: Arc<Shared>) -> Self {
        Self { stream, refusal: Bytes::new(), shared, linger: None }
    }

    pub fn into_inner(self) -> S {
        self.stream
    }

    /// Takes over a head that hyper has written on its own account.
    fn replace(&mut self, head: &[u8]) -> bool {
        let Some(refusal) = refusal_for(head) else { return false };
        self.refusal = refusal;
        self.shared.is_unread.store(true, Relaxed);
        self.shared.waiting.written(true); // so that there is time for the end of it
        true
    }
}

/// What to say instead of `head`, if that is a refusal without a body. The routers never write one: theirs have bodies.
fn refusal_for(head: &[u8]) -> Option<Bytes> {
    let status = head.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    let (code, detail) = match status {
        b"400" => ("malformed", "that is not HTTP/1.1"),
        b"414" => ("uri_too_long", "the address is too long"),
        b"431" => ("headers_too_large", "the headers are too large or too many"),
        _ => return None,
    };
    let head = std::str::from_utf8(head).ok()?;
    if !head.ends_with("\r\n\r\n") || !head.contains("\r\ncontent-length: 0\r\n") {
        return None;
    }
    let status = StatusCode::from_bytes(status).ok()?;
    let title = status.canonical_reason().unwrap_or_default();
    let number = status.as_u16();
    let body = format!(
        r#"{{"type":"about:blank","title":"{title}","status":{number},"code":"{code}","detail":"{detail}","request_id":null}}"#
    );
    let length = body.len();
    Some(Bytes::from(format!(
        "HTTP/1.1 {number} {title}\r\ncontent-type: application/problem+json\r\ncache-control: no-store\r\n\
         connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )))
}

impl<S: AsyncWrite + Unpin> Polite<S> {
    fn poll_refusal(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.refusal.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.refusal))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let _ = self.refusal.split_to(written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Polite<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Polite<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_refusal(cx))?;
        if self.replace(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.shared.waiting.written(written.is_ready());
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_refusal(cx))?;
        if let [head] = slices
            && self.replace(head)
        {
            return Poll::Ready(Ok(head.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.shared.waiting.written(written.is_ready());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_refusal(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Says that nothing more comes, then waits a moment for the client to stop as well.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.linger.is_none() {
            ready!(this.poll_refusal(cx))?;
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            if !this.shared.is_unread.load(Relaxed) {
                return Poll::Ready(Ok(()));
            }
        }
        let (end, left) = this.linger.get_or_insert_with(|| (Box::pin(sleep(LINGER)), LINGER_BYTES));
        let mut thrown_away = [0; 8 * 1024];
        while *left > 0 && end.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut thrown_away);
            match ready!(Pin::new(&mut this.stream).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => *left = left.saturating_sub(buffer.filled().len()),
                Ok(()) | Err(_) => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// A request's body that notes when it was dropped before its end.
pub struct Watched {
    body: Incoming,
    is_over: bool,
    shared: Arc<Shared>,
}

impl Watched {
    pub fn new(body: Incoming, shared: Arc<Shared>) -> Self {
        Self { is_over: body.is_end_stream(), body, shared }
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.is_over = frame.is_none() || self.body.is_end_stream();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !self.is_over {
            self.shared.is_unread.store(true, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _, duplex},
        time::Instant,
    };

    use super::*;

    #[tokio::test]
    async fn a_refusal_comes_whole_and_begins_the_wait_for_a_request_anew() {
        let shared = Arc::new(Shared::new());
        let (socket, mut client) = duplex(4096);
        let before = Instant::now();
        let mut polite = Polite::new(socket, Arc::clone(&shared));
        polite.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        // Else a connection that has waited for long is cut while the client reads why it is refused.
        assert!(shared.waiting.since(before + Duration::from_secs(3600)) > before);
        polite.flush().await.unwrap();
        drop(polite);
        let mut told = String::new();
        client.read_to_string(&mut told).await.unwrap();
        assert!(told.starts_with("HTTP/1.1 400 ") && told.ends_with("\"request_id\":null}"), "{told}");
    }

    #[test]
    fn a_bare_refusal_gets_a_problem_and_nothing_else_is_touched() {
        let bare =
            b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\
                     date: Tue, 24 Nov 2026 17:00:00 GMT\r\n\r\n";
        let refusal = refusal_for(bare).unwrap();
        let (head, body) = std::str::from_utf8(&refusal).unwrap().split_once("\r\n\r\n").unwrap();
        assert!(head.contains("application/problem+json") && head.contains("connection: close"), "{head}");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
        let problem: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!((&problem["status"], &problem["code"]), (&431.into(), &"headers_too_large".into()));
        for other in [
            &b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"[..],
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 7\r\n\r\n",
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\nmore",
            b"HTTP/1.1 4",
            b"",
        ] {
            assert_eq!(refusal_for(other), None);
        }
    }
}
