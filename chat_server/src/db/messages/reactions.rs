//! Who reacted to a message, and with what. Triggers keep the counts and write the events.

use chat_core::{MessageId, Timestamp, UserId, WorkspaceId, text::Emoji};
use serde::Serialize;
use sqlx::{PgConnection, PgExecutor, Result};
use utoipa::ToSchema;

/// Different emoji on one message.
pub const KINDS_MAX: i64 = 50;

/// One person's reaction with the emoji that was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub struct Reactor {
    pub user_id: UserId,
    pub created_at: Timestamp,
}

/// Adds a reaction to a message that is not deleted; the same one twice changes nothing. False: the
/// message has [`KINDS_MAX`] other emoji already.
pub async fn add(
    db: &mut PgConnection,
    workspace: WorkspaceId,
    message: MessageId,
    user: UserId,
    emoji: &Emoji,
) -> Result<bool> {
    // The lock of the message keeps its counts as they are until the reaction is added.
    let has_room = sqlx::query_scalar!(
        r#"select coalesce(jsonb_array_length(reactions), 0) < $2
                  or reactions @> jsonb_build_array(jsonb_build_object('emoji', $3::text)) as "has_room!"
           from messages where id = $1 for no key update"#,
        message.0,
        i32::try_from(KINDS_MAX).unwrap_or(i32::MAX),
        emoji.as_str()
    )
    .fetch_one(&mut *db)
    .await?;
    if has_room {
        sqlx::query!(
            "insert into reactions (message_id, user_id, emoji, workspace_id) values ($1, $2, $3, $4)
             on conflict do nothing",
            message.0,
            user.0,
            emoji.as_str(),
            workspace.0
        )
        .execute(db)
        .await?;
    }
    Ok(has_room)
}

pub async fn remove(db: impl PgExecutor<'_>, message: MessageId, user: UserId, emoji: &Emoji) -> Result<()> {
    sqlx::query!(
        "delete from reactions where message_id = $1 and user_id = $2 and emoji = $3",
        message.0,
        user.0,
        emoji.as_str()
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Those who reacted with `emoji` after the user `after` did, in the order in which they did.
pub async fn list(
    db: impl PgExecutor<'_>,
    message: MessageId,
    emoji: &Emoji,
    after: Option<UserId>,
    limit: i64,
) -> Result<Vec<Reactor>> {
    sqlx::query_as!(
        Reactor,
        r#"select user_id as "user_id: UserId", created_at as "created_at: Timestamp" from reactions
           where message_id = $1 and emoji = $2
             and ($3::uuid is null or (created_at, user_id) > (
                 select a.created_at, a.user_id from reactions a
                 where a.message_id = $1 and a.emoji = $2 and a.user_id = $3))
           order by created_at, user_id limit $4"#,
        message.0,
        emoji.as_str(),
        after.map(|id| id.0),
        limit + 1
    )
    .fetch_all(db)
    .await
}
