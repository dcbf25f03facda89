//! Getting in and out: sign-up, sign-in, refresh, logout.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use chat_core::{
    AccountId, SessionId, UserId, WorkspaceId, WorkspaceRole,
    text::{Email, FullName, Password, WorkspaceName},
    token::{Claims, Purpose, random_secret, secret_hash},
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::invites::checked;
use crate::{
    auth::ClientAddress,
    db::{self, users::User, workspaces::Workspace},
    error::{ApiError, ConstraintExt as _, InvalidField, Problem, Result},
    extract::{ApiJson, created, ok},
    state::AppState,
};

/// The cookie with the refresh token, for browsers; not readable by scripts.
const REFRESH_COOKIE: &str = "refresh_token";
/// What is kept of a device's name.
const USER_AGENT_MAX: usize = 200;

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(signup))
        .routes(routes!(signin))
        .routes(routes!(refresh))
        .routes(routes!(logout))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignUp {
    /// The workspace to create. Leave it out with `invite`, or name that of the invitation.
    pub workspace: Option<WorkspaceName>,
    pub fullname: FullName,
    pub email: Email,
    pub password: Password,
    /// The code of an invitation to an existing workspace.
    pub invite: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    pub email: Email,
    pub password: Password,
    /// Id or name of the workspace; without it, the one that the account joined first.
    pub workspace: Option<String>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// Browsers leave it out: they send it as a cookie.
    pub refresh_token: Option<String>,
    /// The workspace to get a token for; without it, the one used last.
    pub workspace: Option<WorkspaceId>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Logout {
    /// Browsers leave it out: they send it as a cookie.
    pub refresh_token: Option<String>,
}

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

/// Sign up: create a workspace, or join one by invitation
#[utoipa::path(post, path = "/api/signup", tag = "account", security(()), request_body = SignUp,
    responses((status = 201, body = SignedIn), (status = 409, body = Problem, description = "email_taken, workspace_taken")))]
pub async fn signup(
    State(state): State<AppState>,
    address: ClientAddress,
    headers: HeaderMap,
    jar: CookieJar,
    ApiJson(input): ApiJson<SignUp>,
) -> Result<impl IntoResponse> {
    state.limits.signin.check(&address.0)?;
    let password_hash = state.hasher.admit()?.hash(input.password.clone()).await?;
    let (account, user) = (AccountId::generate(), UserId::generate());

    let mut tx = state.db.begin().await?;
    let (workspace, role) = match &input.invite {
        Some(code) => enter_by_invite(&mut tx, code, input.workspace.as_ref()).await?,
        None => make_workspace(&mut tx, &state, input.workspace.as_ref()).await?,
    };
    db::accounts::insert(&mut *tx, account, &input.email, &password_hash)
        .await
        .on_constraint("accounts_email_key", || {
            ApiError::conflict("email_taken", "there is an account with this e-mail address: sign in with it")
        })?;
    db::users::insert(&mut *tx, user, workspace, account, input.fullname.as_str(), role).await?;
    let (session, refresh_token) = start_session(&mut tx, &state, account, user, &headers).await?;
    tx.commit().await?;

    let signed_in = sign_in_to(&state, account, session, user, workspace, Some(refresh_token)).await?;
    Ok((with_cookie(jar, &state, &signed_in), created(signed_in)))
}

async fn enter_by_invite(
    tx: &mut PgConnection,
    code: &str,
    expected: Option<&WorkspaceName>,
) -> Result<(WorkspaceId, WorkspaceRole)> {
    let code = checked(code).map_err(|_| invite_invalid())?;
    let admission = db::invites::take_use(tx, code).await?.ok_or_else(invite_invalid)?;
    if expected.is_some_and(|name| name.as_str().to_lowercase() != admission.workspace_name.to_lowercase()) {
        return Err(ApiError::invalid(
            "/workspace",
            "another_workspace",
            "the invitation is for another workspace",
        ));
    }
    Ok((admission.workspace_id, admission.role))
}

/// The refusal of a code that is unknown, withdrawn, expired or used up: which of these is not told.
pub fn invite_invalid() -> ApiError {
    let field = InvalidField::new("/invite", "invite_invalid", "the invitation is not valid (any more)");
    ApiError::Invalid { code: field.code, detail: field.detail.clone(), errors: vec![field] }
}

async fn make_workspace(
    tx: &mut PgConnection,
    state: &AppState,
    name: Option<&WorkspaceName>,
) -> Result<(WorkspaceId, WorkspaceRole)> {
    let name = name.ok_or_else(|| {
        ApiError::invalid("/workspace", "missing", "name a workspace to make, or give an invite")
    })?;
    if !state.config.auth.open_signup && db::workspaces::any(&mut *tx).await? {
        return Err(ApiError::Forbidden {
            code: "signup_closed",
            detail: "this server takes people by invitation alone",
        });
    }
    let id = WorkspaceId::generate();
    db::workspaces::insert(tx, id, name).await.on_constraint("workspaces_name_key", workspace_taken)?;
    Ok((id, WorkspaceRole::Owner))
}

/// The refusal of a workspace name that is in use.
pub fn workspace_taken() -> ApiError {
    ApiError::conflict(
        "workspace_taken",
        "there is a workspace of this name: to join it, ask for an invitation",
    )
}

/// Sign in with e-mail and password
#[utoipa::path(post, path = "/api/signin", tag = "account", security(()), request_body = SignIn,
    responses((status = 200, body = SignedIn), (status = 401, body = Problem, description = "wrong_credentials")))]
