//! Conversations.

use chat_core::{
    ChatId, ChatKind, ChatRole, Timestamp, UserId, WorkspaceId, WorkspaceRole,
    permission::Standing,
    text::{ChatDescription, ChatName, fold, look_alike},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sqlx::{PgConnection, PgExecutor, Result, types::Json};
use utoipa::ToSchema;

use super::{
    SearchText,
    messages::{
        MessageJson, TEXT_BYTES_MAX,
        system::{self, SystemLine},
    },
};

/// The schema of a chat as REST and events show it, the same for all who may see it. Its JSON comes
/// from the SQL function `chat_json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Chat {
    pub id: ChatId,
    pub kind: ChatKind,
    /// Channels have one; groups may; single chats go by the other person.
    pub name: Option<String>,
    pub description: String,
    /// Whether those who join the workspace become members. Only for public channels.
    pub auto_join: bool,
    /// None for single chats.
    pub owner_id: Option<UserId>,
    pub member_count: i64,
    /// The first ten members of a single chat or group, for its title. Empty for channels.
    pub member_ids: Vec<UserId>,
    /// The `seq` of the newest message, 0 before the first.
    pub last_seq: i64,
    /// How many messages stand in its main line, deleted ones included: unread counts are
    /// differences of it. System lines do not count.
    pub last_root_no: i64,
    /// How many of its messages were deleted so far.
    pub deleted_count: i64,
    pub created_at: Timestamp,
}

/// A chat as `chat_json` renders it.
pub type ChatJson = Box<RawValue>;

/// What this server itself reads in a [`ChatJson`]. The fields are those of [`Chat`].
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct ChatFacts {
    pub id: ChatId,
    pub kind: ChatKind,
    pub member_count: i64,
    pub last_seq: i64,
    pub last_root_no: i64,
    pub deleted_count: i64,
}

/// A chat with the message that a list shows of it, the same for every viewer: the newest one of a
/// person, or else the newest system line.
#[derive(Clone, Debug)]
pub struct ChatWithLast {
    pub facts: ChatFacts,
    pub chat: ChatJson,
    pub last_message: Option<MessageJson>,
}

impl ChatWithLast {
    /// The bytes that it takes in memory, without its id as a key.
    pub fn bytes(&self) -> usize {
        let last_message = self.last_message.as_ref().map_or(0, |message| message.get().len());
        size_of::<Self>() + self.chat.get().len() + last_message
    }
}

/// Chats that were asked for by their ids.
#[derive(Debug, Default)]
pub struct ChatsWithLast {
    pub chats: Vec<ChatWithLast>,
    /// The first chat that has no room in a list ([`TEXT_BYTES_MAX`]). It and those after it were
    /// not read.
    pub no_room_for: Option<ChatId>,
}

/// A chat under lock, and how the caller stands in it.
pub struct LockedChat {
    pub kind: ChatKind,
    pub name: Option<String>,
    pub auto_join: bool,
    pub chat_role: Option<ChatRole>,
    pub member_count: i64,
}

/// What a new chat says.
pub struct NewChat<'a> {
    pub id: ChatId,
    pub workspace_id: WorkspaceId,
    pub kind: ChatKind,
    pub name: Option<&'a ChatName>,
    pub description: &'a str,
    pub single_key: Option<&'a str>,
    pub auto_join: bool,
    pub created_by: UserId,
}

/// Chats that a user made or joined and is in.
pub const JOINED_MAX: i64 = 2000;
/// All chats that a user is in, and the most memberships that a list reads. Others may not fill the
/// last [`JOINED_MAX`].
pub const PER_USER_MAX: i64 = 10_000;

