//! Very many clients, at once and in quick succession.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use futures_util::{StreamExt as _, future::join_all, stream};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};
use uuid::Uuid;

use super::{Fault, Lane, Outcome, Result, Scene, recovery::until_delivering};
use crate::{
    person::Person,
    sse::{Frame, Frames, position},
    traffic::send,
    world::{Tenant, World},
};

/// The sizes in a long run and in a test.
const CLIENTS: (usize, usize) = (5000, 400);
const CYCLES: (usize, usize) = (20_000, 1500);
/// Cycles after which a server's memory is stable.
const WARM_UP: (usize, usize) = (2000, 500);
const AT_ONCE: usize = 64;
/// How much memory may grow, for what the allocator keeps (0.1 to 3 MB at full size). A leak of one
/// stream in twenty-five would exceed it.
const GROWTH_MAX_KB: i64 = 8 * 1024;
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// How long all clients may take to return.
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

/// A stream on a bare socket, so that thousands of them take little memory here.
struct BareStream {
    socket: TcpStream,
    frames: Frames,
}

impl BareStream {
    /// Opens a stream after a cursor and waits until it is accepted.
    async fn open(address: SocketAddr, token: &str, cursor: &str) -> anyhow::Result<Self> {
        let opening = async {
            let mut socket = TcpStream::connect(address).await?;
            // Avoids ports in TIME_WAIT.
            socket.set_zero_linger()?;
            // With HTTP/1.0 the response has no chunks.
            let request = format!(
                "GET /events HTTP/1.0\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nLast-Event-ID: {cursor}\r\n\r\n"
            );
            socket.write_all(request.as_bytes()).await?;
            let mut answer = Vec::new();
            let head = loop {
                let mut buffer = [0; 2048];
                let count = socket.read(&mut buffer).await?;
                answer.extend_from_slice(buffer.get(..count).unwrap_or_default());
                if let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                    break end + 4;
                }
                ensure!(count > 0, "no answer");
            };
            let text = String::from_utf8_lossy(&answer[..head]);
            ensure!(text.contains(" 200 "), "not let in: {text}");
            let mut stream = Self { socket, frames: Frames::default() };
            stream.frames.push(&answer[head..]);
            // Told to retry later.
            while stream.next_frame().await?.event != "connected" {}
            anyhow::Ok(stream)
        };
        timeout(ANSWER_TIMEOUT, opening).await.context("no answer")?
    }

    async fn next_frame(&mut self) -> anyhow::Result<Frame> {
        loop {
            if let Some(frame) = self.frames.next_frame()? {
                return Ok(frame);
            }
            let mut buffer = [0; 4096];
            let count = self.socket.read(&mut buffer).await?;
            ensure!(count > 0, "ended");
            self.frames.push(&buffer[..count]);
        }
    }
}

/// People of a workspace without other traffic, and the messages from before the storm.
const CROWD: usize = 8;
const SAID_BEFORE: usize = 40;

/// A client that reconnects with its last id until it has the message that it waits for.
struct StormClient {
    token: String,
    cursor: String,
    /// The positions of the received messages.
    got: Vec<i64>,
    stream: Option<BareStream>,
    attempts: usize,
}

impl StormClient {
    fn new(token: String, cursor: String) -> Self {
        Self { token, cursor, got: Vec::new(), stream: None, attempts: 0 }
    }

    async fn until_got(&mut self, address: SocketAddr, position: i64) -> anyhow::Result<()> {
        let end = Instant::now() + STORM_TIMEOUT;
        let spread = rand::random_range(0..300);
        while self.got.last() != Some(&position) {
            let Some(stream) = &mut self.stream else {
                self.attempts += 1;
                match BareStream::open(address, &self.token, &self.cursor).await {
                    Ok(stream) => self.stream = Some(stream),
                    Err(e) if Instant::now() > end => return Err(e),
                    // Waits longer after each refusal, so that refused clients do not block the
                    // others.
                    Err(_) => {
                        sleep(Duration::from_millis((100 * self.attempts as u64).min(3000) + spread)).await;
                    }
                }
                continue;
            };
            let left = end.saturating_duration_since(Instant::now());
            match timeout(left, stream.next_frame())
                .await
                .with_context(|| format!("{position} has not come in time, after {:?}", self.got.last()))?
            {
                Ok(frame) => self.take(&frame),
                Err(_) => self.stream = None,
            }
        }
        Ok(())
    }

