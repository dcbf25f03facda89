//! Rings after a commit, for the writes that do not ring in their own transaction. One connection of its own, one NOTIFY
//! in flight; what is asked for meanwhile goes into the next. A NOTIFY-only transaction flushes no WAL. If this
//! process dies before it rings, readers find the rows by their poll.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use chat_core::{cursor::Shards, event::DOORBELL_CHANNEL};
use sqlx::{PgConnection, postgres::PgConnectOptions};
use tokio::{sync::Notify, time::timeout};
use tracing::warn;

/// A ring that takes longer is given up with its connection.
const RING_TIMEOUT: Duration = Duration::from_secs(2);
const RECONNECT_PAUSE: Duration = Duration::from_millis(200);

/// Handle for those who ring.
#[derive(Clone, Default)]
pub struct Doorbell {
    shards: Arc<AtomicU16>,
    wake: Arc<Notify>,
}

impl Doorbell {
    /// Says that there is something new in `shards`. Never waits.
    pub fn ring(&self, shards: Shards) {
        self.shards.fetch_or(shards.bits(), Ordering::AcqRel);
        self.wake.notify_one();
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
