//! The connections of the dispatcher: one main line, and some for isolated batches.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::Mutex,
    time::{sleep, timeout},
};
use tracing::error;

use crate::db::messages::{
    NewMessage,
    send::{Connection, Connector, Notify, SendError, StoredMessage},
};

/// Lines for isolated batches: this many suspects are retried at the same time.
const ISOLATED_LINES: usize = 3;
/// How long a batch on the main line waits for a lock: longer than a batch of another node takes;
/// short, since other messages wait behind it.
const MAIN_LOCK_TIMEOUT: Duration = Duration::from_millis(250);
/// The same for an isolated batch, which only its suspect waits for: longer than a slow flush of
/// the disk.
const ISOLATED_LOCK_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a batch waits for its connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The pause between two attempts to connect.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

pub struct Lines {
    pub main: Line,
    /// Those not in use. The last one used is taken first: while one is enough, one backend of
    /// Postgres is warm.
    pub isolated: Vec<Line>,
}

impl Lines {
    pub fn new(connector: &Connector) -> Self {
        let line = |lock_timeout| {
            let connector = connector.clone().with_lock_timeout(lock_timeout);
            Line(Arc::new(Shared { connector, connection: Mutex::default() }))
        };
        Self {
            main: line(MAIN_LOCK_TIMEOUT),
            isolated: (0..ISOLATED_LINES).map(|_| line(ISOLATED_LOCK_TIMEOUT)).collect(),
        }
    }
}

/// A connection that is made when it is needed, and made again when it is lost. Clones are the same
/// line.
#[derive(Clone)]
pub struct Line(Arc<Shared>);

struct Shared {
    connector: Connector,
    connection: Mutex<Option<Arc<Connection>>>,
}

/// Why a batch got no answer.
pub enum LineError {
    /// There is no connection: nothing was sent.
    NoConnection,
    Send(SendError),
}

impl Line {
    /// As [`Connection::send`].
    pub async fn send(&self, new: &[&NewMessage], notify: Notify) -> Result<Vec<StoredMessage>, LineError> {
        let mut last_error = None;
        let Ok(connection) = timeout(CONNECT_TIMEOUT, self.connection(&mut last_error)).await else {
            let reason = last_error.map_or("it does not answer".to_owned(), |e| e.to_string());
            error!("no connection to the database for a batch of {} messages: {reason}", new.len());
            return Err(LineError::NoConnection);
        };
        let outcome = connection.send(new, notify).await;
        if outcome.as_ref().is_err_and(|e| !e.leaves_connection_usable()) {
            let mut current = self.0.connection.lock().await;
            if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, &connection)) {
                *current = None;
            }
        }
        outcome.map_err(LineError::Send)
    }

    async fn connection(&self, last_error: &mut Option<SendError>) -> Arc<Connection> {
        let mut current = self.0.connection.lock().await;
        if let Some(connection) = current.as_ref().filter(|connection| !connection.is_closed()) {
            return Arc::clone(connection);
        }
        loop {
            match self.0.connector.connect().await {
                Ok(connection) => return Arc::clone(current.insert(Arc::new(connection))),
                Err(e) => *last_error = Some(e),
            }
            sleep(RETRY_PAUSE).await;
        }
    }
}
