//! Sign-ins and their refresh tokens.

use chat_core::{AccountId, SessionId, Timestamp, UserId, WorkspaceId, WorkspaceRole};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgExecutor, Result};
use utoipa::ToSchema;

/// A sign-in on one device, as its owner sees it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Session {
    pub id: SessionId,
    /// What the device called itself.
    pub user_agent: String,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
    pub expires_at: Timestamp,
    /// Whether it is the session of the access token.
    pub current: bool,
}

/// A session and whose it is.
pub struct SessionOfAccount {
    pub session_id: SessionId,
    pub account_id: AccountId,
}

/// What the bearer of an access token may do.
#[derive(Clone, Copy, Debug)]
pub struct Bearer {
    pub role: WorkspaceRole,
    pub account_id: AccountId,
}

/// The most sessions of an account. Beyond it, the session that was unused for longest is revoked.
pub const PER_ACCOUNT_MAX: i64 = 100;

pub async fn insert(
    db: impl PgExecutor<'_>,
    id: SessionId,
    account: AccountId,
    user: UserId,
    user_agent: &str,
    ttl_seconds: i64,
) -> Result<()> {
    sqlx::query!(
        "insert into sessions (id, account_id, user_id, user_agent, created_at, expires_at)
         values ($1, $2, $3, $4, clock_timestamp(), now() + make_interval(secs => $5))",
        id.0,
        account.0,
        user.0,
        user_agent,
        seconds(ttl_seconds)
    )
    .execute(db)
    .await?;
    Ok(())
}

pub async fn insert_refresh_token(db: impl PgExecutor<'_>, hash: &[u8], session: SessionId) -> Result<()> {
    sqlx::query!("insert into refresh_tokens (hash, session_id) values ($1, $2)", hash, session.0)
        .execute(db)
        .await?;
    Ok(())
}

/// How long a refresh token may be used again after its first use, as long as no later token of the
/// session was used. The response may have been lost on its way, which the client notices only
/// after the request timeout.
pub const REFRESH_GRACE_SECONDS: i64 = 30;

/// Uses up a refresh token and the other unused tokens of its session. Only this one gets a grace
/// period, so at most one of several holders can continue. None: the token is unknown, was used
/// before, or its session is over.
pub async fn use_refresh_token(
    db: &mut PgConnection,
    hash: &[u8],
    ttl_seconds: i64,
) -> Result<Option<SessionOfAccount>> {
    // Serialises concurrent uses, so that the statement below sees the effects of the other one.
    sqlx::query!(
        "select from sessions where id = (select session_id from refresh_tokens where hash = $1) for update",
        hash
    )
    .execute(&mut *db)
    .await?;
    sqlx::query_as!(
        SessionOfAccount,
        r#"with moment as materialized (select clock_timestamp() as now),
               shown as (
                   select t.hash, t.session_id, t.used_at from refresh_tokens t, moment
                   where t.hash = $1 and (t.used_at is null or (
                       t.used_at > moment.now - make_interval(secs => $3) and not exists (
                           select from refresh_tokens later
                           where later.session_id = t.session_id and later.used_at > t.used_at)))
               ),
               used as (
                   update refresh_tokens t
                   set used_at = case when t.hash = shown.hash then moment.now
                                      else moment.now - make_interval(secs => $3) end
                   from shown, moment
                   where t.session_id = shown.session_id and t.used_at is null and shown.used_at is null
               )
           update sessions s
           set last_used_at = now(), expires_at = now() + make_interval(secs => $2)
           from shown where s.id = shown.session_id and s.revoked_at is null and s.expires_at > now()
           returning s.id as "session_id: SessionId", s.account_id as "account_id: AccountId""#,
        hash,
        seconds(ttl_seconds),
        seconds(REFRESH_GRACE_SECONDS)
    )
    .fetch_optional(db)
    .await
}

/// Whose session it was.
pub struct SessionFound {
    pub id: SessionId,
    pub account_id: AccountId,
    pub user_id: UserId,
}

/// A token was used again after its grace period, so it may be stolen: revokes the whole session.
/// The session, if there is such a token.
pub async fn revoke_reused(db: impl PgExecutor<'_>, hash: &[u8]) -> Result<Option<SessionFound>> {
    sqlx::query_as!(
        SessionFound,
        r#"with family as (select session_id from refresh_tokens where hash = $1 and used_at is not null),
                revoked as (update sessions s set revoked_at = now() from family f
                            where s.id = f.session_id and s.revoked_at is null)
           select s.id as "id: SessionId", s.account_id as "account_id: AccountId", s.user_id as "user_id: UserId"
           from sessions s join family f on f.session_id = s.id"#,
        hash
    )
    .fetch_optional(db)
    .await
}

