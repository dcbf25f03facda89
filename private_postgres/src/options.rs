//! What kind of cluster to run, and where.

use std::{path::PathBuf, time::Duration};

use crate::programs::Search;

/// How long the data lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// Kept, and safe against power cuts.
    Kept,
    /// For tests: nothing is flushed to disk, and the folder is removed when its owner ends, even
    /// by a kill.
    Temporary,
}

/// What kind of cluster, and where.
#[derive(Debug, Clone)]
pub struct Options {
    /// The cluster's folder, created if it does not exist. It holds the data, the log and the
    /// password.
    pub folder: PathBuf,
    /// How long the data lasts.
    pub lifetime: Lifetime,
    /// Where to find Postgres.
    pub search: Search,
    /// Connections that Postgres accepts.
    pub max_connections: u16,
    /// The setting `shared_buffers`.
    pub shared_buffers_mib: u32,
    /// How long a start may take. After a crash Postgres first replays its log.
    pub start_timeout: Duration,
}

impl Options {
    /// A durable cluster in `folder`, with any Postgres that is found.
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

    /// A cluster for tests. Its `folder` is removed with it.
    pub fn temporary(folder: impl Into<PathBuf>) -> Self {
        Self {
            lifetime: Lifetime::Temporary,
            max_connections: 400,
            start_timeout: Duration::from_mins(1),
            ..Self::kept(folder)
        }
    }
}
