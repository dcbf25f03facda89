//! Messages: reading, changing and deleting them. [`send`] stores new ones by the SQL function in
//! `migrations/0005_send_messages.sql`, [`system`] writes lines about what happened, [`reactions`]
//! keeps the reactions, [`pins`] what a chat has pinned, [`saved`] what a person keeps for later,
//! [`threads`] what is answered beside the main line.

pub mod pins;
pub mod reactions;
pub mod saved;
pub mod send;
pub mod system;
pub mod threads;

use chat_core::{
    ChatId, MessageId, Timestamp, UserId, WorkspaceId,
    text::{ClientId, Emoji, MessageBody},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sqlx::{PgExecutor, Result, types::Json};
use utoipa::ToSchema;

use self::{system::SystemLine, threads::Thread};

/// The schema of a message as REST and events show it. Its JSON comes from the SQL function
/// `message_json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Message {
    pub id: MessageId,
    pub chat_id: ChatId,
    /// 1, 2, 3 ... in its chat, without gaps.
    pub seq: i64,
    pub kind: MessageKind,
    pub sender_id: UserId,
    /// Markdown, as written. Empty once deleted, and for a system line.
    pub body: String,
    /// The sender's own name for this send.
    pub client_id: Option<String>,
    /// The message of the same chat that this one answers.
    pub reply_to: Option<MessageId>,
    /// Of a reply in a thread: the message that the thread is about. Other messages lack the field.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub root_id: Option<MessageId>,
    /// Of a reply in a thread: 1, 2, 3 ... there, without gaps.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub thread_no: Option<i64>,
    /// Of a reply in a thread: whether it stands in the main line of the chat as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub also_in_chat: Option<bool>,
    pub created_at: Timestamp,
    pub edited_at: Option<Timestamp>,
    pub deleted_at: Option<Timestamp>,
    /// What a system line tells; other messages lack the field.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub system: Option<SystemLine>,
    /// In the order of the first use of each emoji. A message without reactions lacks the field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reactions: Vec<Reaction>,
    /// There if the message is pinned.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub pinned: Option<Pinned>,
    /// There, and true, if the caller keeps the message for later. Not in events and not in the last
    /// message of a chat, which are the same for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub saved: Option<bool>,
    /// The thread about this message. A message without one lacks the field.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub thread: Option<Thread>,
}

/// How often one emoji was given to a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reaction {
    pub emoji: Emoji,
    pub count: i64,
    /// Whether the caller gave it. Not in events and not in the last message of a chat, which are the
    /// same for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub me: Option<bool>,
}

/// Who pinned a message, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pinned {
    pub by: UserId,
    pub at: Timestamp,
}

/// Who wrote a message: a person or program, or Parlor itself about what happened in the chat. A
/// system line is unread to nobody, and cannot be edited, deleted or replied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    User,
    System,
}

/// A message as `message_json` renders it for one viewer.
pub type MessageJson = Box<RawValue>;

/// A message to be stored.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// Decides the order among those that are sent at once.
    pub id: MessageId,
    pub workspace_id: WorkspaceId,
    pub chat_id: ChatId,
    pub sender_id: UserId,
    pub body: MessageBody,
    pub client_id: Option<ClientId>,
    /// There if `client_id` is.
    pub request_hash: Option<RequestHash>,
    pub reply_to: Option<MessageId>,
    /// Of a reply in a thread.
    pub thread: Option<ReplyIn>,
}

/// The thread that a new message belongs to.
#[derive(Clone, Copy, Debug)]
pub struct ReplyIn {
    pub root_id: MessageId,
    /// Whether the message stands in the main line of the chat as well.
    pub also_in_chat: bool,
}

/// SHA-256 of what makes two sends the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHash(pub [u8; 32]);

/// A message that was sent under a client id before, with the hash of what was sent.
pub struct Sent {
    pub message: Json<MessageJson>,
    pub request_hash: Option<Vec<u8>>,
}

/// The most bytes of text in a list: it ends with the message that reaches them. JSON may make six
/// bytes of one.
pub const TEXT_BYTES_MAX: i64 = 512 * 1024;

