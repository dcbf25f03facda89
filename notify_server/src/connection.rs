//! Writes one stream to its client's socket. It uses the socket directly: with the buffers of an
//! HTTP library an idle stream would take ten times the memory.

use std::{
    future::Future,
    io::{self, ErrorKind, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use http_server::Socket;
use tokio::net::TcpStream;

use crate::{accounts::Place, subscription::Subscription};

/// Bytes that a client may send on a stream. They are ignored; a client that sends more is
/// disconnected.
const UNASKED_BYTES_MAX: usize = 64 * 1024;
/// The end of a chunked response (RFC 9112, section 7.1).
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// A stream and its socket. The future ends when the stream ends or the client is gone.
pub struct StreamConnection {
    // Dropped first: who sees that the stream has ended may open another.
    _place: Place,
    subscription: Subscription,
    socket: TcpStream,
    is_chunked: bool,
    /// Bytes to write before the next frame: the response head, at the end the last chunk.
    first: Vec<u8>,
    is_over: bool,
    unasked_bytes: usize,
}

impl StreamConnection {
    pub fn new(subscription: Subscription, place: Place, socket: Socket) -> Self {
        let Socket { stream, head, is_chunked } = socket;
        Self {
            subscription,
            socket: stream,
            is_chunked,
            first: head,
            is_over: false,
            unasked_bytes: 0,
            _place: place,
        }
    }

    /// Ready when the client is gone or has sent too much.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.socket.poll_read_ready(cx))?;
            match self.socket.try_read(&mut [0; 1024]) {
                Ok(0) => return Poll::Ready(Ok(())),
                Ok(read) => self.unasked_bytes += read,
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                Err(e) => return Poll::Ready(Err(e)),
            }
            if self.unasked_bytes > UNASKED_BYTES_MAX {
                return Poll::Ready(Ok(()));
            }
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            while !self.first.is_empty() {
                ready!(self.poll_writable(cx))?;
                match self.socket.try_write(&self.first) {
                    Ok(written) => drop(self.first.drain(..written)),
                    Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                    Err(e) => return Poll::Ready(Err(e)),
                }
            }
            self.first.shrink_to_fit();
            if self.is_over {
                return Poll::Ready(Ok(()));
            }
            if ready!(self.subscription.poll_next(cx)) {
                ready!(self.poll_writable(cx))?;
                let (socket, is_chunked) = (&self.socket, self.is_chunked);
                let write = |slices: &[IoSlice<'_>]| match slices {
                    // Most writes; send(2) costs less than writev(2).
                    [one] => socket.try_write(one),
                    several => socket.try_write_vectored(several),
                };
                match self.subscription.stream.write(is_chunked, write) {
                    Ok(written) => self.subscription.observe(&written),
                    Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                    Err(e) => return Poll::Ready(Err(e)),
                }
            } else if self.subscription.stream.is_cut() {
                return Poll::Ready(Ok(()));
            } else {
                self.is_over = true;
                if self.is_chunked {
                    self.first = LAST_CHUNK.to_vec();
                }
            }
        }
    }

    fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let writable = self.socket.poll_write_ready(cx);
        if writable.is_pending() {
            // While the socket is full, new frames must not wake this task; a cut must.
            if self.subscription.stream.park(cx.waker()) {
                return Poll::Ready(Err(ErrorKind::ConnectionAborted.into()));
            }
        }
        writable
    }
}

impl Future for StreamConnection {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // Failed or ended, the client reconnects with its cursor.
        if self.poll_gone(cx).is_ready() || self.poll_write(cx).is_ready() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}
