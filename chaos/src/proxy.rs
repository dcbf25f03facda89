//! A TCP proxy between two parts of Parlor. It can pass, cut, freeze and slow down connections, and
//! leave them half-open.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpSocket, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

const BUFFER_BYTES: usize = 16 * 1024;
/// A slow link passes its bytes in this many portions a second.
const PORTIONS_PER_SECOND: u64 = 10;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What the proxy does with the bytes of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkMode {
    #[default]
    Pass,
    /// Holds bytes and ends of connections back in both directions: the other side seems silent.
    Freeze,
    /// Holds back what comes from upstream; requests still pass.
    FreezeAnswers,
    /// Holds back what goes upstream.
    FreezeRequests,
    /// Passes this many bytes a second in each direction.
    Slow(u64),
}

impl LinkMode {
    fn stops(self, direction: Direction) -> bool {
        match self {
            Self::Pass | Self::Slow(_) => false,
            Self::Freeze => true,
            Self::FreezeAnswers => direction == Direction::Down,
            Self::FreezeRequests => direction == Direction::Up,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

/// Listens on its own port and connects each client upstream. Dropping it cuts all connections.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<ProxyState>,
    stop: CancellationToken,
}

struct ProxyState {
    upstream: Mutex<SocketAddr>,
    mode: watch::Sender<LinkMode>,
    /// New connections are reset at once.
    refuses: watch::Sender<bool>,
    /// By the port that upstream sees.
    links: Mutex<HashMap<u16, Link>>,
    /// The receive buffer towards upstream; None: the kernel's default.
    receive_buffer: Option<u32>,
}

/// One connection through the proxy.
#[derive(Clone)]
struct Link {
    mode: watch::Sender<LinkMode>,
    cut: CancellationToken,
    forget: CancellationToken,
}

impl Proxy {
    /// A proxy to `upstream` on a free port of 127.0.0.1.
    pub async fn start(upstream: SocketAddr) -> io::Result<Self> {
        Self::start_with(upstream, None).await
    }

    /// The same with a small receive buffer, so that upstream soon notices a client that does not
    /// read.
    pub async fn start_narrow(upstream: SocketAddr) -> io::Result<Self> {
        Self::start_with(upstream, Some(4096)).await
    }

    async fn start_with(upstream: SocketAddr, receive_buffer: Option<u32>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(ProxyState {
            upstream: Mutex::new(upstream),
            mode: watch::Sender::default(),
            refuses: watch::Sender::default(),
            links: Mutex::default(),
            receive_buffer,
        });
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let accepting = accept(listener, Arc::clone(&shared), stop.clone(), tasks.clone());
        tasks.spawn(stop.clone().run_until_cancelled_owned(accepting));
        Ok(Self { address, shared, stop })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where new connections go.
    pub fn set_upstream(&self, upstream: SocketAddr) {
        *lock(&self.shared.upstream) = upstream;
    }

    /// Sets the mode of all current and future connections.
    pub fn set_mode(&self, mode: LinkMode) {
        self.shared.mode.send_replace(mode);
    }

    /// Sets the mode of one connection, by the port that upstream sees. False: there is no such
    /// connection.
    pub fn set_mode_of(&self, port: u16, mode: LinkMode) -> bool {
        lock(&self.shared.links).get(&port).is_some_and(|link| {
            link.mode.send_replace(mode);
            true
        })
    }

    /// Resets every connection; both ends see it.
    pub fn cut(&self) {
        lock(&self.shared.links).values().for_each(|link| link.cut.cancel());
    }

    /// Resets all connections, and new ones until this is called with false.
    pub fn refuse(&self, refuse: bool) {
        self.shared.refuses.send_replace(refuse);
        if refuse {
            self.cut();
        }
    }

    /// Makes every connection half-open: its client is gone, but upstream is not told and not read.
    pub fn forget_clients(&self) {
        lock(&self.shared.links).values().for_each(|link| link.forget.cancel());
    }

    /// Passes everything again, and ends half-open connections.
    pub fn heal(&self) {
        self.refuse(false);
        self.set_mode(LinkMode::Pass);
        for link in lock(&self.shared.links).values() {
            link.mode.send_replace(LinkMode::Pass);
            if link.forget.is_cancelled() {
                link.cut.cancel();
            }
        }
    }

    /// Whether this connection is frozen. Its other end then does not see an end either.
    pub fn is_stopped(&self, port: u16) -> bool {
        let stops = |mode: LinkMode| mode.stops(Direction::Up) || mode.stops(Direction::Down);
        lock(&self.shared.links).get(&port).is_some_and(|link| stops(*link.mode.borrow()))
    }

    /// The connections there are, by the ports that upstream sees.
    pub fn ports(&self) -> Vec<u16> {
        lock(&self.shared.links).keys().copied().collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.cancel();
        self.cut();
    }
}

async fn accept(listener: TcpListener, shared: Arc<ProxyState>, stop: CancellationToken, tasks: TaskTracker) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            // No file descriptors left: connections that end will free some.
            sleep(Duration::from_millis(20)).await;
            continue;
        };
        if *shared.refuses.borrow() {
            reset(&client);
            continue;
        }
        let serving = serve(client, Arc::clone(&shared), stop.child_token());
        tasks.spawn(serving);
    }
}

