//! The connections of the combiners, handed on from one to the next. Not a pool, which asks a connection whether it still is one
//! after each use: another turn of Postgres for each batch.

use std::{
    future::pending,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::anyhow;
use tokio::time::{Instant, sleep, timeout};
use tracing::error;

use crate::db::messages::pipeline::{Connector, Link, SendError, Sender};

/// A connection that was used more lately is not asked whether it still is one; one that has idled may be of a database
/// that has been restarted since.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
const PING_TIMEOUT: Duration = Duration::from_secs(1);
/// Between two attempts to connect.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// Connections, made when they are needed: as many as were in use at once.
pub struct Connections {
    connector: Connector,
    /// The last one used is the next: as long as one is enough, one process of Postgres has all that it needs at hand.
    idle: Mutex<Vec<(Connection, Instant)>>,
}

/// One of them, and all that is needed to use it.
pub struct Connection {
    sender: Arc<Sender>,
    /// None: it is closed.
    link: Option<Box<Link>>,
}

impl Connection {
    pub fn sender(&self) -> Arc<Sender> {
        Arc::clone(&self.sender)
    }

    pub fn is_open(&self) -> bool {
        self.link.is_some()
    }

    /// What was asked for and not answered yet fails.
    pub fn close(&mut self) {
        self.link = None;
    }

    /// Carries what its sender asks for and what is answered. Returns when it is closed; may be dropped at any time.
    pub async fn drive(&mut self) {
        let Some(link) = &mut self.link else { return pending().await };
        if let Err(e) = link.await {
            error!("the connection of the sends was lost: {}", SendError::from(e));
        }
        self.close();
    }

    async fn is_alive(&mut self) -> bool {
        let Some(link) = &mut self.link else { return false };
        matches!(timeout(PING_TIMEOUT, self.sender.ping(link)).await, Ok(Ok(())))
    }
}

impl Connections {
    pub fn new(connector: Connector) -> Self {
        Self { connector, idle: Mutex::default() }
    }

    /// One that was given back, if it still is one, or a new one.
    ///
    /// # Errors
    /// There is none within `wait_max`.
    pub async fn take(&self, wait_max: Duration) -> anyhow::Result<Connection> {
        let mut last = None;
        let connected = async {
            while let Some((mut connection, since)) = self.pop() {
                if since.elapsed() < TRUSTED_IDLE || connection.is_alive().await {
                    return connection;
                }
                // What lies below was used before it.
                self.idle().clear();
            }
            loop {
                match self.connector.connect().await {
                    Ok((sender, link)) => {
                        break Connection { sender: Arc::new(sender), link: Some(Box::new(link)) };
                    }
                    Err(e) => last = Some(e),
                }
                sleep(RETRY_PAUSE).await;
            }
        };
        timeout(wait_max, connected).await.map_err(|_| match last {
            Some(e) => anyhow!(e).context("the database"),
            None => anyhow!("the database does not answer"),
        })
    }

    /// To be called when all answers have come. A connection that is dropped instead is closed.
    pub fn give_back(&self, connection: Connection) {
        self.idle().push((connection, Instant::now()));
    }

    fn pop(&self) -> Option<(Connection, Instant)> {
        self.idle().pop()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(Connection, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
