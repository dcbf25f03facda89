//! Databases for tests: each test gets one of its own, copied from a migrated template.
//!
//! With `DATABASE_URL` set the databases are created on that server, else on a temporary cluster,
//! which this process starts at first use and which ends with the process. Every name starts with
//! `parlor_test_` and its time of creation, so that later runs recognise and drop leftovers.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    ops::Deref,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::{OnceLock, mpsc},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use sqlx::{
    AssertSqlSafe, Connection as _, PgConnection, PgPool, migrate::Migrator, postgres::PgPoolOptions,
};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::{
    cluster::Cluster,
    error::{Result, Trying},
    options::Options,
    user::environment,
};

/// The tables of Parlor.
static MIGRATIONS: Migrator = sqlx::migrate!("../migrations");

/// The names of test databases and temporary clusters start with this.
const PREFIX: &str = "parlor_test_";

/// Older test databases are leftovers.
const LEFTOVER_AGE: Duration = Duration::from_hours(24);

/// A template is used for half the time it is kept, so that no test copies one that is being
/// dropped.
const TEMPLATE_AGE: Duration = Duration::from_hours(12);

/// On a lasting server, the end of a test waits this long for the drop of its database.
const DROP_TIMEOUT: Duration = Duration::from_secs(10);

/// Databases that may wait to be dropped; one process has far fewer tests.
const DROP_QUEUE: usize = 1_024;

/// The key of the advisory lock that lets one process at a time create the template: "parlor".
const TEMPLATE_LOCK: i64 = 0x7061_726c_6f72;

/// The server, shared by all tests of this process. They share no pool, since each test has a
/// runtime of its own and a connection dies with its runtime.
#[derive(Debug)]
struct TestServer {
    /// A database to connect to for `create database`.
    admin_url: String,
    template: String,
    /// `None` if `DATABASE_URL` names the server. A static is never dropped; the watcher stops this
    /// one.
    cluster: Option<TestCluster>,
}

impl TestServer {
    async fn get() -> Result<&'static Self> {
        static SERVER: OnceCell<TestServer> = OnceCell::const_new();
        SERVER.get_or_try_init(Self::new).await
    }

    async fn new() -> Result<Self> {
        let given = environment("DATABASE_URL").map(|url| url.to_string_lossy().into_owned());
        let cluster = match given {
            Some(_) => None,
            None => Some(TestCluster::start().await?),
        };
        let admin_url =
            given.or_else(|| cluster.as_ref().map(|cluster| cluster.url("postgres"))).unwrap_or_default();
        let mut admin = PgConnection::connect(&admin_url).await?;
        if cluster.is_none() {
            sweep_databases(&mut admin).await?;
        }
        let template = find_or_make_template(&mut admin, &admin_url).await?;
        admin.close().await?;
        Ok(Self { admin_url, template, cluster })
    }
}

/// An empty, migrated database of its own, dropped with this value.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    url: String,
    admin_url: String,
    /// The server outlives this process.
    on_lasting_server: bool,
}

impl TestDatabase {
    /// On the server of `DATABASE_URL`, else on this process's temporary cluster. May be called
    /// from many tests, each with its own runtime.
    pub async fn new() -> Result<Self> {
        Self::made_with(None).await
    }

    /// An empty database. `options` follow `create database`: an encoding, a locale, an owner.
    pub async fn empty(options: &str) -> Result<Self> {
        Self::made_with(Some(options)).await
    }

    async fn made_with(options: Option<&str>) -> Result<Self> {
        let server = TestServer::get().await?;
        let mut admin = PgConnection::connect(&server.admin_url).await?;
        let name = new_name(&format!("{:08x}", rand::random::<u32>()));
        match options {
            None => create_database(&mut admin, &name, Some(&server.template)).await?,
            Some(options) => {
                execute(&mut admin, format!("create database \"{name}\" template template0 {options}"))
                    .await?;
            }
        }
        admin.close().await?;
        Ok(Self {
            url: replace_database(&server.admin_url, &name),
            name,
            admin_url: server.admin_url.clone(),
            on_lasting_server: server.cluster.is_none(),
        })
    }

    /// Where to connect, in a form that sqlx and tokio-postgres both read.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The name of the database.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where to connect as another role of the same server, by its password.
    pub fn url_as(&self, role: &str, password: &str) -> String {
        let (scheme, rest) = self.url.split_once("://").unwrap_or(("postgres", &self.url));
        let server = rest.split_once('@').map_or(rest, |(_, server)| server);
        format!("{scheme}://{role}:{password}@{server}")
    }