/// Revokes the session that a refresh token belongs to, used or not. None if it was over, or there is
/// none.
pub async fn revoke_by_token(db: impl PgExecutor<'_>, hash: &[u8]) -> Result<Option<SessionFound>> {
    sqlx::query_as!(
        SessionFound,
        r#"update sessions s set revoked_at = now() from refresh_tokens t
           where t.hash = $1 and s.id = t.session_id and s.revoked_at is null
           returning s.id as "id: SessionId", s.account_id as "account_id: AccountId", s.user_id as "user_id: UserId""#,
        hash
    )
    .fetch_optional(db)
    .await
}

/// Whether the session was not over. None if the account has no such session.
pub async fn revoke(db: impl PgExecutor<'_>, account: AccountId, id: SessionId) -> Result<Option<bool>> {
    sqlx::query_scalar!(
        r#"with old as (select revoked_at from sessions where id = $1 and account_id = $2 for update)
           update sessions s set revoked_at = coalesce(s.revoked_at, now()) from old where s.id = $1
           returning old.revoked_at is null as "was_open!""#,
        id.0,
        account.0
    )
    .fetch_optional(db)
    .await
}

/// Revokes all sessions of an account but one, and says how many.
pub async fn revoke_others(
    db: impl PgExecutor<'_>,
    account: AccountId,
    kept: Option<SessionId>,
) -> Result<u64> {
    let done = sqlx::query!(
        "update sessions set revoked_at = now()
         where account_id = $1 and revoked_at is null and expires_at > now() and id is distinct from $2",
        account.0,
        kept.map(|id| id.0)
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Revokes all sessions of a user's account, if it has no active user in any workspace.
pub async fn revoke_if_useless(db: impl PgExecutor<'_>, user: UserId) -> Result<()> {
    sqlx::query!(
        "update sessions s set revoked_at = now() from users u
         where u.id = $1 and s.account_id = u.account_id and s.revoked_at is null
           and not exists (select from users o where o.account_id = u.account_id and o.deactivated_at is null)",
        user.0
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Revokes an account's sessions beyond [`PER_ACCOUNT_MAX`].
pub async fn revoke_beyond_limit(db: impl PgExecutor<'_>, account: AccountId) -> Result<()> {
    sqlx::query!(
        "update sessions set revoked_at = now() where id in (
             select id from sessions where account_id = $1 and revoked_at is null and expires_at > now()
             order by last_used_at desc, id desc offset $2)",
        account.0,
        PER_ACCOUNT_MAX
    )
    .execute(db)
    .await?;
    Ok(())
}

pub async fn set_user(db: impl PgExecutor<'_>, id: SessionId, user: UserId) -> Result<()> {
    sqlx::query!("update sessions set user_id = $2 where id = $1", id.0, user.0).execute(db).await?;
    Ok(())
}

/// The sessions that can still be used, last used first.
pub async fn list(db: impl PgExecutor<'_>, account: AccountId, current: SessionId) -> Result<Vec<Session>> {
    sqlx::query_as!(
        Session,
        r#"select id as "id: SessionId", user_agent, created_at as "created_at: Timestamp",
                  last_used_at as "last_used_at: Timestamp", expires_at as "expires_at: Timestamp",
                  id = $2 as "current!"
           from sessions where account_id = $1 and revoked_at is null and expires_at > now()
           order by last_used_at desc, id desc limit $3"#,
        account.0,
        current.0,
        PER_ACCOUNT_MAX
    )
    .fetch_all(db)
    .await
}

/// None: the session is over, or the user is deactivated, was so since, or is not the session's.
pub async fn find_bearer(
    db: impl PgExecutor<'_>,
    session: SessionId,
    user: UserId,
    workspace: WorkspaceId,
) -> Result<Option<Bearer>> {
    sqlx::query_as!(
        Bearer,
        r#"select u.role as "role: WorkspaceRole", s.account_id as "account_id: AccountId"
           from sessions s join users u on u.account_id = s.account_id
           where s.id = $1 and s.revoked_at is null and s.expires_at > now()
             and u.id = $2 and u.workspace_id = $3 and u.deactivated_at is null
             and (u.access_from is null or s.created_at > u.access_from)"#,
        session.0,
        user.0,
        workspace.0
    )
    .fetch_optional(db)
    .await
}

/// Deletes at most `limit` sessions that have ended and that no stream can still use.
pub async fn delete_expired(db: impl PgExecutor<'_>, limit: i64) -> Result<u64> {
    let done = sqlx::query!(
        "delete from sessions where id in (
             select id from sessions where least(expires_at, revoked_at) < now() - interval '1 day' limit $1)",
        limit
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

#[expect(clippy::cast_precision_loss, reason = "seconds of a session are far below 2^52")]
fn seconds(ttl: i64) -> f64 {
    ttl as f64
}
