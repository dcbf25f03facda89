//! Connections that store messages, by the SQL function `send_messages`. tokio-postgres and not
//! sqlx, since it pipelines: Postgres has the next batch before it answers the one before.

use std::{fmt, time::Duration};

use chat_core::{MessageId, Shard, lifecycle::Lifecycle, text::ClientId};
use event_log::{Database, Session};
use postgres_types::ToSql;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::timeout;
use tokio_postgres::{Client, Row, Statement, error::DbError};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::error;
use uuid::Uuid;

use super::NewMessage;
use crate::db::PLANNER_SETTINGS;

const SEND_MESSAGES: &str = "select id, event from send_messages($1, $2)";
/// Batches on one connection at the same time.
pub const PIPELINED_MAX: u32 = 2;
const IDLE_IN_TRANSACTION_TIMEOUT: Duration = Duration::from_secs(10);
/// From the end of a statement to its answer.
const ANSWER_MARGIN: Duration = Duration::from_secs(2);

/// How to connect.
#[derive(Clone)]
pub struct Connector {
    config: tokio_postgres::Config,
    tls: MakeRustlsConnect,
    lifecycle: Lifecycle,
    statement_timeout: Duration,
    session: Session,
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

/// The SQL type `new_message`: a message to be stored, and its place in its batch.
#[derive(Debug, ToSql)]
#[postgres(name = "new_message")]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct BatchItem<'a> {
    id: Uuid,
    workspace_id: Uuid,
    chat_id: Uuid,
    sender_id: Uuid,
    body: &'a str,
    client_id: Option<&'a str>,
    #[cfg_attr(test, serde(skip))]
    request_hash: Option<&'a [u8]>,
    reply_to: Option<Uuid>,
    root_id: Option<Uuid>,
    also_in_chat: bool,
    position: i32,
    shard: i16,
    nth_in_shard: i32,
    nth_in_chat: i32,
    later_in_chat: i32,
    nth_in_main_line: i32,
    later_in_main_line: i32,
    is_senders_last_in_chat: bool,
    chats: i32,
    members: i32,
    replies: i32,
}

/// The event of a stored message.
#[derive(Deserialize)]
struct Stored<'a> {
    #[serde(borrow)]
    message: &'a RawValue,
}

/// Why messages were not stored, or may not have been.
pub enum SendError {
    Postgres(tokio_postgres::Error),
    /// They were stored, but their events are no JSON.
    Unreadable,
    /// There was no answer, long after the statement should have been cancelled.
    Silent,
}

/// What another transaction has locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locked {
    /// A shard of the log.
    Shard,
    /// The row of a chat.
    Chat,
    /// The row of a sender, or of their membership.
    Sender,
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
        let session = database
            .session()
            .with_statement_timeout(statement_timeout)
            .with_idle_in_transaction_timeout(IDLE_IN_TRANSACTION_TIMEOUT)
            .with(&PLANNER_SETTINGS);
        let (tls, lifecycle) = (database.connector(), lifecycle.clone());
        Ok(Self { config, tls, lifecycle, statement_timeout, session })
    }

    /// How long a batch waits for a row or a shard of the log that another transaction has locked.
    #[must_use]
    pub fn with_lock_timeout(mut self, lock_timeout: Duration) -> Self {
        self.session = self.session.with_lock_timeout(lock_timeout);
        self
    }

    pub async fn connect(&self) -> Result<Connection, SendError> {
        let (client, driver) = Box::pin(self.config.connect(self.tls.clone())).await?;
        let open = CancellationToken::new();
        let closed = open.clone();
        self.lifecycle.spawn_connection(async move {
            if let Some(Err(e)) = closed.run_until_cancelled(driver).await {
                error!("a connection for sends was lost: {}", SendError::from(e));
            }
        });
        let open = open.drop_guard();
        client.batch_execute(&self.session.sql()).await?;
        let statement = client.prepare(SEND_MESSAGES).await?;
        // The batch ahead may take its whole time first.
        let answer_timeout = PIPELINED_MAX * self.statement_timeout + ANSWER_MARGIN;
        Ok(Connection { client, statement, answer_timeout, _open: open })
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
        let batch = batch(new);
        let parameters: [&(dyn ToSql + Sync); 2] = [&batch, &in_transaction];
        let rows = self.client.query(&self.statement, &parameters);
        let rows = timeout(self.answer_timeout, rows).await.map_err(|_| SendError::Silent)??;
        let stored = |row: &Row| {
            let event: Option<&str> = row.try_get(1)?;
            let message = event.map(serde_json::from_str::<Stored>).transpose();
            let message =
                message.map_err(|_| SendError::Unreadable)?.map(|event| event.message.get().to_owned());
            Ok((MessageId(row.try_get(0)?), message))
        };
        rows.iter().map(stored).collect()
    }

    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// The first column of a query about `names`.
    #[cfg(test)]
    pub async fn show(&self, sql: &str, names: &[&str]) -> Vec<String> {
        let rows = self.client.query(sql, &[&names]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }
}