    /// A pool in the runtime of the caller, of at most `max_connections`.
    pub async fn pool(&self, max_connections: u32) -> Result<PgPool> {
        Ok(PgPoolOptions::new().max_connections(max_connections).connect(&self.url).await?)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (done, dropped) = mpsc::sync_channel(1);
        let job = Removal { admin_url: self.admin_url.clone(), name: self.name.clone(), _done: done };
        let queued = removals().is_some_and(|queue| queue.send(job).is_ok());
        if queued && self.on_lasting_server {
            // The process may end with this test and must not leave the database behind. Blocking
            // is fine: the test is over.
            let _ = dropped.recv_timeout(DROP_TIMEOUT);
        }
    }
}

/// A database to drop. Its channel closes when that is done.
struct Removal {
    admin_url: String,
    name: String,
    _done: mpsc::SyncSender<()>,
}

/// The queue of the thread that drops databases: `Drop` has no runtime to wait in.
fn removals() -> Option<&'static mpsc::SyncSender<Removal>> {
    static QUEUE: OnceLock<Option<mpsc::SyncSender<Removal>>> = OnceLock::new();
    QUEUE
        .get_or_init(|| {
            let (sender, receiver) = mpsc::sync_channel::<Removal>(DROP_QUEUE);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            let work = move || {
                for removal in receiver {
                    // A later run drops what cannot be dropped now.
                    let _ = runtime.block_on(drop_database(&removal.admin_url, &removal.name));
                }
            };
            thread::Builder::new().name("drop-test-databases".to_owned()).spawn(work).ok()?;
            Some(sender)
        })
        .as_ref()
}

async fn drop_database(admin_url: &str, name: &str) -> Result<()> {
    let mut admin = PgConnection::connect(admin_url).await?;
    execute(&mut admin, format!("drop database if exists \"{name}\" with (force)")).await?;
    admin.close().await?;
    Ok(())
}

/// A private cluster for one test, which may kill and restart it. Never the server of
/// `DATABASE_URL`.
#[derive(Debug)]
pub struct TestCluster {
    // Declared before the folder, so that Postgres stops first.
    cluster: Cluster,
    _folder: TempDir,
}

impl TestCluster {
    /// A new, empty cluster.
    pub async fn start() -> Result<Self> {
        Self::start_in(&std::env::temp_dir()).await
    }

    /// The same in a folder within `parent`, such as a file system of its own.
    pub async fn start_in(parent: &Path) -> Result<Self> {
        let folder = new_folder(parent)?;
        let cluster = Cluster::start(Options::temporary(folder.path())).await?;
        Ok(Self { cluster, _folder: folder })
    }

    /// A standby that follows this cluster and answers queries.
    pub async fn standby(&self) -> Result<Self> {
        let folder = new_folder(&std::env::temp_dir())?;
        self.cluster.back_up_into(folder.path().to_owned()).await?;
        let cluster = Cluster::start(Options::temporary(folder.path())).await?;
        Ok(Self { cluster, _folder: folder })
    }

    /// Promotes a standby to a primary, on a new timeline.
    pub async fn promote(&self) -> Result<()> {
        let mut admin = PgConnection::connect(&self.url("postgres")).await?;
        sqlx::query("select pg_promote()").execute(&mut admin).await?;
        admin.close().await?;
        Ok(())
    }

    /// Creates a migrated database and returns its URL.
    pub async fn create_database(&self, name: &str) -> Result<String> {
        let mut admin = PgConnection::connect(&self.url("postgres")).await?;
        create_database(&mut admin, name, None).await?;
        admin.close().await?;
        let url = self.url(name);
        migrate(&url).await?;
        Ok(url)
    }
}

fn new_folder(parent: &Path) -> Result<TempDir> {
    sweep_folders();
    tempfile::Builder::new()
        .prefix(PREFIX)
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(parent)
        .trying(|| "cannot make a temporary folder".to_owned())
}

/// Stop, kill, restart and the rest are those of [`Cluster`].
impl Deref for TestCluster {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.cluster
    }
}

