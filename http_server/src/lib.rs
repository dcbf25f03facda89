//! The HTTP server around a router, for both servers. It serves HTTP/1.1 with limits that
//! `axum::serve` does not have: on the time of a request's head, buffers, connections, vanished
//! clients, and the time of stopping. [`middleware`] and [`problem`] are the layers and the form of
//! errors that the servers share.

mod connection;
mod paced;
mod shared_stream;
mod takeover;

pub mod addresses;
pub mod conformance;
pub mod metrics;
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
use tower_http::cors::CorsLayer;
use tracing::{debug, info, warn};

use addresses::Addresses;
use conformance::AllowedHosts;
use connection::{Ends, Outcome};

/// The pause after a failed accept (no file descriptors left), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// A connection is closed when sent data stays unacknowledged for this long.
const USER_TIMEOUT: Duration = Duration::from_secs(30);
/// Connections that wait to be accepted: as many as a storm of reconnects brings at once.
const BACKLOG: u32 = 4096;
/// Unsent bytes in the kernel count as sent, so their number is kept low. Otherwise a slow client
/// would not be noticed.
const UNSENT_BYTES: u32 = 16 * 1024;

/// Open files besides the connections of clients.
const SPARE_FILES: usize = 500;
/// The limits of an address for operators alone.
const ASIDE_CONNECTIONS_MAX: usize = 32;
const ASIDE_PATIENCE: Duration = Duration::from_secs(30);
const ASIDE_DRAIN: Duration = Duration::from_secs(1);

/// The limits of a server.
pub struct Limits {
    /// Further connections are closed at once.
    pub max_connections: usize,
    /// The same for the connections of one address. None: behind a proxy, all come from its address.
    pub max_connections_per_address: Option<usize>,
    /// How long a client may keep a response waiting, in all. What it takes earns time back.
    pub patience: Duration,
    /// How long a stop waits for open connections to end.
    pub drain: Duration,
}

/// What happens to connections, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionEvent {
    Opened,
    Closed,
    /// Closed at once: the server or the address has too many.
    Refused,
    /// Cut, since the client took its response too slowly.
    TooSlow,
}

/// Binds a port. `what` names its settings.
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
/// (which may end long responses), lets requests in progress finish, and returns within the drain
/// time. `observe` is told of each connection. Each request has a `ConnectInfo<SocketAddr>`.
///
/// # Errors
/// None of its own; the lifecycle reports why it stopped.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    observe: impl Fn(ConnectionEvent) + Clone + Send + Sync + 'static,
    lifecycle: &Lifecycle,
    before_end: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    raise_file_limit(limits.max_connections);
    let places = Arc::new(Semaphore::new(limits.max_connections));
    let addresses = limits.max_connections_per_address.map(Addresses::new);
    let connections = lifecycle.child();
    // Connections outlive the stop; they are ended below.
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
        // Without a place a new connection is closed at once rather than left waiting.
        let place = Arc::clone(&places).try_acquire_owned().ok();
        let of_address = addresses.as_ref().map(|addresses| addresses.take(address.ip()));
        let (Some(place), None | Some(Some(_))) = (place, &of_address) else {
            observe(ConnectionEvent::Refused);
            continue;
        };
        let ends = Ends { ending: ending.child_token(), cut: over.child_token() };
        let router = router.clone();
        let held = (Open::new(observe.clone()), place, of_address);
        let (of_writer, observe) = (connections.clone(), observe.clone());
        connections.spawn_connection(async move {
            if let Err(e) = tune(&stream) {
                debug!("socket options: {e}");
            }
            let served = connection::serve(stream, address, &router, limits.patience, ends);
            let (stream, taken) = match served.await {
                Outcome::Taken(stream, taken) => (stream, taken),
                Outcome::Over => return,
                Outcome::TooSlow => return observe(ConnectionEvent::TooSlow),
            };
            // In a new task, so that the memory of this one, which held hyper, is freed.
            let writer = taken.start(stream);
            of_writer.spawn_connection(async move {
                let _held = held;
                writer.await;
            });
        });
    }
    drop(listener);
    let deadline = Instant::now() + limits.drain;
    let _ = timeout_at(deadline, before_end).await; // continue even if it is late
    ending.cancel();
    let finished = connections.finish(deadline.saturating_duration_since(Instant::now())).await;
    over.cancel();
    finished
}

/// Serves a router of a few routes for operators on an address of its own.
pub async fn serve_aside(listener: TcpListener, router: Router, lifecycle: Lifecycle) -> anyhow::Result<()> {
    let router = middleware::wrap(router, CorsLayer::new(), AllowedHosts::default(), false);
    let limits = Limits {
        max_connections: ASIDE_CONNECTIONS_MAX,
        max_connections_per_address: None,
        patience: ASIDE_PATIENCE,
        drain: ASIDE_DRAIN,
    };
    serve(listener, router, limits, |_| (), &lifecycle, async {}).await
}

/// Tells that a connection was opened, and that it is closed, however it ends.
struct Open<F: Fn(ConnectionEvent)>(F);

impl<F: Fn(ConnectionEvent)> Open<F> {
    fn new(observe: F) -> Self {
        observe(ConnectionEvent::Opened);
        Self(observe)
    }
}

impl<F: Fn(ConnectionEvent)> Drop for Open<F> {
    fn drop(&mut self) {
        self.0(ConnectionEvent::Closed);
    }
}

/// Raises the limit of open files as far as this process may: the usual 1,024 are fewer than the
/// connections that a server holds.
fn raise_file_limit(connections: usize) {
    let wanted = u64::try_from(connections + SPARE_FILES).unwrap_or(u64::MAX);
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) if limit < wanted => info!(
            "{limit} files may be open, fewer than {connections} connections need: raise the limit \
             (ulimit -n, LimitNOFILE) to {wanted}, or lower limits.max_connections and notify.max_streams"
        ),
        Ok(_) => {}
        Err(e) => warn!("the limit of open files cannot be raised: {e}"),
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
