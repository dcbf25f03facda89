//! Threads: replies to one message beside the main line. `send_replies` in
//! `migrations/0013_threads.sql` stores them.

use chat_core::{ChatId, MessageId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sqlx::{PgExecutor, Result, types::Json};
use utoipa::ToSchema;

use super::{Listed, Message, MessageJson, TEXT_BYTES_MAX};
use crate::db::Page;

/// What a message tells of the thread about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Thread {
    /// Replies that are not deleted.
    pub reply_count: i64,
    /// The `thread_no` of the newest reply.
    pub last_no: i64,
    /// How many of its replies were deleted so far.
    pub deleted_count: i64,
    pub last_reply_at: Timestamp,
    /// The first five who replied.
    pub participants: Vec<UserId>,
    /// Whether the caller follows it. Not in events, which are the same for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub following: Option<bool>,
    /// How many replies the caller has not read, if they follow it. Not in events.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub unread_count: Option<i64>,
}

/// A member's own view of a thread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ThreadState {
    pub root_id: MessageId,
    pub chat_id: ChatId,
    pub following: bool,
    /// They have read up to this `thread_no`.
    pub read_no: i64,
    /// The unread replies after it when `last_no` was the newest, 0 if they do not follow it.
    pub unread_count: i64,
    pub last_no: i64,
    /// The replies that had been deleted by then.
    pub deleted_count: i64,
}

/// A [`ThreadState`] as `thread_state_json` renders it.
pub type ThreadStateJson = Box<RawValue>;

/// A thread in the list of its follower.
#[derive(Debug, Serialize, ToSchema)]
pub struct FollowedThread {
    #[schema(value_type = ThreadState)]
    pub thread: Json<ThreadStateJson>,
    #[schema(value_type = Message)]
    pub root: Json<MessageJson>,
    /// The newest reply. Null if its row was removed.
    #[schema(value_type = Option<Message>)]
    pub last_reply: Option<Json<MessageJson>>,
}

/// The replies of a thread from `first_no` on, oldest first, as [`super::list_from`].
pub async fn list_from(
    db: impl PgExecutor<'_>,
    viewer: UserId,
    root: MessageId,
    first_no: i64,
    limit: i64,
) -> Result<Vec<Listed>> {
    sqlx::query_as!(
        Listed,
        r#"select (m).thread_no as "seq!", message_json(m, $1) as "message!: Json<MessageJson>", has_next as "has_next!"
           from (select m, row_number() over w as number, lead(m.seq) over w is not null as has_next,
                        sum(octet_length(m.body)) over w - octet_length(m.body) as bytes_before
                 from messages m where m.root_id = $2 and m.thread_no >= $3
                 window w as (order by m.thread_no) order by m.thread_no limit $4::bigint + 1) l
           where number <= $4 and bytes_before < $5 order by (m).thread_no"#,
        viewer.0,
        root.0,
        first_no,
        limit,
        TEXT_BYTES_MAX
    )
    .fetch_all(db)
    .await
}

/// The replies of a thread before `end_no`, newest first, as [`super::list_before`].
pub async fn list_before(
    db: impl PgExecutor<'_>,
    viewer: UserId,
    root: MessageId,
    end_no: i64,
    limit: i64,
) -> Result<Vec<Listed>> {
    sqlx::query_as!(
        Listed,
        r#"select (m).thread_no as "seq!", message_json(m, $1) as "message!: Json<MessageJson>", has_next as "has_next!"
           from (select m, row_number() over w as number, lead(m.seq) over w is not null as has_next,
                        sum(octet_length(m.body)) over w - octet_length(m.body) as bytes_before
                 from messages m where m.root_id = $2 and m.thread_no < $3
                 window w as (order by m.thread_no desc) order by m.thread_no desc limit $4::bigint + 1) l
           where number <= $4 and bytes_before < $5 order by (m).thread_no desc"#,
        viewer.0,
        root.0,
        end_no,
        limit,
        TEXT_BYTES_MAX
    )
    .fetch_all(db)
    .await
}

/// A member's view of a thread. None: they have never followed it, or there is no thread.
pub async fn find_state(
    db: impl PgExecutor<'_>,
    root: MessageId,
    user: UserId,
) -> Result<Option<Json<ThreadStateJson>>> {
    sqlx::query_scalar!(
        r#"select thread_state_json(t, m) as "state!: Json<ThreadStateJson>"
           from threads t join thread_members m on m.root_id = t.root_id
           where t.root_id = $1 and m.user_id = $2"#,
        root.0,
        user.0
    )
    .fetch_optional(db)
    .await
}