/// The parameter of `send_messages`: in its order, each message with its place.
pub fn batch<'a>(new: &[&'a NewMessage]) -> Vec<BatchItem<'a>> {
    let mut new = new.to_vec();
    let order = |new: &NewMessage| (Shard::of(new.workspace_id), new.workspace_id, new.chat_id, new.id);
    new.sort_unstable_by_key(|new| order(new));
    let mut items: Vec<BatchItem<'a>> = Vec::with_capacity(new.len());
    for new in new {
        let item = BatchItem::after(items.last(), new);
        let same_chat = |earlier: &&mut BatchItem<'_>| earlier.chat() == item.chat();
        for earlier in items.iter_mut().rev().take_while(same_chat) {
            earlier.later_in_chat += 1;
            if item.is_in_main_line() {
                earlier.later_in_main_line += 1;
                earlier.is_senders_last_in_chat &= earlier.sender_id != item.sender_id;
            }
        }
        items.push(item);
    }
    // Now it is known which are the last of their members.
    let mut members = 0;
    for item in &mut items {
        members += i32::from(item.is_senders_last_in_chat);
        item.members = members;
    }
    items
}

impl<'a> BatchItem<'a> {
    /// As the last one of a batch so far.
    fn after(before: Option<&Self>, new: &'a NewMessage) -> Self {
        let shard = i16::from(Shard::of(new.workspace_id).number());
        let in_shard = before.filter(|before| before.shard == shard);
        let in_chat = before.filter(|before| before.chat() == (new.workspace_id.0, new.chat_id.0));
        let chats = before.map_or(0, |before| before.chats);
        let thread = new.thread;
        let is_in_main_line = thread.is_none_or(|thread| thread.also_in_chat);
        Self {
            id: new.id.0,
            workspace_id: new.workspace_id.0,
            chat_id: new.chat_id.0,
            sender_id: new.sender_id.0,
            body: new.body.as_str(),
            client_id: new.client_id.as_ref().map(ClientId::as_str),
            request_hash: new.request_hash.as_ref().map(|hash| hash.0.as_slice()),
            reply_to: new.reply_to.map(|id| id.0),
            root_id: thread.map(|thread| thread.root_id.0),
            also_in_chat: thread.is_some_and(|thread| thread.also_in_chat),
            position: 1 + before.map_or(0, |before| before.position),
            shard,
            nth_in_shard: 1 + in_shard.map_or(0, |before| before.nth_in_shard),
            nth_in_chat: 1 + in_chat.map_or(0, |before| before.nth_in_chat),
            later_in_chat: 0,
            nth_in_main_line: i32::from(is_in_main_line)
                + in_chat.map_or(0, |before| before.nth_in_main_line),
            later_in_main_line: 0,
            is_senders_last_in_chat: is_in_main_line,
            chats: if in_chat.is_some() { chats } else { chats + 1 },
            members: 0,
            replies: i32::from(thread.is_some()) + before.map_or(0, |before| before.replies),
        }
    }

    fn is_in_main_line(&self) -> bool {
        self.root_id.is_none() || self.also_in_chat
    }

    /// With the workspace, since the sender may have named another's.
    fn chat(&self) -> (Uuid, Uuid) {
        (self.workspace_id, self.chat_id)
    }
}

impl SendError {
    /// What Postgres reported; None if it did not answer.
    pub fn reported(&self) -> Option<&DbError> {
        match self {
            Self::Postgres(e) => e.as_db_error(),
            Self::Silent | Self::Unreadable => None,
        }
    }

    /// A row or a shard stayed locked, or two transactions waited for each other.
    pub fn is_lock_timeout(&self) -> bool {
        self.has_code(&["55P03", "40P01", "40001"])
    }

    /// Whose lock was not got in time; None after another error.
    pub fn locked(&self) -> Option<Locked> {
        if !self.is_lock_timeout() {
            return None;
        }
        // The innermost line names the row's table, or else begins with the statement that waited.
        let context = self.reported().and_then(DbError::where_).unwrap_or_default();
        if context.contains("log_lock") {
            return Some(Locked::Shard);
        }
        let innermost = context.lines().next().unwrap_or_default();
        let named = |table: &str| innermost.find(table).unwrap_or(usize::MAX);
        let sender = named("users").min(named("chat_members"));
        Some(if sender < named("chats") { Locked::Sender } else { Locked::Chat })
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
            Self::Unreadable => write!(f, "an event of a stored message cannot be read"),
        }
    }
}

impl fmt::Debug for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
