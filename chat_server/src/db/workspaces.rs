//! Tenants.

use chat_core::{
    AccountId, Timestamp, WorkspaceId,
    text::{WorkspaceName, fold},
};
use serde::{Deserialize, Serialize};
use sqlx::{PgExecutor, Result};
use utoipa::ToSchema;

/// A workspace as REST and events show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Workspace {
    pub id: WorkspaceId,
    pub name: String,
    pub created_at: Timestamp,
}

/// Workspaces that one account may be in.
pub const PER_ACCOUNT_MAX: usize = 100;

/// Violates `workspaces_name_key` if the name is taken.
pub async fn insert(db: impl PgExecutor<'_>, id: WorkspaceId, name: &WorkspaceName) -> Result<Workspace> {
    sqlx::query_as!(
        Workspace,
        r#"insert into workspaces (id, name, name_folded) values ($1, $2, $3)
           returning id as "id: WorkspaceId", name, created_at as "created_at: Timestamp""#,
        id.0,
        name.as_str(),
        fold(name.as_str())
    )
    .fetch_one(db)
    .await
}

pub async fn rename(db: impl PgExecutor<'_>, id: WorkspaceId, name: &WorkspaceName) -> Result<Workspace> {
    sqlx::query_as!(
        Workspace,
        r#"update workspaces set name = $2, name_folded = $3 where id = $1
           returning id as "id: WorkspaceId", name, created_at as "created_at: Timestamp""#,
        id.0,
        name.as_str(),
        fold(name.as_str())
    )
    .fetch_one(db)
    .await
}

pub async fn find(db: impl PgExecutor<'_>, id: WorkspaceId) -> Result<Workspace> {
    sqlx::query_as!(
        Workspace,
        r#"select id as "id: WorkspaceId", name, created_at as "created_at: Timestamp" from workspaces where id = $1"#,
        id.0
    )
    .fetch_one(db)
    .await
}

pub async fn any(db: impl PgExecutor<'_>) -> Result<bool> {
    sqlx::query_scalar!(r#"select exists (select from workspaces) as "any!""#).fetch_one(db).await
}

/// The workspaces in which an account has an active user, oldest membership first; at most
/// [`PER_ACCOUNT_MAX`].
pub async fn list_of_account(db: impl PgExecutor<'_>, account: AccountId) -> Result<Vec<Workspace>> {
    sqlx::query_as!(
        Workspace,
        r#"select w.id as "id: WorkspaceId", w.name, w.created_at as "created_at: Timestamp"
           from users u join workspaces w on w.id = u.workspace_id
           where u.account_id = $1 and u.deactivated_at is null
           order by u.created_at, u.id limit $2"#,
        account.0,
        i64::try_from(PER_ACCOUNT_MAX).unwrap_or(i64::MAX)
    )
    .fetch_all(db)
    .await
}