/// Moves a follower's read position forward, never back and never past the newest reply. Of
/// others nothing is kept.
pub async fn mark_read(db: impl PgExecutor<'_>, root: MessageId, user: UserId, no: i64) -> Result<()> {
    sqlx::query!(
        "update thread_members m set read_no = least($3, t.last_no) from threads t
         where t.root_id = m.root_id and m.root_id = $1 and m.user_id = $2 and m.read_no < least($3, t.last_no)",
        root.0,
        user.0,
        no
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Begins or ends to follow a thread. Who begins has read what is there. False: there is no thread, or
/// they have just left the chat.
pub async fn set_following(
    db: impl PgExecutor<'_>,
    root: MessageId,
    user: UserId,
    following: bool,
) -> Result<bool> {
    let done = sqlx::query!(
        "insert into thread_members as f (root_id, user_id, chat_id, workspace_id, following, read_no)
         select t.root_id, m.user_id, t.chat_id, t.workspace_id, $3, t.last_no
         from threads t join chat_members m on m.chat_id = t.chat_id and m.user_id = $2
         where t.root_id = $1 for key share of m
         on conflict (root_id, user_id) do update set
             following = excluded.following,
             read_no = case when f.following then f.read_no else excluded.read_no end",
        root.0,
        user.0,
        following
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// The threads that a user follows in chats that are not deleted, the one with the newest reply
/// first, after the thread `after`, up to `limit` and to [`TEXT_BYTES_MAX`].
pub async fn list_followed(
    db: impl PgExecutor<'_>,
    user: UserId,
    after: Option<MessageId>,
    only_unread: bool,
    limit: i64,
) -> Result<Page<FollowedThread>> {
    let rows = sqlx::query!(
        r#"select thread_state_json(t, f) as "thread!: Json<ThreadStateJson>",
                  message_json(r, $1) as "root!: Json<MessageJson>",
                  case when (l).id is not null then message_json(l, $1) end as "last_reply: Json<MessageJson>",
                  has_next as "has_next!"
           from (select t, f, r, l, number, lead(number) over w is not null as has_next,
                        coalesce(sum(octet_length(r.body) + coalesce(octet_length(l.body), 0)) over (
                            order by number rows unbounded preceding exclude current row), 0) as bytes_before
                 from (select t, f, row_number() over (order by t.last_reply_at desc, t.root_id desc) as number
                       from thread_members f join threads t on t.root_id = f.root_id
                       join chats c on c.id = t.chat_id and c.deleted_at is null
                       where f.user_id = $1 and f.following
                         and (not $3 or thread_unread_count(t, f.read_no) > 0)
                         and ($2::uuid is null or (t.last_reply_at, t.root_id) < (
                             select a.last_reply_at, a.root_id from threads a where a.root_id = $2))
                       order by t.last_reply_at desc, t.root_id desc limit $4::bigint + 1) followed
                 join messages r on r.id = (t).root_id
                 left join messages l on l.root_id = (t).root_id and l.thread_no = (t).last_no
                 window w as (order by number)) listed
           where number <= $4 and bytes_before < $5 order by number"#,
        user.0,
        after.map(|id| id.0),
        only_unread,
        limit,
        TEXT_BYTES_MAX
    )
    .fetch_all(db)
    .await?;
    let has_more = rows.last().is_some_and(|last| last.has_next);
    let items = rows.into_iter().map(|row| FollowedThread {
        thread: row.thread,
        root: row.root,
        last_reply: row.last_reply,
    });
    Ok(Page { items: items.collect(), has_more })
}

/// The states of the threads that a user follows, the one with the newest reply first.
pub async fn list_states(
    db: impl PgExecutor<'_>,
    user: UserId,
    limit: i64,
) -> Result<Vec<Json<ThreadStateJson>>> {
    sqlx::query_scalar!(
        r#"select thread_state_json(t, m) as "state!: Json<ThreadStateJson>"
           from thread_members m join threads t on t.root_id = m.root_id
           join chats c on c.id = t.chat_id and c.deleted_at is null
           where m.user_id = $1 and m.following
           order by t.last_reply_at desc, t.root_id desc limit $2"#,
        user.0,
        limit + 1
    )
    .fetch_all(db)
    .await
}
