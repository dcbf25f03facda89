//! Connections that store messages, by the SQL function `send_messages`. tokio-postgres and not
//! sqlx, since it pipelines: Postgres has the next batch before it answers the one before.

use std::{
    fmt::{self, Write as _},
    time::Duration,
};

use chat_core::{MessageId, lifecycle::Lifecycle};
use event_log::Database;
use serde::Serialize;
use tokio::time::timeout;
use tokio_postgres::{
    Client, Statement,
    error::DbError,
    types::{Json, ToSql},
};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::error;
use uuid::Uuid;

use super::NewMessage;

const SEND_MESSAGES: &str = "select id, message::text from send_messages($1::jsonb, $2)";
/// How Postgres plans on these connections: once for the life of a connection, perhaps while the
/// tables are empty. So it must look rows up by index, whatever the statistics say.
pub const PLANNER_SETTINGS: [(&str, &str); 6] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
];
/// Batches on one connection at the same time.
pub const PIPELINED_MAX: u32 = 2;
/// From the end of a statement to its answer.
const ANSWER_MARGIN: Duration = Duration::from_secs(2);

/// How to connect.
#[derive(Clone)]
pub struct Connector {
    config: tokio_postgres::Config,
    tls: MakeRustlsConnect,
    lifecycle: Lifecycle,
    statement_timeout: Duration,
    lock_timeout: Duration,
}

/// One connection. Requests of several callers are pipelined. Dropping it closes it.
pub struct Connection {
    client: Client,
    statement: Statement,
    answer_timeout: Duration,
    _open: DropGuard,
}

/// A message of a batch: its id, and its JSON as `message_json` renders it, or none if it may not be
/// sent.
pub type StoredMessage = (MessageId, Option<String>);

/// A message to be stored, and its place in its batch.
#[derive(Debug, Serialize)]
pub struct BatchItem<'a> {
    #[serde(flatten)]
    new: &'a NewMessage,
    nth_in_chat: i32,
    is_last_in_chat: bool,
    is_senders_last_in_chat: bool,
}

/// Why messages were not stored, or may not have been.
pub enum SendError {
    Postgres(tokio_postgres::Error),
    /// There was no answer, long after the statement should have been cancelled.
    Silent,
}

/// Who sends the NOTIFY for new events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notify {
    /// The transaction itself, with the events inside. Fails with SQLSTATE 54000 while Postgres'
    /// queue is full.
    InTransaction,
    /// The caller, after the commit.
    AfterCommit,
}

impl Connector {
    /// # Errors
    /// The URL cannot be read.
    pub fn new(url: &str, statement_timeout: Duration, lifecycle: &Lifecycle) -> anyhow::Result<Self> {
        let database = Database::parse(url)?;
        let config = database.config("chat_server");
        let (tls, lifecycle) = (database.connector(), lifecycle.clone());
        Ok(Self { config, tls, lifecycle, statement_timeout, lock_timeout: Duration::ZERO })
    }

    /// How long a batch waits for a row or a shard of the log that another transaction has locked.
    #[must_use]
    pub fn with_lock_timeout(mut self, lock_timeout: Duration) -> Self {
        self.lock_timeout = lock_timeout;
        self
    }

    pub async fn connect(&self) -> Result<Connection, SendError> {
        let (client, driver) = Box::pin(self.config().connect(self.tls.clone())).await?;
        let open = CancellationToken::new();
        let closed = open.clone();
        self.lifecycle.spawn_connection(async move {
            if let Some(Err(e)) = closed.run_until_cancelled(driver).await {
                error!("a connection for sends was lost: {}", SendError::from(e));
            }
        });
        let open = open.drop_guard();
        let statement = client.prepare(SEND_MESSAGES).await?;
        // The batch ahead may take its whole time first.
        let answer_timeout = PIPELINED_MAX * self.statement_timeout + ANSWER_MARGIN;
        Ok(Connection { client, statement, answer_timeout, _open: open })
    }

    fn config(&self) -> tokio_postgres::Config {
        let mut config = self.config.clone();
        let mut options = format!(
            "{} -c statement_timeout={}ms -c lock_timeout={}ms -c idle_in_transaction_session_timeout=10s",
            config.get_options().unwrap_or_default(),
            self.statement_timeout.as_millis(),
            self.lock_timeout.as_millis()
        );
        for (setting, value) in PLANNER_SETTINGS {
            let _ = write!(options, " -c {setting}={value}"); // a String takes everything
        }
        config.options(options);
        config
    }
}

