//! The connections of the combiners, handed on from batch to batch. Not a pool of sqlx, which asks a connection whether it
//! still is one after each use: another turn of Postgres for each batch.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::time::{Instant, sleep, timeout};

/// A connection that was used more lately is not asked whether it still is one; one that has idled may be of a database
/// that has been restarted since.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
const PING_TIMEOUT: Duration = Duration::from_secs(1);
/// Between two attempts to connect.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// Connections, made when they are needed: as many as were in use at once.
pub struct Connections {
    options: PgConnectOptions,
    /// The last one used is the next: as long as one is enough, one process of Postgres has all that it needs at hand.
    idle: Mutex<Vec<(PgConnection, Instant)>>,
}

impl Connections {
    pub fn new(options: PgConnectOptions) -> Self {
        Self { options, idle: Mutex::default() }
    }

    /// One that was given back, if it still is one, or a new one.
    ///
    /// # Errors
    /// There is none within `wait_max`.
    pub async fn take(&self, wait_max: Duration) -> sqlx::Result<PgConnection> {
        let mut last = sqlx::Error::PoolTimedOut;
        let connected = async {
            while let Some((mut connection, since)) = self.pop() {
                let is_trusted = since.elapsed() < TRUSTED_IDLE;
                if is_trusted || matches!(timeout(PING_TIMEOUT, connection.ping()).await, Ok(Ok(()))) {
                    return connection;
                }
                // What lies below was used before it.
                self.idle().clear();
            }
            loop {
                match PgConnection::connect_with(&self.options).await {
                    Ok(connection) => break connection,
                    Err(e) => last = e,
                }
                sleep(RETRY_PAUSE).await;
            }
        };
        timeout(wait_max, connected).await.map_err(|_| last)
    }

    /// To be called when all answers have come. A connection that is dropped instead is closed.
    pub fn give_back(&self, connection: PgConnection) {
        self.idle().push((connection, Instant::now()));
    }

    fn pop(&self) -> Option<(PgConnection, Instant)> {
        self.idle().pop()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(PgConnection, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
