//! What is pinned in a chat. Triggers mark the messages and write the events.

use chat_core::{ChatId, MessageId, Timestamp, UserId, WorkspaceId};
use serde::Serialize;
use sqlx::{PgConnection, PgExecutor, Result, types::Json};
use utoipa::ToSchema;

use super::{Message, MessageJson, TEXT_BYTES_MAX};

/// Pinned messages of one chat.
pub const PINS_MAX: i64 = 100;

/// A pinned message.
#[derive(Debug, Serialize, ToSchema)]
pub struct Pin {
    #[schema(value_type = Message)]
    pub message: Json<MessageJson>,
    pub pinned_by: UserId,
    pub pinned_at: Timestamp,
}

/// A pin in a list, and whether the chat has an older one.
pub struct ListedPin {
    pub pin: Pin,
    pub has_next: bool,
}

/// Pins a message that is not deleted; who pinned it before stays named. False: the chat, which the
/// caller has locked, has [`PINS_MAX`] other pins already.
pub async fn add(
    db: &mut PgConnection,
    workspace: WorkspaceId,
    chat: ChatId,
    message: MessageId,
    user: UserId,
) -> Result<bool> {
    let has_room = sqlx::query_scalar!(
        r#"select count(*) < $3 or coalesce(bool_or(message_id = $2), false) as "has_room!" from pins where chat_id = $1"#,
        chat.0,
        message.0,
        PINS_MAX
    )
    .fetch_one(&mut *db)
    .await?;
    if has_room {
        sqlx::query!(
            "insert into pins (message_id, chat_id, workspace_id, pinned_by) values ($1, $2, $3, $4)
             on conflict do nothing",
            message.0,
            chat.0,
            workspace.0,
            user.0
        )
        .execute(db)
        .await?;
    }
    Ok(has_room)
}

pub async fn remove(db: impl PgExecutor<'_>, message: MessageId) -> Result<()> {
    sqlx::query!("delete from pins where message_id = $1", message.0).execute(db).await?;
    Ok(())
}

/// The pins of a chat after the message `after`, the newest pin first, up to `limit` and to
/// [`TEXT_BYTES_MAX`].
pub async fn list(
    db: impl PgExecutor<'_>,
    viewer: UserId,
    chat: ChatId,
    after: Option<MessageId>,
    limit: i64,
) -> Result<Vec<ListedPin>> {
    let rows = sqlx::query!(
        r#"select message_json(m, $1) as "message!: Json<MessageJson>", pinned_by as "pinned_by!: UserId",
                  pinned_at as "pinned_at!: Timestamp", has_next as "has_next!"
           from (select m, p.pinned_by, p.pinned_at, p.message_id, row_number() over w as number,
                        lead(p.message_id) over w is not null as has_next,
                        sum(octet_length(m.body)) over w - octet_length(m.body) as bytes_before
                 from pins p join messages m on m.id = p.message_id
                 where p.chat_id = $2
                   and ($3::uuid is null or (p.pinned_at, p.message_id) < (
                       select a.pinned_at, a.message_id from pins a where a.message_id = $3 and a.chat_id = $2))
                 window w as (order by p.pinned_at desc, p.message_id desc)) l
           where number <= $4 and bytes_before < $5 order by number"#,
        viewer.0,
        chat.0,
        after.map(|id| id.0),
        limit,
        TEXT_BYTES_MAX
    )
    .fetch_all(db)
    .await?;
    let pins = rows.into_iter().map(|row| ListedPin {
        pin: Pin { message: row.message, pinned_by: row.pinned_by, pinned_at: row.pinned_at },
        has_next: row.has_next,
    });
    Ok(pins.collect())
}
