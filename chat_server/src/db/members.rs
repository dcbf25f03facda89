//! Who is in a chat.

use chat_core::{ChatId, ChatRole, Timestamp, UserId, WorkspaceId};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgExecutor, PgPool, Result};
use utoipa::ToSchema;

/// A member as REST and events show them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Member {
    pub user_id: UserId,
    pub role: ChatRole,
    pub joined_at: Timestamp,
}

/// A user's own membership, with how far they have read.
#[derive(Clone, Debug)]
pub struct Membership {
    pub chat_id: ChatId,
    pub member: Member,
    /// Up to here the user has read.
    pub read_seq: i64,
    /// Messages of the main line that are not unread: those up to `read_seq`, and later ones that
    /// were deleted.
    pub not_unread_count: i64,
    /// The chat's `deleted_count` at that moment. With another one `not_unread_count` is stale.
    pub deleted_count: i64,
}

/// A [`Membership`] as the queries here select it.
struct MembershipRow {
    chat_id: ChatId,
    user_id: UserId,
    role: ChatRole,
    joined_at: Timestamp,
    read_seq: i64,
    not_unread_count: i64,
    deleted_count: i64,
}

impl From<MembershipRow> for Membership {
    fn from(row: MembershipRow) -> Self {
        Self {
            chat_id: row.chat_id,
            member: Member { user_id: row.user_id, role: row.role, joined_at: row.joined_at },
            read_seq: row.read_seq,
            not_unread_count: row.not_unread_count,
            deleted_count: row.deleted_count,
        }
    }
}

/// How far a user has read a chat, as REST and events show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReadPosition {
    pub seq: i64,
    /// The unread messages after it, when `last_seq` was the newest message.
    pub unread_count: i64,
    pub last_seq: i64,
    /// The messages in the main line then.
    pub last_root_no: i64,
    /// The messages of the chat that had been deleted by then.
    pub deleted_count: i64,
}

/// Adds those who are not in it yet; they start with everything read. Who was added. `added_by` is
/// None if they do it themselves.
pub async fn insert(
    db: &mut PgConnection,
    workspace: WorkspaceId,
    chat: ChatId,
    users: &[UserId],
    role: ChatRole,
    added_by: Option<UserId>,
) -> Result<Vec<Member>> {
    let mut users: Vec<_> = users.iter().map(|id| id.0).collect();
    users.sort_unstable();
    sqlx::query_as!(
        Member,
        r#"insert into chat_members (chat_id, user_id, workspace_id, role, read_seq, added_by)
           select $1, u, $2, $4, (select last_seq from chats where id = $1), $5 from unnest($3::uuid[]) as u
           on conflict do nothing
           returning user_id as "user_id: UserId", role as "role: ChatRole", joined_at as "joined_at: Timestamp""#,
        chat.0,
        workspace.0,
        &users,
        role as ChatRole,
        added_by.map(|id| id.0)
    )
    .fetch_all(db)
    .await
}

pub async fn count(db: impl PgExecutor<'_>, chat: ChatId) -> Result<i64> {
    sqlx::query_scalar!(r#"select count(*) as "count!" from chat_members where chat_id = $1"#, chat.0)
        .fetch_one(db)
        .await
}

/// Those of `users` who are in it.
pub async fn list_present(db: impl PgExecutor<'_>, chat: ChatId, users: &[UserId]) -> Result<Vec<UserId>> {
    let users: Vec<_> = users.iter().map(|id| id.0).collect();
    sqlx::query_scalar!(
        r#"select user_id as "user_id: UserId" from chat_members
           where chat_id = $1 and user_id = any($2) order by user_id"#,
        chat.0,
        &users
    )
    .fetch_all(db)
    .await
}

/// Takes out those who are in it. Who was taken out.
pub async fn delete(db: &mut PgConnection, chat: ChatId, users: &[UserId]) -> Result<Vec<UserId>> {
    let users: Vec<_> = users.iter().map(|id| id.0).collect();
    sqlx::query_scalar!(
        r#"delete from chat_members where chat_id = $1 and user_id = any($2) returning user_id as "user_id: UserId""#,
        chat.0,
        &users
    )
    .fetch_all(db)
    .await
}

pub async fn find(db: impl PgExecutor<'_>, chat: ChatId, user: UserId) -> Result<Option<Membership>> {
    let row = sqlx::query_as!(
        MembershipRow,
        r#"select m.chat_id as "chat_id: ChatId", m.user_id as "user_id: UserId", m.role as "role: ChatRole", m.joined_at as "joined_at: Timestamp",
                  greatest(m.read_seq, m.sent_seq) as "read_seq!",
                  not_unread_count(c, greatest(m.read_seq, m.sent_seq)) as "not_unread_count!", c.deleted_count
           from chat_members m join chats c on c.id = m.chat_id where m.chat_id = $1 and m.user_id = $2"#,
        chat.0,
        user.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(Membership::from))
}

/// Those whom the viewer can see, by user id.
pub async fn list(
    db: impl PgExecutor<'_>,
    viewer: UserId,
    chat: ChatId,
    after: Option<UserId>,
    limit: i64,
) -> Result<Vec<Member>> {
    sqlx::query_as!(
        Member,
        r#"select m.user_id as "user_id: UserId", m.role as "role: ChatRole", m.joined_at as "joined_at: Timestamp"
           from chat_members m join users_seen_by($4) u on u.id = m.user_id
           where m.chat_id = $1 and ($2::uuid is null or m.user_id > $2) order by m.user_id limit $3"#,
        chat.0,
        after.map(|id| id.0),
        limit + 1,
        viewer.0
    )
    .fetch_all(db)
    .await
}

/// All of a user's memberships in chats that are not deleted, newest chat first.
pub async fn list_of_user(db: impl PgExecutor<'_>, user: UserId, limit: i64) -> Result<Vec<Membership>> {
    let rows = sqlx::query_as!(
        MembershipRow,
        r#"select m.chat_id as "chat_id: ChatId", m.user_id as "user_id: UserId", m.role as "role: ChatRole",
                  m.joined_at as "joined_at: Timestamp", greatest(m.read_seq, m.sent_seq) as "read_seq!",
                  not_unread_count(c, greatest(m.read_seq, m.sent_seq)) as "not_unread_count!", c.deleted_count
           from chat_members m join chats c on c.id = m.chat_id
           where m.user_id = $1 and c.deleted_at is null order by m.chat_id desc limit $2"#,
        user.0,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Membership::from).collect())
}