pub async fn signin(
    State(state): State<AppState>,
    address: ClientAddress,
    headers: HeaderMap,
    jar: CookieJar,
    ApiJson(input): ApiJson<SignIn>,
) -> Result<impl IntoResponse> {
    state.limits.signin.check(&address.0)?;
    let place = state.hasher.admit()?;
    let credentials = db::accounts::find_credentials(&state.db, &input.email).await?;
    let (account, hash) = credentials.map(|c| (c.id, c.password_hash)).unzip();
    let matches = place.verify(input.password, hash).await?;
    let account = account.filter(|_| matches).ok_or(ApiError::Unauthenticated {
        code: "wrong_credentials",
        detail: "the e-mail address or the password is wrong",
    })?;

    let mut tx = state.db.begin().await?;
    let workspaces = db::workspaces::list_of_account(&mut *tx, account).await?;
    let wanted = input.workspace.as_deref();
    let workspace = workspaces
        .iter()
        .find(|w| {
            wanted.is_none_or(|text| w.id.to_string() == text || w.name.to_lowercase() == text.to_lowercase())
        })
        .ok_or(ApiError::Forbidden {
            code: "no_workspace",
            detail: "the account is not active in such a workspace",
        })?
        .id;
    let user =
        db::users::find_of_account(&mut *tx, account, workspace).await?.ok_or(ApiError::NotFound("user"))?.id;
    let (session, refresh_token) = start_session(&mut tx, &state, account, user, &headers).await?;
    tx.commit().await?;

    let signed_in = sign_in_to(&state, account, session, user, workspace, Some(refresh_token)).await?;
    Ok((with_cookie(jar, &state, &signed_in), ok(signed_in)))
}

/// Refresh an access token; a refresh token is good for one use
#[utoipa::path(post, path = "/api/refresh", tag = "account", security(()), request_body = Option<Refresh>,
    responses((status = 200, body = SignedIn), (status = 401, body = Problem, description = "refresh_token_invalid, refresh_token_reused")))]
pub async fn refresh(
    State(state): State<AppState>,
    address: ClientAddress,
    jar: CookieJar,
    input: Option<ApiJson<Refresh>>,
) -> Result<impl IntoResponse> {
    state.limits.refresh.check(&address.0)?;
    let input = input.map(|ApiJson(input)| input).unwrap_or_default();
    let token = presented(input.refresh_token, &jar).ok_or(REFRESH_INVALID)?;
    let hash = secret_hash(&token);
    let next = random_secret();

    let mut tx = state.db.begin().await?;
    let Some(session) = db::sessions::use_refresh_token(&mut tx, &hash, ttl_seconds(&state)).await? else {
        tx.rollback().await?;
        return Err(if db::sessions::revoke_reused(&state.db, &hash).await? {
            state.caches.invalidate_users();
            ApiError::Unauthenticated {
                code: "refresh_token_reused",
                detail: "the refresh token was used before: its session is ended, sign in again",
            }
        } else {
            REFRESH_INVALID
        });
    };
    db::sessions::insert_refresh_token(&mut *tx, &secret_hash(&next), session.session_id).await?;
    let user = match input.workspace {
        Some(workspace) => db::users::find_of_account(&mut *tx, session.account_id, workspace).await?,
        None => db::users::find_for_session(&mut *tx, session.account_id, session.user_id).await?,
    };
    let user = user.filter(|user| user.active).ok_or(ApiError::Forbidden {
        code: "no_workspace",
        detail: "the account is not active in such a workspace",
    })?;
    tx.commit().await?;

    let signed_in =
        sign_in_to(&state, session.account_id, session.session_id, user.id, user.workspace_id, Some(next))
            .await?;
    Ok((with_cookie(jar, &state, &signed_in), ok(signed_in)))
}

const REFRESH_INVALID: ApiError = ApiError::Unauthenticated {
    code: "refresh_token_invalid",
    detail: "send a refresh token that was not used before",
};

/// Sign out: end the session of a refresh token
#[utoipa::path(post, path = "/api/logout", tag = "account", security(()), request_body = Option<Logout>,
    responses((status = 204, description = "also when there was no such session")))]
pub async fn logout(
    State(state): State<AppState>,
    address: ClientAddress,
    jar: CookieJar,
    input: Option<ApiJson<Logout>>,
) -> Result<impl IntoResponse> {
    state.limits.refresh.check(&address.0)?;
    if let Some(token) = presented(input.and_then(|ApiJson(input)| input.refresh_token), &jar) {
        db::sessions::revoke_by_token(&state.db, &secret_hash(&token)).await?;
        state.caches.invalidate_users();
    }
    let jar = jar.remove(Cookie::build(REFRESH_COOKIE).path("/api"));
    Ok((jar, StatusCode::NO_CONTENT))
}

fn presented(in_body: Option<String>, jar: &CookieJar) -> Option<String> {
    in_body.or_else(|| jar.get(REFRESH_COOKIE).map(|cookie| cookie.value().to_owned()))
}

/// A new session with its first refresh token, which the caller gives away after the commit.
async fn start_session(
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

fn with_cookie(jar: CookieJar, state: &AppState, signed_in: &SignedIn) -> CookieJar {
    let Some(token) = signed_in.refresh_token.clone() else { return jar };
    let cookie = Cookie::build((REFRESH_COOKIE, token))
        .path("/api")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(state.config.server.public_url.starts_with("https://"))
        .max_age(time::Duration::seconds(ttl_seconds(state)));
    jar.add(cookie)
}

fn ttl_seconds(state: &AppState) -> i64 {
    i64::try_from(state.config.auth.refresh_token_seconds).unwrap_or(i64::MAX)
}
