//! Slows the reader of the log down while sockets are busy: counts the connections that were woken
//! for an event and have not written yet, and lets the reader wait for them. The events of that
//! time go to each socket in one write.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout},
};

use crate::sync::atomic::{AtomicUsize, Ordering};

/// The longest that the reader waits for sockets, and that it pauses after that: how long one busy
/// chat may delay the others.
const WAIT_MAX: Duration = Duration::from_millis(20);
/// Writes that take less time are followed by no pause.
const SHORT: Duration = Duration::from_millis(1);

/// Shared by the hub and its streams. Clones share one count.
#[derive(Clone, Default)]
pub struct WritePacing(Arc<Inner>);

#[derive(Default)]
struct Inner {
    due: AtomicUsize,
    none_left: Notify,
}

impl WritePacing {
    /// Counts a connection that was woken.
    pub fn add(&self) {
        self.0.due.fetch_add(1, Ordering::AcqRel);
    }

    /// The connection has written.
    pub fn remove(&self) {
        if self.0.due.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none_left.notify_one();
        }
    }

    /// Waits until every connection that was woken has written, at most [`WAIT_MAX`]. Then pauses
    /// for twice as long, so that deliveries take no more than a third of the time and sends go on.
    pub async fn wait(&self) {
        let began = Instant::now();
        let written = async {
            while self.0.due.load(Ordering::Acquire) > 0 {
                self.0.none_left.notified().await;
            }
        };
        let _ = timeout(WAIT_MAX, written).await; // if it is late, the sockets write more at a time
        let took = began.elapsed();
        if took > SHORT {
            sleep((took * 2).min(WAIT_MAX)).await;
        }
    }
}

#[cfg(test)]
#[cfg(not(feature = "shuttle"))]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_reader_waits_for_connections_that_are_due_and_not_for_ever() {
        let pacing = WritePacing::default();
        let began = Instant::now();
        pacing.wait().await;
        assert_eq!(began.elapsed(), Duration::ZERO, "none is due");
        pacing.add();
        pacing.add();
        pacing.remove();
        pacing.wait().await;
        assert_eq!(began.elapsed(), WAIT_MAX * 2, "one is due and does not write, and a pause");
        let (waits, comes) = (pacing.wait(), async { pacing.remove() });
        tokio::join!(waits, comes);
        assert_eq!(began.elapsed(), WAIT_MAX * 2, "the last one has written");
    }
}
