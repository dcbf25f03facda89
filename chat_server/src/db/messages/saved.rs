//! What a person keeps for later. Nobody else knows of it. Triggers mark the messages and write the
//! events.

use chat_core::{ChatId, MessageId, Timestamp, UserId, WorkspaceId};
use serde::Serialize;
use sqlx::{PgConnection, PgExecutor, Result, types::Json};
use utoipa::ToSchema;

use super::{Message, MessageJson, TEXT_BYTES_MAX};

/// Messages that one person keeps.
pub const SAVED_MAX: i64 = 2000;

/// A message that the caller keeps for later.
#[derive(Debug, Serialize, ToSchema)]
pub struct Saved {
    pub message_id: MessageId,
    pub chat_id: ChatId,
    pub saved_at: Timestamp,
    /// Null once the message is deleted, and while the caller is not in its chat.
    #[schema(value_type = Option<Message>)]
    pub message: Option<Json<MessageJson>>,
}

/// A saved message in a list, and whether there is an older one.
pub struct ListedSaved {
    pub saved: Saved,
    pub has_next: bool,
}

/// A message that the reader may save.
pub struct Readable {
    pub chat_id: ChatId,
    pub is_deleted: bool,
    pub is_system: bool,
}

/// A message of a chat that the user is in. It stays as it is until the transaction ends.
pub async fn find_readable(
    db: impl PgExecutor<'_>,
    user: UserId,
    message: MessageId,
) -> Result<Option<Readable>> {
    sqlx::query_as!(
        Readable,
        r#"select m.chat_id as "chat_id: ChatId", m.deleted_at is not null as "is_deleted!", m.kind = 'system' as "is_system!"
           from messages m join chats c on c.id = m.chat_id and c.deleted_at is null
           join chat_members r on r.chat_id = c.id and r.user_id = $1
           where m.id = $2 for no key update of m"#,
        user.0,
        message.0
    )
    .fetch_optional(db)
    .await
}

/// Keeps a message; the same one again changes nothing. False: the user keeps [`SAVED_MAX`] others
/// already.
pub async fn add(
    db: &mut PgConnection,
    workspace: WorkspaceId,
    chat: ChatId,
    message: MessageId,
    user: UserId,
) -> Result<bool> {
    let has_room = sqlx::query_scalar!(
        r#"select count(*) < $3 or coalesce(bool_or(message_id = $2), false) as "has_room!" from saved_messages where user_id = $1"#,
        user.0,
        message.0,
        SAVED_MAX
    )
    .fetch_one(&mut *db)
    .await?;
    if has_room {
        sqlx::query!(
            "insert into saved_messages (user_id, message_id, chat_id, workspace_id) values ($1, $2, $3, $4)
             on conflict do nothing",
            user.0,
            message.0,
            chat.0,
            workspace.0
        )
        .execute(db)
        .await?;
    }
    Ok(has_room)
}

/// Makes those wait who keep messages as the same user, so that their number stays below its limit.
pub async fn lock(db: impl PgExecutor<'_>, user: UserId) -> Result<()> {
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended('saved ' || $1::text, 0)) is null as done",
        user.0.to_string()
    )
    .fetch_one(db)
    .await?;
    Ok(())
}

pub async fn remove(db: impl PgExecutor<'_>, user: UserId, message: MessageId) -> Result<()> {
    sqlx::query!("delete from saved_messages where user_id = $1 and message_id = $2", user.0, message.0)
        .execute(db)
        .await?;
    Ok(())
}

/// Forgets what a user kept who is deactivated, and whose devices are not told.
pub async fn remove_all(db: impl PgExecutor<'_>, user: UserId) -> Result<()> {
    sqlx::query!("delete from saved_messages where user_id = $1", user.0).execute(db).await?;
    Ok(())
}

/// What a user keeps, after the message `after`, the last saved first, up to `limit` and to
/// [`TEXT_BYTES_MAX`].
pub async fn list(
    db: impl PgExecutor<'_>,
    user: UserId,
    after: Option<MessageId>,
    limit: i64,
) -> Result<Vec<ListedSaved>> {
    let rows = sqlx::query!(
        r#"select message_id as "message_id!: MessageId", chat_id as "chat_id!: ChatId", saved_at as "saved_at!: Timestamp",
                  case when is_shown then message_json(m, $1) end as "message: Json<MessageJson>", has_next as "has_next!"
           from (select m, k.message_id, k.chat_id, k.saved_at, m.deleted_at is null and r.user_id is not null as is_shown,
                        row_number() over w as number, lead(k.message_id) over w is not null as has_next,
                        sum(octet_length(m.body)) over w - octet_length(m.body) as bytes_before
                 from (select * from saved_messages k
                       where k.user_id = $1
                         and ($2::uuid is null or (k.saved_at, k.message_id) < (
                             select a.saved_at, a.message_id from saved_messages a where a.user_id = $1 and a.message_id = $2))
                       order by k.saved_at desc, k.message_id desc limit $3::bigint + 1) k
                 join messages m on m.id = k.message_id
                 left join chats c on c.id = k.chat_id and c.deleted_at is null
                 left join chat_members r on r.chat_id = c.id and r.user_id = $1
                 window w as (order by k.saved_at desc, k.message_id desc)) l
           where number <= $3 and bytes_before < $4 order by number"#,
        user.0,
        after.map(|id| id.0),
        limit,
        TEXT_BYTES_MAX
    )
    .fetch_all(db)
    .await?;
    let saved = rows.into_iter().map(|row| ListedSaved {
        saved: Saved {
            message_id: row.message_id,
            chat_id: row.chat_id,
            saved_at: row.saved_at,
            message: row.message,
        },
        has_next: row.has_next,
    });
    Ok(saved.collect())
}
