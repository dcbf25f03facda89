//! The people of a workspace.

use chat_core::{
    AccountId, SessionId, Timestamp, UserId, WorkspaceId, WorkspaceRole,
    text::{FullName, fold},
};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgExecutor, Result};
use utoipa::ToSchema;

use super::SearchText;

/// A user as REST and events show them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct User {
    pub id: UserId,
    pub fullname: String,
    /// None for users who sign in through a host application.
    pub email: Option<String>,
    /// Whether the address is shown to be theirs. Anybody may claim one that is not.
    pub email_verified: bool,
    pub role: WorkspaceRole,
    /// False once deactivated: they cannot sign in, and their messages stay.
    pub active: bool,
    pub created_at: Timestamp,
}

/// A user, with fields that only the server needs.
pub struct UserOfAccount {
    pub id: UserId,
    pub workspace_id: WorkspaceId,
    pub active: bool,
}

/// A user whose row is locked.
pub struct LockedUser {
    pub id: UserId,
    pub role: WorkspaceRole,
    pub active: bool,
}

/// Violates `users_workspace_id_account_id_key` if the account has a user in the workspace.
pub async fn insert(
    db: impl PgExecutor<'_>,
    id: UserId,
    workspace: WorkspaceId,
    account: AccountId,
    fullname: &str,
    role: WorkspaceRole,
) -> Result<()> {
    sqlx::query!(
        "insert into users (id, workspace_id, account_id, fullname, fullname_folded, role) values ($1, $2, $3, $4, $5, $6)",
        id.0,
        workspace.0,
        account.0,
        fullname,
        fold(fullname),
        role as WorkspaceRole
    )
    .execute(db)
    .await?;
    Ok(())
}

/// None if the viewer cannot see them.
pub async fn find(db: impl PgExecutor<'_>, viewer: UserId, id: UserId) -> Result<Option<User>> {
    sqlx::query_as!(
        User,
        r#"select u.id as "id!: UserId", u.fullname as "fullname!", a.email as "email?",
                  a.email_verified_at is not null as "email_verified!", u.role as "role!: WorkspaceRole", u.deactivated_at is null as "active!",
                  u.created_at as "created_at!: Timestamp"
           from users_seen_by($1) u left join accounts a on a.id = u.account_id
           where u.id = $2"#,
        viewer.0,
        id.0
    )
    .fetch_optional(db)
    .await
}

/// The users whom the viewer can see, by id, and so by the time they joined.
pub async fn list(
    db: impl PgExecutor<'_>,
    viewer: UserId,
    after: Option<UserId>,
    limit: i64,
) -> Result<Vec<User>> {
    sqlx::query_as!(
        User,
        r#"select u.id as "id!: UserId", u.fullname as "fullname!", a.email as "email?",
                  a.email_verified_at is not null as "email_verified!", u.role as "role!: WorkspaceRole", u.deactivated_at is null as "active!",
                  u.created_at as "created_at!: Timestamp"
           from users_seen_by($1) u left join accounts a on a.id = u.account_id
           where $2::uuid is null or u.id > $2
           order by u.id limit $3"#,
        viewer.0,
        after.map(|id| id.0),
        limit + 1
    )
    .fetch_all(db)
    .await
}

/// Those whose name or e-mail address has the text; otherwise as [`list`].
pub async fn search(
    db: impl PgExecutor<'_>,
    workspace: WorkspaceId,
    viewer: UserId,
    text: &SearchText,
    after: Option<UserId>,
    limit: i64,
) -> Result<Vec<User>> {
    sqlx::query_as!(
        User,
        r#"with found as materialized (
               select s.user_id from people_search s
               where s.parts @> search_parts($2, $3, least(3, char_length($3)))
           )
           select u.id as "id!: UserId", u.fullname as "fullname!", a.email as "email?",
                  a.email_verified_at is not null as "email_verified!", u.role as "role!: WorkspaceRole",
                  u.deactivated_at is null as "active!",
                  u.created_at as "created_at!: Timestamp"
           from found f join users_seen_by($1) u on u.id = f.user_id left join accounts a on a.id = u.account_id
           where ($5::uuid is null or u.id > $5)
             and (u.fullname_folded like $4 or a.email_folded like $4)
           order by u.id limit $6"#,
        viewer.0,
        workspace.0,
        text.folded(),
        text.pattern(),
        after.map(|id| id.0),
        limit + 1
    )
    .fetch_all(db)
    .await
}

/// The users of `ids` whom the viewer can see; the other arguments as in [`list`].
pub async fn list_of(
    db: impl PgExecutor<'_>,
    viewer: UserId,
    ids: &[UserId],
    text: Option<&SearchText>,
    after: Option<UserId>,
    limit: i64,
) -> Result<Vec<User>> {
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    sqlx::query_as!(
        User,
        r#"select u.id as "id!: UserId", u.fullname as "fullname!", a.email as "email?",
                  a.email_verified_at is not null as "email_verified!", u.role as "role!: WorkspaceRole", u.deactivated_at is null as "active!",
                  u.created_at as "created_at!: Timestamp"
           from users_seen_by($1) u left join accounts a on a.id = u.account_id
           where u.id = any($2) and ($3::uuid is null or u.id > $3)
             and ($4::text is null or u.fullname_folded like $4 or a.email_folded like $4)
           order by u.id limit $5"#,
        viewer.0,
        &ids,
        after.map(|id| id.0),
        text.map(SearchText::pattern),
        limit + 1
    )
    .fetch_all(db)
    .await
}

