//! What people wrote.

mod batch;
pub mod pipeline;

use std::time::Duration;

use chat_core::{
    ChatId, MessageId, Shard, Timestamp, UserId, WorkspaceId,
    text::{ClientId, MessageBody},
};
use serde::{Deserialize, Serialize};
use sqlx::{PgExecutor, Result};
use utoipa::ToSchema;

use batch::Batch;

/// A message as REST and events show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Message {
    pub id: MessageId,
    pub chat_id: ChatId,
    /// 1, 2, 3 ... in its chat, without gaps.
    pub seq: i64,
    pub sender_id: UserId,
    /// Markdown, as written. Empty once deleted.
    pub body: String,
    /// What the sender called this send.
    pub client_id: Option<String>,
    /// The message of the same chat that this one answers.
    pub reply_to: Option<MessageId>,
    pub created_at: Timestamp,
    pub edited_at: Option<Timestamp>,
    pub deleted_at: Option<Timestamp>,
}

impl Message {
    /// A message that was just stored.
    pub fn new(new: &NewMessage, stored: &Stored) -> Self {
        Self {
            id: stored.id,
            chat_id: new.chat_id,
            seq: stored.seq,
            sender_id: new.sender_id,
            body: new.body.as_str().to_owned(),
            client_id: new.client_id.as_ref().map(|id| id.as_str().to_owned()),
            reply_to: new.reply_to,
            created_at: stored.created_at,
            edited_at: None,
            deleted_at: None,
        }
    }
}

/// What is to be sent.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// Decides the order among those that are sent at once.
    pub id: MessageId,
    pub workspace_id: WorkspaceId,
    pub chat_id: ChatId,
    pub sender_id: UserId,
    pub body: MessageBody,
    pub client_id: Option<ClientId>,
    /// SHA-256 of what makes this send the same as another; there if `client_id` is.
    pub request_hash: Option<[u8; 32]>,
    pub reply_to: Option<MessageId>,
}

/// What a new message has become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    pub id: MessageId,
    pub seq: i64,
    pub created_at: Timestamp,
}

/// A message that was sent under a client id before, with the hash of what was sent.
pub struct Sent {
    pub message: Message,
    pub request_hash: Option<Vec<u8>>,
}

/// Who tells readers of the log that there is something new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bell {
    /// The transaction, which brings the events along. While the queue of notifications is full that fails
    /// (SQLSTATE 54000).
    RingsWithCommit,
    /// The caller, afterwards.
    IsLeftToCaller,
}

/// One message, as [`pipeline::Sender`] stores many. None: it may not be sent.
pub async fn insert(
    db: impl PgExecutor<'_>,
    new: &NewMessage,
    patience: Option<Duration>,
    bell: Bell,
) -> Result<Option<Stored>> {
    sqlx::query_as!(
        Stored,
        r#"select id as "id!: MessageId", seq as "seq!", created_at as "created_at!: Timestamp"
           from send_single($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"#,
        i16::from(Shard::of(new.workspace_id).number()),
        new.id.0,
        new.workspace_id.0,
        new.chat_id.0,
        new.sender_id.0,
        new.body.as_str(),
        new.client_id.as_ref().map(ClientId::as_str),
        new.request_hash.as_ref().map(<[u8; 32]>::as_slice),
        new.reply_to.map(|id| id.0),
        milliseconds(patience),
        bell == Bell::RingsWithCommit
    )
    .fetch_optional(db)
    .await
}

/// As Postgres reads a setting.
fn milliseconds(duration: Option<Duration>) -> Option<String> {
    duration.map(|duration| format!("{}ms", duration.as_millis()))
}

/// What a sender sent under `client_id` first.
pub async fn find_sent(
    db: impl PgExecutor<'_>,
    sender: UserId,
    client_id: &ClientId,
) -> Result<Option<Sent>> {
    let row = sqlx::query!(
        r#"select id as "id: MessageId", chat_id as "chat_id: ChatId", seq, sender_id as "sender_id: UserId", body,
                  client_id, reply_to as "reply_to: MessageId", created_at as "created_at: Timestamp",
                  edited_at as "edited_at: Timestamp", deleted_at as "deleted_at: Timestamp", request_hash
           from messages where sender_id = $1 and client_id = $2"#,
        sender.0,
        client_id.as_str()
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Sent {
        message: Message {
            id: row.id,
            chat_id: row.chat_id,
            seq: row.seq,
            sender_id: row.sender_id,
            body: row.body,
            client_id: row.client_id,
            reply_to: row.reply_to,
            created_at: row.created_at,
            edited_at: row.edited_at,
            deleted_at: row.deleted_at,
        },
        request_hash: row.request_hash,
    }))
}

pub async fn find(db: impl PgExecutor<'_>, chat: ChatId, id: MessageId) -> Result<Option<Message>> {
    sqlx::query_as!(
        Message,
        r#"select id as "id: MessageId", chat_id as "chat_id: ChatId", seq, sender_id as "sender_id: UserId", body,
                  client_id, reply_to as "reply_to: MessageId", created_at as "created_at: Timestamp",
                  edited_at as "edited_at: Timestamp", deleted_at as "deleted_at: Timestamp"
           from messages where id = $1 and chat_id = $2"#,
        id.0,
        chat.0
    )
    .fetch_optional(db)
    .await
}

/// The messages from `first_seq` on, oldest first.
pub async fn list_from(
    db: impl PgExecutor<'_>,
    chat: ChatId,
    first_seq: i64,
    limit: i64,
) -> Result<Vec<Message>> {
    sqlx::query_as!(
        Message,
        r#"select id as "id: MessageId", chat_id as "chat_id: ChatId", seq, sender_id as "sender_id: UserId", body,
                  client_id, reply_to as "reply_to: MessageId", created_at as "created_at: Timestamp",
                  edited_at as "edited_at: Timestamp", deleted_at as "deleted_at: Timestamp"
           from messages where chat_id = $1 and seq >= $2 order by seq limit $3"#,
        chat.0,
        first_seq,
        limit
    )
    .fetch_all(db)
    .await
}

/// The messages before `end_seq`, newest first.
pub async fn list_before(
    db: impl PgExecutor<'_>,
    chat: ChatId,
    end_seq: i64,
    limit: i64,
) -> Result<Vec<Message>> {
    sqlx::query_as!(
        Message,
        r#"select id as "id: MessageId", chat_id as "chat_id: ChatId", seq, sender_id as "sender_id: UserId", body,
                  client_id, reply_to as "reply_to: MessageId", created_at as "created_at: Timestamp",
                  edited_at as "edited_at: Timestamp", deleted_at as "deleted_at: Timestamp"
           from messages where chat_id = $1 and seq < $2 order by seq desc limit $3"#,
        chat.0,
        end_seq,
        limit
    )
    .fetch_all(db)
    .await
}

/// Replaces the body. The same body changes nothing, `edited_at` included.
pub async fn update_body(db: impl PgExecutor<'_>, id: MessageId, body: &MessageBody) -> Result<()> {
    sqlx::query!(
        "update messages set body = $2, edited_at = clock_timestamp() where id = $1 and body <> $2",
        id.0,
        body.as_str()
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Leaves a tombstone; the trigger takes the body out of the event log as well.
pub async fn mark_deleted(db: impl PgExecutor<'_>, id: MessageId) -> Result<()> {
    sqlx::query!(
        "update messages set body = '', deleted_at = clock_timestamp() where id = $1 and deleted_at is null",
        id.0
    )
    .execute(db)
    .await?;
    Ok(())
}
