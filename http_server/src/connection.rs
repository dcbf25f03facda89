//! One connection: hyper speaks HTTP/1.1 until the connection ends, or until a response takes the
//! socket over.

use std::{
    convert::Infallible,
    error::Error as _,
    future::{pending, poll_fn},
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    extract::ConnectInfo,
    http::{Method, Request},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncReadExt as _, ReadBuf, copy, sink},
    net::TcpStream,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tracing::debug;

use crate::{paced::Paced, shared_stream::SharedStream, takeover::Taken};

/// The time limit for a request's head, and for an idle connection between requests.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// The most bytes of a request's head, and of output that is buffered for a slow socket.
const BUFFER_BYTES_MAX: usize = 16 * 1024;
/// How long a client that has shut down its side is worked for. It may wait for the response; most
/// such clients are gone, and their requests would hold connections to the database.
const HALF_CLOSED_MAX: Duration = Duration::from_secs(5);
/// How long, and for how many bytes, a closed connection still reads and discards input. Otherwise
/// the kernel sends a reset, which may overtake the response.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Cancellation tokens that end a connection. They belong to this connection alone: it polls them
/// often, and connections that share a token would contend for its lock.
pub struct Ends {
    /// Ends the connection after the current response.
    pub ending: CancellationToken,
    /// Ends the connection at once.
    pub cut: CancellationToken,
}

/// How a connection ended.
pub enum Outcome {
    /// A response takes the socket over.
    Taken(TcpStream, Taken),
    Over,
    /// It was cut, since the client took a response too slowly.
    TooSlow,
}

enum Step {
    /// The client has shut down its side: it waits for the response, or has gone.
    HalfClosed,
    /// A response takes the socket over.
    Taken(Taken),
    Done(hyper::Result<()>),
}

/// Serves until the connection ends by itself or by `ends`, or until a response takes the socket
/// over.
pub async fn serve(
    stream: TcpStream,
    address: SocketAddr,
    router: &Router,
    patience: Duration,
    ends: Ends,
) -> Outcome {
    let stream = Arc::new(stream);
    let watched = Arc::clone(&stream);
    let slot = &TakenSlot::default();
    let answering = &AtomicBool::new(false);
    let service = service_fn(move |mut request: Request<Incoming>| async move {
        answering.store(true, Relaxed);
        let (is_get, version) = (request.method() == Method::GET, request.version());
        request.extensions_mut().insert(ConnectInfo(address));
        let Ok(mut response) = router.clone().oneshot(request).await;
        let taken = Taken::find(&mut response, version).filter(|_| is_get);
        if taken.is_some() {
            *slot.lock() = taken;
            // hyper must not write this response. The loop below takes its socket away.
            pending::<()>().await;
        }
        answering.store(false, Relaxed);
        Ok::<_, Infallible>(response)
    });
    let stream = Paced::new(SharedStream(stream), patience);
    let mut connection = http1().serve_connection(TokioIo::new(stream), service);
    let (mut ending, mut cut) = (pin!(ends.ending.cancelled()), pin!(ends.cut.cancelled()));
    let mut is_ending = false;
    let mut half_closed = None;
    let outcome = loop {
        let step = poll_fn(|cx| {
            let polled = Pin::new(&mut connection).poll(cx);
            if let Some(taken) = slot.lock().take() {
                return Poll::Ready(Step::Taken(taken));
            }
            let waits = polled.is_pending() && half_closed.is_none() && answering.load(Relaxed);
            if waits && has_ended(&watched, cx) {
                return Poll::Ready(Step::HalfClosed);
            }
            polled.map(Step::Done)
        });
        tokio::select! {
            biased;
            step = step => match step {
                Step::Taken(taken) => {
                    drop(watched);
                    let socket = into_socket(connection.into_parts());
                    return socket.map_or(Outcome::Over, |socket| Outcome::Taken(socket, taken));
                }
                Step::HalfClosed => half_closed = Some(Instant::now() + HALF_CLOSED_MAX),
                Step::Done(outcome) => break outcome,
            },
            () = until(half_closed) => {
                // A response that is being written is written.
                if answering.load(Relaxed) {
                    return Outcome::Over;
                }
                half_closed = None;
            }
            () = &mut cut => return Outcome::Over,
            () = &mut ending, if !is_ending => {
                is_ending = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    drop(watched);
    finish(&outcome, into_socket(connection.into_parts()), &ends).await
}

/// Lets the client read what it was sent, if it may still do so.
async fn finish(outcome: &hyper::Result<()>, socket: Option<TcpStream>, ends: &Ends) -> Outcome {
    if let Err(error) = outcome {
        debug!("connection: {error}");
        if error.is_timeout() {
            return Outcome::Over; // no response was sent that a reset could overtake
        }
        let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
        if cause.is_some_and(|cause| cause.kind() == io::ErrorKind::TimedOut) {
            return Outcome::TooSlow;
        }
    }
    if let Some(socket) = socket {
        ends.ending.run_until_cancelled(linger(socket)).await;
    }
    Outcome::Over
}

/// The socket, if nothing else looks at it any more.
fn into_socket<S>(parts: http1::Parts<TokioIo<Paced<SharedStream>>, S>) -> Option<TcpStream> {
    parts.io.into_inner().into_inner().into_inner()
}

/// HTTP/1.1 only. For HTTP/2 a TLS proxy stands in front, which speaks HTTP/1.1 to us.
fn http1() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(BUFFER_BYTES_MAX)
        // A client may say that it has sent all (shutdown of its side) and wait for the answer.
        .half_close(true);
    builder
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => pending().await,
    }
}

/// Whether the client has sent all that it will send. Reads nothing.
fn has_ended(stream: &TcpStream, cx: &mut Context<'_>) -> bool {
    let mut byte = [0];
    matches!(stream.poll_peek(cx, &mut ReadBuf::new(&mut byte)), Poll::Ready(Ok(0)))
}

/// The service stores a response that takes the socket over here.
#[derive(Default)]
struct TakenSlot(Mutex<Option<Taken>>);

impl TakenSlot {
    fn lock(&self) -> MutexGuard<'_, Option<Taken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until the client closes as well. hyper has shut down our side already.
async fn linger(stream: TcpStream) {
    // The connection is over in any case.
    let _ = timeout(LINGER, copy(&mut stream.take(LINGER_BYTES_MAX), &mut sink())).await;
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use tokio::{io::AsyncWriteExt as _, net::TcpListener};

    use super::*;

    #[tokio::test]
    async fn a_refused_client_may_finish_sending_and_is_not_reset() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, address) = listener.accept().await.unwrap();
        let router = Router::new().fallback(async || StatusCode::PAYLOAD_TOO_LARGE);
        let ends = Ends { ending: CancellationToken::new(), cut: CancellationToken::new() };
        let talk = async {
            let head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9999999\r\n\r\n";
            client.write_all(head).await.unwrap();
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).await.unwrap();
            assert!(answer.starts_with(b"HTTP/1.1 413 "), "{}", String::from_utf8_lossy(&answer));
            client.write_all(&vec![b'a'; 4_000_000]).await.expect("the server still reads");
            drop(client);
        };
        let patience = Duration::from_secs(30);
        let (outcome, ()) = tokio::join!(serve(stream, address, &router, patience, ends), talk);
        assert!(matches!(outcome, Outcome::Over));
    }
}
