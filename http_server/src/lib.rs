//! What both servers do around a request. It serves a router over HTTP/1.1 with the limits that
//! `axum::serve` does not have: on the time of a request's head, on buffers, on connections, on
//! clients that vanish, and on how long stopping may take. [`middleware`] and [`problem`] are the
//! layers and the form of refusals that the servers share.

mod connection;
mod takeover;

pub mod middleware;
pub mod problem;
pub mod request_id;

pub use takeover::{Socket, Takeover, Writer};

use std::{future::Future, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::Router;
use chat_core::lifecycle::Lifecycle;
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream, lookup_host},
    sync::Semaphore,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use connection::Ends;

/// After a failed accept (no file descriptors left), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// A peer that leaves what we send unacknowledged for so long is gone.
const USER_TIMEOUT: Duration = Duration::from_secs(30);
/// Connections that wait to be accepted; as many as a storm of reconnects brings at once.
const BACKLOG: u32 = 4096;
/// What lies unsent in the kernel counts as sent here: little of it, so that a slow client is seen
/// as slow.
const UNSENT_BYTES: u32 = 16 * 1024;

/// What a server may use.
pub struct Limits {
    /// Further connections are closed at once.
    pub max_connections: usize,
    /// How long the end of open connections is waited for once it is to stop.
    pub drain: Duration,
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

/// Serves until the lifecycle stops. Then it accepts no more connections, waits for `before_end`
/// (which may end long responses), lets requests under way finish, and returns within the drain
/// time. `opened` is called with +1 and -1. Each request has a `ConnectInfo<SocketAddr>`.
///
/// # Errors
/// None of its own; the lifecycle reports why it stopped.
pub async fn serve(
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
        // Full: a new connection is closed at once rather than left waiting.
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            drop(stream);
            continue;
        };
        let ends = Ends { ending: ending.child_token(), cut: over.child_token() };
        let router = router.clone();
        let (held, of_writer) = ((Open::new(opened.clone()), place), connections.clone());
        connections.spawn_connection(async move {
            if let Err(e) = tune(&stream) {
                debug!("socket options: {e}");
            }
            let Some((stream, taken)) = connection::serve(stream, address, &router, ends).await else {
                return;
            };
            // In a new task, so that the memory of this one, which held hyper, is given back.
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
