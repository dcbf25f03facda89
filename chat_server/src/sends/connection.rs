//! The connections of the batches: few, each handed on from batch to batch. Not a pool of sqlx, which asks a connection
//! whether it still is one after each use: another turn of Postgres for each batch.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, sleep, timeout},
};

/// A connection that was used more lately is not asked whether it still is one; one that has idled may be of a database
/// that has been restarted since.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
const PING_TIMEOUT: Duration = Duration::from_secs(1);
/// Between two attempts to connect.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// At most so many at once.
pub struct Connections {
    options: PgConnectOptions,
    /// The last one used comes first: the others may be needed no more.
    idle: Mutex<Vec<(PgConnection, Instant)>>,
    places: Semaphore,
}

/// A connection that is in use. Dropped rather than given back, it is closed.
pub struct InUse<'a> {
    pub connection: PgConnection,
    connections: &'a Connections,
    _place: SemaphorePermit<'a>,
}

impl Connections {
    /// They are made when they are needed.
    pub fn new(options: PgConnectOptions, most: usize) -> Self {
        Self { options, idle: Mutex::default(), places: Semaphore::new(most) }
    }

    /// # Errors
    /// There is none within `wait_max`.
    pub async fn take(&self, wait_max: Duration) -> sqlx::Result<InUse<'_>> {
        let mut last = sqlx::Error::PoolTimedOut;
        let taken = async {
            let place = self.places.acquire().await.map_err(|_| sqlx::Error::PoolClosed)?;
            let connection = match self.reuse().await {
                Some(connection) => connection,
                None => loop {
                    match PgConnection::connect_with(&self.options).await {
                        Ok(connection) => break connection,
                        Err(e) => last = e,
                    }
                    sleep(RETRY_PAUSE).await;
                },
            };
            Ok(InUse { connection, connections: self, _place: place })
        };
        match timeout(wait_max, taken).await {
            Ok(taken) => taken,
            Err(_) => Err(last),
        }
    }

    async fn reuse(&self) -> Option<PgConnection> {
        loop {
            let (mut connection, since) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if since.elapsed() < TRUSTED_IDLE
                || matches!(timeout(PING_TIMEOUT, connection.ping()).await, Ok(Ok(())))
            {
                return Some(connection);
            }
        }
    }
}

impl InUse<'_> {
    /// To be called when all answers have come.
    pub fn give_back(self) {
        let Self { connection, connections, _place } = self;
        connections.idle.lock().unwrap_or_else(PoisonError::into_inner).push((connection, Instant::now()));
    }
}
