//! Queries for the maintenance of the event log: ticks, new partitions, retention.

use chat_core::{Shard, UserId};
use sqlx::{AssertSqlSafe, Executor as _, PgConnection, PgExecutor, Result};

/// The advisory lock of maintenance: one node at a time does it.
const MAINTENANCE_LOCK: i64 = 0x5041_524c_4f52; // "PARLOR"

/// Whether this connection got the lock. It holds the lock until it is closed.
pub async fn try_lock_maintenance(db: &mut PgConnection) -> Result<bool> {
    sqlx::query_scalar!(r#"select pg_try_advisory_lock($1) as "won!""#, MAINTENANCE_LOCK).fetch_one(db).await
}

/// Writes a tick into a shard.
pub async fn tick(db: impl PgExecutor<'_>, shard: Shard) -> Result<()> {
    sqlx::query!("select log_tick($1)", i16::from(shard.number())).fetch_one(db).await?;
    Ok(())
}

/// Creates partitions ahead of the sequence, and closes a partition that is older than
/// `max_age_seconds`.
pub async fn roll(db: impl PgExecutor<'_>, max_age_seconds: f64) -> Result<()> {
    sqlx::query!("select event_log_roll(make_interval(secs => $1))", max_age_seconds).fetch_one(db).await?;
    Ok(())
}

/// The first ids of the partitions whose newest event is older than retention, and that no consumer
/// still has to read. One that is older than twice the retention is not kept for a consumer.
pub async fn list_expired_partitions(db: impl PgExecutor<'_>, retention_seconds: f64) -> Result<Vec<i64>> {
    sqlx::query_scalar!(
        "select start_id from event_log_partitions p where closed_at < now() - make_interval(secs => $1)
             and (closed_at < now() - 2 * make_interval(secs => $1)
                  or not exists (
                      select from event_log e, (
                          select shard, position from log_consumers
                          union all
                          -- A backfill subtracts the events since its consumer began.
                          select shard, began_after from log_consumers c where exists (
                              select from jobs j where j.kind = 'backfill_usage' and j.payload ->> 'shard' = c.shard::text)
                      ) c
                      where e.shard = c.shard and e.id > c.position and e.id >= p.start_id and e.id < p.end_id))
         order by start_id",
        retention_seconds
    )
    .fetch_all(db)
    .await
}

/// Drops one partition without blocking readers or writers: DETACH CONCURRENTLY waits for old
/// transactions instead of blocking new ones. Safe to call again after an interruption.
pub async fn drop_partition(db: &mut PgConnection, start_id: i64) -> Result<()> {
    let name = format!("event_log_p{start_id}");
    let state = sqlx::query_scalar!(
        r#"select i.inhdetachpending as "pending!" from pg_inherits i join pg_class c on c.oid = i.inhrelid
           where i.inhparent = 'event_log'::regclass and c.relname = $1"#,
        name
    )
    .fetch_optional(&mut *db)
    .await?;
    if let Some(pending) = state {
        let how = if pending { "finalize" } else { "concurrently" };
        let sql = format!("alter table event_log detach partition {name} {how}");
        db.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await?;
    }
    db.execute(sqlx::raw_sql(AssertSqlSafe(format!("drop table if exists {name}")))).await?;
    sqlx::query!("delete from event_log_partitions where start_id = $1", start_id).execute(db).await?;
    Ok(())
}

/// Locks the shards of all workspaces of a user's account, in ascending order. A transaction that
/// ends sessions and raises other events calls it before its commit, since the triggers lock each
/// in their own turn.
pub async fn lock_shards_of_account(db: impl PgExecutor<'_>, user: UserId) -> Result<()> {
    sqlx::query!(
        "select log_lock(shard) from (
             select distinct workspace_shard(o.workspace_id) as shard
             from users u join users o on o.account_id = u.account_id where u.id = $1 order by 1) shards",
        user.0
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The newest row of a shard in the snapshot of a transaction, and the other parts of a cursor.
pub struct Head {
    pub id: i64,
    pub generation: i32,
    pub timeline: i32,
}

pub async fn head(db: impl PgExecutor<'_>, shard: Shard) -> Result<Head> {
    sqlx::query_as!(
        Head,
        r#"select coalesce(last.id, 0) as "id!", m.generation, coalesce(last.timeline, 0) as "timeline!"
           from log_meta m left join lateral (
               select e.id, e.timeline from event_log e where e.shard = $1 order by e.id desc limit 1
           ) last on true"#,
        i16::from(shard.number())
    )
    .fetch_one(db)
    .await
}