/// Those of a user's memberships in whose chats something happened last: the message that a list
/// shows, or that the user joined. By times as JSON shows them, so that a client can tell the same order.
pub async fn list_most_active(db: impl PgExecutor<'_>, user: UserId, limit: i64) -> Result<Vec<Membership>> {
    let rows = sqlx::query_as!(
        MembershipRow,
        r#"select m.chat_id as "chat_id: ChatId", m.user_id as "user_id: UserId", m.role as "role: ChatRole",
                  m.joined_at as "joined_at: Timestamp", greatest(m.read_seq, m.sent_seq) as "read_seq!",
                  not_unread_count(c, greatest(m.read_seq, m.sent_seq)) as "not_unread_count!", c.deleted_count
           from chat_members m join chats c on c.id = m.chat_id
           left join lateral shown_message(c) l on true
           where m.user_id = $1 and c.deleted_at is null
           order by date_trunc('milliseconds', greatest(l.created_at, m.joined_at)) desc, m.chat_id desc limit $2"#,
        user.0,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Membership::from).collect())
}

/// In how many chats that are not deleted a user is by their own doing.
pub async fn count_joined(db: impl PgExecutor<'_>, user: UserId) -> Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from chat_members m join chats c on c.id = m.chat_id
           where m.user_id = $1 and m.added_by is null and c.deleted_at is null"#,
        user.0
    )
    .fetch_one(db)
    .await
}

/// Those of `users` who are in `max` chats or more.
pub async fn list_full(db: impl PgExecutor<'_>, users: &[UserId], max: i64) -> Result<Vec<UserId>> {
    let users: Vec<_> = users.iter().map(|id| id.0).collect();
    sqlx::query_scalar!(
        r#"select user_id as "user_id: UserId" from chat_members
           where user_id = any($1) group by user_id having count(*) >= $2 order by user_id"#,
        &users,
        max
    )
    .fetch_all(db)
    .await
}

/// Sets a member's role. False: no such member. Violates `chat_members_one_owner` if there would be
/// two owners.
pub async fn set_role(db: impl PgExecutor<'_>, chat: ChatId, user: UserId, role: ChatRole) -> Result<bool> {
    let done = sqlx::query!(
        "update chat_members set role = $3 where chat_id = $1 and user_id = $2",
        chat.0,
        user.0,
        role as ChatRole
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

pub async fn find_owner(db: impl PgExecutor<'_>, chat: ChatId) -> Result<Option<UserId>> {
    sqlx::query_scalar!(
        r#"select user_id as "user_id: UserId" from chat_members where chat_id = $1 and role = 'owner'"#,
        chat.0
    )
    .fetch_optional(db)
    .await
}

/// The active member who has been in the chat longest, besides `user`; not a member who is just
/// being changed.
pub async fn find_heir(db: impl PgExecutor<'_>, chat: ChatId, user: UserId) -> Result<Option<UserId>> {
    sqlx::query_scalar!(
        r#"select m.user_id as "user_id: UserId" from chat_members m join users u on u.id = m.user_id
           where m.chat_id = $1 and m.user_id <> $2 and u.deactivated_at is null
           order by m.joined_at, m.user_id limit 1 for share of u skip locked"#,
        chat.0,
        user.0
    )
    .fetch_optional(db)
    .await
}

/// Moves the read position forward, never back and never past the newest message. `None`: not a
/// member.
pub async fn mark_read(db: &PgPool, chat: ChatId, user: UserId, seq: i64) -> Result<Option<ReadPosition>> {
    let position = move_read(db, chat, user, seq).await?;
    // A send of the same user may have committed while this waited for the row of the member, which
    // is new then while the chat is not. The next statement sees both.
    if position.is_some_and(|position| position.seq > position.last_seq) {
        return move_read(db, chat, user, seq).await;
    }
    Ok(position)
}

async fn move_read(
    db: impl PgExecutor<'_>,
    chat: ChatId,
    user: UserId,
    seq: i64,
) -> Result<Option<ReadPosition>> {
    // The same value is written again when there is nothing to move: the trigger tells only a change.
    sqlx::query_as!(
        ReadPosition,
        r#"update chat_members m set read_seq = greatest(m.read_seq, least($3, c.last_seq))
           from chats c where c.id = m.chat_id and c.deleted_at is null and m.chat_id = $1 and m.user_id = $2
           returning greatest(m.read_seq, m.sent_seq) as "seq!",
                     unread_count(c, greatest(m.read_seq, m.sent_seq)) as "unread_count!",
                     c.last_seq, c.last_root_no, c.deleted_count"#,
        chat.0,
        user.0,
        seq
    )
    .fetch_optional(db)
    .await
}
