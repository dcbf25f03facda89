//! Counts messages and bytes by chat and day (UTC), for quotas and administration.

use event_log::{Head, LogRow};
use sqlx::{PgConnection, Result};

use crate::db;

/// The database sums the events itself: their texts need not come here.
pub(super) async fn apply(db: &mut PgConnection, before: Head, rows: &[LogRow]) -> Result<()> {
    let Some(last) = rows.last() else { return Ok(()) };
    db::usage::add(db, last.shard, before.id, last.id).await
}
