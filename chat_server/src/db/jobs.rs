//! Jobs: what is to be done later.

use serde_json::Value;
use sqlx::{PgExecutor, Result};
use uuid::Uuid;

/// A job that this node has taken, until its lease ends.
#[derive(Clone, Debug)]
pub struct TakenJob {
    pub id: i64,
    pub kind: String,
    pub key: String,
    pub payload: Value,
    /// Attempts since the last success, this one included.
    pub attempts: i32,
    /// Names this attempt. Once another attempt has begun, this one can no longer complete.
    pub lease: Uuid,
}

/// Adds a job that is due now. One that is there already stays as it is.
pub async fn add(db: impl PgExecutor<'_>, kind: &str, key: &str, payload: &Value) -> Result<()> {
    sqlx::query!("select job_add($1, $2, $3)", kind, key, payload).execute(db).await?;
    Ok(())
}

/// Takes up to `limit` jobs that are due, the longest due first. Kinds that this version does not
/// know are left to nodes that do.
pub async fn take(
    db: impl PgExecutor<'_>,
    kinds: &[String],
    limit: i64,
    lease_seconds: f64,
) -> Result<Vec<TakenJob>> {
    sqlx::query_as!(
        TakenJob,
        r#"with due as (
               select id from jobs
               where parked_at is null and run_at <= now() and kind = any($1)
                 and (leased_until is null or leased_until < now())
               order by run_at limit $2 for update skip locked
           )
           update jobs j set attempts = attempts + 1, lease = gen_random_uuid(), leased_until = now() + make_interval(secs => $3)
           from due where j.id = due.id
           returning j.id, j.kind, j.key, j.payload, j.attempts, j.lease as "lease!""#,
        kinds,
        limit,
        lease_seconds
    )
    .fetch_all(db)
    .await
}

/// Removes a job that is done. False: its lease has been lost.
pub async fn complete(db: impl PgExecutor<'_>, job: &TakenJob) -> Result<bool> {
    let done =
        sqlx::query!("delete from jobs where id = $1 and lease = $2", job.id, job.lease).execute(db).await?;
    Ok(done.rows_affected() == 1)
}

/// Notes that a part of a job is done: the next part goes on from `payload`, under the same lease.
/// False: the lease has been lost.
pub async fn advance(
    db: impl PgExecutor<'_>,
    job: &TakenJob,
    payload: &Value,
    lease_seconds: f64,
) -> Result<bool> {
    let done = sqlx::query!(
        "update jobs set payload = $3, attempts = 1, last_error = null,
                leased_until = now() + make_interval(secs => $4)
         where id = $1 and lease = $2",
        job.id,
        job.lease,
        payload,
        lease_seconds
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives up the lease of an attempt that did not fail: the next one may begin at once.
pub async fn release(db: impl PgExecutor<'_>, job: &TakenJob) -> Result<()> {
    sqlx::query!(
        "update jobs set attempts = 0, lease = null, leased_until = null where id = $1 and lease = $2",
        job.id,
        job.lease
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Gives up the lease of an attempt that came too early. The next one is in `pause_seconds`.
pub async fn postpone(db: impl PgExecutor<'_>, job: &TakenJob, pause_seconds: f64) -> Result<()> {
    sqlx::query!(
        "update jobs set attempts = 0, lease = null, leased_until = null, last_error = null,
                run_at = now() + make_interval(secs => $3)
         where id = $1 and lease = $2",
        job.id,
        job.lease,
        pause_seconds
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Notes that an attempt failed. The next one is in `pause_seconds`; `None`: the job is parked.
pub async fn fail(
    db: impl PgExecutor<'_>,
    job: &TakenJob,
    error: &str,
    pause_seconds: Option<f64>,
) -> Result<()> {
    sqlx::query!(
        "update jobs set last_error = $3, lease = null, leased_until = null,
                run_at = case when $4::float8 is null then run_at else now() + make_interval(secs => $4) end,
                parked_at = case when $4::float8 is null then now() end
         where id = $1 and lease = $2",
        job.id,
        job.lease,
        error,
        pause_seconds
    )
    .execute(db)
    .await?;
    Ok(())
}

/// How many jobs were given up.
pub async fn count_parked(db: impl PgExecutor<'_>) -> Result<i64> {
    sqlx::query_scalar!(r#"select count(*) as "count!" from jobs where parked_at is not null"#)
        .fetch_one(db)
        .await
}

/// How many jobs of a kind are not done, parked ones included.
pub async fn count_of_kind(db: impl PgExecutor<'_>, kind: &str) -> Result<i64> {
    sqlx::query_scalar!(r#"select count(*) as "count!" from jobs where kind = $1"#, kind).fetch_one(db).await
}
