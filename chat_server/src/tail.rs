//! Follows the event log and invalidates what other nodes have changed.

use std::sync::Arc;

use event_log::{Tail, TailEvent};

use crate::cache::Caches;

/// Applies the log to the caches until dropped.
pub async fn follow(mut tail: Tail, caches: Arc<Caches>) -> anyhow::Result<()> {
    loop {
        match tail.next().await {
            // LISTEN was there before the first read: from here on nothing is missed.
            TailEvent::Ready(_) => caches.set_current(true),
            TailEvent::Rows(rows) => {
                for row in &rows {
                    caches.apply(row);
                }
            }
            TailEvent::Gap { .. } => caches.invalidate_all(),
            TailEvent::Disconnected => caches.set_current(false),
        }
    }
}
