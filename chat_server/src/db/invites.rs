//! Invitation links.

use chat_core::{
    AccountId, InviteId, Timestamp, UserId, WorkspaceId, WorkspaceRole,
    text::{Email, fold},
};
use serde::{Deserialize, Serialize};
use sqlx::{PgExecutor, Result};
use utoipa::ToSchema;

/// An invitation as those who manage them see it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Invite {
    pub id: InviteId,
    /// The code: anyone who has it may join. None if it was mailed: only the reader of the mail knows it.
    pub code: Option<String>,
    /// The only address that may use it.
    pub email: Option<String>,
    pub role: WorkspaceRole,
    pub created_by: UserId,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub max_uses: i32,
    pub uses: i32,
}

/// The fields of a new invitation.
pub struct NewInvite {
    pub workspace_id: WorkspaceId,
    pub code: String,
    pub email: Option<Email>,
    /// Whether the code goes out by mail alone.
    pub is_mailed: bool,
    pub role: WorkspaceRole,
    pub created_by: UserId,
    pub ttl_seconds: i32,
    pub max_uses: i32,
}

/// The workspace and role that an invitation leads to, and its address if it names one.
pub struct Admission {
    pub workspace_id: WorkspaceId,
    pub workspace_name: String,
    /// Whether the workspace takes verified addresses alone, and its domains; any domain if none is
    /// named.
    pub verified_only: bool,
    pub email_domains: Vec<String>,
    pub role: WorkspaceRole,
    /// The only address that may use it.
    pub email: Option<String>,
    pub email_folded: Option<String>,
    /// Whether the code went to that address alone, and so proves it.
    pub was_mailed: bool,
    pub expires_at: Timestamp,
}

/// The most open invitations of a workspace.
pub const OPEN_MAX: i64 = 1000;

pub async fn insert(db: impl PgExecutor<'_>, new: &NewInvite) -> Result<Invite> {
    sqlx::query_as!(
        Invite,
        r#"insert into invites (id, workspace_id, code, role, created_by, expires_at, max_uses, email, email_folded, was_mailed)
           values ($1, $2, $3, $4, $5, now() + make_interval(secs => $6), $7, $8, $9, $10)
           returning id as "id: InviteId", case when not was_mailed then code end as code, email,
                     role as "role: WorkspaceRole", created_by as "created_by: UserId", created_at as "created_at: Timestamp", expires_at as "expires_at: Timestamp", max_uses, uses"#,
        InviteId::generate().0,
        new.workspace_id.0,
        new.code,
        new.role as WorkspaceRole,
        new.created_by.0,
        f64::from(new.ttl_seconds),
        new.max_uses,
        new.email.as_ref().map(Email::as_str),
        new.email.as_ref().map(|email| fold(email.as_str())),
        new.is_mailed
    )
    .fetch_one(db)
    .await
}

pub async fn count_open(db: impl PgExecutor<'_>, workspace: WorkspaceId) -> Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from invites
           where workspace_id = $1 and revoked_at is null and expires_at > now() and uses < max_uses"#,
        workspace.0
    )
    .fetch_one(db)
    .await
}

/// The invitations that can still be used and whose creators the viewer can see, newest first.
pub async fn list(
    db: impl PgExecutor<'_>,
    viewer: UserId,
    before: Option<InviteId>,
    limit: i64,
) -> Result<Vec<Invite>> {
    sqlx::query_as!(
        Invite,
        r#"select i.id as "id: InviteId", case when not i.was_mailed then i.code end as code, i.email, i.role as "role: WorkspaceRole", i.created_by as "created_by: UserId",
                  i.created_at as "created_at: Timestamp", i.expires_at as "expires_at: Timestamp", i.max_uses, i.uses
           from users_seen_by($1) u join invites i on (i.workspace_id, i.created_by) = (u.workspace_id, u.id)
           where i.revoked_at is null and i.expires_at > now() and i.uses < i.max_uses
             and ($2::uuid is null or i.id < $2)
           order by i.id desc limit $3"#,
        viewer.0,
        before.map(|id| id.0),
        limit + 1
    )
    .fetch_all(db)
    .await
}

