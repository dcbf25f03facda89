//! The caller's account as a whole: look at it, take its data along, delete it.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use axum_extra::extract::cookie::CookieJar;
use chat_core::text::Password;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{cookies, credentials::prove};
use crate::{
    auth::{CurrentUser, session_over},
    client_address::ClientAddress,
    db::{self, accounts::Account, exports::Export},
    error::{ApiError, Problem, Result},
    extract::{ApiJson, JsonResponse, ok},
    security::{SecurityEvent, SecurityKind},
    state::AppState,
};

/// An export that takes longer ends without its last line.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(600);

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(get_account))
        .routes(routes!(export_account))
        .routes(routes!(delete_account))
}

/// The caller's account, and what this server can do for it.
#[derive(Serialize, ToSchema)]
pub struct MyAccount {
    #[serde(flatten)]
    pub account: Account,
    /// Whether this server sends mails.
    pub sends_mail: bool,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountDeletion {
    pub password: Password,
}

/// Get the caller's account
#[utoipa::path(get, path = "/api/account", tag = "account", responses((status = 200, body = MyAccount)))]
pub async fn get_account(
    State(state): State<AppState>,
    user: CurrentUser,
) -> Result<JsonResponse<MyAccount>> {
    find(&state, &user).await.map(ok)
}

/// The account as the caller sees it.
pub async fn find(state: &AppState, user: &CurrentUser) -> Result<MyAccount> {
    let account = db::accounts::find(&state.db, user.account_id).await?.ok_or_else(session_over)?;
    Ok(MyAccount { account, sends_mail: state.mailer.is_some() })
}

/// Export what the server keeps of the caller
///
/// Lines of JSON, each with a `type`: the account, its sessions, its users, their chats, and the messages that they wrote
/// in chats that they are in now. The last line is `{"type":"end"}`; without it, the export is incomplete.
#[utoipa::path(get, path = "/api/account/export", tag = "account",
    responses((status = 200, content_type = "application/x-ndjson", body = String),
              (status = 409, body = Problem, description = "export_running")))]
pub async fn export_account(
    State(state): State<AppState>,
    user: CurrentUser,
    address: ClientAddress,
) -> Result<Response> {
    let place = state.shares.export(user.account_id)?;
    state.limits.exports.check(&user.account_id)?;
    SecurityEvent::by(&user, SecurityKind::AccountExported, address).record(&state.db).await?;
    let deadline = Instant::now() + EXPORT_TIMEOUT;
    let export = Export::new(user.account_id);
    let lines = stream::try_unfold((state, export, place), move |(state, mut export, place)| async move {
        let page = timeout_at(deadline, export.next(&state.background)).await;
        let page = page.map_err(|_| std::io::Error::other("the export took too long"))?;
        let page = page.map_err(|e| {
            tracing::warn!("an export was cut off: {e}");
            std::io::Error::other("the database is not available now")
        })?;
        Ok::<_, std::io::Error>(page.map(|lines| (Bytes::from(lines), (state, export, place))))
    });
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"parlor-export.ndjson\""),
    ];
    Ok((headers, Body::from_stream(lines)).into_response())
}

/// Delete the caller's account, in all its workspaces
///
/// It ends all sessions at once. A moment later its users are deactivated and have no name. What they wrote stays.
#[utoipa::path(post, path = "/api/account/delete", tag = "account", request_body = AccountDeletion,
    responses((status = 204), (status = 409, body = Problem, description = "last_owner"),
              (status = 422, body = Problem, description = "wrong_password")))]
pub async fn delete_account(
    State(state): State<AppState>,
    user: CurrentUser,
    address: ClientAddress,
    ApiJson(input): ApiJson<AccountDeletion>,
) -> Result<impl IntoResponse> {
    prove(&state, &user, address, "/password", input.password).await?;
    let mut tx = state.db.begin().await?;
    let alone = db::accounts::list_owned_alone(&mut *tx, user.account_id).await?;
    if !alone.is_empty() {
        let names = alone.join(", ");
        return Err(ApiError::conflict(
            "last_owner",
            format!("make another user an owner first, in {names}"),
        ));
    }
    db::accounts::delete(&mut *tx, user.account_id).await?;
    db::account_codes::void_all(&mut *tx, user.account_id).await?;
    db::sessions::revoke_others(&mut *tx, user.account_id, None).await?;
    let payload = serde_json::json!({ "account_id": user.account_id });
    db::jobs::add(&mut *tx, "delete_account", &user.account_id.to_string(), &payload).await?;
    SecurityEvent::by(&user, SecurityKind::AccountDeleted, address).record(&mut *tx).await?;
    tx.commit().await?;
    state.caches.invalidate_users();
    Ok((cookies::forget_refresh_token(&state, CookieJar::default()), StatusCode::NO_CONTENT))
}