/// A message in a list.
pub struct Listed {
    pub seq: i64,
    pub message: Json<MessageJson>,
    /// Whether the chat has another one beyond it, in the direction of the list.
    pub has_next: bool,
}

/// What decides who may change a message.
pub struct Authorship {
    pub sender_id: UserId,
    pub is_deleted: bool,
    pub is_system: bool,
    /// Of a reply in a thread.
    pub root_id: Option<MessageId>,
}

/// What a sender sent under `client_id` first.
pub async fn find_sent(
    db: impl PgExecutor<'_>,
    sender: UserId,
    client_id: &ClientId,
) -> Result<Option<Sent>> {
    sqlx::query_as!(
        Sent,
        r#"select message_json(m, sender_id) as "message!: Json<MessageJson>", request_hash
           from messages m where sender_id = $1 and client_id = $2"#,
        sender.0,
        client_id.as_str()
    )
    .fetch_optional(db)
    .await
}

pub async fn find(
    db: impl PgExecutor<'_>,
    viewer: UserId,
    chat: ChatId,
    id: MessageId,
) -> Result<Option<Json<MessageJson>>> {
    sqlx::query_scalar!(
        r#"select message_json(m, $1) as "message!: Json<MessageJson>" from messages m where id = $2 and chat_id = $3"#,
        viewer.0,
        id.0,
        chat.0
    )
    .fetch_optional(db)
    .await
}

pub async fn find_authorship(
    db: impl PgExecutor<'_>,
    chat: ChatId,
    id: MessageId,
) -> Result<Option<Authorship>> {
    sqlx::query_as!(
        Authorship,
        r#"select sender_id as "sender_id: UserId", deleted_at is not null as "is_deleted!",
                  kind = 'system' as "is_system!", root_id as "root_id: MessageId"
           from messages where id = $1 and chat_id = $2"#,
        id.0,
        chat.0
    )
    .fetch_optional(db)
    .await
}

/// The messages of the main line from `first_seq` on, oldest first, up to `limit` and to [`TEXT_BYTES_MAX`].
pub async fn list_from(
    db: impl PgExecutor<'_>,
    viewer: UserId,
    chat: ChatId,
    first_seq: i64,
    limit: i64,
) -> Result<Vec<Listed>> {
    sqlx::query_as!(
        Listed,
        r#"select (m).seq as "seq!", message_json(m, $1) as "message!: Json<MessageJson>", has_next as "has_next!"
           from (select m, row_number() over w as number, lead(m.seq) over w is not null as has_next,
                        sum(octet_length(m.body)) over w - octet_length(m.body) as bytes_before
                 from messages m where m.chat_id = $2 and m.seq >= $3 and is_in_main_line(m)
                 window w as (order by m.seq) order by m.seq limit $4::bigint + 1) l
           where number <= $4 and bytes_before < $5 order by (m).seq"#,
        viewer.0,
        chat.0,
        first_seq,
        limit,
        TEXT_BYTES_MAX
    )
    .fetch_all(db)
    .await
}

/// The messages of the main line before `end_seq`, newest first, up to `limit` and to [`TEXT_BYTES_MAX`].
pub async fn list_before(
    db: impl PgExecutor<'_>,
    viewer: UserId,
    chat: ChatId,
    end_seq: i64,
    limit: i64,
) -> Result<Vec<Listed>> {
    sqlx::query_as!(
        Listed,
        r#"select (m).seq as "seq!", message_json(m, $1) as "message!: Json<MessageJson>", has_next as "has_next!"
           from (select m, row_number() over w as number, lead(m.seq) over w is not null as has_next,
                        sum(octet_length(m.body)) over w - octet_length(m.body) as bytes_before
                 from messages m where m.chat_id = $2 and m.seq < $3 and is_in_main_line(m)
                 window w as (order by m.seq desc) order by m.seq desc limit $4::bigint + 1) l
           where number <= $4 and bytes_before < $5 order by (m).seq desc"#,
        viewer.0,
        chat.0,
        end_seq,
        limit,
        TEXT_BYTES_MAX
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
