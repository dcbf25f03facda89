//! What people wrote.

use chat_core::{
    ChatId, MessageId, Timestamp, UserId, WorkspaceId,
    text::{ClientId, MessageBody},
};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgExecutor, Result};
use utoipa::ToSchema;

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

/// What is to be sent.
pub struct NewMessage<'a> {
    pub id: MessageId,
    pub workspace_id: WorkspaceId,
    pub chat_id: ChatId,
    pub sender_id: UserId,
    pub body: &'a MessageBody,
    pub client_id: Option<&'a ClientId>,
    pub request_hash: Option<&'a [u8]>,
    pub reply_to: Option<MessageId>,
}

/// A message that was sent under a client id before, with the hash of what was sent.
pub struct Sent {
    pub message: Message,
    pub request_hash: Option<Vec<u8>>,
}

/// What begins the transaction of a send: readers are told after its commit, by the doorbell.
pub const BEGIN_SEND: &str = "begin; set local parlor.doorbell = 'after'";

/// Takes the chat's next seq and inserts, if the sender is an active member of a chat that is there and `reply_to` is in
/// it. None: one of these is not so, and the caller must roll back, since the seq may be taken already.
///
/// The chat's row is locked first, then the member's, as everybody does who changes members: a sender removed meanwhile
/// is gone when the second lock is got. None also when the client id was used before.
pub async fn insert(db: &mut PgConnection, new: &NewMessage<'_>) -> Result<Option<Message>> {
    sqlx::query_as!(
        Message,
        r#"with chat as (
               update chats c set last_seq = c.last_seq + 1
               where c.id = $2 and c.workspace_id = $3 and c.deleted_at is null
                 and exists (select from chat_members m join users u on u.id = m.user_id
                             where m.chat_id = c.id and m.user_id = $4 and u.deactivated_at is null)
                 and ($8::uuid is null or exists (select from messages r
                                                  where r.id = $8 and r.chat_id = c.id and r.deleted_at is null))
               returning c.id, c.last_seq
           ), sender as (
               update chat_members m set sent_seq = chat.last_seq from chat
               where m.chat_id = chat.id and m.user_id = $4
               returning chat.last_seq
           )
           insert into messages (id, chat_id, workspace_id, seq, sender_id, body, client_id, request_hash, reply_to)
           select $1, $2, $3, last_seq, $4, $5, $6, $7, $8 from sender
           on conflict (sender_id, client_id) where client_id is not null do nothing
           returning id as "id: MessageId", chat_id as "chat_id: ChatId", seq, sender_id as "sender_id: UserId", body,
                     client_id, reply_to as "reply_to: MessageId", created_at as "created_at: Timestamp",
                     edited_at as "edited_at: Timestamp", deleted_at as "deleted_at: Timestamp""#,
        new.id.0,
        new.chat_id.0,
        new.workspace_id.0,
        new.sender_id.0,
        new.body.as_str(),
        new.client_id.map(ClientId::as_str),
        new.request_hash,
        new.reply_to.map(|id| id.0)
    )
    .fetch_optional(db)
    .await
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
