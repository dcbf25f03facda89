//! Sign-in, sign-out, and the refresh of access tokens.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
};
use axum_extra::extract::cookie::CookieJar;
use chat_core::{
    AccountId, WorkspaceId,
    text::{Email, Password, fold},
    token::{random_secret, secret_hash},
};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    cookies::{self, BrowserCookies},
    signed_in::{
        SignedIn, TokenPlace, sign_in_to, start_session, ttl_seconds, user_agent, with_refresh_token,
    },
};
use crate::{
    client_address::ClientAddress,
    db::{self, sessions::SessionFound},
    error::{ApiError, Problem, Result},
    extract::{ApiJson, ok},
    guesses::Guesser,
    mail::{self, Mail},
    same_origin,
    security::{SecurityEvent, SecurityKind},
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
    #[serde(default)]
    pub refresh_token_in: TokenPlace,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// Browsers leave it out: they send it as a cookie. The next one comes back in the same way.
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
    cookies: BrowserCookies,
    ApiJson(input): ApiJson<SignIn>,
) -> Result<impl IntoResponse> {
    state.limits.check_signin(&address)?;
    let guesser = guesser(&state, &address, &cookies, &input.email).await?;
    let permit = state.hasher.admit(guesser)?;
    let guess = state.guesses.charge(&fold(input.email.as_str()), guesser)?;
    let hash = permit.hash(input.password, state.instance.salt(&input.email)).await?;
    let wanted = input.workspace.as_deref();
    let account = db::accounts::find_by_password(&state.db, &input.email, &hash, wanted).await?;
    let Some(account) = account else {
        guess.was_wrong();
        // Also for an address that no account has, so that both take the same time.
        let named = db::accounts::list_of_email(&state.db, &fold(input.email.as_str()), 2).await?;
        let account = if let [named] = named.as_slice() { Some(named.id) } else { None };
        let failed = SecurityEvent::new(SecurityKind::SignInFailed, address).of_account(account);
        failed.record_aside(&state).await;
        return Err(ApiError::Unauthenticated {
            code: "wrong_credentials",
            detail: "the e-mail address or the password is wrong",
        });
    };
    guess.was_right();

    let mut tx = state.db.begin().await?;
    let workspaces = db::workspaces::list_of_account(&mut *tx, account).await?;
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
    let user_agent = user_agent(&headers);
    let is_new = matches!(guesser, Guesser::Stranger(_))
        && !db::sessions::is_device_of(&mut *tx, account, &user_agent).await?;
    if is_new {
        mail::add(&mut *tx, &state, &Mail::NewSignIn { account, user_agent }).await?;
    }
    let (session, refresh_token) = start_session(&mut tx, &state, account, user, &headers).await?;
    SecurityEvent::new(SecurityKind::SignedIn, address)
        .in_workspace(workspace)
        .of_account(Some(account))
        .of_user(user, session)
        .record(&mut *tx)
        .await?;
    tx.commit().await?;

    let signed_in = sign_in_to(&state, account, session, user, workspace, None).await?;
    let (jar, signed_in) = on_this_device(&state, account, signed_in, refresh_token, input.refresh_token_in);
    Ok((jar, ok(signed_in)))
}

/// The answer of a sign-in or sign-up. A browser is known from now on.
pub fn on_this_device(
    state: &AppState,
    account: AccountId,
    signed_in: SignedIn,
    refresh_token: String,
    place: TokenPlace,
) -> (CookieJar, SignedIn) {
    let jar = match place {
        TokenPlace::Cookie => cookies::set_device(state, CookieJar::default(), account),
        TokenPlace::Body => CookieJar::default(),
    };
    with_refresh_token(state, jar, signed_in, refresh_token, place)
}

/// Who tries a password of the account that `email` names.
pub async fn guesser(
    state: &AppState,
    address: &ClientAddress,
    cookies: &BrowserCookies,
    email: &Email,
) -> Result<Guesser> {
    match cookies.device {
        Some(account) if db::accounts::has_email(&state.db, account, email).await? => {
            Ok(Guesser::Known(account))
        }
        _ => Ok(Guesser::Stranger(address.network())),
    }
}

