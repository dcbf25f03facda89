//! The periodic work on streams: heartbeats, maximum ages, slow clients, and the drain.

use std::{sync::Arc, time::Duration};

use chat_core::Shard;
use tokio::time::Instant;

use super::Hub;
use crate::{
    frame::Shared, outgoing::Outgoing, queries::TOKEN_LIFE, stream::Stream, sync::atomic::Ordering,
    workspace::Workspace,
};

/// What is known of a session is forgotten after this time without a new stream.
const IDLE_SESSION: Duration = Duration::from_secs(24 * 3600);
/// A workspace without streams is dropped after this time.
const IDLE_WORKSPACE: Duration = Duration::from_secs(300);
/// How often deleted chats and idle sessions are dropped from memory.
const TRIM_EVERY_SECONDS: u64 = 60;

impl Hub {
    /// Heartbeats, maximum ages, slow clients, idle workspaces. Call it once a second with a number
    /// that counts up.
    pub fn tick(&self, second: u64) {
        let now = Instant::now();
        let slow = Duration::from_secs(self.config.slow_client_seconds);
        for shard in Shard::all() {
            let mut state = self.lock(shard);
            let head = state.ring.head();
            let cursor = self.cursor(shard, head);
            let mut heartbeat = Shared::new(|encoding| Outgoing::heartbeat(cursor.into()).encode(encoding));
            for stream in state.workspaces.values().flat_map(Workspace::streams) {
                if stream.stuck_since().is_some_and(|since| now.duration_since(since) > slow) {
                    self.metrics.slow_cut.inc();
                    stream.cut();
                } else if stream.deadline <= now {
                    stream.close(Some(&Outgoing::retry(rand::random_range(200..2000))), false);
                } else if stream
                    .id
                    .spread()
                    .wrapping_add(second)
                    .is_multiple_of(self.config.heartbeat_seconds)
                {
                    stream.offer_when_idle(heartbeat.get(stream.encoding));
                }
            }
            for workspace in state.workspaces.values_mut() {
                workspace.forget_revoked(TOKEN_LIFE);
                if second.is_multiple_of(TRIM_EVERY_SECONDS) {
                    workspace.forget_deleted(self.log_life);
                    workspace.forget_sessions(IDLE_SESSION);
                }
            }
            state.workspaces.retain(|_, workspace| {
                workspace.idle_since.is_none_or(|since| now.duration_since(since) < IDLE_WORKSPACE)
            });
        }
    }

    /// Accepts no more streams and closes the open ones, spread over the drain time. Each client is
    /// told to reconnect after a short pause.
    pub async fn drain(&self) {
        self.is_draining.store(true, Ordering::Release);
        let mut streams: Vec<Arc<Stream>> = Vec::new();
        for shard in Shard::all() {
            let state = self.lock(shard);
            streams.extend(state.workspaces.values().flat_map(Workspace::streams).cloned());
        }
        if streams.is_empty() {
            return;
        }
        let window = Duration::from_secs(self.config.drain_seconds).mul_f64(0.8);
        let pause = window / u32::try_from(streams.len()).unwrap_or(u32::MAX);
        let started = Instant::now();
        for (index, stream) in streams.iter().enumerate() {
            // Pauses are summed, since a timer cannot keep very short ones.
            let due = pause * u32::try_from(index).unwrap_or(u32::MAX);
            if due > started.elapsed() + Duration::from_millis(10) {
                tokio::time::sleep_until(started + due).await;
            }
            stream.close(Some(&Outgoing::retry(rand::random_range(500..5000))), false);
        }
    }

    /// Cuts the streams that outlived the drain.
    pub fn cut_all(&self) {
        for shard in Shard::all() {
            self.lock(shard).workspaces.values().flat_map(Workspace::streams).for_each(|stream| stream.cut());
        }
    }
}
