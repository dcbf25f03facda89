//! Migrates the schema of the database to that of this program.

use std::time::Duration;

use anyhow::{Context as _, bail};
use sqlx::{
    Connection as _, PgConnection, PgPool,
    migrate::{MigrateError, Migrator},
};
use tokio::time::sleep;
use tracing::warn;

/// The migrations of this program.
pub static MIGRATOR: Migrator = sqlx::migrate!("../migrations");

/// How often a migration is tried that is blocked by other transactions.
const ATTEMPTS: u32 = 5;
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// # Errors
/// One line each: the database cannot be reached, belongs to another version of Parlor, or a
/// migration failed.
pub async fn migrate(pool: &PgPool) -> anyhow::Result<()> {
    run(&MIGRATOR, pool).await
}

async fn run(migrator: &Migrator, pool: &PgPool) -> anyhow::Result<()> {
    let mut attempts = 1;
    loop {
        // The connection is closed at the end: after a failed migration it still holds the
        // migrator's lock.
        let mut db = pool.acquire().await.context("the database cannot be prepared")?.detach();
        let outcome = migrator.run(&mut db).await;
        let outcome = match outcome {
            Err(MigrateError::VersionMissing(_) | MigrateError::VersionMismatch(_))
                if !has_baseline(migrator, &mut db).await? =>
            {
                bail!(
                    "the database was made by a Parlor from before the first release, and its schema is not \
                     supported any more: use an empty database"
                )
            }
            outcome => outcome,
        };
        let _ = db.close().await; // closed or lost, the lock is released
        match outcome {
            Ok(()) => return Ok(()),
            Err(MigrateError::Execute(e) | MigrateError::ExecuteMigration(e, _))
                if attempts < ATTEMPTS && is_lock_error(&e) =>
            {
                warn!("a migration is blocked by other transactions, retrying: {e}");
                attempts += 1;
                sleep(RETRY_PAUSE).await;
            }
            Err(MigrateError::VersionMissing(version)) => bail!(
                "the database has migration {version}, which this Parlor does not know: a newer Parlor used it; start \
                 that one"
            ),
            Err(MigrateError::VersionMismatch(version)) => bail!(
                "the database's migration {version} differs from this Parlor's: another build made the database"
            ),
            Err(MigrateError::Dirty(version)) => {
                bail!("the database's migration {version} stopped half-way; restore a backup")
            }
            Err(e) => return Err(e).context("the database cannot be prepared"),
        }
    }
}

/// Whether the first migration of the database is this program's.
async fn has_baseline(migrator: &Migrator, db: &mut PgConnection) -> anyhow::Result<bool> {
    let Some(first) = migrator.iter().next() else { return Ok(true) };
    let checksum =
        sqlx::query_scalar!("select checksum from _sqlx_migrations where version = $1", first.version)
            .fetch_optional(db)
            .await?;
    Ok(checksum.is_some_and(|checksum| *checksum == *first.checksum))
}

/// A lock timeout or a deadlock: the migration was rolled back.
fn is_lock_error(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| ["40P01", "55P03"].contains(&code.as_ref()))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use private_postgres::testing::TestDatabase;
    use sqlx::{
        SqlStr,
        migrate::{Migration, MigrationType},
        postgres::PgConnectOptions,
    };

    use super::*;

    /// The schema, then a migration that locks two tables.
    fn with_locking_migration() -> Migrator {
        let locking = Migration::new(
            9000,
            Cow::Borrowed("locking"),
            MigrationType::Simple,
            SqlStr::from_static("lock table chats, messages in access exclusive mode"),
            false,
        );
        Migrator::with_migrations(MIGRATOR.iter().cloned().chain([locking]).collect())
    }

    #[tokio::test]
    async fn a_migration_that_deadlocks_with_a_writer_is_retried() {
        let database = TestDatabase::new().await.unwrap();
        let options: PgConnectOptions = database.url().parse().unwrap();
        let pool = PgPool::connect_with(options.options([("deadlock_timeout", "50ms")])).await.unwrap();
        // Postgres must cancel the migration, not the writer, so the writer's own deadlock check
        // comes later.
        let mut writer = pool.begin().await.unwrap();
        sqlx::raw_sql("set local deadlock_timeout = '20s'; select from messages for no key update")
            .execute(&mut *writer)
            .await
            .unwrap();
        let writing = async {
            let waiting = "select exists (select from pg_locks where not granted and relation is not null
                           and database = (select oid from pg_database where datname = current_database()))";
            while !sqlx::query_scalar::<_, bool>(waiting).fetch_one(&mut *writer).await.unwrap() {
                tokio::task::yield_now().await;
            }
            sqlx::raw_sql("select from chats for no key update").execute(&mut *writer).await.unwrap();
            writer.commit().await.unwrap();
        };
        let migrator = with_locking_migration();
        let (migrated, ()) = tokio::join!(run(&migrator, &pool), writing);
        migrated.unwrap();
    }

    #[tokio::test]
    async fn a_database_from_before_the_first_release_is_refused_in_one_line() {
        let database = TestDatabase::new().await.unwrap();
        let pool = database.pool(2).await.unwrap();
        sqlx::raw_sql("update _sqlx_migrations set checksum = 'another' where version = 1")
            .execute(&pool)
            .await
            .unwrap();
        for sql in [
            "select 1",
            "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
             values (9000, 'sends at once', true, '', 0)",
        ] {
            sqlx::raw_sql(sql).execute(&pool).await.unwrap();
            let refusal = format!("{:#}", migrate(&pool).await.unwrap_err());
            assert!(refusal.contains("before the first release") && !refusal.contains('\n'), "{refusal}");
        }
    }
}
