//! The quota on the text in a workspace. The consumer `workspace_usage` sums what is stored; this asks
//! for the sum now and then. So a workspace may exceed its quota by what is sent in a few seconds.

use std::time::Duration;

use chat_core::{WorkspaceId, config::LimitsConfig};
use moka::sync::Cache;
use sqlx::PgPool;

use crate::{
    db,
    error::{ApiError, Result},
    metrics::Metrics,
};

/// How long an answer is used.
const TIME_TO_LIVE: Duration = Duration::from_secs(5);
const WORKSPACES_MAX: u64 = 50_000;

/// Knows which workspaces are full.
pub struct Quota {
    max_bytes: Option<i64>,
    is_full: Cache<WorkspaceId, bool>,
    metrics: Metrics,
}

impl Quota {
    pub fn new(limits: &LimitsConfig, metrics: Metrics) -> Self {
        let max_bytes = i64::try_from(limits.storage_mb_per_workspace * 1024 * 1024).unwrap_or(i64::MAX);
        Self {
            max_bytes: (max_bytes > 0).then_some(max_bytes),
            is_full: Cache::builder().max_capacity(WORKSPACES_MAX).time_to_live(TIME_TO_LIVE).build(),
            metrics,
        }
    }

    /// # Errors
    /// 409 if the workspace is full.
    pub async fn check(&self, db: &PgPool, workspace: WorkspaceId) -> Result<()> {
        let Some(max_bytes) = self.max_bytes else { return Ok(()) };
        let is_full = if let Some(is_full) = self.is_full.get(&workspace) {
            is_full
        } else {
            let is_full = Box::pin(db::usage::stored_bytes(db, workspace)).await? >= max_bytes;
            self.is_full.insert(workspace, is_full);
            is_full
        };
        if is_full {
            self.metrics.bounds.quota_refused.inc();
            return Err(ApiError::conflict(
                "workspace_full",
                "the workspace holds as much text as it may: delete some, or ask who runs this server for more",
            ));
        }
        Ok(())
    }
}
