//! Rings after a commit, for the writes that do not ring in their own transaction. One connection of its own, one NOTIFY
//! in flight; what is asked for meanwhile goes into the next. A NOTIFY-only transaction flushes no WAL. If this
//! process dies before it rings, readers find the rows by their poll.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use chat_core::{cursor::Shards, event::DOORBELL_CHANNEL};
use sqlx::{PgConnection, postgres::PgConnectOptions};
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};
use tracing::warn;

/// A ring that takes longer is given up with its connection.
const RING_TIMEOUT: Duration = Duration::from_secs(2);
const RECONNECT_PAUSE: Duration = Duration::from_millis(200);
/// How long nobody rings within a transaction once Postgres had no room for it.
const QUIET: Duration = Duration::from_secs(10);

/// Handle for those who ring.
#[derive(Clone, Default)]
pub struct Doorbell {
    shards: Arc<AtomicU16>,
    wake: Arc<Notify>,
    quiet_until: Arc<Mutex<Option<Instant>>>,
}

impl Doorbell {
    /// Says that there is something new in `shards`. Never waits.
    pub fn ring(&self, shards: Shards) {
        self.shards.fetch_or(shards.bits(), Ordering::AcqRel);
        self.wake.notify_one();
    }

    /// Whether a transaction may ring by itself, which fails with it while Postgres has no room for that.
    pub fn may_ring_within(&self) -> bool {
        self.quiet_until().is_none_or(|until| until <= Instant::now())
    }

    /// Postgres had no room.
    pub fn be_quiet(&self) {
        *self.quiet_until() = Some(Instant::now() + QUIET);
    }

    fn quiet_until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rings for everybody until dropped.
    pub async fn run(self, options: PgConnectOptions) -> anyhow::Result<()> {
        let mut connection: Option<PgConnection> = None;
        loop {
            self.wake.notified().await;
            let shards = Shards::from_bits(self.shards.swap(0, Ordering::AcqRel));
            if shards.is_empty() {
                continue;
            }
            let rung = timeout(RING_TIMEOUT, notify(&mut connection, &options, &shards.to_string())).await;
            if !matches!(rung, Ok(Ok(()))) {
                warn!("the doorbell could not be rung; readers will find the rows by their poll");
                connection = None;
                tokio::time::sleep(RECONNECT_PAUSE).await;
            }
        }
    }
}

async fn notify(
    connection: &mut Option<PgConnection>,
    options: &PgConnectOptions,
    shards: &str,
) -> Result<(), sqlx::Error> {
    use sqlx::Connection as _;
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(PgConnection::connect_with(options).await?),
    };
    sqlx::query!("select pg_notify($1, $2)", DOORBELL_CHANNEL, shards).fetch_one(connection).await?;
    Ok(())
}
