//! Decides which streams get an event, and holds all state of this server by shard.
//!
//! The invariant: each shard has one lock. An event enters the ring, changes the memberships and
//! enters the queues of the live streams under that lock. A stream that has caught up becomes live
//! under the same lock. So no event is lost between replay and live, and none is sent twice.

mod catch_up;
mod deliver;
mod ephemeral;
mod maintenance;

pub use catch_up::CaughtUp;

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
    time::Duration,
};

use chat_core::{
    Cursor, Shard, WorkspaceId,
    config::NotifyConfig,
    cursor::SHARDS,
    ephemeral::StreamId,
    event::{Audience, control::ResetReason},
    token::Claims,
};
use event_log::{Head, Heads, LogRow};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use tracing::{error, warn};

use crate::{
    frame::{Encoding, Frame, Shared},
    loader::Loader,
    metrics::{Metrics, Resume},
    outgoing::Outgoing,
    queries::Queries,
    resume_point::ResumePoint,
    ring::{Entry, Ring},
    stream::{Identity, Stream},
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    workspace::Workspace,
    write_pacing::WritePacing,
};

/// How long to wait for the log when a client's cursor is ahead of this server.
const AHEAD_WAIT: Duration = Duration::from_secs(5);

/// All shards and all streams of this server.
pub struct Hub {
    pub config: NotifyConfig,
    pub metrics: Metrics,
    /// The greatest age of an event in the log.
    log_life: Duration,
    pacing: WritePacing,
    queries: Queries,
    loader: Loader,
    shards: Vec<Mutex<ShardState>>,
    /// The position of each shard, for those that wait for it.
    positions: Vec<watch::Sender<i64>>,
    generation: AtomicU64,
    is_ready: AtomicBool,
    is_draining: AtomicBool,
    open: AtomicUsize,
    /// How many streams have each encoding.
    open_by_encoding: [AtomicUsize; Encoding::COUNT],
}

struct ShardState {
    ring: Ring,
    workspaces: HashMap<WorkspaceId, Workspace>,
}

/// Why a stream is not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Too many streams, or the server is stopping: retry later.
    Busy,
    /// The session is over or the user is deactivated: do not retry.
    Over,
    /// The database is unavailable.
    Unavailable,
}

impl Hub {
    /// `retention` is the log's.
    pub fn new(
        config: NotifyConfig,
        retention: Duration,
        queries: Queries,
        loader: Loader,
        metrics: Metrics,
    ) -> Self {
        let shards = Shard::all().map(|_| {
            let ring = Ring::new(Head::default(), config.ring_events);
            Mutex::new(ShardState { ring, workspaces: HashMap::new() })
        });
        Self {
            shards: shards.collect(),
            positions: (0..SHARDS).map(|_| watch::Sender::new(0)).collect(),
            config,
            metrics,
            // Partitions are dropped whole, so some rows are older than retention.
            log_life: retention * 3,
            pacing: WritePacing::default(),
            queries,
            loader,
            generation: AtomicU64::new(0),
            is_ready: AtomicBool::new(false),
            is_draining: AtomicBool::new(false),
            open: AtomicUsize::new(0),
            open_by_encoding: std::array::from_fn(|_| AtomicUsize::new(0)),
        }
    }