async fn serve(mut client: TcpStream, shared: Arc<ProxyState>, cut: CancellationToken) {
    let address = *lock(&shared.upstream);
    let Ok(Ok(mut upstream)) = timeout(CONNECT_TIMEOUT, connect(address, shared.receive_buffer)).await else {
        return reset(&client);
    };
    let Ok(port) = upstream.local_addr().map(|address| address.port()) else { return };
    let link = Link { mode: watch::Sender::default(), cut, forget: CancellationToken::new() };
    lock(&shared.links).insert(port, link.clone());
    let (client_read, client_write) = client.split();
    let (upstream_read, upstream_write) = upstream.split();
    let up = pump(client_read, upstream_write, Gate::new(&shared, &link, Direction::Up));
    let down = pump(upstream_read, client_write, Gate::new(&shared, &link, Direction::Down));
    let ended_well = tokio::select! {
        passed = async { tokio::try_join!(up, down) } => passed.is_ok(),
        () = link.cut.cancelled() => false,
        () = link.forget.cancelled() => {
            reset(&client);
            drop(client);
            link.cut.cancelled().await;
            reset(&upstream);
            lock(&shared.links).remove(&port);
            return;
        }
    };
    if !ended_well {
        reset(&client);
        reset(&upstream);
    }
    lock(&shared.links).remove(&port);
}

async fn connect(address: SocketAddr, receive_buffer: Option<u32>) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if let Some(bytes) = receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Makes the end of a socket a reset.
fn reset(stream: &TcpStream) {
    // A socket that is closed already needs none.
    let _ = stream.set_zero_linger();
}

/// Whether bytes may move in one direction of one connection.
struct Gate {
    direction: Direction,
    all: watch::Receiver<LinkMode>,
    own: watch::Receiver<LinkMode>,
}

impl Gate {
    fn new(shared: &ProxyState, link: &Link, direction: Direction) -> Self {
        Self { direction, all: shared.mode.subscribe(), own: link.mode.subscribe() }
    }

    async fn opened(&mut self) {
        while self.all.borrow_and_update().stops(self.direction)
            || self.own.borrow_and_update().stops(self.direction)
        {
            // Both senders outlive the connection.
            tokio::select! { _ = self.all.changed() => {}, _ = self.own.changed() => {} }
        }
    }

    fn bytes_per_second(&self) -> Option<u64> {
        let slow = |mode: LinkMode| if let LinkMode::Slow(rate) = mode { Some(rate) } else { None };
        slow(*self.own.borrow()).or(slow(*self.all.borrow()))
    }
}

async fn pump(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, mut gate: Gate) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        gate.opened().await;
        let rate = gate.bytes_per_second();
        let most = rate.map_or(BUFFER_BYTES, |rate| {
            usize::try_from(rate / PORTIONS_PER_SECOND).unwrap_or(BUFFER_BYTES).clamp(1, BUFFER_BYTES)
        });
        // A frozen connection must not show its end either.
        let count = from.read(&mut buffer[..most]).await;
        gate.opened().await;
        let count = count?;
        if count == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..count]).await?;
        if rate.is_some() {
            sleep(Duration::from_millis(1000 / PORTIONS_PER_SECOND)).await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
