//! All SQL, one file a noun: free functions, executor first. Nothing here begins or commits; whoever calls does.

pub mod accounts;
pub mod chats;
pub mod event_log;
pub mod invites;
pub mod members;
pub mod messages;
pub mod sessions;
pub mod signing_keys;
pub mod users;
pub mod workspaces;

use std::{str::FromStr as _, time::Duration};

use anyhow::Context as _;
use chat_core::config::{DatabaseConfig, Secret};
use serde::Serialize;
use sqlx::{
    ConnectOptions as _, Connection as _, PgPool,
    migrate::{MigrateError, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::{sleep, timeout};
use tracing::warn;
use utoipa::ToSchema;

/// The schema, as this program knows it.
pub static MIGRATOR: Migrator = sqlx::migrate!("../migrations");

/// How long a request waits for a connection before it answers 503.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// A connection that was used more lately is not asked again whether it still is one.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// A connection that is given back answers by then, or is closed. Without that, those over which the database has fallen
/// silent would fill the pool for as long as the kernel believes in them; sqlx sets no keepalive.
const GIVE_BACK_TIMEOUT: Duration = Duration::from_secs(2);

/// How often a migration that met writers is tried.
const MIGRATE_ATTEMPTS: u32 = 5;
const MIGRATE_PAUSE: Duration = Duration::from_millis(200);

/// Items of a list when the caller names no limit, and the most it may name.
pub const PAGE_DEFAULT: i64 = 50;
pub const PAGE_MAX: i64 = 200;

/// Part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Whether the list goes on after the last item.
    pub has_more: bool,
}

impl<T> Page<T> {
    /// From up to `limit + 1` rows, the way every list query fetches them.
    pub fn from_rows(mut items: Vec<T>, limit: i64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = items.len() > limit;
        items.truncate(limit);
        Self { items, has_more }
    }
}

/// How to connect. Bounds on waiting are set for each connection: a lock or a query that hangs must not pin it.
///
/// # Errors
/// The URL cannot be read; its text is not shown, since it holds a password.
pub fn connect_options(url: &Secret) -> anyhow::Result<PgConnectOptions> {
    let options = PgConnectOptions::from_str(url.expose()).map_err(|_| {
        anyhow::anyhow!("database.url cannot be read: expected postgres://user:password@host:port/name")
    })?;
    Ok(options
        .application_name("chat_server")
        .options([
            ("lock_timeout", "2s"),
            ("statement_timeout", "10s"),
            ("idle_in_transaction_session_timeout", "10s"),
            // Compiling a query pays for reports over millions of rows, not here.
            ("jit", "off"),
        ])
        .disable_statement_logging())
}

/// Opens the pool; connections are made when they are needed.
pub fn pool(options: PgConnectOptions, config: &DatabaseConfig) -> PgPool {
    PgPoolOptions::new()
        .max_connections(config.max_connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|connection, state| {
            Box::pin(async move {
                if state.idle_for < TRUSTED_IDLE {
                    return Ok(true);
                }
                connection.ping().await.map(|()| true)
            })
        })
        .after_release(|connection, _| {
            Box::pin(
                async move { Ok(matches!(timeout(GIVE_BACK_TIMEOUT, connection.ping()).await, Ok(Ok(())))) },
            )
        })
        .connect_lazy_with(options)
}

/// Brings the schema up to this program's.
///
/// # Errors
/// The database cannot be reached, is newer than this program, or a migration failed. One line each.
pub async fn migrate(pool: &PgPool) -> anyhow::Result<()> {
    let mut attempts = 1;
    loop {
        // One that is closed: after a failure it would keep the lock by which those who migrate exclude one another.
        let mut db = pool.acquire().await.context("the database cannot be prepared")?.detach();
        let outcome = MIGRATOR.run(&mut db).await;
        let _ = db.close().await; // lost or closed, the lock is free
        match outcome {
            Ok(()) => return Ok(()),
            Err(MigrateError::Execute(e) | MigrateError::ExecuteMigration(e, _))
                if attempts < MIGRATE_ATTEMPTS && is_about_lock(&e) =>
            {
                warn!("others are writing, the database is prepared once more: {e}");
                attempts += 1;
                sleep(MIGRATE_PAUSE).await;
            }
            Err(MigrateError::VersionMissing(version)) => anyhow::bail!(
                "the database has migration {version}, which this Parlor does not know: it was used by a newer one; start that"
            ),
            Err(MigrateError::VersionMismatch(version)) => anyhow::bail!(
                "the database's migration {version} is not the one that this Parlor has: it was made by another build"
            ),
            Err(MigrateError::Dirty(version)) => {
                anyhow::bail!("the database's migration {version} stopped half-way; restore a backup")
            }
            Err(e) => return Err(e).context("the database cannot be prepared"),
        }
    }
}

/// A lock was waited for in vain, or by two for one another: nothing of the transaction has happened.
fn is_about_lock(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| ["40P01", "55P03"].contains(&code.as_ref()))
}