/// Refresh an access token; a refresh token is good for one use
#[utoipa::path(post, path = "/api/refresh", tag = "account", security(()), request_body = Option<Refresh>,
    responses((status = 200, body = SignedIn), (status = 401, body = Problem, description = "refresh_token_invalid, refresh_token_reused")))]
pub async fn refresh(
    State(state): State<AppState>,
    address: ClientAddress,
    headers: HeaderMap,
    cookies: BrowserCookies,
    input: Option<ApiJson<Refresh>>,
) -> Result<impl IntoResponse> {
    state.limits.refresh.check(&address.0)?;
    let input = input.map(|ApiJson(input)| input).unwrap_or_default();
    let (token, place) = presented(input.refresh_token, cookies, &headers, &state)?.ok_or(REFRESH_INVALID)?;
    let hash = secret_hash(&token);
    let next = random_secret();

    let mut tx = state.db.begin().await?;
    let Some(session) = db::sessions::use_refresh_token(&mut tx, &hash, ttl_seconds(&state)).await? else {
        tx.rollback().await?;
        return Err(if let Some(session) = db::sessions::revoke_reused(&state.db, &hash).await? {
            state.caches.invalidate_users();
            let reused = SecurityEvent::new(SecurityKind::RefreshTokenReused, address);
            of_session(reused, &session).record_aside(&state).await;
            ApiError::Unauthenticated {
                code: "refresh_token_reused",
                detail: "the refresh token was used before: its session is ended, sign in again",
            }
        } else {
            REFRESH_INVALID
        });
    };
    db::sessions::insert_refresh_token(&mut *tx, &secret_hash(&next), session.session_id).await?;
    let user = db::users::find_of_session(&mut *tx, session.session_id, input.workspace).await?;
    let user = user.ok_or(ApiError::Forbidden {
        code: "no_workspace",
        detail: "the account is not active in such a workspace",
    })?;
    tx.commit().await?;

    let signed_in =
        sign_in_to(&state, session.account_id, session.session_id, user.id, user.workspace_id, None).await?;
    let (jar, signed_in) = with_refresh_token(&state, CookieJar::default(), signed_in, next, place);
    Ok((jar, ok(signed_in)))
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
    headers: HeaderMap,
    cookies: BrowserCookies,
    input: Option<ApiJson<Logout>>,
) -> Result<impl IntoResponse> {
    state.limits.refresh.check(&address.0)?;
    let in_body = input.and_then(|ApiJson(input)| input.refresh_token);
    if let Some((token, _)) = presented(in_body, cookies, &headers, &state)? {
        let ended = db::sessions::revoke_by_token(&state.db, &secret_hash(&token)).await?;
        state.caches.invalidate_users();
        if let Some(session) = ended {
            let signed_out = SecurityEvent::new(SecurityKind::SignedOut, address);
            of_session(signed_out, &session).record_aside(&state).await;
        }
    }
    Ok((cookies::forget_refresh_token(&state, CookieJar::default()), StatusCode::NO_CONTENT))
}

fn of_session(event: SecurityEvent, session: &SessionFound) -> SecurityEvent {
    event.of_account(Some(session.account_id)).of_user(session.user_id, session.id)
}

/// The refresh token, and the place that it came from. That of a cookie only pages of ours may use.
fn presented(
    in_body: Option<String>,
    cookies: BrowserCookies,
    headers: &HeaderMap,
    state: &AppState,
) -> Result<Option<(String, TokenPlace)>> {
    if let Some(token) = in_body {
        return Ok(Some((token, TokenPlace::Body)));
    }
    let Some(token) = cookies.refresh_token else { return Ok(None) };
    same_origin::require(headers, &state.config)?;
    Ok(Some((token, TokenPlace::Cookie)))
}
