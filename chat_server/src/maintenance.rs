//! Background maintenance. Each node keeps its own keys and limits. The maintenance of the database
//! is done by one node; the others stand by.

use std::time::Duration;

use chat_core::{Shard, config::EventLogConfig};
use sqlx::PgConnection;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tracing::{info, warn};

use crate::{connect::Connect, db, state::AppState};

const ROUND: Duration = Duration::from_secs(5);
/// Longer than in the pool: detaching a partition waits for old transactions.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(60);
/// A round that takes longer is abandoned, and its connection is closed.
const ROUND_TIMEOUT: Duration = Duration::from_secs(120);
/// The interval of ticks in each shard of the log.
const TICK_EVERY: Duration = Duration::from_secs(60);
const TRIM_EVERY: Duration = Duration::from_secs(600);
const EXCHANGE_KEYS_EVERY: Duration = Duration::from_secs(60);
/// Rows deleted in one transaction. More would hold a shard's lock for too long.
const DELETE_BATCH: i64 = 200;
/// The most batches in one round.
const BATCHES_MAX: usize = 50;
const DAY_SECONDS: f64 = 86_400.0;
/// How long what bears on security is kept.
const SECURITY_EVENTS_DAYS: i32 = 90;

/// Exchanges keys and trims the rate limits on this node.
pub async fn keep_node(state: AppState) -> anyhow::Result<()> {
    let mut rounds = interval(EXCHANGE_KEYS_EVERY);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        state.limits.forget_idle();
        state.shares.forget_idle();
        if let Err(e) = state.keys.exchange(&state.db).await {
            warn!("the signing keys could not be exchanged: {e}");
        }
    }
}

