//! Lets lagging streams catch up, page by page after their cursor, from the ring or the database,
//! until they are live.

use std::sync::Arc;

use chat_core::{Shard, event::control::ResetReason};
use event_log::{Head, read::ReplayRow};
use tracing::warn;

use super::{Hub, ShardState};
use crate::{
    frame::Frame, metrics::Resume, outgoing::Outgoing, replay::Replay, ring::Entry, stream::Stream,
    sync::atomic::Ordering, workspace::membership_change,
};

/// The most frames of a page from memory, and the most entries that it looks at, since it holds the
/// shard's lock.
const PAGE_FRAMES: usize = 64;
const PAGE_BYTES: usize = 128 * 1024;
const PAGE_ENTRIES: usize = 2000;

/// The outcome of one step of catching up.
pub enum CaughtUp {
    /// Frames were queued or entries passed: poll the stream again.
    Progress,
    /// The stream is live: the hub queues its events.
    Live,
    /// The log lacks the events after the cursor, or the workspace is gone: the stream ends.
    Closed,
}

impl Hub {
    /// One step of catching up for a lagging stream. Call it until the stream is live. The caller
    /// keeps `replay` between the steps.
    pub async fn catch_up(&self, stream: &Stream, replay: &mut Option<Replay>, cursor: i64) -> CaughtUp {
        loop {
            match self.catch_up_from_memory(stream, replay, cursor) {
                Some(done) => return done,
                None => match self.catch_up_from_database(stream, replay, cursor).await {
                    Ok(Some(done)) => return done,
                    Ok(None) => {}
                    Err(e) => {
                        // The client reconnects with its cursor, so nothing is lost.
                        warn!("a replay could not be read: {e:#}");
                        stream.close(None, true);
                        return CaughtUp::Closed;
                    }
                },
            }
        }
    }

    /// None: the ring does not reach back to the cursor.
    pub(super) fn catch_up_from_memory(
        &self,
        stream: &Stream,
        replay: &mut Option<Replay>,
        cursor: i64,
    ) -> Option<CaughtUp> {
        let state = self.lock(Shard::of(stream.workspace));
        let Some(workspace) = state.workspaces.get(&stream.workspace) else {
            stream.close(None, true);
            return Some(CaughtUp::Closed);
        };
        let from = replay.as_ref().map_or(cursor, |replay| replay.cursor);
        if from > state.ring.head().id {
            // Only after a gap, which has closed the stream already. Never wait for the workspace
            // under the lock.
            stream.close(None, true);
            return Some(CaughtUp::Closed);
        }
        if !state.ring.reaches_back_to(from) {
            return None;
        }
        let replay = replay.get_or_insert_with(|| {
            let changes = state.ring.after(from).filter(|entry| entry.workspace == Some(stream.workspace));
            let changes = changes.filter_map(|entry| membership_change(entry, stream.user));
            let filtered_as_of = stream.filtered_as_of.load(Ordering::Relaxed);
            let now = workspace.chats_of(stream.user);
            Replay::new(stream.user, stream.workspace, from, filtered_as_of, now, changes)
        });
        let head = state.ring.head().id;
        let mut page = Page::default();
        for entry in state.ring.after(from).take(PAGE_ENTRIES) {
            if page.is_full() {
                break;
            }
            if replay.passes(entry, workspace, head) {
                page.push(replay.frame(entry, stream.encoding));
            }
        }
        stream.filtered_as_of.store(replay.filtered_as_of, Ordering::Relaxed);
        let is_live = replay.cursor == head;
        self.metrics.replayed.inc_by(page.frames.len() as u64);
        stream.caught_up(&page.frames, replay.cursor, is_live);
        drop(state);
        Some(if is_live { CaughtUp::Live } else { CaughtUp::Progress })
    }

