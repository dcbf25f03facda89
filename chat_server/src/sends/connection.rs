//! The connection of a combiner, handed on from batch to batch. Not a pool of sqlx, which asks a connection whether it
//! still is one after each use: another turn of Postgres for each batch.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::time::{Instant, sleep, timeout};

/// A connection that was used more lately is not asked whether it still is one; one that has idled may be of a database
/// that has been restarted since.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
const PING_TIMEOUT: Duration = Duration::from_secs(1);
/// Between two attempts to connect.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// One connection, made when it is needed.
pub struct Connection {
    options: PgConnectOptions,
    idle: Option<(PgConnection, Instant)>,
}

impl Connection {
    pub fn new(options: PgConnectOptions) -> Self {
        Self { options, idle: None }
    }

    /// The one that was given back, if it still is one, or a new one.
    ///
    /// # Errors
    /// There is none within `wait_max`.
    pub async fn take(&mut self, wait_max: Duration) -> sqlx::Result<PgConnection> {
        if let Some((mut connection, since)) = self.idle.take()
            && (since.elapsed() < TRUSTED_IDLE
                || matches!(timeout(PING_TIMEOUT, connection.ping()).await, Ok(Ok(()))))
        {
            return Ok(connection);
        }
        let mut last = sqlx::Error::PoolTimedOut;
        let connected = async {
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
    pub fn give_back(&mut self, connection: PgConnection) {
        self.idle = Some((connection, Instant::now()));
    }
}
