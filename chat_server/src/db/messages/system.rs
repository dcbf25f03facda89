//! System lines: what Parlor itself writes into a chat about what happened there.

use chat_core::{ChatId, MessageId, UserId};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, Result, types::Json};
use utoipa::ToSchema;

/// A channel with `auto_join` and more members than this has no lines about those who join.
const JOINS_TOLD_MAX: i64 = 200;

/// What a system line tells. Its sender is who did it. A newer server may send further types.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SystemLine {
    /// The chat was created.
    Made,
    /// These became members: the sender alone, or those whom the sender added.
    Joined {
        #[schema(min_items = 1, max_items = 100)]
        user_ids: Vec<UserId>,
    },
    /// These are members no more: the sender alone left, or the sender removed them.
    Left {
        #[schema(min_items = 1, max_items = 100)]
        user_ids: Vec<UserId>,
    },
    /// The chat has another name. `old_name` is null for a group that had none.
    Renamed { old_name: Option<String>, new_name: String },
    /// The chat has another owner. `from` is null if it had none.
    OwnershipPassed { from: Option<UserId>, to: UserId },
}

/// Whether a line is written about those who join a channel of so many members.
pub fn tells_joins(auto_join: bool, member_count: i64) -> bool {
    !auto_join || member_count <= JOINS_TOLD_MAX
}

/// Writes a line into a chat that the caller has locked, on behalf of `actor`; single chats have
/// none. Call it before the change that it tells. Then its event comes first, and what the event of
/// the change says of the chat counts the line.
pub async fn write(db: &mut PgConnection, chat: ChatId, actor: UserId, line: &SystemLine) -> Result<()> {
    sqlx::query!(
        "with c as (
             update chats set last_seq = last_seq + 1 where id = $1 and kind <> 'single' returning *
         )
         insert into messages (id, workspace_id, chat_id, seq, root_no, kind, sender_id, body, system, shown_seq)
         select $2, c.workspace_id, c.id, c.last_seq, c.last_root_no, 'system', $3, '', $4,
                (select shown_seq_after(m) from messages m where m.chat_id = c.id and m.seq = c.last_seq - 1)
         from c",
        chat.0,
        MessageId::generate().0,
        actor.0,
        Json(line) as _
    )
    .execute(db)
    .await?;
    Ok(())
}
