//! Follows the event log: invalidates what changed, and wakes the consumers. Other nodes' changes
//! reach the caches only this way.

use event_log::{Tail, TailEvent};

use crate::state::AppState;

/// Applies the log to the caches until dropped.
pub async fn follow(mut tail: Tail, state: AppState) -> anyhow::Result<()> {
    let caches = &state.caches;
    loop {
        match tail.next().await {
            // LISTEN was active before the first read, so no change is missed from here on.
            TailEvent::Ready(_) => caches.set_current(true),
            TailEvent::Rows(rows) => {
                for row in &rows {
                    caches.apply(row);
                }
                state.log_news.send_replace(());
            }
            TailEvent::Gap { .. } => caches.invalidate_all(),
            TailEvent::Disconnected => caches.set_current(false),
        }
    }
}