    fn take(&mut self, frame: &Frame) {
        if let Some(id) = &frame.id {
            self.cursor.clone_from(id);
        }
        if frame.event == "message.new" {
            self.got.extend(frame.position());
        }
    }

    /// Reads until the server closes the stream.
    async fn until_closed(&mut self) {
        while let Some(stream) = &mut self.stream {
            match stream.next_frame().await {
                Ok(frame) => self.take(&frame),
                Err(_) => self.stream = None,
            }
        }
    }
}

/// All clients lose their server while messages are sent, and return at once from different
/// cursors. Each must get the messages it missed once and in order.
async fn storm(scene: &Scene) -> Result {
    let world = &scene.world;
    let node = world.notify(1);
    let count = scene.size(CLIENTS.0, CLIENTS.1);
    let crowd = world.another_tenant(&format!("crowd{}", world.history.now()), CROWD).await?;
    let owner = &crowd.people[0];
    let say = async |what: &str| send(&world.history, owner, &crowd.general, what, 0, 1).await;
    let mut cursors = vec![cursor_of(owner).await?];
    for part in 0..SAID_BEFORE {
        say(&format!("before, {part}")).await;
        cursors.push(cursor_of(owner).await?);
    }
    let followers = (0..count)
        .map(|n| StormClient::new(crowd.people[n % CROWD].token(), cursors[n % cursors.len()].clone()));
    let mut followers: Vec<StormClient> = followers.collect();
    let until_all_got = async |followers: &mut Vec<StormClient>| {
        // Not the end of the log, where a tick may follow the messages.
        let position = *said(world, &crowd).await?.last().context("nothing was said")?;
        let getting = followers.iter_mut().map(|follower| follower.until_got(node.address, position));
        join_all(getting).await.into_iter().collect::<anyhow::Result<()>>()
    };
    say("all are here").await;
    until_all_got(&mut followers).await?;
    scene.note(format!("{count} more clients are on {}", node.name()));
    let mut process = node.process().await;
    process.kill();
    join_all(followers.iter_mut().map(StormClient::until_closed)).await;
    scene.note("they have all lost it");
    say("while all are away").await;
    let since = world.history.now();
    for follower in &mut followers {
        follower.attempts = 0;
    }
    process.start().await?;
    let began = Instant::now();
    until_all_got(&mut followers).await?;
    let attempts: usize = followers.iter().map(|follower| follower.attempts).sum();
    scene.note(format!("all are back after {} ms, by {attempts} attempts", began.elapsed().as_millis()));
    scene.tally.recovered(&format!("{count} clients at once"), began.elapsed());
    say("all are back").await;
    until_all_got(&mut followers).await?;
    until_delivering(world, node, since).await?;
    whole(world, &crowd, &cursors, &followers).await?;
    Ok(Outcome::Done)
}

/// Checks that each client got all messages after its cursor, once and in order.
async fn whole(
    world: &World,
    crowd: &Tenant,
    cursors: &[String],
    followers: &[StormClient],
) -> anyhow::Result<()> {
    let all = said(world, crowd).await?;
    for (n, follower) in followers.iter().enumerate() {
        let from = position(&cursors[n % cursors.len()]).context("no cursor of ours")?;
        let expected = &all[all.partition_point(|id| *id <= from)..];
        ensure!(follower.got == expected, "client {n} got {:?} and not {expected:?}", follower.got);
    }
    Ok(())
}

/// The positions of all messages, ascending.
async fn said(world: &World, crowd: &Tenant) -> anyhow::Result<Vec<i64>> {
    let mut db = world.psql().await?;
    let sql = "select id from event_log where workspace_id = $1 and kind = 'message.new' order by id";
    let workspace: Uuid = crowd.people[0].workspace_id.parse()?;
    Ok(sqlx::query_scalar(sql).bind(workspace).fetch_all(&mut db).await?)
}

async fn cursor_of(person: &Person) -> anyhow::Result<String> {
    let snapshot = person.sync().await?;
    Ok(snapshot["cursor"].as_str().context("no cursor")?.to_owned())
}

async fn cycles(scene: &Scene) -> Result {
    let world = &scene.world;
    let node = world.notify(0);
    let pid = node.process().await.pid().context("it does not run")?;
    let (token, cursor) = (world.tenants[0].people[0].token(), cursor_of(&world.tenants[0].people[0]).await?);
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
    // The server notices the last closed streams when it writes to them.
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

/// The resident memory of a process.
fn memory_kb(pid: u32) -> anyhow::Result<i64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
