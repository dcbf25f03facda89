//! Sessions, and the response of sign-up, sign-in, refresh and a switch of workspace.

use axum::http::{HeaderMap, header};
use axum_extra::extract::cookie::CookieJar;
use chat_core::{
    AccountId, SessionId, UserId, WorkspaceId,
    token::{Claims, Purpose, random_secret, secret_hash},
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::cookies;
use crate::{
    db::{self, users::User, workspaces::Workspace},
    error::{ApiError, Result},
    state::AppState,
};

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
    /// For one refresh, if it was asked for in the body. Browsers have it in a cookie that no script can read. A switch
    /// of workspace gives none: the current one stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    pub user: User,
    pub workspace: Workspace,
    /// All workspaces of the account.
    pub workspaces: Vec<Workspace>,
}

/// Where a refresh token goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenPlace {
    /// Into a cookie that no script can read: for browsers.
    #[default]
    Cookie,
    /// Into the answer: for programs.
    Body,
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
    let user_agent = user_agent(headers);
    let session = SessionId::generate();
    let refresh_token = random_secret();
    db::sessions::insert(&mut *tx, session, account, user, &user_agent, ttl_seconds(state)).await?;
    db::sessions::insert_refresh_token(&mut *tx, &secret_hash(&refresh_token), session).await?;
    db::sessions::revoke_beyond_limit(&mut *tx, account).await?;
    Ok((session, refresh_token))
}

/// What the device calls itself, cut to a length.
pub fn user_agent(headers: &HeaderMap) -> String {
    let given = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("unknown");
    given.chars().take(USER_AGENT_MAX).collect()
}

/// Signs an access token for a session in a workspace. `until`: when the access token expires that
/// it is made from, if it is made from one. Else a stolen token could renew itself.
pub async fn sign_in_to(
    state: &AppState,
    account: AccountId,
    session: SessionId,
    user: UserId,
    workspace: WorkspaceId,
    until: Option<u64>,
) -> Result<SignedIn> {
    let now = u64::try_from(OffsetDateTime::now_utc().unix_timestamp()).unwrap_or_default();
    let exp = (now + state.config.auth.access_token_seconds).min(until.unwrap_or(u64::MAX));
    let claims = Claims { sub: user, acc: account, ws: workspace, sid: session, exp };
    Ok(SignedIn {
        access_token: state.keys.signer.sign(claims, Purpose::Access, now)?,
        token_type: "Bearer",
        expires_in: exp.saturating_sub(now),
        refresh_token: None,
        user: db::users::find(&state.db, user, user).await?.ok_or(ApiError::NotFound("user"))?,
        workspace: db::workspaces::find(&state.db, workspace).await?,
        workspaces: db::workspaces::list_of_account(&state.db, account).await?,
    })
}

/// Adds the refresh token, in its place.
pub fn with_refresh_token(
    state: &AppState,
    jar: CookieJar,
    signed_in: SignedIn,
    token: String,
    place: TokenPlace,
) -> (CookieJar, SignedIn) {
    match place {
        TokenPlace::Cookie => (cookies::set_refresh_token(state, jar, token, ttl_seconds(state)), signed_in),
        TokenPlace::Body => (jar, SignedIn { refresh_token: Some(token), ..signed_in }),
    }
}

/// How long an unused session lasts, in seconds.
pub fn ttl_seconds(state: &AppState) -> i64 {
    i64::try_from(state.config.auth.refresh_token_seconds).unwrap_or(i64::MAX)
}
