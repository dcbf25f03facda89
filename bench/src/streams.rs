//! Opens many streams and counts the messages that arrive on them. Each message contains one `~`,
//! which occurs nowhere else in a stream, so counting is cheap. The time of sending follows it.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{Notify, Semaphore},
    task::JoinSet,
    time::timeout,
};

use crate::http::{self, find};

/// Streams opened at once; others wait for their turn.
const OPENING: usize = 256;
/// Streams from one address: fewer than a server takes.
const STREAMS_OF_ADDRESS: usize = 1000;
const PATIENCE: Duration = Duration::from_secs(120);

/// The messages of all streams.
#[derive(Default)]
pub struct Inbox {
    events: AtomicU64,
    wanted: AtomicU64,
    enough: Notify,
    /// Seconds from sending to each stream, where times are taken.
    latencies: Mutex<Vec<f64>>,
}

impl Inbox {
    pub fn events(&self) -> u64 {
        self.events.load(Ordering::Acquire)
    }

    /// Waits until this many have arrived since the streams were opened.
    pub async fn until(&self, events: u64) -> anyhow::Result<()> {
        self.wanted.store(events, Ordering::SeqCst);
        let wait = async {
            loop {
                let enough = self.enough.notified();
                if self.events.load(Ordering::SeqCst) >= events {
                    return;
                }
                // Also checked at intervals, since a count may fall between the two lines above.
                let _ = timeout(Duration::from_millis(20), enough).await;
            }
        };
        timeout(PATIENCE, wait).await.with_context(|| format!("{} of {events} events came", self.events()))
    }

    pub fn take_latencies(&self) -> Vec<f64> {
        std::mem::take(&mut *self.latencies.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, count: u64) {
        let before = self.events.fetch_add(count, Ordering::AcqRel);
        let wanted = self.wanted.load(Ordering::Acquire);
        if before < wanted && before + count >= wanted {
            self.enough.notify_waiters();
        }
    }
}

/// Open streams, closed when this is dropped.
pub struct OpenStreams {
    pub inbox: Arc<Inbox>,
    /// The last `id:` of each stream's first frame, where there was one.
    pub cursors: Vec<String>,
    _tasks: JoinSet<()>,
}

/// What to measure on a stream.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    Count,
    Time,
}

/// Opens a stream with each request. Returns when every request got 200 and, with `first_frame`,
/// its first frame.
pub async fn open(
    address: SocketAddr,
    requests: Vec<Vec<u8>>,
    first_frame: bool,
    watch: Watch,
    epoch: Instant,
) -> anyhow::Result<OpenStreams> {
    let inbox = Arc::new(Inbox::default());
    let turns = Arc::new(Semaphore::new(OPENING));
    let mut opening = JoinSet::new();
    for (number, request) in requests.into_iter().enumerate() {
        let turns = Arc::clone(&turns);
        opening.spawn(async move {
            let _turn = turns.acquire().await?;
            let from = Ipv4Addr::new(127, 0, 1, u8::try_from(number / STREAMS_OF_ADDRESS)?);
            let opened = timeout(PATIENCE, open_one(from, address, &request, first_frame)).await?;
            opened.with_context(|| format!("stream {number}"))
        });
    }
    let mut tasks = JoinSet::new();
    let mut cursors = Vec::new();
    while let Some(opened) = opening.join_next().await {
        let (stream, begun) = opened??;
        cursors.extend(
            String::from_utf8_lossy(&begun)
                .lines()
                .filter_map(|line| Some(line.strip_prefix("id: ")?.to_owned()))
                .next_back(),
        );
        tasks.spawn(follow(stream, Arc::clone(&inbox), watch, epoch));
    }
    Ok(OpenStreams { inbox, cursors, _tasks: tasks })
}

async fn open_one(
    from: Ipv4Addr,
    address: SocketAddr,
    request: &[u8],
    first_frame: bool,
) -> anyhow::Result<(TcpStream, Vec<u8>)> {
    let mut stream = http::connect_from(from, address).await?;
    stream.write_all(request).await?;
    let mut begun = Vec::new();
    loop {
        if stream.read_buf(&mut begun).await? == 0 {
            bail!("closed: {}", String::from_utf8_lossy(&begun));
        }
        if let Some(end) = find(&begun, b"\r\n\r\n") {
            ensure!(begun.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&begun));
            if !first_frame
                || find(&begun[end + 4..], b"event: connected")
                    .is_some_and(|_| begun.ends_with(b"\n\n\r\n") || begun.ends_with(b"\n\n"))
            {
                begun.shrink_to_fit();
                return Ok((stream, begun));
            }
        }
    }
}

async fn follow(mut stream: TcpStream, inbox: Arc<Inbox>, watch: Watch, epoch: Instant) {
    let mut buffer = [0; 4096];
    let mut carried = Vec::new();
    loop {
        let Ok(length @ 1..) = stream.read(&mut buffer).await else { return };
        let bytes = &buffer[..length];
        if watch == Watch::Time {
            carried.extend_from_slice(bytes);
            note_times(&mut carried, &inbox, epoch);
        }
        #[expect(clippy::naive_bytecount, reason = "vectorised as it is")]
        let count = bytes.iter().filter(|byte| **byte == b'~').count();
        if count > 0 {
            inbox.add(count as u64);
        }
    }
}

/// Removes complete times from `carried`; an incomplete one stays.
fn note_times(carried: &mut Vec<u8>, inbox: &Inbox, epoch: Instant) {
    let now = epoch.elapsed().as_secs_f64();
    while let Some(mark) = carried.iter().position(|byte| *byte == b'~') {
        let digits = carried[mark + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if mark + 1 + digits == carried.len() {
            return;
        }
        let sent = std::str::from_utf8(&carried[mark + 1..=mark + digits]).unwrap_or_default();
        if let Ok(nanoseconds) = sent.parse::<u64>() {
            let latency = now - Duration::from_nanos(nanoseconds).as_secs_f64();
            inbox.latencies.lock().unwrap_or_else(PoisonError::into_inner).push(latency);
        }
        carried.drain(..=mark + digits);
    }
    carried.clear();
}

/// A message body that contains its time of sending.
pub fn stamped(epoch: Instant) -> String {
    format!("~{} {}", epoch.elapsed().as_nanos(), crate::load::BODY)
}
