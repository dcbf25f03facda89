//! A private cluster: created on first use, and running while its [`Cluster`] lives.

use std::{
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::task::spawn_blocking;

use crate::{
    error::{Error, Result, Trying},
    folder::{Folder, SUPERUSER},
    options::Options,
    programs::{self, Programs},
    server::{Exit, Server},
};

/// A cluster that this process owns. Postgres stops when this is dropped or the process ends in any
/// way.
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
    /// Dropped after the server, since it holds the lock.
    folder: Folder,
}

impl Cluster {
    /// Creates the cluster if there is none, stops a Postgres that a killed owner left running, and
    /// starts Postgres.
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

    /// The URL of `database`, as the superuser. It stays the same after a restart if its port is
    /// still free.
    pub fn url(&self, database: &str) -> String {
        let port = self.inner.server().map(|server| server.port).or_else(|| self.inner.folder.port());
        let Inner { password, .. } = &*self.inner;
        format!("postgres://{SUPERUSER}:{password}@127.0.0.1:{}/{database}", port.unwrap_or_default())
    }

    /// The URL of `database` as another role.
    pub fn url_as(&self, role: &str, password: &str, database: &str) -> String {
        let port = self.inner.server().map(|server| server.port).or_else(|| self.inner.folder.port());
        format!("postgres://{role}:{password}@127.0.0.1:{}/{database}", port.unwrap_or_default())
    }

    /// The process id of Postgres; `None` when it is stopped.
    pub fn postmaster_pid(&self) -> Option<u32> {
        self.inner.server().filter(|server| server.exit().is_none()).map(|server| server.pid())
    }

    /// Waits until Postgres ends for any reason. Returns at once when it is not running.
    pub async fn exited(&self) -> Option<Exit> {
        let mut exited = self.inner.server()?.exited();
        exited.wait_for(Option::is_some).await.ok().and_then(|exit| exit.clone())
    }

    /// Shuts Postgres down: open transactions are rolled back, and all data is on disk. At most 30
    /// seconds.
    pub async fn stop(&self) -> Result<()> {
        self.end(Server::stop).await
    }

    /// Kills Postgres, for tests of crashes.
    pub async fn kill(&self) -> Result<()> {
        self.end(Server::kill).await
    }

    /// Starts Postgres again. If it runs, it is stopped first.
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

    /// Copies the cluster into `folder`, which must exist and be empty, as a standby of this one.
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

/// Runs blocking work on a thread of its own.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    spawn_blocking(work).await.map_err(|error| Error::Internal(error.to_string()))?
}
