//! The Postgres that the servers use: the configured one, or a private cluster in the data folder,
//! which is restarted when it dies.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use chat_core::{
    config::{Config, Secret},
    lifecycle::Lifecycle,
    token::random_secret,
};
use chat_server::connect::Connect;
use private_postgres::{Cluster, Options, SUPPORTED_MAJORS, Search};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tracing::{error, info};

/// The name of Parlor's database in a private cluster.
const NAME: &str = "parlor";
/// The role of the servers there. The superuser is for people with psql.
const ROLE: &str = "parlor_server";

/// How long a configured server may take to answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections beyond the two servers' pools: listeners, maintenance, and a person with psql.
const SPARE_CONNECTIONS: u32 = 60;

/// A private Postgres is not restarted after this many deaths in a row, each within [`SOON`] of its
/// start.
const DEATHS_MAX: u32 = 5;
const SOON: Duration = Duration::from_mins(1);

/// A Postgres that accepts connections.
pub struct Postgres {
    url: Secret,
    /// `None` where the configuration names a server.
    cluster: Option<Arc<Cluster>>,
}

impl Postgres {
    /// Checks the configured database, or starts the private one and creates it on the first run.
    ///
    /// # Errors
    /// One line that says what to do, with the cause from Postgres's log if it did not start.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        if let Some(url) = &config.database.url {
            let checking = tokio::time::timeout(CONNECT_TIMEOUT, check_given(url));
            checking.await.context("database.url: the server does not answer")??;
            return Ok(Self { url: url.clone(), cluster: None });
        }
        let folder = config.database.data_dir.join("postgres");
        let connections = 2 * config.database.max_connections + SPARE_CONNECTIONS;
        let options = Options {
            search: Search { folder: config.database.bin_dir.clone(), ..Search::default() },
            max_connections: u16::try_from(connections).context("database.max_connections: too many")?,
            ..Options::kept(folder.clone())
        };
        let started = Instant::now();
        let cluster = Cluster::start(options).await.map_err(in_one_line)?;
        let url = create_database(&cluster).await?;
        info!(folder = %folder.display(), ms = started.elapsed().as_millis(), "private Postgres is up");
        Ok(Self { url: Secret::new(url), cluster: Some(Arc::new(cluster)) })
    }

    /// The URL of the private Postgres, if one runs.
    pub fn url_of_running(config: &Config) -> Option<Secret> {
        let folder = config.database.data_dir.join("postgres");
        private_postgres::url_of_running(&folder, NAME).map(Secret::new)
    }

    pub fn url(&self) -> Secret {
        self.url.clone()
    }

    /// Restarts a private Postgres when it dies. The servers wait for it as for any database.
    pub fn keep_alive(&self, lifecycle: &Lifecycle) {
        let Some(cluster) = self.cluster.clone() else { return };
        let token = lifecycle.token();
        lifecycle.spawn("private Postgres", async move {
            token.run_until_cancelled(restart_when_dead(&cluster)).await.unwrap_or(Ok(()))
        });
    }

    /// Shuts a private Postgres down. The servers must have ended.
    pub async fn stop(self) -> anyhow::Result<()> {
        if let Some(cluster) = &self.cluster {
            cluster.stop().await?;
            info!("private Postgres is stopped");
        }
        Ok(())
    }
}

/// Reports a wrong URL at once; the servers would only wait and retry.
async fn check_given(url: &Secret) -> anyhow::Result<()> {
    // The parser accepts any scheme.
    let is_postgres = ["postgres://", "postgresql://"].iter().any(|scheme| url.expose().starts_with(scheme));
    let connect = Connect::parse(url)
        .ok()
        .filter(|_| is_postgres)
        .context("database.url cannot be read: expected postgres://user:password@host:port/name")?;
    let at = format!("database.url: {}", connect.address());
    // The text of an sqlx error includes that of its sources.
    let version = connect.server_version().await.map_err(|error| anyhow::anyhow!("{at}: {error}"))?;
    let major = u32::try_from(version / 10_000)?;
    if major < *SUPPORTED_MAJORS.start() {
        bail!("{at} is Postgres {major}, and Parlor needs {} or newer", SUPPORTED_MAJORS.start());
    }
    Ok(())
}

/// Adds the line of Postgres's log that says why it did not start.
fn in_one_line(error: private_postgres::Error) -> anyhow::Error {
    let private_postgres::Error::Start { problem, log } = error else { return error.into() };
    let why = log.lines().rfind(|line| line.contains("FATAL:") || line.contains("PANIC:"));
    let why = why.or(log.lines().last()).unwrap_or_default().trim();
    anyhow::anyhow!("the private Postgres did not start: {problem} ({why}); more in server.log in its folder")
}

/// Makes the role of the servers, which is no superuser, with a new password at each start, and the
/// database that it owns. Returns the URL for the servers.
async fn create_database(cluster: &Cluster) -> anyhow::Result<String> {
    let mut admin = PgConnection::connect(&cluster.url("postgres")).await?;
    let exists = async |admin: &mut PgConnection, sql: &'static str, name: &str| {
        sqlx::query_scalar::<_, bool>(sql).bind(name).fetch_one(admin).await
    };
    let role = "select exists (select from pg_roles where rolname = $1)";
    if !exists(&mut admin, role, ROLE).await? {
        execute(&mut admin, format!("create role {ROLE} login nosuperuser nocreaterole nocreatedb")).await?;
    }
    let password = random_secret();
    execute(&mut admin, format!("alter role {ROLE} password '{password}'")).await?;
    let database = "select exists (select from pg_database where datname = $1)";
    if !exists(&mut admin, database, NAME).await? {
        execute(
            &mut admin,
            format!("create database {NAME} owner {ROLE} encoding 'UTF8' template template0"),
        )
        .await?;
    }
    admin.close().await?;
    Ok(cluster.url_as(ROLE, &password, NAME))
}

/// Runs a statement whose names and values are this program's own.
async fn execute(admin: &mut PgConnection, sql: String) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(admin).await.map(drop)
}

/// Returns only when it gives up.
async fn restart_when_dead(cluster: &Cluster) -> anyhow::Result<()> {
    let mut deaths = 0;
    loop {
        let started = Instant::now();
        let Some(exit) = cluster.exited().await else { bail!("the private Postgres is not running") };
        deaths = if started.elapsed() < SOON { deaths + 1 } else { 1 };
        if deaths > DEATHS_MAX {
            bail!("the private Postgres died {deaths} times in a row ({exit}): see server.log in its folder");
        }
        error!("the private Postgres is gone ({exit}): starting it again");
        let url = cluster.url(NAME);
        cluster.restart().await.map_err(in_one_line)?;
        if cluster.url(NAME) != url {
            bail!(
                "the private Postgres came back on another port, since its own was taken: start Parlor again"
            );
        }
    }
}