/// A template with the current migrations: one that another process created lately, or a new one.
///
/// It accepts no connections, since Postgres does not copy a database that has any.
async fn find_or_make_template(admin: &mut PgConnection, admin_url: &str) -> Result<String> {
    // Held until this connection closes.
    sqlx::query("select pg_advisory_lock($1)").bind(TEMPLATE_LOCK).execute(&mut *admin).await?;
    let suffix = format!("template_{:016x}", hash_of_migrations());
    for database in test_databases(admin).await? {
        if database.name.ends_with(&suffix) && database.age < TEMPLATE_AGE {
            return Ok(database.name);
        }
    }
    // It has another name until it is complete.
    let unfinished = new_name(&format!("{:08x}", rand::random::<u32>()));
    create_database(admin, &unfinished, None).await?;
    migrate(&replace_database(admin_url, &unfinished)).await?;
    let template = new_name(&suffix);
    execute(admin, format!("alter database \"{unfinished}\" with allow_connections false")).await?;
    execute(admin, format!("alter database \"{unfinished}\" rename to \"{template}\"")).await?;
    Ok(template)
}

async fn migrate(url: &str) -> Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    MIGRATIONS.run(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

fn hash_of_migrations() -> u64 {
    let mut hasher = DefaultHasher::new();
    for migration in MIGRATIONS.iter() {
        migration.version.hash(&mut hasher);
        migration.checksum.hash(&mut hasher);
    }
    hasher.finish()
}

async fn create_database(admin: &mut PgConnection, name: &str, template: Option<&str>) -> Result<()> {
    // An administrator may have changed template1.
    let template = template.unwrap_or("template0");
    execute(admin, format!("create database \"{name}\" template \"{template}\"")).await
}

/// Runs a statement without parameters. All names in it come from this crate or a test.
async fn execute(admin: &mut PgConnection, statement: String) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(admin).await?;
    Ok(())
}

struct FoundDatabase {
    name: String,
    age: Duration,
}

/// All databases of tests on this server, the newest first.
async fn test_databases(admin: &mut PgConnection) -> Result<Vec<FoundDatabase>> {
    let names: Vec<String> = sqlx::query_scalar(
        "select datname::text from pg_database where starts_with(datname::text, $1) order by 1 desc",
    )
    .bind(PREFIX)
    .fetch_all(admin)
    .await?;
    let found = names.into_iter().filter_map(|name| {
        let made: u64 = name.strip_prefix(PREFIX)?.split('_').next()?.parse().ok()?;
        let age = Duration::from_secs(seconds_now().saturating_sub(made));
        Some(FoundDatabase { name, age })
    });
    Ok(found.collect())
}

/// Drops the leftovers of killed runs on a lasting server.
async fn sweep_databases(admin: &mut PgConnection) -> Result<()> {
    for database in test_databases(admin).await? {
        if database.age > LEFTOVER_AGE {
            // Another process may drop the same database.
            let _ =
                execute(admin, format!("drop database if exists \"{}\" with (force)", database.name)).await;
        }
    }
    Ok(())
}

/// Removes the folders of clusters whose owner and watcher were both killed.
fn sweep_folders() {
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let old = entry
            .metadata()
            .and_then(|metadata| metadata.modified())
            .is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age > LEFTOVER_AGE));
        if !old || !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        // A long test run may still own it.
        if fs::File::open(entry.path().join("lock")).is_ok_and(|lock| lock.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// `parlor_test_<second>_<end>`
fn new_name(end: &str) -> String {
    format!("{PREFIX}{}_{end}", seconds_now())
}

fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The same server and options, another database.
fn replace_database(url: &str, database: &str) -> String {
    let (before_options, options) =
        url.split_once('?').map_or((url, None), |(url, options)| (url, Some(options)));
    let authority = before_options.find("://").map_or(0, |scheme| scheme + 3);
    let server = match before_options[authority..].find('/') {
        Some(slash) => &before_options[..authority + slash],
        None => before_options,
    };
    match options {
        Some(options) => format!("{server}/{database}?{options}"),
        None => format!("{server}/{database}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn database_in_a_url_is_replaced() {
        assert_eq!(replace_database("postgres://a:b@h:1/old", "new"), "postgres://a:b@h:1/new");
        assert_eq!(replace_database("postgres://h", "new"), "postgres://h/new");
        assert_eq!(
            replace_database("postgres://h/?sslmode=disable", "new"),
            "postgres://h/new?sslmode=disable"
        );
        assert_eq!(replace_database("postgresql:///old?host=/run", "new"), "postgresql:///new?host=/run");
    }
}
