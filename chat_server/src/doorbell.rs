//! Rings after a commit, for the writes that do not ring in their own transaction. One connection of its own, one NOTIFY
//! in flight; what is asked for meanwhile goes into the next. A NOTIFY-only transaction flushes no WAL. If this
//! process dies before it rings, readers find the rows by their poll.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use chat_core::{Shard, event::DOORBELL_CHANNEL};
use sqlx::{PgConnection, postgres::PgConnectOptions};
use tokio::{sync::Notify, time::timeout};
use tracing::warn;

/// A ring that takes longer is given up with its connection.
const RING_TIMEOUT: Duration = Duration::from_secs(2);
const RECONNECT_PAUSE: Duration = Duration::from_millis(200);

/// Handle for those who ring.
#[derive(Clone, Default)]
pub struct Doorbell {
    shards: Arc<AtomicU32>,
    wake: Arc<Notify>,
}

impl Doorbell {
    /// Says that there is something new in `shard`. Never waits.
    pub fn ring(&self, shard: Shard) {
        self.shards.fetch_or(1 << shard.number(), Ordering::AcqRel);
        self.wake.notify_one();
    }

    /// Rings for everybody until dropped.
    pub async fn run(self, options: PgConnectOptions) -> anyhow::Result<()> {
        let mut connection: Option<PgConnection> = None;
        loop {
            self.wake.notified().await;
            let shards = self.shards.swap(0, Ordering::AcqRel);
            if shards == 0 {
                continue;
            }
            let numbers: Vec<String> = Shard::all()
                .filter(|s| shards & (1 << s.number()) != 0)
                .map(|s| s.number().to_string())
                .collect();
            let rung = timeout(RING_TIMEOUT, notify(&mut connection, &options, &numbers.join(","))).await;
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