/// Withdraws an invitation by its code or its id. False if the workspace has no such one that can
/// still be withdrawn.
pub async fn revoke(db: impl PgExecutor<'_>, workspace: WorkspaceId, code: &str) -> Result<bool> {
    let done = sqlx::query!(
        "update invites set revoked_at = now()
         where workspace_id = $1 and revoked_at is null and (code = $2 and not was_mailed or id::text = $2)",
        workspace.0,
        code
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// What the mail of an invitation says.
pub struct InvitationMail {
    pub email: String,
    pub code: String,
    pub inviter: String,
    pub workspace_name: String,
}

/// None: it can no longer be used, or is none to be mailed.
pub async fn find_for_mail(db: impl PgExecutor<'_>, id: InviteId) -> Result<Option<InvitationMail>> {
    sqlx::query_as!(
        InvitationMail,
        r#"select i.email as "email!", i.code, u.fullname as inviter, w.name as workspace_name
           from invites i join workspaces w on w.id = i.workspace_id join users u on u.id = i.created_by
           where i.id = $1 and i.was_mailed and i.email is not null
             and i.revoked_at is null and i.expires_at > now() and i.uses < i.max_uses"#,
        id.0
    )
    .fetch_optional(db)
    .await
}

/// How many invitations an account has had mailed within a day, and how many went to an address.
pub async fn count_mailed(db: impl PgExecutor<'_>, account: AccountId, email: &Email) -> Result<(i64, i64)> {
    let row = sqlx::query!(
        r#"select (select count(*) from invites i join users u on u.id = i.created_by
                   where u.account_id = $1 and i.was_mailed and i.created_at > now() - interval '1 day') as "by_account!",
                  (select count(*) from invites i
                   where i.email_folded = $2 and i.was_mailed and i.created_at > now() - interval '1 day') as "to_address!""#,
        account.0,
        fold(email.as_str())
    )
    .fetch_one(db)
    .await?;
    Ok((row.by_account, row.to_address))
}

/// Withdraws what a user has given out.
pub async fn revoke_of_user(db: impl PgExecutor<'_>, workspace: WorkspaceId, user: UserId) -> Result<()> {
    sqlx::query!(
        "update invites set revoked_at = now() where workspace_id = $1 and created_by = $2 and revoked_at is null",
        workspace.0,
        user.0
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The workspace that a code leads to, if it can still be used. Its creator must still be allowed
/// to invite.
pub async fn find_open(db: impl PgExecutor<'_>, code: &str) -> Result<Option<Admission>> {
    sqlx::query_as!(
        Admission,
        r#"select w.id as "workspace_id: WorkspaceId", w.name as workspace_name, w.verified_only, w.email_domains,
                  i.role as "role: WorkspaceRole", i.email, i.email_folded, i.was_mailed, i.expires_at as "expires_at: Timestamp"
           from invites i join workspaces w on w.id = i.workspace_id
           where i.code = $1 and i.revoked_at is null and i.expires_at > now() and i.uses < i.max_uses
             and exists (select from users u where u.id = i.created_by and u.deactivated_at is null and u.role <> 'member')"#,
        code
    )
    .fetch_optional(db)
    .await
}

/// Takes one use. None: the code cannot be used, or a concurrent request took the last use.
pub async fn take_use(db: impl PgExecutor<'_>, code: &str) -> Result<Option<Admission>> {
    sqlx::query_as!(
        Admission,
        r#"update invites i set uses = uses + 1 from workspaces w
           where i.code = $1 and w.id = i.workspace_id and i.revoked_at is null and i.expires_at > now()
             and i.uses < i.max_uses
             and exists (select from users u where u.id = i.created_by and u.deactivated_at is null and u.role <> 'member')
           returning w.id as "workspace_id: WorkspaceId", w.name as workspace_name, w.verified_only, w.email_domains,
                     i.role as "role: WorkspaceRole", i.email, i.email_folded, i.was_mailed, i.expires_at as "expires_at: Timestamp""#,
        code
    )
    .fetch_optional(db)
    .await
}
