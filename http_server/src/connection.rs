//! One connection: hyper with what it leaves out around it.

use std::{
    convert::Infallible,
    future::{pending, poll_fn},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::Poll,
    time::Duration,
};

use axum::{
    body::Body,
    extract::Request,
    http::{self, Method},
};
use http_body::Body as _;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::{
    Answer, Peer,
    refusal::{Polite, Watched},
    request_id,
    takeover::Taken,
    waiting::{Patience, Waiting},
};

/// A request's head must have arrived by then; between requests a connection may idle as long.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes of a request's head, and of what is written ahead of a slow socket.
const BUFFER_BYTES_MAX: usize = 16 * 1024;

/// What is known of a connection by its socket, by what answers and by what drives both.
pub struct Shared {
    pub waiting: Waiting,
    /// The client may still be sending what nobody is going to read.
    pub is_unread: AtomicBool,
    taken: Mutex<Option<Taken>>,
}

impl Shared {
    /// Of a connection that was just opened.
    pub fn new() -> Self {
        Self { waiting: Waiting::new(), is_unread: AtomicBool::new(false), taken: Mutex::default() }
    }

    fn taken(&self) -> MutexGuard<'_, Option<Taken>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What ends a connection from outside. Both are the connection's own: it looks at them again and again.
pub struct Ends {
    /// With its last answer.
    pub ending: CancellationToken,
    /// At once.
    pub cut: CancellationToken,
}

enum Turn {
    /// What goes on without hyper.
    Taken(Taken),
    Over,
    /// It is to end with its last answer.
    Ending,
}

/// Until the connection ends, by itself or as it is told to. What is returned goes on without hyper.
pub async fn serve<A: Answer>(
    stream: TcpStream,
    peer: Peer<A::Kept>,
    answerer: &A,
    ends: Ends,
) -> Option<(TcpStream, Taken)> {
    let shared = Arc::new(Shared::new());
    let stream = Polite::new(stream, Arc::clone(&shared));
    let (shared, peer) = (&shared, &peer);
    let service = service_fn(move |request: http::Request<Incoming>| async move {
        let (is_get, version) = (request.method() == Method::GET, request.version());
        let mut response = answerer.answer(prepare(request, peer, shared)).await;
        shared.waiting.answered();
        let found = Taken::find(&mut response, version).filter(|_| is_get);
        if found.is_some() {
            *shared.taken() = found;
            // Hyper is left in the middle of it.
            pending::<()>().await;
        }
        Ok::<_, Infallible>(response)
    });
    // HTTP/1.1 alone: who wants HTTP/2 has a proxy for TLS in front, which speaks HTTP/1.1 to us. What tells the two
    // apart has no time limit of its own.
    let mut connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut patience = Patience::new(HEADER_TIMEOUT);
    let (mut ending, mut cut) = (pin!(ends.ending.cancelled()), pin!(ends.cut.cancelled()));
    let (mut is_ending, mut is_registered) = (false, false);
    loop {
        let turn = poll_fn(|cx| {
            let served = Pin::new(&mut connection).poll(cx);
            // The service runs within that poll, so there is nothing else to wait for.
            if let Some(taken) = shared.taken().take() {
                return Poll::Ready(Turn::Taken(taken));
            }
            if let Poll::Ready(outcome) = served {
                outcome.unwrap_or_else(|e| debug!("connection: {e}"));
                return Poll::Ready(Turn::Over);
            }
            // It is one task all the time: what it has polled once wakes it, so that requests need not poll it again.
            let is_told = ends.cut.is_cancelled() || (ends.ending.is_cancelled() && !is_ending);
            if is_registered && !is_told && !patience.is_due() {
                return Poll::Pending;
            }
            is_registered = true;
            if cut.as_mut().poll(cx).is_ready() || patience.poll_over(&shared.waiting, cx).is_ready() {
                return Poll::Ready(Turn::Over);
            }
            if !is_ending && ending.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Turn::Ending);
            }
            Poll::Pending
        });
        match turn.await {
            Turn::Taken(taken) => {
                return Some((connection.into_parts().io.into_inner().into_inner(), taken));
            }
            Turn::Over => return None,
            Turn::Ending => {
                is_ending = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    }
}

/// A request as routers take it.
fn prepare<K: Send + Sync + 'static>(
    mut request: http::Request<Incoming>,
    peer: &Peer<K>,
    shared: &Arc<Shared>,
) -> Request {
    shared.waiting.asked();
    // Of the request before it there is nothing left, or this one could not be here.
    shared.is_unread.store(false, Relaxed);
    request.extensions_mut().insert(peer.clone());
    request_id::drop_unless_plain(request.headers_mut());
    request.map(|body| {
        if body.is_end_stream() { Body::empty() } else { Body::new(Watched::new(body, Arc::clone(shared))) }
    })
}