/// The text of an `ilike` pattern that finds `text` anywhere, whatever characters it has.
pub fn contains_pattern(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

/// Whether the database answers.
pub async fn ping(db: &PgPool) -> sqlx::Result<()> {
    sqlx::query!("select 1 as one").fetch_one(db).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use private_postgres::testing::TestDatabase;
    use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
    use sqlx::{AssertSqlSafe, PgConnection};

    use super::*;

    /// Searches that are asked of a real Postgres at once.
    const SEARCHES: usize = 2000;

    #[tokio::test]
    async fn a_search_finds_what_has_its_text_and_nothing_else() {
        let mut runner = TestRunner::default();
        // Few characters, so that many are found, and all that `ilike` gives a meaning to.
        let texts = (r"[a-bA-B%_\\'ß界]{0,8}", r"[a-b%_\\界]{1,3}");
        let mut texts = || texts.new_tree(&mut runner).unwrap().current();
        let (texts, searches): (Vec<String>, Vec<String>) = (0..SEARCHES).map(|_| texts()).unzip();
        let patterns: Vec<String> = searches.iter().map(|search| contains_pattern(search)).collect();
        let database = TestDatabase::new().await.unwrap();
        let mut db = PgConnection::connect(database.url()).await.unwrap();
        let sql = "select text ilike pattern from unnest($1::text[], $2::text[]) as t (text, pattern)";
        let found: Vec<bool> =
            sqlx::query_scalar(sql).bind(&texts).bind(&patterns).fetch_all(&mut db).await.unwrap();
        for ((text, search), found) in texts.iter().zip(&searches).zip(&found) {
            assert_eq!(*found, text.to_lowercase().contains(search), "{search:?} in {text:?}");
        }
        assert!(found.contains(&true) && found.contains(&false));
    }

    /// Runs `migration` on a database as it was before the last one that locks tables, beside somebody who has locked the first
    /// of `tables` and goes on to the others once it waits.
    async fn beside_a_writer<F: Future<Output = bool>>(
        tables: &[&str],
        migration: impl FnOnce(PgPool) -> F,
    ) -> bool {
        let database = TestDatabase::new().await.unwrap();
        let options: PgConnectOptions = database.url().parse().unwrap();
        // Whoever looks first after the circle is closed loses: the migration, however slow the machine is.
        let pool = PgPool::connect_with(options.options([("deadlock_timeout", "3s")])).await.unwrap();
        sqlx::raw_sql("drop schema public cascade; create schema public").execute(&pool).await.unwrap();
        let before = MIGRATOR.iter().filter(|migration| migration.version < 7).cloned().collect();
        Migrator::with_migrations(before).run(&pool).await.unwrap();
        let mut writer = pool.begin().await.unwrap();
        sqlx::raw_sql("set local deadlock_timeout = '20s'").execute(&mut *writer).await.unwrap();
        let (first, others) = tables.split_first().unwrap();
        let write =
            |table: &str| sqlx::raw_sql(AssertSqlSafe(format!("select from {table} for no key update")));
        write(first).execute(&mut *writer).await.unwrap();
        let writing = async {
            let waiting = "select exists (select from pg_locks where not granted and relation is not null
                           and database = (select oid from pg_database where datname = current_database()))";
            while !sqlx::query_scalar::<_, bool>(waiting).fetch_one(&mut *writer).await.unwrap() {
                tokio::task::yield_now().await;
            }
            for table in others {
                write(table).execute(&mut *writer).await.unwrap();
            }
            writer.commit().await.unwrap();
        };
        tokio::join!(migration(pool.clone()), writing).0
    }

    #[tokio::test]
    async fn a_migration_takes_tables_in_the_order_in_which_writers_do() {
        let once = async |pool: PgPool| MIGRATOR.run(&pool).await.is_ok(); // not tried again
        assert!(beside_a_writer(&["chats", "chat_members", "messages"], once).await);
    }

    #[tokio::test]
    async fn a_migration_that_met_somebody_the_other_way_round_is_tried_again() {
        let again = async |pool: PgPool| {
            // Several connections to choose from.
            let idle = [pool.acquire().await.unwrap(), pool.acquire().await.unwrap()];
            drop(idle);
            migrate(&pool).await.is_ok()
        };
        assert!(beside_a_writer(&["messages", "chats"], again).await);
    }

    #[tokio::test]
    async fn the_database_takes_no_chat_or_member_that_is_none() {
        let database = TestDatabase::new().await.unwrap();
        let mut db = PgConnection::connect(database.url()).await.unwrap();
        sqlx::raw_sql(
            "create function a() returns uuid language sql return '01930000-0000-7000-8000-000000000000'::uuid;
             insert into workspaces (id, name) values (a(), 'acme');
             insert into users (id, workspace_id, fullname, role) values (a(), a(), 'Ann', 'owner');
             insert into chats (id, workspace_id, kind, name) values (a(), a(), 'public_channel', 'general');
             insert into chat_members (chat_id, user_id, workspace_id, role) values (a(), a(), a(), 'owner')",
        )
        .execute(&mut db)
        .await
        .unwrap();
        let chat =
            "insert into chats (id, workspace_id, kind, name, single_key) values (gen_random_uuid(), a(), ";
        for (rule, sql) in [
            ("chats_check", format!("{chat} 'town_square', 'x', null)")),
            ("chats_check", format!("{chat} 'private_channel', null, null)")),
            ("chats_check", format!("{chat} 'single', null, null)")),
            ("chats_check", format!("{chat} 'group', null, 'key')")),
            ("chats_check", "update chats set kind = 'town_square'".to_owned()),
            ("chats_check", "update chats set name = null".to_owned()),
            ("chats_check", "update chats set single_key = 'key'".to_owned()),
            ("chat_members_role_check", "update chat_members set role = 'boss'".to_owned()),
            (
                "chat_members_role_check",
                "insert into users (id, workspace_id, fullname, role) values (gen_random_uuid(), a(), 'Bob', 'member');
                 insert into chat_members (chat_id, user_id, workspace_id, role)
                     select a(), id, a(), 'boss' from users where fullname = 'Bob'"
                    .to_owned(),
            ),
        ] {
            // Nor where a copy of another database is written.
            for role in ["origin", "replica"] {
                let sql = format!("set session_replication_role = {role}; {sql}");
                let failed = sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(&mut db).await.unwrap_err();
                let failed = failed.as_database_error().unwrap();
                assert_eq!((failed.code().as_deref(), failed.constraint()), (Some("23514"), Some(rule)), "{sql}");
            }
        }
    }
}
