//! Sign-in, sign-out, and the refresh of access tokens.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
};
use axum_extra::extract::cookie::{Cookie, CookieJar};
use chat_core::{
    WorkspaceId,
    text::{Email, Password, fold},
    token::{random_secret, secret_hash},
};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::signed_in::{REFRESH_COOKIE, SignedIn, sign_in_to, start_session, ttl_seconds, with_cookie};
use crate::{
    auth::ClientAddress,
    db,
    error::{ApiError, Problem, Result},
    extract::{ApiJson, ok},
    state::AppState,
};

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(signin)).routes(routes!(refresh)).routes(routes!(logout))
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
    let permit = state.hasher.admit()?;
    let credentials = db::accounts::find_credentials(&state.db, &input.email).await?;
    let (account, hash) = credentials.map(|c| (c.id, c.password_hash)).unzip();
    let matches = permit.verify(input.password, hash).await?;
    let account = account.filter(|_| matches).ok_or(ApiError::Unauthenticated {
        code: "wrong_credentials",
        detail: "the e-mail address or the password is wrong",
    })?;

    let mut tx = state.db.begin().await?;
    let workspaces = db::workspaces::list_of_account(&mut *tx, account).await?;
    let wanted = input.workspace.as_deref();
    let workspace = workspaces
        .iter()
        .find(|w| wanted.is_none_or(|text| w.id.to_string() == text || fold(&w.name) == fold(text)))
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