/// False when there is a single chat of that pair already. Violates `chats_channel_name_key` when a
/// channel's name is taken.
pub async fn insert(db: impl PgExecutor<'_>, new: &NewChat<'_>) -> Result<bool> {
    let done = sqlx::query!(
        "insert into chats (id, workspace_id, kind, name, name_folded, name_look, description, description_folded, single_key,
                            created_by, auto_join)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         on conflict on constraint chats_single_key do nothing",
        new.id.0,
        new.workspace_id.0,
        new.kind as ChatKind,
        new.name.map(ChatName::as_str),
        new.name.map(|name| fold(name.as_str())),
        new.name.map(|name| look_alike(name.as_str())),
        new.description,
        fold(new.description),
        new.single_key,
        new.created_by.0,
        new.auto_join
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

pub async fn find_single(db: impl PgExecutor<'_>, single_key: &str) -> Result<Option<ChatId>> {
    sqlx::query_scalar!(r#"select id as "id: ChatId" from chats where single_key = $1"#, single_key)
        .fetch_optional(db)
        .await
}

/// How a user stands in a chat of their workspace, without a lock: for reads. None: no such chat
/// there.
pub async fn find_standing(
    db: impl PgExecutor<'_>,
    workspace: WorkspaceId,
    id: ChatId,
    user: UserId,
) -> Result<Option<(ChatKind, Option<ChatRole>)>> {
    let row = sqlx::query!(
        r#"select c.kind as "kind: ChatKind", m.role as "role?: ChatRole"
           from chats c left join chat_members m on m.chat_id = c.id and m.user_id = $3
           where c.workspace_id = $1 and c.id = $2 and c.deleted_at is null"#,
        workspace.0,
        id.0,
        user.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| (row.kind, row.role)))
}

/// How a user stands in those of `ids` that are chats of their workspace. Their role in it is read
/// with the rest, so that an answer after an event about it contains what the event told.
pub async fn list_standings(
    db: impl PgExecutor<'_>,
    user: UserId,
    ids: &[ChatId],
) -> Result<Vec<(ChatId, Standing)>> {
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select c.id as "id: ChatId", c.kind as "kind: ChatKind", u.role as "workspace_role: WorkspaceRole",
                  m.role as "chat_role?: ChatRole"
           from users u join chats c on c.workspace_id = u.workspace_id
           left join chat_members m on m.chat_id = c.id and m.user_id = u.id
           where u.id = $1 and c.id = any($2) and c.deleted_at is null order by c.id"#,
        user.0,
        &ids
    )
    .fetch_all(db)
    .await?;
    let standings = rows.into_iter().map(|row| {
        let (kind, workspace_role, chat_role) = (row.kind, row.workspace_role, row.chat_role);
        (row.id, Standing { kind, workspace_role, chat_role })
    });
    Ok(standings.collect())
}

/// Locks a chat, and with it who is in it: every change of membership takes this lock first. None:
/// no such chat.
pub async fn lock(
    db: &mut PgConnection,
    workspace: WorkspaceId,
    id: ChatId,
    user: UserId,
) -> Result<Option<LockedChat>> {
    let Some(chat) = sqlx::query!(
        r#"select kind as "kind: ChatKind", name, auto_join from chats
           where workspace_id = $1 and id = $2 and deleted_at is null for update"#,
        workspace.0,
        id.0
    )
    .fetch_optional(&mut *db)
    .await?
    else {
        return Ok(None);
    };
    // A statement of its own: its snapshot is taken after the lock was got, so it sees what the
    // last holder did.
    let row = sqlx::query!(
        r#"select (select role from chat_members where chat_id = $1 and user_id = $2) as "role: ChatRole",
                  (select count(*) from chat_members where chat_id = $1) as "member_count!""#,
        id.0,
        user.0
    )
    .fetch_one(db)
    .await?;
    Ok(Some(LockedChat {
        kind: chat.kind,
        name: chat.name,
        auto_join: chat.auto_join,
        chat_role: row.role,
        member_count: row.member_count,
    }))
}

/// Chats with the message that a list shows, in the order of `ids`, as far as their texts have room in a list.
/// Deleted and unknown ones are left out.
pub async fn list_with_last(db: impl PgExecutor<'_>, ids: &[ChatId]) -> Result<ChatsWithLast> {
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select (c).id as "id!: ChatId", chat_json(c) as "chat!: Json<ChatJson>",
                  case when has_room and (m).id is not null then message_json(m, null) end as "last_message: Json<MessageJson>",
                  has_room as "has_room!"
           from (
               select c, m, i.number,
                      coalesce(sum(octet_length(m.body)) over (order by i.number rows unbounded preceding exclude current row), 0)
                          < $2 as has_room
               from unnest($1::uuid[]) with ordinality i (id, number) join chats c using (id)
               left join lateral shown_message(c) m on true
               where c.deleted_at is null
           ) listed order by number"#,
        &ids,
        TEXT_BYTES_MAX
    )
    .fetch_all(db)
    .await?;
    let no_room_for = rows.iter().find(|row| !row.has_room).map(|row| row.id);
    let chats = rows.into_iter().take_while(|row| row.has_room).map(|row| {
        let facts = serde_json::from_str(row.chat.get()).map_err(|e| sqlx::Error::Decode(e.into()))?;
        Ok(ChatWithLast { facts, chat: row.chat.0, last_message: row.last_message.map(|message| message.0) })
    });
    Ok(ChatsWithLast { chats: chats.collect::<Result<_>>()?, no_room_for })
}

/// Public channels that the user is not in, by id.
pub async fn list_joinable(
    db: impl PgExecutor<'_>,
    workspace: WorkspaceId,
    user: UserId,
    after: Option<ChatId>,
    limit: i64,
) -> Result<Vec<ChatId>> {
    sqlx::query_scalar!(
        r#"select c.id as "id: ChatId" from chats c
           where c.workspace_id = $1 and c.kind = 'public_channel' and c.deleted_at is null
             and not exists (select from chat_members m where m.chat_id = c.id and m.user_id = $2)
             and ($3::uuid is null or c.id > $3)
           order by c.id limit $4"#,
        workspace.0,
        user.0,
        after.map(|id| id.0),
        limit + 1
    )
    .fetch_all(db)
    .await
}