impl Connection {
    /// Stores messages of any workspaces and their events, all or none, in each chat in the order of
    /// their ids. If some may not be sent, nothing is stored and only those are in the answer,
    /// without JSON: the sender is no active member of a chat that exists, `reply_to` is not in it,
    /// or the client id was used before. `new` must not name a client id of a sender twice.
    ///
    /// # Errors
    /// With one that Postgres reports, nothing was stored. Otherwise that is not known.
    pub async fn send(&self, new: &[&NewMessage], notify: Notify) -> Result<Vec<StoredMessage>, SendError> {
        let in_transaction = notify == Notify::InTransaction;
        let batch = Json(batch(new));
        let parameters: [&(dyn ToSql + Sync); 2] = [&batch, &in_transaction];
        let rows = self.client.query(&self.statement, &parameters);
        let rows = timeout(self.answer_timeout, rows).await.map_err(|_| SendError::Silent)??;
        rows.iter().map(|row| Ok((MessageId(row.try_get::<_, Uuid>(0)?), row.try_get(1)?))).collect()
    }

    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }
}

/// The parameter of `send_messages`: ordered by chat and id, with the place of each message.
pub fn batch<'a>(new: &[&'a NewMessage]) -> Vec<BatchItem<'a>> {
    let mut new = new.to_vec();
    new.sort_unstable_by_key(|new| (new.workspace_id, new.chat_id, new.id));
    let mut items: Vec<BatchItem<'a>> = Vec::with_capacity(new.len());
    for new in new {
        let is_same_chat = |item: &&mut BatchItem<'_>| {
            (item.new.workspace_id, item.new.chat_id) == (new.workspace_id, new.chat_id)
        };
        let mut nth_in_chat = 1;
        for earlier in items.iter_mut().rev().take_while(is_same_chat) {
            nth_in_chat = nth_in_chat.max(earlier.nth_in_chat + 1);
            earlier.is_last_in_chat = false;
            earlier.is_senders_last_in_chat &= earlier.new.sender_id != new.sender_id;
        }
        items.push(BatchItem { new, nth_in_chat, is_last_in_chat: true, is_senders_last_in_chat: true });
    }
    items
}

impl SendError {
    /// What Postgres reported; None if it did not answer.
    pub fn reported(&self) -> Option<&DbError> {
        match self {
            Self::Postgres(e) => e.as_db_error(),
            Self::Silent => None,
        }
    }

    /// A row or a shard stayed locked, or two transactions waited for each other.
    pub fn is_lock_timeout(&self) -> bool {
        self.has_code(&["55P03", "40P01", "40001"])
    }

    /// The lock that was not got in time is a shard's of the log.
    pub fn is_shard_lock_timeout(&self) -> bool {
        let context = self.reported().and_then(DbError::where_);
        self.is_lock_timeout() && context.is_some_and(|context| context.contains("log_lock"))
    }

    /// Postgres has no room for another NOTIFY.
    pub fn is_notify_queue_full(&self) -> bool {
        self.has_code(&["54000"])
    }

    /// A value of one message broke a rule of the database.
    pub fn is_bad_message(&self) -> bool {
        self.reported().is_some_and(|e| {
            let code = e.code().code();
            // A violation without a constraint's name: the event log has no partition for the next
            // id.
            code.starts_with("22") || (code.starts_with("23") && e.constraint().is_some())
        })
    }

    /// After any other error the connection is given up: a failover or a migration may have made it
    /// useless.
    pub fn leaves_connection_usable(&self) -> bool {
        self.is_lock_timeout() || self.is_notify_queue_full() || self.is_bad_message()
    }

    fn has_code(&self, codes: &[&str]) -> bool {
        self.reported().is_some_and(|e| codes.contains(&e.code().code()))
    }
}

impl From<tokio_postgres::Error> for SendError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

/// Without Postgres' detail line, which can quote a message.
impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use std::error::Error as _;
        match self {
            Self::Postgres(e) => match (e.as_db_error(), e.source()) {
                (Some(reported), _) => {
                    write!(f, "{} (SQLSTATE {})", reported.message(), reported.code().code())
                }
                (None, Some(cause)) => write!(f, "{e}: {cause}"),
                (None, None) => write!(f, "{e}"),
            },
            Self::Silent => write!(f, "the database does not answer"),
        }
    }
}

impl fmt::Debug for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
