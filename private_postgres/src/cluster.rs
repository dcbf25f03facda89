//! A private cluster: made on first use, running while this value lives.

use std::{
    fmt,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::task::spawn_blocking;

use crate::{
    error::{Error, Result, Trying},
    folder::{Folder, SUPERUSER},
    programs::{self, Programs, Search},
    server::Server,
};

/// How long the data is to last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// Kept, and safe against power cuts.
    Kept,
    /// For tests: nothing is flushed to disk, and the folder is removed with its owner, even one that was killed.
    Temporary,
}

/// What kind of cluster, and where.
#[derive(Debug, Clone)]
pub struct Options {
    /// The cluster's own folder, made if it is not there. Holds the data, the log, the password.
    pub folder: PathBuf,
    /// How long the data is to last.
    pub lifetime: Lifetime,
    /// Where to find Postgres.
    pub search: Search,
    /// Connections that Postgres takes.
    pub max_connections: u16,
    /// Memory for pages that all connections share.
    pub shared_buffers_mib: u32,
    /// How long a start may take. After a crash Postgres replays its log first.
    pub start_timeout: Duration,
}

impl Options {
    /// A durable cluster in `folder`, with Postgres from wherever it is found.
    pub fn kept(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            lifetime: Lifetime::Kept,
            search: Search::default(),
            max_connections: 200,
            shared_buffers_mib: 128,
            start_timeout: Duration::from_mins(5),
        }
    }

    /// A cluster for tests in `folder`, which is removed with it.
    pub fn temporary(folder: impl Into<PathBuf>) -> Self {
        Self {
            lifetime: Lifetime::Temporary,
            max_connections: 400,
            start_timeout: Duration::from_mins(1),
            ..Self::kept(folder)
        }
    }
}

/// How a run of Postgres ended.
#[derive(Debug, Clone)]
pub struct Exit(ExitStatus);

impl Exit {
    pub(crate) fn new(status: ExitStatus) -> Self {
        Self(status)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.code(), self.0.signal()) {
            (_, Some(signal)) => write!(f, "it was ended by signal {signal}"),
            (Some(code), _) => write!(f, "it ended with code {code}"),
            (None, None) => write!(f, "it ended"),
        }
    }
}

/// A cluster that this process owns. Dropped, or with its owner gone in any way, Postgres is stopped.
#[derive(Debug)]
pub struct Cluster {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// `None` between a stop and a restart.
    server: Mutex<Option<Arc<Server>>>,
    password: String,
    programs: Programs,
    options: Options,
    /// After the server: the lock goes last.
    folder: Folder,
}

impl Cluster {
    /// Makes the cluster if there is none, stops what a killed owner left in it, and starts Postgres.
    ///
    /// Fails with [`Error::InUse`] while another process owns the folder, [`Error::WrongMajor`] or
    /// [`Error::NoPrograms`] without a fitting Postgres, [`Error::Start`] with the end of its log.
    pub async fn start(options: Options) -> Result<Self> {
        let inner = blocking(move || {
            let folder = Folder::open(&options.folder, options.lifetime)?;
            let existing = folder.major()?;
            let programs = programs::find(&options.search, existing, &folder.cluster(), folder.run_as())?;
            if existing.is_none() {
                folder.initialize(&programs, options.lifetime)?;
            }
            folder.sweep_postmaster()?;
            let password = folder.password()?;
            let server = Server::start(&folder, &programs, &options)?;
            let server = Mutex::new(Some(Arc::new(server)));
            Ok(Inner { server, password, programs, options, folder })
        })
        .await?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Where to connect to `database`, as the superuser. The same after a restart where its port is still free.
    pub fn url(&self, database: &str) -> String {
        let port = self.inner.server().map(|server| server.port).or_else(|| self.inner.folder.port());
        let Inner { password, .. } = &*self.inner;
        format!("postgres://{SUPERUSER}:{password}@127.0.0.1:{}/{database}", port.unwrap_or_default())
    }

    /// The process that is Postgres; `None` when it is stopped.
    pub fn postmaster_pid(&self) -> Option<u32> {
        self.inner.server().filter(|server| server.exit().is_none()).map(|server| server.pid())
    }

    /// Waits for the end of the present run, whoever ended it. Returns at once when none is running.
    pub async fn exited(&self) -> Option<Exit> {
        let mut exited = self.inner.server()?.exited();
        exited.wait_for(Option::is_some).await.ok().and_then(|exit| exit.clone())
    }

    /// Stops Postgres in order: open transactions are rolled back, everything is on disk. At most 30 seconds.
    pub async fn stop(&self) -> Result<()> {
        self.end(Server::stop).await
    }

    /// Kills Postgres, as a test of what survives that.
    pub async fn kill(&self) -> Result<()> {
        self.end(Server::kill).await
    }

    /// Starts Postgres again after [`Self::stop`], [`Self::kill`] or an end of its own; stops it first where it runs.
    pub async fn restart(&self) -> Result<()> {
        self.stop().await?;
        let inner = Arc::clone(&self.inner);
        blocking(move || {
            let server = Server::start(&inner.folder, &inner.programs, &inner.options)?;
            inner.replace_server(Some(Arc::new(server)));
            Ok(())
        })
        .await
    }

    /// Makes a folder, which is there and empty, one whose cluster follows this one as its standby.
    pub(crate) async fn back_up_into(&self, folder: PathBuf) -> Result<()> {
        let (inner, url) = (Arc::clone(&self.inner), self.url("postgres"));
        blocking(move || {
            let run_as = inner.folder.run_as();
            run_as.give(&folder)?;
            std::fs::write(folder.join("password"), &inner.password)
                .trying(|| format!("cannot write in {}", folder.display()))?;
            let output = run_as
                .command(inner.programs.folder.join("pg_basebackup"))
                .args([
                    "--write-recovery-conf",
                    "--wal-method=stream",
                    "--checkpoint=fast",
                    "--no-sync",
                    "--pgdata",
                ])
                .arg(folder.join("cluster"))
                .arg("--dbname")
                .arg(url)
                .stdin(Stdio::null())
                .output()
                .trying(|| "cannot run pg_basebackup".to_owned())?;
            let said = || Error::Backup(String::from_utf8_lossy(&output.stderr).trim().to_owned());
            if output.status.success() { Ok(()) } else { Err(said()) }
        })
        .await
    }

    async fn end(&self, how: fn(&Server)) -> Result<()> {
        let Some(server) = self.inner.server() else { return Ok(()) };
        let inner = Arc::clone(&self.inner);
        blocking(move || {
            how(&server);
            inner.replace_server(None);
            Ok(())
        })
        .await
    }
}

impl Inner {
    fn server(&self) -> Option<Arc<Server>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace_server(&self, server: Option<Arc<Server>>) {
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = server;
    }
}

/// Processes and files are waited for on a thread of their own.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    spawn_blocking(work).await.map_err(|error| Error::Internal(error.to_string()))?
}