    /// Whether the rings are filled and the tail has started.
    pub fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Acquire)
    }

    pub fn open_streams(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// The bytes of the longest queue of a stream.
    pub fn largest_queue_bytes(&self) -> usize {
        let largest = Shard::all().filter_map(|shard| {
            let state = self.lock(shard);
            let streams = state.workspaces.values().flat_map(Workspace::streams);
            streams.map(|stream| stream.queued_bytes()).max()
        });
        largest.max().unwrap_or_default()
    }

    /// Fills the rings with the rows before the tail's first one.
    pub async fn begin(&self, heads: &Heads) -> anyhow::Result<()> {
        self.generation.store(u64::try_from(heads.generation).unwrap_or(0), Ordering::Release);
        for shard in Shard::all() {
            let head = heads.of(shard);
            let rows = self.queries.newest(shard, head.id, self.config.ring_events).await?;
            // Empty: every row before the head is only in the database.
            let base = match rows.first() {
                Some(first) => Head { id: first.prev_id, timeline: 0 },
                None => head,
            };
            let mut ring = Ring::new(base, self.config.ring_events);
            for row in &rows {
                ring.push(Arc::new(Entry::new(row, heads.generation)));
            }
            if ring.head().id != head.id {
                ring = Ring::new(head, self.config.ring_events);
            }
            let mut state = self.lock(shard);
            state.ring = ring;
            drop(state);
            self.positions[shard.index()].send_replace(head.id);
        }
        self.is_ready.store(true, Ordering::Release);
        Ok(())
    }

    /// Applies the rows that the tail read, in order.
    pub fn apply(&self, rows: &[LogRow]) {
        let generation = self.generation();
        for rows in rows.chunk_by(|a, b| a.shard == b.shard) {
            let (Some(first), Some(last)) = (rows.first(), rows.last()) else { continue };
            let entries: Vec<_> = rows.iter().map(|row| Arc::new(Entry::new(row, generation))).collect();
            let mut frames: Vec<_> = entries.iter().map(|entry| self.encode(entry)).collect();
            let mut state = self.lock(first.shard);
            for (entry, frames) in entries.iter().zip(&mut frames) {
                if entry.is_unreadable {
                    error!(
                        shard = first.shard.number(),
                        id = entry.cursor.id,
                        "an event's payload is no JSON; sent as a reset"
                    );
                    self.metrics.unreadable.inc();
                }
                state.apply(entry, frames, &self.metrics);
            }
            drop(state);
            self.positions[first.shard.index()].send_replace(last.id);
        }
    }

    /// Encodes an event for the streams that are open, before the shard's lock is taken: streams
    /// that catch up wait for that lock.
    fn encode<'a>(&self, entry: &'a Entry) -> Shared<impl Fn(Encoding) -> Arc<Frame> + use<'a>> {
        let mut frames = Shared::new(|encoding| entry.frame(encoding));
        if entry.effect.audience != Audience::Nobody {
            for encoding in Encoding::ALL {
                if self.open_by_encoding[*encoding as usize].load(Ordering::Relaxed) > 0 {
                    frames.get(*encoding);
                }
            }
        }
        frames
    }

    /// Waits until the sockets have written what [`Hub::apply`] queued, for a short time at most.
    pub async fn wait_for_writes(&self) {
        self.pacing.wait().await;
    }

    /// The tail lost the continuity of a shard. Drops its ring and workspaces, and sends `reset` to
    /// each of its streams.
    pub fn reset_shard(&self, shard: Shard, head: Head) {
        let reset = Outgoing::reset(self.cursor(shard, head).into(), ResetReason::Gap);
        let mut state = self.lock(shard);
        for stream in state.workspaces.values().flat_map(Workspace::streams) {
            stream.close(Some(&reset), true);
            self.metrics.resumed(Resume::Reset(ResetReason::Gap));
        }
        state.workspaces.clear();
        state.ring = Ring::new(head, self.config.ring_events);
        drop(state);
        self.positions[shard.index()].send_replace(head.id);
    }

    /// Opens a stream that continues after `last_event_id`, or from now on.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn join(
        self: &Arc<Self>,
        claims: &Claims,
        last_event_id: Option<&str>,
        deadline: Instant,
        encoding: Encoding,
    ) -> Result<Arc<Stream>, Refusal> {
        let shard = Shard::of(claims.ws);
        let start = match last_event_id {
            None => Start::Now,
            Some(text) => self.check(shard, text).await?,
        };
        self.load(claims.ws).await?;
        self.check_session(claims).await?;
        self.open(claims, start, deadline, encoding)
    }

    fn open(
        &self,
        claims: &Claims,
        start: Start,
        deadline: Instant,
        encoding: Encoding,
    ) -> Result<Arc<Stream>, Refusal> {
        let shard = Shard::of(claims.ws);
        let mut guard = self.lock(shard);
        let state = &mut *guard;
        let head = state.ring.head();
        // A gap dropped the workspace after it was loaded: the client retries.
        let Some(workspace) = state.workspaces.get_mut(&claims.ws) else { return Err(Refusal::Busy) };
        if !workspace.admits(claims.sub, claims.sid) {
            return Err(Refusal::Over);
        }
        if !self.admit() {
            return Err(Refusal::Busy);
        }
        let here = self.cursor(shard, head);
        let filtered_as_of = if let Start::After(point) = start { point.filtered_as_of } else { 0 };
        let id = StreamId::random();
        let retry_ms = rand::random_range(2000..4000);
        let connected = |at, resumed| Outgoing::connected(at, resumed, id, retry_ms).encode(encoding);
        let (first, cursor, is_live) = match start {
            Start::Now => (vec![connected(here.into(), false)], head.id, true),
            Start::After(point) => {
                let cursor = point.cursor;
                let in_memory = state.ring.reaches_back_to(cursor.id);
                self.metrics.resumed(if in_memory { Resume::Ring } else { Resume::Database });
                (vec![connected(point, true)], cursor.id, false)
            }
            Start::Reset(reason) => {
                self.metrics.resumed(Resume::Reset(reason));
                let reset = Outgoing::reset(here.into(), reason).encode(encoding);
                (vec![connected(here.into(), false), reset], head.id, true)
            }
        };
        if matches!(start, Start::Now) {
            self.metrics.resumed(Resume::Fresh);
        }
        let Claims { sub: user, ws, sid: session, .. } = *claims;
        let identity = Identity { id, user, workspace: ws, session, deadline, encoding };
        let stream = Arc::new(Stream::new(identity, self.pacing.clone(), first, cursor, is_live));
        stream.filtered_as_of.store(filtered_as_of, Ordering::Relaxed);
        workspace.connect(&stream);
        self.open_by_encoding[encoding as usize].fetch_add(1, Ordering::Relaxed);
        self.metrics.streams.inc();
        Ok(stream)
    }

    /// Removes a stream from the hub.
    pub fn leave(&self, stream: &Stream) {
        let mut state = self.lock(Shard::of(stream.workspace));
        if let Some(workspace) = state.workspaces.get_mut(&stream.workspace) {
            workspace.disconnect(stream);
        }
        drop(state);
        self.open.fetch_sub(1, Ordering::AcqRel);
        self.open_by_encoding[stream.encoding as usize].fetch_sub(1, Ordering::Relaxed);
        self.metrics.streams.dec();
    }

    fn admit(&self) -> bool {
        if self.is_draining.load(Ordering::Acquire) {
            return false;
        }
        let max = self.config.max_streams;
        self.open
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |open| (open < max).then_some(open + 1))
            .is_ok()
    }

    /// Whether a stream may continue after a cursor.
    async fn check(&self, shard: Shard, text: &str) -> Result<Start, Refusal> {
        let Ok(point) = text.parse::<ResumePoint>() else { return Ok(Start::Reset(ResetReason::Malformed)) };
        let cursor = point.cursor;
        if cursor.generation != self.generation() {
            return Ok(Start::Reset(ResetReason::OtherGeneration));
        }
        if cursor.shard != shard {
            return Ok(Start::Reset(ResetReason::OtherWorkspace));
        }
        // A cursor before the first event. Whether the log still begins there is checked when the
        // first page is read.
        if cursor.id == 0 {
            return Ok(Start::After(point));
        }
        let known = self.lock(shard).ring.timeline_of(cursor.id).filter(|timeline| *timeline != 0);
        let timeline = match known {
            Some(timeline) => Some(timeline),
            None => self.queries.find_timeline(shard, cursor.id).await.map_err(|e| unavailable(&e))?,
        };
        if timeline != Some(cursor.timeline) {
            return Ok(Start::Reset(ResetReason::Unknown));
        }
        // The cursor may come from a snapshot or server that is ahead of this one, or the replay
        // was filtered by newer events.
        let ahead = cursor.id.max(point.filtered_as_of);
        let mut position = self.positions[shard.index()].subscribe();
        let reached = timeout(AHEAD_WAIT, position.wait_for(|position| *position >= ahead)).await;
        if matches!(reached, Ok(Ok(_))) { Ok(Start::After(point)) } else { Err(Refusal::Unavailable) }
    }

    /// Ensures that a workspace is in memory.
    async fn load(&self, id: WorkspaceId) -> Result<(), Refusal> {
        if self.lock(Shard::of(id)).workspaces.contains_key(&id) {
            return Ok(());
        }
        if self.loader.load(id).await { Ok(()) } else { Err(Refusal::Unavailable) }
    }

    /// Checks that the session is the user's and has not ended, as chat_server does. A session is
    /// looked up when it opens its first stream here; the log tells when it ends.
    async fn check_session(&self, claims: &Claims) -> Result<(), Refusal> {
        let Claims { sub: user, ws, sid: session, .. } = *claims;
        let is_known = |state: &mut ShardState| {
            state.workspaces.get_mut(&ws).is_some_and(|workspace| workspace.knows(session, user))
        };
        if is_known(&mut self.lock(Shard::of(ws))) {
            return Ok(());
        }
        if !self.queries.is_session_of(session, user, ws).await.map_err(|e| unavailable(&e))? {
            return Err(Refusal::Over);
        }
        // If it ended in the meantime, the workspace has learnt so from the log.
        if let Some(workspace) = self.lock(Shard::of(ws)).workspaces.get_mut(&ws) {
            workspace.know(session, user);
        }
        Ok(())
    }

    /// Loads several workspaces from the database, as of each shard's position.
    pub async fn load_batch(&self, ids: Vec<WorkspaceId>) -> anyhow::Result<()> {
        let (heads, loaded) = self.queries.load(&ids).await?;
        for (id, workspace) in loaded {
            let shard = Shard::of(id);
            let read_at = heads.of(shard).id;
            let mut position = self.positions[shard.index()].subscribe();
            timeout(AHEAD_WAIT, position.wait_for(|position| *position >= read_at)).await??;
            self.install(shard, id, workspace, read_at)?;
        }
        Ok(())
    }

    fn install(
        &self,
        shard: Shard,
        id: WorkspaceId,
        mut workspace: Workspace,
        read_at: i64,
    ) -> anyhow::Result<()> {
        let mut state = self.lock(shard);
        anyhow::ensure!(
            state.ring.reaches_back_to(read_at),
            "the log moved on faster than a workspace was read"
        );
        for entry in state.ring.after(read_at).filter(|entry| entry.workspace == Some(id)) {
            workspace.apply(entry);
        }
        state.workspaces.entry(id).or_insert(workspace);
        Ok(())
    }

    fn cursor(&self, shard: Shard, head: Head) -> Cursor {
        Cursor { generation: self.generation(), timeline: head.timeline, shard, id: head.id }
    }

    fn generation(&self) -> i32 {
        i32::try_from(self.generation.load(Ordering::Acquire)).unwrap_or(0)
    }

    /// Sets the generation that cursors must have, after a restore.
    pub fn set_generation(&self, generation: i32) {
        self.generation.store(u64::try_from(generation).unwrap_or(0), Ordering::Release);
    }

    fn lock(&self, shard: Shard) -> MutexGuard<'_, ShardState> {
        self.shards[shard.index()].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a stream starts.
#[derive(Clone, Copy)]
enum Start {
    Now,
    After(ResumePoint),
    Reset(ResetReason),
}

fn unavailable(error: &anyhow::Error) -> Refusal {
    warn!("a cursor could not be checked: {error:#}");
    Refusal::Unavailable
}

#[cfg(test)]
#[cfg(feature = "shuttle")]
mod interleavings;
#[cfg(test)]
#[cfg(not(feature = "shuttle"))]
mod tests;
