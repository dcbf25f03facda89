//! Serves a router over TCP with the limits that `axum::serve` does not have: on the time of a request's head, on
//! buffers, on connections, on clients that are gone without a word, and on how long stopping may take.

mod refusal;
mod request_id;
mod takeover;

pub use takeover::{Socket, Takeover, Writer};

use std::{
    convert::Infallible,
    future::{Future, pending, poll_fn},
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
    task::Poll,
    time::Duration,
};

use anyhow::Context as _;
use axum::{
    Router,
    http::{Method, Request},
};
use chat_core::lifecycle::Lifecycle;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream, lookup_host},
    sync::Semaphore,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tracing::{debug, warn};

use refusal::{Polite, Watched};
use takeover::Taken;

/// A request's head must have arrived by then; between requests a connection may idle as long.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes of a request's head, and of what is written ahead of a slow socket.
const BUFFER_BYTES_MAX: usize = 16 * 1024;
/// After a failed accept (no file descriptors left), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// A peer that leaves what we send unacknowledged for so long is gone.
const USER_TIMEOUT: Duration = Duration::from_secs(30);
/// Connections that wait to be accepted; as many as a storm of reconnects brings at once.
const BACKLOG: u32 = 4096;
/// What lies unsent in the kernel counts as sent here: little of it, so that a slow client is seen as slow.
const UNSENT_BYTES: u32 = 16 * 1024;

/// What a server may use up.
pub struct Limits {
    /// Further connections are closed at once.
    pub max_connections: usize,
    /// How long the end of open connections is waited for once it is to stop.
    pub drain: Duration,
}

/// Who is at the other end of a connection, in the extensions of each of its requests. Clones are the same.
pub struct Peer<K> {
    pub address: SocketAddr,
    kept: Arc<K>,
}

impl<K> Peer<K> {
    /// What the router keeps for this connection.
    pub fn kept(&self) -> &K {
        &self.kept
    }
}

impl<K> Clone for Peer<K> {
    fn clone(&self) -> Self {
        Self { address: self.address, kept: Arc::clone(&self.kept) }
    }
}

/// Takes a port. `what` names the settings, for the error.
///
/// # Errors
/// One line that names the settings.
pub async fn listen(what: &str, host: &str, port: u16) -> anyhow::Result<TcpListener> {
    let context = || format!("{what}: {host}:{port} cannot be listened on");
    let address = lookup_host((host, port)).await.with_context(context)?.next().with_context(context)?;
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let socket = socket.with_context(context)?;
    socket.set_reuseaddr(true).with_context(context)?;
    socket.bind(address).with_context(context)?;
    socket.listen(BACKLOG).with_context(context)
}

/// Serves until the lifecycle stops; then takes no more connections, waits for `before_end` (which may end long
/// answers), lets what is under way finish, and returns within the drain time. `opened` hears +1 and -1. For each connection
/// the router may keep a `K` ([`Peer`]).
///
/// # Errors
/// None of its own; what made the lifecycle stop is told by the lifecycle.
pub async fn serve<K: Default + Send + Sync + 'static>(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    opened: impl Fn(i64) + Clone + Send + 'static,
    lifecycle: &Lifecycle,
    before_end: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let places = Arc::new(Semaphore::new(limits.max_connections));
    let connections = lifecycle.child();
    // Connections outlive the stop: how they end is decided below.
    let ending = CancellationToken::new();
    let over = CancellationToken::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = lifecycle.stopping() => break,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(e) => {
                warn!("accept: {e}");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Full: the newcomer is let go at once rather than left waiting.
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            drop(stream);
            continue;
        };
        let (router, ending, cut) = (router.clone(), ending.clone(), over.clone());
        let (held, of_writer) = ((Open::new(opened.clone()), place), connections.clone());
        connections.spawn_connection(async move {
            let peer = Peer { address, kept: Arc::<K>::default() };
            let Some((stream, taken)) = serve_connection(stream, peer, router, ending, cut).await else {
                return;
            };
            // In a task of its own: what this one needed for hyper ends with it.
            let writer = taken.start(stream);
            of_writer.spawn_connection(async move {
                let _held = held;
                writer.await;
            });
        });
    }
    drop(listener);
    let deadline = Instant::now() + limits.drain;
    let _ = timeout_at(deadline, before_end).await; // late or not, the end comes next
    ending.cancel();
    let finished = connections.finish(deadline.saturating_duration_since(Instant::now())).await;
    over.cancel();
    finished
}

/// Counts a connection for as long as it is kept, whichever way it ends.
struct Open<F: Fn(i64)>(F);

impl<F: Fn(i64)> Open<F> {
    fn new(opened: F) -> Self {
        opened(1);
        Self(opened)
    }
}

impl<F: Fn(i64)> Drop for Open<F> {
    fn drop(&mut self) {
        self.0(-1);
    }
}

/// Until the connection ends by itself, or with its last answer once `ending`, or at once when `cut`. What is returned
/// goes on without hyper.
async fn serve_connection<K: Send + Sync + 'static>(
    stream: TcpStream,
    peer: Peer<K>,
    router: Router,
    ending: CancellationToken,
    cut: CancellationToken,
) -> Option<(TcpStream, Taken)> {
    if let Err(e) = tune(&stream) {
        debug!("socket options: {e}");
    }
    let is_unread = Arc::new(AtomicBool::new(false));
    let stream = Polite::new(stream, Arc::clone(&is_unread));
    let taken = Arc::new(Mutex::new(None));
    let taking = Arc::clone(&taken);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        request_id::drop_unless_plain(request.headers_mut());
        let (is_get, version) = (request.method() == Method::GET, request.version());
        let request = request.map(|body| Watched::new(body, Arc::clone(&is_unread)));
        let (answer, taking) = (router.clone().oneshot(request), Arc::clone(&taking));
        async move {
            let mut response = answer.await?;
            let found = Taken::find(&mut response, version).filter(|_| is_get);
            if found.is_some() {
                *taking.lock().unwrap_or_else(PoisonError::into_inner) = found;
                // Hyper is left in the middle of it.
                pending::<()>().await;
            }
            Ok::<_, Infallible>(response)
        }
    });
    // HTTP/1.1 alone: who wants HTTP/2 has a proxy for TLS in front, which speaks HTTP/1.1 to us. What tells the two
    // apart has no time limit of its own.
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut is_ending = false;
    loop {
        let served = poll_fn(|cx| {
            let outcome = Pin::new(&mut connection).poll(cx);
            // The service runs within that poll, so there is nothing else to wait for.
            match taken.lock().unwrap_or_else(PoisonError::into_inner).take() {
                Some(taken) => Poll::Ready(Some(taken)),
                None => outcome.map(|outcome| {
                    if let Err(e) = outcome {
                        debug!("connection: {e}");
                    }
                    None
                }),
            }
        });
        let taken = tokio::select! {
            served = served => served?,
            () = cut.cancelled() => return None, // dropped, and the socket with it
            () = ending.cancelled(), if !is_ending => {
                is_ending = true;
                Pin::new(&mut connection).graceful_shutdown();
                continue;
            }
        };
        return Some((connection.into_parts().io.into_inner().into_inner(), taken));
    }
}

fn tune(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    let keepalive =
        TcpKeepalive::new().with_time(USER_TIMEOUT).with_interval(Duration::from_secs(10)).with_retries(3);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    {
        socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
        socket.set_tcp_notsent_lowat(UNSENT_BYTES)?;
    }
    Ok(())
}
