//! How far the consumers of the event log have come, and which node leads them.

use chat_core::{Shard, cursor::SHARDS};
use event_log::{Head, Heads};
use sqlx::{PgConnection, PgExecutor, Result};
use uuid::Uuid;

/// Where a consumer begins in one shard.
pub struct Beginning {
    pub shard: i16,
    /// It gets the events after this one. What was before is in the tables.
    pub began_after: i64,
}

/// A consumer's positions, and the shards that were read in another generation of the log.
pub struct Positions {
    pub heads: Heads,
    pub of_other_generation: Vec<Shard>,
}

/// Takes or keeps the lease on `name`. False: another holder has it.
pub async fn hold_lease(
    db: impl PgExecutor<'_>,
    name: &str,
    holder: Uuid,
    lease_seconds: f64,
) -> Result<bool> {
    let done = sqlx::query!(
        "insert into leases as l (name, holder, held_until) values ($1, $2, now() + make_interval(secs => $3))
         on conflict (name) do update set holder = $2, held_until = now() + make_interval(secs => $3)
             where l.holder = $2 or l.held_until < now()",
        name,
        holder,
        lease_seconds
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives the lease back, so that another node need not wait for its end.
pub async fn release_lease(db: impl PgExecutor<'_>, name: &str, holder: Uuid) -> Result<()> {
    sqlx::query!("delete from leases where name = $1 and holder = $2", name, holder).execute(db).await?;
    Ok(())
}

/// Lets a consumer begin at the end of each shard in which it has no position yet. Those shards.
pub async fn begin(db: impl PgExecutor<'_>, name: &str) -> Result<Vec<Beginning>> {
    sqlx::query_as!(
        Beginning,
        "insert into log_consumers (name, shard, position, timeline, generation, began_after)
         select $1, s.shard, coalesce(e.id, 0), coalesce(e.timeline, 0), m.generation, coalesce(e.id, 0)
         from log_meta m cross join generate_series(0, 15) s(shard) left join lateral (
             select e.id, e.timeline from event_log e
             where e.shard = s.shard::smallint order by e.id desc limit 1
         ) e on true
         where not exists (select from log_consumers c where c.name = $1 and c.shard = s.shard)
         on conflict do nothing
         returning shard, began_after",
        name
    )
    .fetch_all(db)
    .await
}

/// How far the consumer has come in a shard, which stays so until the transaction ends.
pub async fn lock_position(db: impl PgExecutor<'_>, name: &str, shard: Shard) -> Result<Option<i64>> {
    sqlx::query_scalar!(
        "select position from log_consumers where name = $1 and shard = $2 for update",
        name,
        i16::from(shard.number())
    )
    .fetch_optional(db)
    .await
}

/// Forgets a position from which the consumer cannot go on; [`begin`] then makes a new one.
pub async fn forget_position(db: impl PgExecutor<'_>, name: &str, shard: Shard) -> Result<()> {
    sqlx::query!("delete from log_consumers where name = $1 and shard = $2", name, i16::from(shard.number()))
        .execute(db)
        .await?;
    Ok(())
}

/// Notes that events were lost to a consumer.
pub async fn mark_broken(db: impl PgExecutor<'_>, name: &str, shard: Shard) -> Result<()> {
    sqlx::query!(
        "update log_consumers set broken_at = now() where name = $1 and shard = $2",
        name,
        i16::from(shard.number())
    )
    .execute(db)
    .await?;
    Ok(())
}

pub async fn list_positions(db: impl PgExecutor<'_>, name: &str) -> Result<Positions> {
    let rows = sqlx::query!(
        "select c.shard, c.position, c.timeline, c.generation, m.generation as current
         from log_consumers c cross join log_meta m where c.name = $1",
        name
    )
    .fetch_all(db)
    .await?;
    let mut heads = Heads { generation: 0, by_shard: Box::new([Head::default(); SHARDS as usize]) };
    let mut of_other_generation = Vec::new();
    for row in rows {
        let Some(shard) = Shard::new(row.shard.into()) else { continue };
        heads.generation = row.current;
        heads.by_shard[shard.index()] = Head { id: row.position, timeline: row.timeline };
        if row.generation != row.current {
            of_other_generation.push(shard);
        }
    }
    Ok(Positions { heads, of_other_generation })
}

/// Moves a position, in the transaction of the effect. False: it is not at `before`, so another node
/// leads, and the transaction must not commit.
pub async fn advance(
    db: &mut PgConnection,
    name: &str,
    shard: Shard,
    before: Head,
    after: Head,
) -> Result<bool> {
    let done = sqlx::query!(
        "update log_consumers set position = $4, timeline = $5 where name = $1 and shard = $2 and position = $3",
        name,
        i16::from(shard.number()),
        before.id,
        after.id,
        after.timeline
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Lets this transaction commit before it is on the disk. A crash of Postgres may undo it: the
/// effect together with the position.
pub async fn commit_without_flush(db: impl PgExecutor<'_>) -> Result<()> {
    sqlx::query!("set local synchronous_commit = off").execute(db).await?;
    Ok(())
}

/// Where a consumer began, which stays so until the transaction ends.
pub async fn lock_beginning(db: impl PgExecutor<'_>, name: &str, shard: Shard) -> Result<Option<i64>> {
    sqlx::query_scalar!(
        "select began_after from log_consumers where name = $1 and shard = $2 for key share",
        name,
        i16::from(shard.number())
    )
    .fetch_optional(db)
    .await
}

/// Whether the log still has all events of a shard after `id`, which may be its end.
pub async fn is_log_whole_after(db: impl PgExecutor<'_>, shard: Shard, id: i64) -> Result<bool> {
    let next = sqlx::query_scalar!(
        "select prev_id from event_log where shard = $1 and id > $2 order by id limit 1",
        i16::from(shard.number()),
        id
    )
    .fetch_optional(db)
    .await?;
    Ok(next.is_none_or(|prev_id| prev_id == id))
}
