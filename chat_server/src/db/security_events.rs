use std::net::IpAddr;

use chat_core::{AccountId, SessionId, UserId, WorkspaceId};
use sqlx::{PgExecutor, Result};

/// A row of the table.
pub struct NewSecurityEvent<'a> {
    pub kind: &'a str,
    pub workspace_id: Option<WorkspaceId>,
    pub account_id: Option<AccountId>,
    pub user_id: Option<UserId>,
    pub about_user_id: Option<UserId>,
    pub session_id: Option<SessionId>,
    pub address: Option<IpAddr>,
    pub detail: &'a str,
}

pub async fn insert(db: impl PgExecutor<'_>, new: &NewSecurityEvent<'_>) -> Result<()> {
    sqlx::query!(
        "insert into security_events
             (kind, workspace_id, account_id, user_id, about_user_id, session_id, address, detail)
         values ($1, $2, $3, $4, $5, $6, $7::text::inet, $8)",
        new.kind,
        new.workspace_id.map(|id| id.0),
        new.account_id.map(|id| id.0),
        new.user_id.map(|id| id.0),
        new.about_user_id.map(|id| id.0),
        new.session_id.map(|id| id.0),
        new.address.map(|address| address.to_string()),
        new.detail
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes at most `limit` rows that are older than `days`.
pub async fn delete_old(db: impl PgExecutor<'_>, days: i32, limit: i64) -> Result<u64> {
    let done = sqlx::query!(
        "delete from security_events where id in (
             select id from security_events where at < now() - make_interval(days => $1) limit $2)",
        days,
        limit
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
