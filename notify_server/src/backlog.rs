//! How many connections were woken for an event and have not come to it. While there are many, reading on would only make
//! them write more often: what gathers in the log meanwhile goes to each of them in one write.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout},
};

use crate::sync::atomic::{AtomicUsize, Ordering};

/// The longest that the log waits for sockets to be served, and then rests: how much one busy chat may delay the others.
const WAIT_MAX: Duration = Duration::from_millis(20);
/// Serving that takes less time is followed by no rest.
const SHORT: Duration = Duration::from_millis(1);

/// Shared by the hub and its streams. Clones are the same backlog.
#[derive(Clone, Default)]
pub struct Backlog(Arc<Inner>);

#[derive(Default)]
struct Inner {
    due: AtomicUsize,
    none_left: Notify,
}

impl Backlog {
    pub fn add(&self) {
        self.0.due.fetch_add(1, Ordering::AcqRel);
    }

    pub fn remove(&self) {
        if self.0.due.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none_left.notify_one();
        }
    }

    /// Until everybody who was woken has written, or for as long as others can wait; then twice as long again, so that no
    /// more than a third of the time goes into it and senders, too, get on.
    pub async fn settled(&self) {
        let began = Instant::now();
        let settled = async {
            while self.0.due.load(Ordering::Acquire) > 0 {
                self.0.none_left.notified().await;
            }
        };
        let _ = timeout(WAIT_MAX, settled).await; // late: they write more at a time
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
    async fn the_log_waits_for_those_who_are_due_and_not_for_ever() {
        let backlog = Backlog::default();
        let began = Instant::now();
        backlog.settled().await;
        assert_eq!(began.elapsed(), Duration::ZERO, "nobody is due");
        backlog.add();
        backlog.add();
        backlog.remove();
        backlog.settled().await;
        assert_eq!(began.elapsed(), WAIT_MAX * 2, "one is due and does not come, and a rest");
        let (waits, comes) = (backlog.settled(), async { backlog.remove() });
        tokio::join!(waits, comes);
        assert_eq!(began.elapsed(), WAIT_MAX * 2, "the last one has come");
    }
}
