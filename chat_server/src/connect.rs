//! How to connect to the database: by its URL alone, and with the settings that Parlor depends on.

use std::{str::FromStr as _, time::Duration};

use anyhow::{Context as _, bail};
use chat_core::config::Secret;
use event_log::{Session, session::PROBLEM};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
    raw_sql,
};
use tokio::time::timeout;

use crate::db::PLANNER_SETTINGS;

/// How long a request waits for a connection before it answers 503.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// A pooled connection that was idle for longer is tested before it is used.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// A connection is closed unless it answers within this time when it is returned to the pool.
/// Otherwise connections to a silent database would fill the pool until the kernel's timeouts; sqlx
/// sets no keepalive.
const GIVE_BACK_TIMEOUT: Duration = Duration::from_secs(2);

/// A blocked lock or query must not pin a connection.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// How to connect, and what each connection begins with.
#[derive(Clone)]
pub struct Connect {
    options: PgConnectOptions,
    session: Session,
}

impl Connect {
    /// # Errors
    /// The URL cannot be parsed. The error does not contain the URL, which holds a password.
    pub fn parse(url: &Secret) -> anyhow::Result<Self> {
        let options = PgConnectOptions::from_str(url.expose()).map_err(|_| {
            anyhow::anyhow!("database.url cannot be read: expected postgres://user:password@host:port/name")
        })?;
        // What is set by the session below must not come with the connection: poolers refuse it.
        let options = options.application_name("chat_server").extra_float_digits(None);
        let session = Session::new(url.expose(), STATEMENT_TIMEOUT).with_lock_timeout(LOCK_TIMEOUT);
        Ok(Self { options: options.disable_statement_logging(), session })
    }

    /// The name that pg_stat_activity shows.
    #[must_use]
    pub fn named(&self, application_name: &str) -> Self {
        Self { options: self.options.clone().application_name(application_name), ..self.clone() }
    }

    /// For consumers and jobs.
    #[must_use]
    pub fn for_background(&self) -> Self {
        let named = self.named("chat_server background");
        Self { session: named.session.with(&PLANNER_SETTINGS), ..named }
    }

    #[must_use]
    pub fn with_statement_timeout(self, statement_timeout: Duration) -> Self {
        Self { session: self.session.with_statement_timeout(statement_timeout), ..self }
    }

    /// The host and port of the server.
    pub fn address(&self) -> String {
        format!("{}:{}", self.options.get_host(), self.options.get_port())
    }

    /// The version of the server as a number, such as 160002. Without the settings of a session, since
    /// an old server does not know all of them.
    pub async fn server_version(&self) -> sqlx::Result<i32> {
        let mut connection = PgConnection::connect_with(&self.options).await?;
        let version = sqlx::query_scalar("select current_setting('server_version_num')::int")
            .fetch_one(&mut connection)
            .await?;
        connection.close().await?;
        Ok(version)
    }

    /// A connection outside of the pools.
    pub async fn connect(&self) -> sqlx::Result<PgConnection> {
        let mut connection = PgConnection::connect_with(&self.options).await?;
        raw_sql(AssertSqlSafe(self.session.sql())).execute(&mut connection).await?;
        Ok(connection)
    }

