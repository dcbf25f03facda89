//! The errors of this crate. Each text says what to do.

use std::{io, path::PathBuf};

use crate::majors::{NEWEST, OLDEST};

/// Why there is no running cluster, or no test database.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Postgres is not installed and could not be downloaded.
    #[error(
        "no Postgres {OLDEST} to {NEWEST} was found and none could be downloaded ({download}): install it \
         (apt install postgresql, dnf install postgresql-server, brew install postgresql@17), or set database.url to \
         a server of yours"
    )]
    NoPrograms {
        /// Why the download failed, or was not tried.
        download: String,
    },

    /// The configured programs folder is not usable.
    #[error("the Postgres programs folder {}: {problem}", folder.display())]
    ProgramsFolder {
        /// As configured.
        folder: PathBuf,
        /// What is wrong with it.
        problem: String,
    },

    /// The data was made by a version of Postgres that was not found.
    #[error(
        "{} was made by Postgres {data}, which was not found (only: {found}) and could not be downloaded ({download}): \
         install Postgres {data}, or dump the data with it and load it into a new folder", folder.display()
    )]
    WrongMajor {
        /// The cluster's folder.
        folder: PathBuf,
        /// The major version in its `PG_VERSION`.
        data: u32,
        /// The versions that were found.
        found: String,
        /// Why the download failed, or was not tried.
        download: String,
    },

    /// The place of the cluster holds something else.
    #[error("{} {problem}: move it away, or choose another data folder", folder.display())]
    ForeignFolder {
        /// The folder in the way.
        folder: PathBuf,
        /// What is wrong with it.
        problem: String,
    },

    /// Another process runs this cluster.
    #[error("{} is in use by another process: only one may run on it", .0.display())]
    InUse(PathBuf),

    /// A Postgres that a dead owner left running cannot be stopped.
    #[error("a Postgres that was left running in {} (process {pid}) cannot be stopped: {problem}", folder.display())]
    Leftover {
        /// The cluster's folder.
        folder: PathBuf,
        /// The postmaster.
        pid: i32,
        /// Why not.
        problem: String,
    },

    /// The process is root, and there is no other user to run Postgres as.
    #[error("Postgres refuses to run as root, and there is no user postgres or nobody to run it as")]
    NoUser,

    /// Any other failure with files and processes.
    #[error("{action}: {source}")]
    Io {
        /// The action that failed, with its path.
        action: String,
        /// The error of the system.
        source: io::Error,
    },

    /// initdb failed.
    #[error("initdb failed: {0}")]
    Initialize(String),

    /// pg_basebackup failed.
    #[error("pg_basebackup failed: {0}")]
    Backup(String),

    /// Postgres ended during its start, or was not ready in time.
    #[error("Postgres did not start: {problem}\n{log}")]
    Start {
        /// How it ended.
        problem: String,
        /// The last lines of its log.
        log: String,
    },

    /// A running server answered with an error.
    #[error("Postgres: {0}")]
    Database(#[from] sqlx::Error),

    /// A migration failed.
    #[error("migrations: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),

    /// The task that does blocking work panicked.
    #[error("internal: {0}")]
    Internal(String),
}

/// [`std::result::Result`] with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Adds the action that failed to an I/O error.
pub(crate) trait Trying<T> {
    /// `action` is called only for an error.
    fn trying(self, action: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Trying<T> for io::Result<T> {
    fn trying(self, action: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| Error::Io { action: action(), source })
    }
}
