//! How much is written where: messages and bytes of text by chat and day.

use chat_core::{ChatId, Shard, WorkspaceId};
use sqlx::{PgExecutor, Result};

/// Adds what the events of a shard after `after` and up to `until` say. Every event of a message
/// counts for the day on which the message was sent. Messages that are gone are left out, and system
/// lines, which nobody wrote.
pub async fn add(db: impl PgExecutor<'_>, shard: Shard, after: i64, until: i64) -> Result<()> {
    sqlx::query!(
        "insert into workspace_usage as u (workspace_id, chat_id, day, messages, bytes)
         select m.workspace_id, m.chat_id, (m.created_at at time zone 'utc')::date,
                count(*) filter (where e.kind = 'message.new'), sum(e.text_bytes)
         from event_log e
         -- `offset 0` keeps it a look-up of each event's message: joined freely, all messages may be read.
         cross join lateral (
             select m.workspace_id, m.chat_id, m.created_at from messages m
             where m.id = e.message_id and m.kind = 'user' offset 0
         ) m
         where e.shard = $1 and e.id > $2 and e.id <= $3
           and e.kind in ('message.new', 'message.edited', 'message.deleted')
         group by 1, 2, 3
         order by 2, 3
         on conflict (chat_id, day) do update
             set messages = u.messages + excluded.messages, bytes = u.bytes + excluded.bytes",
        i16::from(shard.number()),
        after,
        until
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The bytes of text that a workspace holds, as far as the consumer has read.
pub async fn stored_bytes(db: impl PgExecutor<'_>, workspace: WorkspaceId) -> Result<i64> {
    let bytes =
        sqlx::query_scalar!("select bytes from workspace_storage where workspace_id = $1", workspace.0);
    Ok(bytes.fetch_optional(db).await?.unwrap_or_default())
}

/// The chats of a workspace that are not deleted, by id.
pub async fn list_chats(
    db: impl PgExecutor<'_>,
    workspace: WorkspaceId,
    after: Option<ChatId>,
    limit: i64,
) -> Result<Vec<ChatId>> {
    sqlx::query_scalar!(
        r#"select id as "id: ChatId" from chats
           where workspace_id = $1 and ($2::uuid is null or id > $2) and deleted_at is null order by id limit $3"#,
        workspace.0,
        after.map(|id| id.0),
        limit
    )
    .fetch_all(db)
    .await
}

/// Lets the statements of this transaction take as long as an attempt at a job.
pub async fn allow_long_statements(db: impl PgExecutor<'_>) -> Result<()> {
    sqlx::query!("set local statement_timeout = '40s'").execute(db).await?;
    Ok(())
}

/// Adds what was in these chats when the event `began_after` was the newest of the shard: what is
/// in them now, less what the events since then say. One statement, so that both are of one moment.
pub async fn backfill(
    db: impl PgExecutor<'_>,
    shard: Shard,
    began_after: i64,
    chats: &[ChatId],
) -> Result<()> {
    let chats: Vec<_> = chats.iter().map(|id| id.0).collect();
    sqlx::query!(
        "insert into workspace_usage as u (workspace_id, chat_id, day, messages, bytes)
         select workspace_id, chat_id, day, sum(messages), sum(bytes) from (
             select workspace_id, chat_id, (created_at at time zone 'utc')::date as day,
                    1 as messages, octet_length(body) as bytes
             from messages where chat_id = any($3) and kind = 'user'
             union all
             select m.workspace_id, m.chat_id, (m.created_at at time zone 'utc')::date,
                    case when e.kind = 'message.new' then -1 else 0 end, -e.text_bytes
             from event_log e
             cross join lateral (
                 select m.workspace_id, m.chat_id, m.created_at from messages m
                 where m.id = e.message_id and m.kind = 'user' offset 0
             ) m
             where e.shard = $1 and e.id > $2 and e.chat_id = any($3)
               and e.kind in ('message.new', 'message.edited', 'message.deleted')
         ) x group by 1, 2, 3 order by 2, 3
         on conflict (chat_id, day) do update
             set messages = u.messages + excluded.messages, bytes = u.bytes + excluded.bytes",
        i16::from(shard.number()),
        began_after,
        &chats
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets the usage of a shard's workspaces, and adds a job for each that counts it again.
pub async fn start_anew(db: &mut sqlx::PgConnection, shard: Shard, began_after: i64) -> Result<()> {
    let number = i16::from(shard.number());
    sqlx::query!("delete from workspace_usage where workspace_shard(workspace_id) = $1", number)
        .execute(&mut *db)
        .await?;
    sqlx::query!(
        "delete from jobs where kind = 'backfill_usage' and (payload ->> 'shard')::smallint = $1",
        number
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        "insert into jobs (kind, key, payload)
         select 'backfill_usage', id::text,
                jsonb_build_object('workspace_id', id, 'shard', $1::smallint, 'began_after', $2::bigint)
         from workspaces where workspace_shard(id) = $1",
        number,
        began_after
    )
    .execute(db)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use chat_core::config::Secret;
    use private_postgres::testing::TestDatabase;
    use sqlx::Connection as _;

    use super::*;
    use crate::connect::Connect;

    const CHAT: &str = "
        create function a() returns uuid language sql return '01930000-0000-7000-8000-000000000000'::uuid;
        insert into workspaces (id, name, name_folded) values (a(), 'acme', 'acme');
        insert into users (id, workspace_id, fullname, fullname_folded, role) values (a(), a(), 'Ann', 'ann', 'owner');
        insert into chats (id, workspace_id, kind, name, name_folded)
            values (a(), a(), 'public_channel', 'general', 'general');
        insert into chat_members (chat_id, user_id, workspace_id, role) values (a(), a(), a(), 'owner')";
    const MESSAGES: &str = "
        insert into messages (id, workspace_id, chat_id, seq, root_no, sender_id, body)
            select gen_random_uuid(), a(), a(), n, n, a(), 'hello' from generate_series(1, 1000) n";
    /// Enough for Postgres to keep the plan of a statement.
    const RUNS: usize = 6;

    #[tokio::test]
    async fn an_event_costs_a_look_up_of_its_message_however_many_messages_there_are() {
        let database = TestDatabase::new().await.unwrap();
        let connect = Connect::parse(&Secret::new(database.url())).unwrap().for_background();
        let mut db = connect.connect().await.unwrap();
        sqlx::raw_sql(CHAT).execute(&mut db).await.unwrap();
        let shard = Shard::new(0).unwrap();
        // Planned while the statistics say that there are none.
        sqlx::raw_sql("analyze messages").execute(&mut db).await.unwrap();
        for _ in 0..RUNS {
            add(&mut db, shard, 0, 0).await.unwrap();
        }
        sqlx::raw_sql(MESSAGES).execute(&mut db).await.unwrap();
        let newest: i64 =
            sqlx::query_scalar("select max(id) from event_log").fetch_one(&mut db).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let figure = "select coalesce(idx_tup_fetch, 0) + seq_tup_read
                      from pg_stat_xact_user_tables where relname = 'messages'";
        let before: i64 = sqlx::query_scalar(figure).fetch_one(&mut *tx).await.unwrap();
        add(&mut *tx, shard, newest - 1, newest).await.unwrap();
        let after: i64 = sqlx::query_scalar(figure).fetch_one(&mut *tx).await.unwrap();
        let counted: i64 = sqlx::query_scalar("select sum(messages)::bigint from workspace_usage")
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        assert_eq!((counted, after - before), (1, 1));
    }
}