    /// Opens a pool. It connects on demand.
    pub fn pool(&self, max_connections: u32) -> PgPool {
        let session = self.session.sql();
        PgPoolOptions::new()
            .max_connections(max_connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .after_connect(move |connection, _| {
                let session = session.clone();
                Box::pin(async move {
                    raw_sql(AssertSqlSafe(session)).execute(connection).await?;
                    Ok(())
                })
            })
            .before_acquire(|connection, state| {
                Box::pin(async move {
                    if state.idle_for < TRUSTED_IDLE {
                        return Ok(true);
                    }
                    connection.ping().await.map(|()| true)
                })
            })
            .after_release(|connection, _| {
                Box::pin(async move {
                    Ok(matches!(timeout(GIVE_BACK_TIMEOUT, connection.ping()).await, Ok(Ok(()))))
                })
            })
            .connect_lazy_with(self.options.clone())
    }
}

/// Whether the schema can be migrated and used: null, or what is wrong with the role.
const ROLE_PROBLEM: &str = "select case
    when pg_is_in_recovery() then 'is a standby, or being restored: name the primary'
    when not has_schema_privilege(current_schema(), 'create')
        then 'does not let the role ' || current_user || ' make tables in the schema ' || current_schema()
            || ': grant create on that schema to it'
    when exists (select from pg_class where relname = 'event_log' and relnamespace = current_schema()::regnamespace
            and not pg_has_role(relowner, 'usage'))
        then 'has tables of another role than ' || current_user || ': connect as their owner'
end";

/// Checks what cannot be set for a session: version, encoding, rights.
///
/// # Errors
/// One line that says what is wrong.
pub async fn check(pool: &PgPool) -> anyhow::Result<()> {
    let mut db = pool.acquire().await.context("the database cannot be prepared")?;
    for question in [PROBLEM, ROLE_PROBLEM] {
        let problem: Option<String> = sqlx::query_scalar(question).fetch_one(&mut *db).await?;
        if let Some(problem) = problem {
            bail!("database.url: the database {problem}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use chat_core::lifecycle::Lifecycle;
    use private_postgres::testing::TestDatabase;

    use super::*;
    use crate::db::messages::send::Connector;

    /// Defaults of a database against which Parlor could not work, or would keep less than it
    /// promises.
    const HOSTILE: [(&str, &str); 18] = [
        ("default_transaction_isolation", "serializable"),
        ("default_transaction_read_only", "on"),
        ("synchronous_commit", "off"),
        ("search_path", "elsewhere"),
        ("timezone", "Asia/Kathmandu"),
        ("standard_conforming_strings", "off"),
        ("client_encoding", "LATIN1"),
        ("datestyle", "German"),
        ("intervalstyle", "iso_8601"),
        ("bytea_output", "escape"),
        ("extra_float_digits", "0"),
        ("lock_timeout", "20min"),
        ("statement_timeout", "20min"),
        ("idle_in_transaction_session_timeout", "20min"),
        ("idle_session_timeout", "1min"),
        ("transform_null_equals", "on"),
        ("jit", "on"),
        ("client_min_messages", "debug1"),
    ];

    /// The settings that must not be those above, in the same order.
    const SHOW: &str =
        "select name || '=' || setting from unnest($1::text[]) with ordinality asked (name, place)
        join pg_settings using (name) order by place";

    fn expected(statement: &str, lock: &str, idle: &str) -> Vec<String> {
        let values = [
            "read committed",
            "off",
            "on",
            "public",
            "UTC",
            "on",
            "UTF8",
            "ISO, MDY",
            "postgres",
            "hex",
            "1",
            lock,
            statement,
            idle,
            "0",
            "off",
            "off",
            "warning",
        ];
        HOSTILE.iter().zip(values).map(|((name, _), value)| format!("{name}={value}")).collect()
    }

    async fn hostile_database() -> TestDatabase {
        let database = TestDatabase::new().await.unwrap();
        let mut db = PgConnection::connect(database.url()).await.unwrap();
        for (name, value) in HOSTILE {
            let sql = format!("alter database {} set {name} = '{value}'", database.name());
            raw_sql(AssertSqlSafe(sql)).execute(&mut db).await.unwrap();
        }
        database
    }

    fn names() -> Vec<&'static str> {
        let mut names: Vec<&str> = HOSTILE.iter().map(|(name, _)| *name).collect();
        // As pg_settings spells them.
        for name in &mut names {
            *name = match *name {
                "timezone" => "TimeZone",
                "datestyle" => "DateStyle",
                "intervalstyle" => "IntervalStyle",
                name => name,
            };
        }
        names
    }

    #[tokio::test]
    async fn no_default_of_a_role_or_database_reaches_a_connection() {
        let database = hostile_database().await;
        let connect = Connect::parse(&Secret::new(database.url())).unwrap();
        let same = |shown: Vec<String>, expected: Vec<String>| {
            assert_eq!(
                shown.iter().map(|line| line.to_lowercase()).collect::<Vec<_>>(),
                expected.iter().map(|line| line.to_lowercase()).collect::<Vec<_>>()
            );
        };
        let pool = connect.pool(1);
        let shown = sqlx::query_scalar(SHOW).bind(names()).fetch_all(&pool).await.unwrap();
        same(shown, expected("10000", "2000", "10000"));
        let mut alone = connect.with_statement_timeout(Duration::from_secs(60)).connect().await.unwrap();
        let shown = sqlx::query_scalar(SHOW).bind(names()).fetch_all(&mut alone).await.unwrap();
        same(shown, expected("60000", "2000", "10000"));

        let lifecycle = Lifecycle::new();
        let sends = Connector::new(database.url(), Duration::from_secs(5), &lifecycle).unwrap();
        let sends = sends.with_lock_timeout(Duration::from_secs(1)).connect().await.unwrap();
        same(sends.show(SHOW, &names()).await, expected("5000", "1000", "10000"));
    }

    #[tokio::test]
    async fn a_stronger_promise_of_commits_is_kept() {
        let database = TestDatabase::new().await.unwrap();
        for (default, kept) in
            [("remote_apply", "remote_apply"), ("remote_write", "on"), ("local", "on"), ("off", "on")]
        {
            let sql = format!("alter database {} set synchronous_commit = {default}", database.name());
            let mut db = PgConnection::connect(database.url()).await.unwrap();
            raw_sql(AssertSqlSafe(sql)).execute(&mut db).await.unwrap();
            let mut db = Connect::parse(&Secret::new(database.url())).unwrap().connect().await.unwrap();
            let shown: String =
                sqlx::query_scalar("show synchronous_commit").fetch_one(&mut db).await.unwrap();
            assert_eq!(shown, kept, "{default}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_set_is_refused_in_one_line() {
        let latin = TestDatabase::empty("encoding 'LATIN1' locale 'C'").await.unwrap();
        let database = TestDatabase::new().await.unwrap();
        let mut db = PgConnection::connect(database.url()).await.unwrap();
        let role = format!("role_of_{}", database.name());
        let sql = format!("create role {role} login password 'secret'");
        raw_sql(AssertSqlSafe(sql)).execute(&mut db).await.unwrap();
        let stranger = database.url_as(&role, "secret");
        let elsewhere = format!("{stranger}?options[search_path]=elsewhere");
        for (url, words) in [
            (latin.url(), "encoding LATIN1"),
            (&stranger, "grant create on that schema"),
            (&elsewhere, "no schema elsewhere"),
        ] {
            let connect = Connect::parse(&Secret::new(url)).unwrap();
            let refusal = format!("{:#}", check(&connect.pool(1)).await.unwrap_err());
            assert!(
                refusal.starts_with("database.url: the database ") && refusal.contains(words),
                "{refusal}"
            );
            assert!(!refusal.contains('\n') && !refusal.contains("secret"), "{refusal}");
        }
        let sql = format!("grant create on schema public to {role}");
        raw_sql(AssertSqlSafe(sql)).execute(&mut db).await.unwrap();
        let refusal = check(&Connect::parse(&Secret::new(&*stranger)).unwrap().pool(1)).await.unwrap_err();
        assert!(refusal.to_string().contains("connect as their owner"), "{refusal}");
        check(&Connect::parse(&Secret::new(database.url())).unwrap().pool(1)).await.unwrap();
        let sql = format!("drop owned by {role}; drop role {role}");
        raw_sql(AssertSqlSafe(sql)).execute(&mut db).await.unwrap();
    }
}