    /// One page from the database. None: continue, from memory if the ring now reaches back far
    /// enough.
    async fn catch_up_from_database(
        &self,
        stream: &Stream,
        replay: &mut Option<Replay>,
        cursor: i64,
    ) -> anyhow::Result<Option<CaughtUp>> {
        let (user, id, shard) = (stream.user, stream.workspace, Shard::of(stream.workspace));
        let replay = if let Some(replay) = replay {
            replay
        } else {
            let (now, position) = {
                let state = self.lock(shard);
                let now = state.workspaces.get(&id).map(|workspace| workspace.chats_of(user));
                (now.unwrap_or_default(), state.ring.head().id)
            };
            let changes = self.queries.membership_changes(id, user, cursor, position).await?;
            replay.insert(Replay::new(
                user,
                id,
                cursor,
                stream.filtered_as_of.load(Ordering::Relaxed),
                now,
                changes,
            ))
        };
        let from = replay.cursor;
        let mut chats = replay.chats();
        let mut rows = self.queries.replay(id, user, &chats, from).await?;
        if self.lock(shard).ring.reaches_back_to(from) {
            return Ok(None);
        }
        // The payloads of chats that the user joined on this page were withheld, because the join
        // is known only now. Read it again.
        let joined = rows.iter().filter_map(|row| membership_change(&Entry::new(&row.row, 1), user));
        let joined: Vec<_> =
            joined.map(|change| change.chat_id).filter(|chat| !chats.contains(chat)).collect();
        if !joined.is_empty() {
            chats.extend(joined);
            rows = without_newer(self.queries.replay(id, user, &chats, from).await?, &rows);
        }
        Ok(self.catch_up_from_page(stream, replay, &rows))
    }

    /// Queues a page that was read from the database. None: nothing on the page was for the stream.
    pub(super) fn catch_up_from_page(
        &self,
        stream: &Stream,
        replay: &mut Replay,
        rows: &[ReplayRow],
    ) -> Option<CaughtUp> {
        let shard = Shard::of(stream.workspace);
        let state = self.lock(shard);
        let Some(workspace) = state.workspaces.get(&stream.workspace) else {
            stream.close(None, true);
            return Some(CaughtUp::Closed);
        };
        if rows.is_empty() {
            return Some(self.give_up(stream, shard, &state));
        }
        let head = state.ring.head().id;
        let mut page = Page::default();
        // The database may be ahead of the tail. Memberships are known as of the tail's position,
        // so later rows are left to the ring.
        for row in rows.iter().take_while(|row| row.row.id <= head) {
            if row.row.prev_id != replay.cursor {
                return Some(self.give_up(stream, shard, &state));
            }
            let entry = Entry::new(&row.row, self.generation());
            if replay.passes(&entry, workspace, head) {
                if row.withheld {
                    return Some(self.give_up(stream, shard, &state));
                }
                page.push(replay.frame(&entry, stream.encoding));
            }
        }
        stream.filtered_as_of.store(replay.filtered_as_of, Ordering::Relaxed);
        self.metrics.replayed.inc_by(page.frames.len() as u64);
        if page.frames.is_empty() {
            // Nothing for this client, but its cursor moves: a reconnect has less to read, the
            // client sees that the server is alive, and the write shows that the client is.
            let passed = rows.iter().take_while(|row| row.row.id <= replay.cursor).last()?;
            let cursor = self.cursor(shard, Head { id: replay.cursor, timeline: passed.row.timeline });
            page.push(Outgoing::heartbeat(replay.resume_point(cursor)).encode(stream.encoding));
        }
        stream.caught_up(&page.frames, replay.cursor, false);
        Some(CaughtUp::Progress)
    }

    /// The log lacks events that the stream needs. Sends `reset`, whose id is the current position,
    /// and closes the stream.
    fn give_up(&self, stream: &Stream, shard: Shard, state: &ShardState) -> CaughtUp {
        self.metrics.resumed(Resume::Reset(ResetReason::Expired));
        let here = self.cursor(shard, state.ring.head());
        stream.close(Some(&Outgoing::reset(here.into(), ResetReason::Expired)), false);
        CaughtUp::Progress
    }
}

/// A page that was read again, without rows written since the first read: chats joined in those are
/// not known yet.
pub(super) fn without_newer(mut again: Vec<ReplayRow>, first: &[ReplayRow]) -> Vec<ReplayRow> {
    let last = first.last().map_or(0, |row| row.row.id);
    again.retain(|row| row.row.id <= last);
    again
}

/// Frames for one stream, up to a limit.
#[derive(Default)]
struct Page {
    frames: Vec<Arc<Frame>>,
    bytes: usize,
}

impl Page {
    fn push(&mut self, frame: Arc<Frame>) {
        self.bytes += frame.chunk().len();
        self.frames.push(frame);
    }

    fn is_full(&self) -> bool {
        self.frames.len() >= PAGE_FRAMES || self.bytes >= PAGE_BYTES
    }
}
