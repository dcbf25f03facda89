//! The sessions of an account: list them and end them.

use axum::{extract::State, http::StatusCode};
use chat_core::SessionId;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::CurrentUser,
    client_address::ClientAddress,
    db::{self, Page, sessions::Session},
    error::{ApiError, Result},
    extract::{ApiPath, JsonResponse, ok},
    security::{SecurityEvent, SecurityKind},
    state::AppState,
};

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(list_sessions, revoke_other_sessions))
        .routes(routes!(revoke_session))
}

/// List the caller's sessions, last used first
#[utoipa::path(get, path = "/api/sessions", tag = "account", responses((status = 200, body = Page<Session>)))]
pub async fn list_sessions(
    State(state): State<AppState>,
    user: CurrentUser,
) -> Result<JsonResponse<Page<Session>>> {
    let items = db::sessions::list(&state.db, user.account_id, user.session_id).await?;
    Ok(ok(Page { items, has_more: false }))
}

/// End all sessions of the caller but this one
#[utoipa::path(delete, path = "/api/sessions", tag = "account", responses((status = 204)))]
pub async fn revoke_other_sessions(State(state): State<AppState>, user: CurrentUser) -> Result<StatusCode> {
    db::sessions::revoke_others(&state.db, user.account_id, Some(user.session_id)).await?;
    state.caches.invalidate_users();
    Ok(StatusCode::NO_CONTENT)
}

/// End a session of the caller; its tokens stop working, its streams end
#[utoipa::path(delete, path = "/api/sessions/{id}", tag = "account", params(("id" = SessionId, Path)),
    responses((status = 204)))]
pub async fn revoke_session(
    State(state): State<AppState>,
    user: CurrentUser,
    address: ClientAddress,
    ApiPath(id): ApiPath<SessionId>,
) -> Result<StatusCode> {
    if !db::sessions::revoke(&state.db, user.account_id, id).await? {
        return Err(ApiError::NotFound("session"));
    }
    let revoked = SecurityEvent::by(&user, SecurityKind::SessionRevoked, address);
    revoked.of_user(user.id, id).record_aside(&state).await;
    // All users of the account, since the session may have been used with any of them.
    state.caches.invalidate_users();
    Ok(StatusCode::NO_CONTENT)
}
