//! Very many clients at once, and one after another.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use futures_util::{StreamExt as _, future::join_all, stream};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};

use super::{Fault, Lane, Outcome, Result, Scene, kill::until_delivering};
use crate::world::World;

/// In the long run, and in a test.
const CLIENTS: (usize, usize) = (5000, 400);
const CYCLES: (usize, usize) = (20_000, 1500);
/// Cycles after which a server's memory has reached its level.
const WARM_UP: (usize, usize) = (2000, 500);
const AT_ONCE: usize = 64;
/// What memory may differ by, for what an allocator keeps: measured are 0.1 to 3 MB at full size. An open stream costs more
/// than 10 kB, so that one of twenty-five that stayed behind would show.
const GROWTH_MAX_KB: i64 = 8 * 1024;
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// All of them are back within this time.
const STORM_TIMEOUT: Duration = Duration::from_secs(120);

pub fn faults() -> Vec<Fault> {
    vec![
        Fault {
            name: "reconnect-storm",
            about: "5,000 clients lose their notify_server and come back at once (400 in the tests)",
            lane: Lane::Alone,
            own_postgres: false,
            run: |scene| Box::pin(storm(scene)),
        },
        Fault {
            name: "connect-cycles",
            about: "20,000 streams are opened and dropped one after another: memory comes back (1,500 in the tests)",
            lane: Lane::Alone,
            own_postgres: false,
            run: |scene| Box::pin(cycles(scene)),
        },
    ]
}

/// A stream on a bare socket: thousands of them cost this process little.
pub struct BareStream(TcpStream);

impl BareStream {
    /// Opens a stream after a cursor, and has been let in when this returns.
    pub async fn open(address: SocketAddr, token: &str, cursor: &str) -> anyhow::Result<Self> {
        let opening = async {
            let mut socket = TcpStream::connect(address).await?;
            // No port is left waiting for stray segments.
            socket.set_zero_linger()?;
            let request = format!(
                "GET /events HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nLast-Event-ID: {cursor}\r\n\r\n"
            );
            socket.write_all(request.as_bytes()).await?;
            let mut answer = Vec::new();
            loop {
                let mut buffer = [0; 2048];
                let count = socket.read(&mut buffer).await?;
                answer.extend_from_slice(buffer.get(..count).unwrap_or_default());
                let text = String::from_utf8_lossy(&answer);
                if text.contains("event: connected") {
                    break;
                }
                // Asked to come back later: the answer has an end, and the connection stays.
                if count == 0 || text.contains("content-length:") {
                    bail!("not let in: {text}");
                }
            }
            anyhow::Ok(Self(socket))
        };
        timeout(ANSWER_TIMEOUT, opening).await.context("no answer")?
    }

    /// Until the other side closes it.
    async fn until_closed(mut self) {
        let mut buffer = [0; 4096];
        while matches!(self.0.read(&mut buffer).await, Ok(count) if count > 0) {}
    }
}

/// The same, again and again until it is let in; how often it asked.
async fn open_until_in(
    address: SocketAddr,
    token: &str,
    cursor: &str,
) -> anyhow::Result<(BareStream, usize)> {
    let end = Instant::now() + STORM_TIMEOUT;
    let spread = rand::random_range(0..300);
    for attempt in 1.. {
        match BareStream::open(address, token, cursor).await {
            Ok(stream) => return Ok((stream, attempt)),
            Err(e) if Instant::now() > end => return Err(e),
            // Later each time, though sooner than they are asked to: those that are turned away must not keep the others out.
            Err(_) => sleep(Duration::from_millis((100 * attempt as u64).min(3000) + spread)).await,
        }
    }
    bail!("never")
}

async fn storm(scene: &Scene) -> Result {
    let world = &scene.world;
    let node = world.notify(1);
    let count = scene.size(CLIENTS.0, CLIENTS.1);
    let person = &world.tenants[0].people[0];
    let (token, cursor) = (person.token(), cursor_of(world).await?);
    let open = async || {
        let opening = (0..count).map(|_| open_until_in(node.address, &token, &cursor));
        join_all(opening).await.into_iter().collect::<anyhow::Result<Vec<_>>>()
    };
    let streams = open().await?;
    scene.note(format!("{count} more clients are on {}", node.name()));
    let mut process = node.process().await;
    process.kill();
    join_all(streams.into_iter().map(|(stream, _)| stream.until_closed())).await;
    scene.note("they have all lost it");
    let since = world.history.now();
    process.start().await?;
    let began = Instant::now();
    let back = open().await?;
    let attempts: usize = back.iter().map(|(_, attempts)| attempts).sum();
    scene.note(format!("all are back after {} ms, by {attempts} attempts", began.elapsed().as_millis()));
    scene.tally.recovered(&format!("{count} clients at once"), began.elapsed());
    // With all of them there, events reach whoever they are for.
    until_delivering(world, node, since).await?;
    drop(back);
    Ok(Outcome::Done)
}

async fn cursor_of(world: &World) -> anyhow::Result<String> {
    let snapshot = world.tenants[0].people[0].sync().await?;
    Ok(snapshot["cursor"].as_str().context("no cursor")?.to_owned())
}

async fn cycles(scene: &Scene) -> Result {
    let world = &scene.world;
    let node = world.notify(0);
    let pid = node.process().await.pid().context("it does not run")?;
    let (token, cursor) = (world.tenants[0].people[0].token(), cursor_of(world).await?);
    let failures = AtomicUsize::new(0);
    let run = async |count: usize| {
        stream::iter(0..count)
            .for_each_concurrent(AT_ONCE, async |_| {
                if BareStream::open(node.address, &token, &cursor).await.is_err() {
                    failures.fetch_add(1, Ordering::Relaxed);
                }
            })
            .await;
    };
    run(scene.size(WARM_UP.0, WARM_UP.1)).await;
    let before = memory_kb(pid)?;
    let count = scene.size(CYCLES.0, CYCLES.1);
    let began = Instant::now();
    run(count).await;
    // The last of them are noticed when something is written to them.
    world
        .until("memory comes back", async || {
            let now = memory_kb(pid).map_err(|e| format!("{e:#}"))?;
            if now - before < GROWTH_MAX_KB {
                Ok(())
            } else {
                Err(format!("{before} kB before, {now} kB now"))
            }
        })
        .await?;
    let (after, failed) = (memory_kb(pid)?, failures.load(Ordering::Relaxed));
    scene.note(format!(
        "{count} cycles in {} ms, {failed} not let in; memory {before} kB before, {after} kB after",
        began.elapsed().as_millis()
    ));
    scene.tally.measured(
        &format!("memory of notify_server around {count} connects"),
        format!("{before} kB, {after} kB"),
    );
    ensure!(failed <= count / 100, "{failed} of {count} streams were not let in");
    Ok(Outcome::Done)
}

/// Resident memory of a process.
fn memory_kb(pid: u32) -> anyhow::Result<i64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
