//! Sends NOTIFYs after a commit, for writes that send none in their own transaction. It has its own
//! connection and sends one NOTIFY at a time; requests that arrive meanwhile are merged into the
//! next. A transaction that only notifies flushes no WAL. If this process dies before it notifies,
//! readers find the rows by polling.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use chat_core::{cursor::Shards, event::DOORBELL_CHANNEL};
use tokio::{sync::Notify, time::Instant};
use tracing::warn;

use crate::{connect::Connect, db::notifier::Notifier};

const RECONNECT_PAUSE: Duration = Duration::from_millis(200);
/// For how long transactions send no NOTIFY after Postgres reported a full notify queue.
const FULL_QUEUE_PAUSE: Duration = Duration::from_secs(10);

/// The writers' handle.
#[derive(Clone, Default)]
pub struct Doorbell {
    shards: Arc<AtomicU16>,
    wake: Arc<Notify>,
    paused_until: Arc<Mutex<Option<Instant>>>,
}

impl Doorbell {
    /// Tells readers that there is something new in `shards`. Never waits.
    pub fn ring(&self, shards: Shards) {
        self.shards.fetch_or(shards.bits(), Ordering::AcqRel);
        self.wake.notify_one();
    }

    /// Whether a transaction may send its own NOTIFY. It would fail while the notify queue of
    /// Postgres is full.
    pub fn may_notify_in_transaction(&self) -> bool {
        self.paused_until().is_none_or(|until| until <= Instant::now())
    }

    /// Records that the notify queue of Postgres was full.
    pub fn notify_queue_is_full(&self) {
        *self.paused_until() = Some(Instant::now() + FULL_QUEUE_PAUSE);
    }

    fn paused_until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.paused_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notifies until dropped.
    pub async fn run(self, connect: Connect) -> anyhow::Result<()> {
        let mut notifier = Notifier::new(connect);
        loop {
            self.wake.notified().await;
            let shards = Shards::from_bits(self.shards.swap(0, Ordering::AcqRel));
            if shards.is_empty() {
                continue;
            }
            if !notifier.notify(DOORBELL_CHANNEL, &[shards.to_string()]).await {
                warn!("a NOTIFY could not be sent; readers find the rows by their poll");
                tokio::time::sleep(RECONNECT_PAUSE).await;
            }
        }
    }
}
