//! Sessions, and the response of sign-up, sign-in, refresh and a switch of workspace.

use axum::http::{HeaderMap, header};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use chat_core::{
    AccountId, SessionId, UserId, WorkspaceId,
    token::{Claims, Purpose, random_secret, secret_hash},
};
use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::{
    db::{self, users::User, workspaces::Workspace},
    error::{ApiError, Result},
    state::AppState,
};

/// The cookie with the refresh token, for browsers; not readable by scripts.
pub const REFRESH_COOKIE: &str = "refresh_token";
/// The length to which a user agent is cut.
const USER_AGENT_MAX: usize = 200;

/// A token for one workspace, and all workspaces of the account.
#[derive(Serialize, ToSchema)]
pub struct SignedIn {
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: &'static str,
    /// Seconds until the access token expires.
    pub expires_in: u64,
    /// For one refresh. A switch of workspace gives none: the current one stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    pub user: User,
    pub workspace: Workspace,
    /// All workspaces of the account.
    pub workspaces: Vec<Workspace>,
}

/// Creates a session with its first refresh token, which the caller must send only after the
/// commit.
pub async fn start_session(
    tx: &mut PgConnection,
    state: &AppState,
    account: AccountId,
    user: UserId,
    headers: &HeaderMap,
) -> Result<(SessionId, String)> {
    let user_agent =
        headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("unknown");
    let user_agent: String = user_agent.chars().take(USER_AGENT_MAX).collect();
    let session = SessionId::generate();
    let refresh_token = random_secret();
    db::sessions::insert(&mut *tx, session, account, user, &user_agent, ttl_seconds(state)).await?;
    db::sessions::insert_refresh_token(&mut *tx, &secret_hash(&refresh_token), session).await?;
    db::sessions::revoke_beyond_limit(&mut *tx, account).await?;
    Ok((session, refresh_token))
}

/// Signs an access token for a session in a workspace.
pub async fn sign_in_to(
    state: &AppState,
    account: AccountId,
    session: SessionId,
    user: UserId,
    workspace: WorkspaceId,
    refresh_token: Option<String>,
) -> Result<SignedIn> {
    let now = u64::try_from(OffsetDateTime::now_utc().unix_timestamp()).unwrap_or_default();
    let expires_in = state.config.auth.access_token_seconds;
    let claims = Claims { sub: user, ws: workspace, sid: session, exp: now + expires_in };
    Ok(SignedIn {
        access_token: state.keys.signer.sign(claims, Purpose::Access, now)?,
        token_type: "Bearer",
        expires_in,
        refresh_token,
        user: db::users::find(&state.db, user, user).await?.ok_or(ApiError::NotFound("user"))?,
        workspace: db::workspaces::find(&state.db, workspace).await?,
        workspaces: db::workspaces::list_of_account(&state.db, account).await?,
    })
}

/// The refresh token as a cookie, if the response has one.
pub fn with_cookie(jar: CookieJar, state: &AppState, signed_in: &SignedIn) -> CookieJar {
    let Some(token) = signed_in.refresh_token.clone() else { return jar };
    let cookie = Cookie::build((REFRESH_COOKIE, token))
        .path("/api")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(state.config.server.public_url.starts_with("https://"))
        .max_age(time::Duration::seconds(ttl_seconds(state)));
    jar.add(cookie)
}

/// How long an unused session lasts, in seconds.
pub fn ttl_seconds(state: &AppState) -> i64 {
    i64::try_from(state.config.auth.refresh_token_seconds).unwrap_or(i64::MAX)
}