/// Those whose name or description has the text; otherwise as [`list_joinable`].
pub async fn search_joinable(
    db: impl PgExecutor<'_>,
    workspace: WorkspaceId,
    user: UserId,
    text: &SearchText,
    after: Option<ChatId>,
    limit: i64,
) -> Result<Vec<ChatId>> {
    sqlx::query_scalar!(
        r#"with found as materialized (
               select s.chat_id from channel_search s
               where s.parts @> search_parts($1, $3, least(3, char_length($3)))
           )
           select c.id as "id: ChatId" from found f join chats c on c.id = f.chat_id
           where c.workspace_id = $1 and c.kind = 'public_channel' and c.deleted_at is null
             and not exists (select from chat_members m where m.chat_id = c.id and m.user_id = $2)
             and (c.name_folded like $4 or c.description_folded like $4)
             and ($5::uuid is null or c.id > $5)
           order by c.id limit $6"#,
        workspace.0,
        user.0,
        text.folded(),
        text.pattern(),
        after.map(|id| id.0),
        limit + 1
    )
    .fetch_all(db)
    .await
}

/// How many chats of a user's making there are.
pub async fn count_created_by(db: impl PgExecutor<'_>, user: UserId) -> Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from chats where created_by = $1 and deleted_at is null"#,
        user.0
    )
    .fetch_one(db)
    .await
}

/// What is None stays. Violates `chats_channel_name_key` when a channel's name is taken.
pub async fn update(
    db: impl PgExecutor<'_>,
    id: ChatId,
    name: Option<&ChatName>,
    description: Option<&ChatDescription>,
    auto_join: Option<bool>,
) -> Result<()> {
    sqlx::query!(
        "update chats set name = coalesce($2, name), name_folded = coalesce($3, name_folded),
                          name_look = coalesce($6, name_look),
                          description = coalesce($4, description), description_folded = coalesce($5, description_folded),
                          auto_join = coalesce($7, auto_join)
         where id = $1",
        id.0,
        name.map(ChatName::as_str),
        name.map(|name| fold(name.as_str())),
        description.map(ChatDescription::as_str),
        description.map(|description| fold(description.as_str())),
        name.map(|name| look_alike(name.as_str())),
        auto_join
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Marks a chat as deleted: its members no longer see it. A trigger adds the
/// job that removes its messages.
pub async fn mark_deleted(db: impl PgExecutor<'_>, id: ChatId) -> Result<()> {
    sqlx::query!("update chats set deleted_at = now() where id = $1", id.0).execute(db).await?;
    Ok(())
}

/// Removes up to `limit` messages of a deleted chat, from the event log too. How many it were.
pub async fn delete_messages(db: impl PgExecutor<'_>, id: ChatId, limit: i64) -> Result<u64> {
    let done = sqlx::query!(
        "delete from messages where id in (
             select m.id from messages m join chats c on c.id = m.chat_id
             where c.id = $1 and c.deleted_at is not null limit $2)",
        id.0,
        limit
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Forgets one deleted chat, members and all, that was deleted longer ago than `age_seconds`.
/// False: there is none.
pub async fn delete_forgotten(db: impl PgExecutor<'_>, age_seconds: f64) -> Result<bool> {
    let done = sqlx::query!(
        "delete from chats where id = (
             select c.id from chats c where c.deleted_at < now() - make_interval(secs => $1)
             and not exists (select from messages m where m.chat_id = c.id) limit 1)",
        age_seconds
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// The chats that a user owns, locked in order of id.
pub async fn lock_owned(db: &mut PgConnection, user: UserId) -> Result<Vec<ChatId>> {
    sqlx::query_scalar!(
        r#"select c.id as "id: ChatId" from chats c join chat_members m on m.chat_id = c.id
           where m.user_id = $1 and m.role = 'owner' and c.deleted_at is null order by c.id for update of c"#,
        user.0
    )
    .fetch_all(db)
    .await
}

/// Transfers what a user who is deactivated by `actor` owned to the longest-standing member, so that
/// every chat has an owner who can act.
pub async fn hand_over(db: &mut PgConnection, user: UserId, actor: UserId) -> Result<Vec<(ChatId, UserId)>> {
    let mut handed_over = Vec::new();
    for chat in lock_owned(db, user).await? {
        // Another request transferred it while this one waited for the lock.
        if super::members::find_owner(&mut *db, chat).await? != Some(user) {
            continue;
        }
        if let Some(heir) = super::members::find_heir(&mut *db, chat, user).await? {
            let line = SystemLine::OwnershipPassed { from: Some(user), to: heir };
            system::write(&mut *db, chat, actor, &line).await?;
            super::members::set_role(&mut *db, chat, user, ChatRole::Member).await?;
            super::members::set_role(&mut *db, chat, heir, ChatRole::Owner).await?;
            handed_over.push((chat, heir));
        }
    }
    Ok(handed_over)
}
