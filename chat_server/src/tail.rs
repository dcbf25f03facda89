//! Follows the event log and invalidates what changed. Other nodes' changes reach the caches only
//! this way.

use std::sync::Arc;

use event_log::{Tail, TailEvent};

use crate::cache::Caches;

/// Applies the log to the caches until dropped.
pub async fn follow(mut tail: Tail, caches: Arc<Caches>) -> anyhow::Result<()> {
    loop {
        match tail.next().await {
            // LISTEN was active before the first read, so no change is missed from here on.
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