/// Maintains the database while this node holds the lock.
pub async fn keep_database(connect: Connect, config: EventLogConfig) -> anyhow::Result<()> {
    let mut rounds = interval(ROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut keeper: Option<Keeper> = None;
    loop {
        rounds.tick().await;
        if keeper.is_none() {
            keeper = match Keeper::elect(&connect, &config).await {
                Ok(elected) => elected,
                Err(e) => {
                    warn!("maintenance of the database: {e}");
                    None
                }
            };
        }
        let Some(elected) = &mut keeper else { continue };
        let failure = match timeout(ROUND_TIMEOUT, elected.round()).await {
            Ok(Ok(())) => continue,
            Ok(Err(e)) => e.to_string(),
            Err(_) => "no answer from the database".into(),
        };
        warn!("maintenance of the database: {failure}");
        // Closing the connection releases the lock, so any node may be next.
        keeper = None;
    }
}

/// The node that maintains the database. It holds an advisory lock for as long as this connection
/// lives.
struct Keeper {
    connection: PgConnection,
    retention_seconds: f64,
    next_tick: Instant,
    next_trim: Instant,
}

impl Keeper {
    async fn elect(connect: &Connect, config: &EventLogConfig) -> sqlx::Result<Option<Self>> {
        let connect = connect.named("chat_server maintenance").with_statement_timeout(STATEMENT_TIMEOUT);
        let mut connection = connect.connect().await?;
        if !db::event_log::try_lock_maintenance(&mut connection).await? {
            return Ok(None);
        }
        let now = Instant::now();
        let retention_seconds = f64::from(config.retention_days) * DAY_SECONDS;
        Ok(Some(Self { connection, retention_seconds, next_tick: now, next_trim: now }))
    }

    async fn round(&mut self) -> sqlx::Result<()> {
        let db = &mut self.connection;
        // A partition lasts a seventh of retention, or less when many events are written.
        db::event_log::roll(&mut *db, self.retention_seconds / 7.0).await?;
        if self.next_tick <= Instant::now() {
            self.next_tick = Instant::now() + TICK_EVERY;
            for shard in Shard::all() {
                db::event_log::tick(&mut *db, shard).await?;
            }
        }
        if self.next_trim <= Instant::now() {
            self.next_trim = Instant::now() + TRIM_EVERY;
            self.trim().await?;
        }
        Ok(())
    }

    async fn trim(&mut self) -> sqlx::Result<()> {
        let db = &mut self.connection;
        for start_id in db::event_log::list_expired_partitions(&mut *db, self.retention_seconds).await? {
            db::event_log::drop_partition(&mut *db, start_id).await?;
            info!(start_id, "dropped a partition of the event log that is past retention");
        }
        for _ in 0..BATCHES_MAX {
            if db::sessions::delete_expired(&mut *db, DELETE_BATCH).await? == 0 {
                break;
            }
        }
        for _ in 0..BATCHES_MAX {
            if db::account_codes::delete_old(&mut *db, DELETE_BATCH).await? == 0 {
                break;
            }
        }
        for _ in 0..BATCHES_MAX {
            if db::security_events::delete_old(&mut *db, SECURITY_EVENTS_DAYS, DELETE_BATCH).await? == 0 {
                break;
            }
        }
        // A consumer may keep a partition for twice the retention, and a partition is dropped whole.
        // Until then a member who returns must get the event.
        for _ in 0..DELETE_BATCH {
            if !db::chats::delete_forgotten(&mut *db, 3.0 * self.retention_seconds).await? {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use chat_core::config::Secret;
    use private_postgres::testing::TestDatabase;

    use super::*;

    /// A workspace with a person, chats that were deleted some days ago, and sessions that ended
    /// some hours ago.
    const LEFT_BEHIND: &str = "
        insert into accounts (id, email, email_folded, password_hash)
            values (gen_random_uuid(), 'ann@acme.example', 'ann@acme.example', '');
        insert into workspaces (id, name, name_folded) values (gen_random_uuid(), 'acme', 'acme');
        insert into users (id, workspace_id, account_id, fullname, fullname_folded, role)
            select gen_random_uuid(), w.id, a.id, 'Ann', 'ann', 'owner' from workspaces w, accounts a;
        insert into chats (id, workspace_id, kind, name, name_folded, deleted_at)
            select gen_random_uuid(), w.id, 'public_channel', days::text, days::text, now() - make_interval(days => days)
            from workspaces w, unnest(array[1, 20, 22, 99]) days;
        insert into sessions (id, account_id, user_id, user_agent, expires_at, revoked_at)
            select gen_random_uuid(), a.id, u.id, name, now() + make_interval(hours => expires), now() + make_interval(hours => revoked)
            from accounts a, users u, (values ('live', 99, null), ('expired', -1, null), ('revoked', 99, -23),
                ('long expired', -25, null), ('long revoked', 99, -25)) s(name, expires, revoked);";

    #[tokio::test]
    async fn what_nobody_can_use_any_more_goes_and_nothing_else() {
        let database = TestDatabase::new().await.unwrap();
        let connect = Connect::parse(&Secret::new(database.url())).unwrap();
        let config = EventLogConfig { retention_days: 7 };
        let mut keeper = Keeper::elect(&connect, &config).await.unwrap().unwrap();
        sqlx::raw_sql(LEFT_BEHIND).execute(&mut keeper.connection).await.unwrap();
        assert!(Keeper::elect(&connect, &config).await.unwrap().is_none(), "one node does it");
        keeper.trim().await.unwrap();
        let names = async |keeper: &mut Keeper, sql: &'static str| -> Vec<String> {
            sqlx::query_scalar(sql).fetch_all(&mut keeper.connection).await.unwrap()
        };
        // The log may contain events of a chat for up to three times retention: a consumer may keep a partition for
        // twice, and a partition is dropped whole.
        assert_eq!(names(&mut keeper, "select name from chats order by deleted_at desc").await, ["1", "20"]);
        // The token of a session that has just ended may still be used, and must not look like an
        // invalid one.
        let sessions = names(&mut keeper, "select user_agent from sessions order by user_agent").await;
        assert_eq!(sessions, ["expired", "live", "revoked"]);
    }

    #[tokio::test]
    async fn a_partition_that_a_consumer_has_to_read_is_kept_for_twice_the_retention() {
        let database = TestDatabase::new().await.unwrap();
        let db = database.pool(1).await.unwrap();
        let expired = async |position: &str, closed_days_ago: i32| {
            sqlx::query("update event_log_partitions set closed_at = now() - make_interval(days => $1) where start_id = 1")
                .bind(closed_days_ago)
                .execute(&db)
                .await
                .unwrap();
            let sql = format!("update log_consumers set position = {position}");
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&db).await.unwrap();
            db::event_log::list_expired_partitions(&db, 7.0 * DAY_SECONDS).await.unwrap()
        };
        sqlx::raw_sql("select log_tick(3::smallint)").execute(&db).await.unwrap();
        db::consumers::begin(&db, "reader").await.unwrap();
        let all_read = "position";
        assert_eq!(expired(all_read, 6).await, [0_i64; 0], "within the retention");
        assert_eq!(expired(all_read, 8).await, [1]);
        assert_eq!(expired("0", 8).await, [0_i64; 0], "it has one to read");
        assert_eq!(expired("0", 15).await, [1], "it is too far behind");
    }
}