/// The account's user in a workspace, active or deactivated.
pub async fn find_of_account(
    db: impl PgExecutor<'_>,
    account: AccountId,
    workspace: WorkspaceId,
) -> Result<Option<UserOfAccount>> {
    sqlx::query_as!(
        UserOfAccount,
        r#"select id as "id: UserId", workspace_id as "workspace_id: WorkspaceId", deactivated_at is null as "active!"
           from users where account_id = $1 and workspace_id = $2"#,
        account.0,
        workspace.0
    )
    .fetch_optional(db)
    .await
}

/// The user that a session gives access to: in `workspace`, or the one used last, or else the
/// account's first active one.
pub async fn find_of_session(
    db: impl PgExecutor<'_>,
    session: SessionId,
    workspace: Option<WorkspaceId>,
) -> Result<Option<UserOfAccount>> {
    sqlx::query_as!(
        UserOfAccount,
        r#"select u.id as "id: UserId", u.workspace_id as "workspace_id: WorkspaceId", u.deactivated_at is null as "active!"
           from sessions s join users u on u.account_id = s.account_id
           where s.id = $1 and u.deactivated_at is null and (u.access_from is null or s.created_at > u.access_from)
             and ($2::uuid is null or u.workspace_id = $2)
           order by u.id <> s.user_id, u.created_at, u.id limit 1"#,
        session.0,
        workspace.map(|id| id.0)
    )
    .fetch_optional(db)
    .await
}

/// A user of a deleted account who still has a name or access.
pub async fn find_to_forget(
    db: impl PgExecutor<'_>,
    account: AccountId,
    nobody: &str,
) -> Result<Option<UserOfAccount>> {
    sqlx::query_as!(
        UserOfAccount,
        r#"select id as "id: UserId", workspace_id as "workspace_id: WorkspaceId", deactivated_at is null as "active!"
           from users where account_id = $1 and (deactivated_at is null or fullname <> $2) order by id limit 1"#,
        account.0,
        nobody
    )
    .fetch_optional(db)
    .await
}

/// Who owns a workspace after its last owner: an active admin before others, and of
/// these the one who joined first.
pub async fn find_heir(
    db: impl PgExecutor<'_>,
    workspace: WorkspaceId,
    user: UserId,
) -> Result<Option<UserId>> {
    sqlx::query_scalar!(
        r#"select id as "id: UserId" from users where workspace_id = $1 and id <> $2 and deactivated_at is null
           order by role <> 'admin', created_at, id limit 1 for no key update"#,
        workspace.0,
        user.0
    )
    .fetch_optional(db)
    .await
}

/// Deactivates a user and takes the name.
pub async fn forget(db: impl PgExecutor<'_>, id: UserId, nobody: &str) -> Result<()> {
    sqlx::query!(
        "update users set fullname = $2, fullname_folded = $3, role = 'member',
                deactivated_at = coalesce(deactivated_at, now()), access_from = clock_timestamp()
         where id = $1",
        id.0,
        nobody,
        fold(nobody)
    )
    .execute(db)
    .await?;
    Ok(())
}

/// An active user's role. It locks the row, so that both stay until the transaction ends. Call this
/// before any lock on a chat.
pub async fn lock_active(
    db: &mut PgConnection,
    workspace: WorkspaceId,
    id: UserId,
) -> Result<Option<WorkspaceRole>> {
    sqlx::query_scalar!(
        r#"select role as "role: WorkspaceRole" from users
           where workspace_id = $1 and id = $2 and deactivated_at is null for share"#,
        workspace.0,
        id.0
    )
    .fetch_optional(db)
    .await
}

/// Locks users and, with `owners`, all owners of the workspace, for a change of role or activity.
/// All are locked in order of id, so that two transactions cannot deadlock. The lock is not
/// exclusive against foreign keys: rows that name a user may be written. Otherwise a sender who
/// holds the lock of their chat would deadlock with it.
pub async fn lock_for_update(
    db: &mut PgConnection,
    workspace: WorkspaceId,
    ids: &[UserId],
    with_owners: bool,
) -> Result<Vec<LockedUser>> {
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    sqlx::query_as!(
        LockedUser,
        r#"select id as "id: UserId", role as "role: WorkspaceRole", deactivated_at is null as "active!" from users
           where workspace_id = $1 and (id = any($2) or $3 and role = 'owner') order by id for no key update"#,
        workspace.0,
        &ids,
        with_owners
    )
    .fetch_all(db)
    .await
}

/// The ids of `ids` that are active users of the workspace. They are locked, so that they stay
/// active.
pub async fn lock_active_ids(
    db: impl PgExecutor<'_>,
    workspace: WorkspaceId,
    ids: &[UserId],
) -> Result<Vec<UserId>> {
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    sqlx::query_scalar!(
        r#"select id as "id: UserId" from users
           where workspace_id = $1 and id = any($2) and deactivated_at is null order by id for share"#,
        workspace.0,
        &ids
    )
    .fetch_all(db)
    .await
}

pub async fn set_fullname(db: impl PgExecutor<'_>, id: UserId, fullname: &FullName) -> Result<()> {
    sqlx::query!(
        "update users set fullname = $2, fullname_folded = $3 where id = $1",
        id.0,
        fullname.as_str(),
        fold(fullname.as_str())
    )
    .execute(db)
    .await?;
    Ok(())
}

pub async fn set_role(db: impl PgExecutor<'_>, id: UserId, role: WorkspaceRole) -> Result<()> {
    sqlx::query!("update users set role = $2 where id = $1", id.0, role as WorkspaceRole).execute(db).await?;
    Ok(())
}

pub async fn set_active(db: impl PgExecutor<'_>, id: UserId, active: bool) -> Result<()> {
    sqlx::query!(
        "update users set deactivated_at = case when $2 then null else coalesce(deactivated_at, now()) end,
                access_from = case when $2 then access_from else clock_timestamp() end
         where id = $1",
        id.0,
        active
    )
    .execute(db)
    .await?;
    Ok(())
}
