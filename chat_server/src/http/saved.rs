//! Messages that a person keeps for later.

use axum::{extract::State, http::StatusCode};
use chat_core::MessageId;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Limit, messages::require_markable};
use crate::{
    auth::CurrentUser,
    db::{
        Page,
        messages::saved::{self, SAVED_MAX, Saved},
    },
    error::{ApiError, Problem, Result},
    extract::{ApiPath, ApiQuery, JsonResponse, ok},
    state::AppState,
};

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(list_saved)).routes(routes!(save_message, unsave_message))
}

#[derive(Deserialize)]
pub struct SavedPath {
    message_id: MessageId,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct SavedPage {
    /// The `message_id` of the last item of the page before.
    pub after: Option<MessageId>,
    #[serde(default)]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200)]
    pub limit: Limit,
}

/// List the messages that the caller keeps for later, the last saved first
///
/// A message that is deleted, or whose chat the caller has left, is shown without content.
#[utoipa::path(get, path = "/api/saved", tag = "messages", params(SavedPage),
    responses((status = 200, body = Page<Saved>)))]
pub async fn list_saved(
    State(state): State<AppState>,
    user: CurrentUser,
    ApiQuery(page): ApiQuery<SavedPage>,
) -> Result<JsonResponse<Page<Saved>>> {
    let limit = page.limit.get()?;
    let rows = saved::list(&state.db, user.id, page.after, limit).await?;
    let has_more = rows.last().is_some_and(|last| last.has_next);
    Ok(ok(Page { items: rows.into_iter().map(|row| row.saved).collect(), has_more }))
}

/// Keep a message of a chat that the caller is in for later
///
/// Nobody else is told. At most 2,000 messages are kept.
#[utoipa::path(put, path = "/api/saved/{message_id}", tag = "messages", params(("message_id" = MessageId, Path)),
    responses((status = 204),
        (status = 409, body = Problem, description = "message_deleted, system_message, too_many_saved")))]
pub async fn save_message(
    State(state): State<AppState>,
    user: CurrentUser,
    ApiPath(path): ApiPath<SavedPath>,
) -> Result<StatusCode> {
    state.limits.reactions.check(&user.account_id)?;
    let mut tx = state.db.begin().await?;
    saved::lock(&mut *tx, user.id).await?;
    let found = saved::find_readable(&mut *tx, user.id, path.message_id).await?;
    let found = found.ok_or(ApiError::NotFound("message"))?;
    require_markable(found.is_system, found.is_deleted)?;
    if !saved::add(&mut tx, user.workspace_id, found.chat_id, path.message_id, user.id).await? {
        let detail = format!("you keep {SAVED_MAX} messages already: remove one first");
        return Err(ApiError::conflict("too_many_saved", detail));
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Keep a message no more
#[utoipa::path(delete, path = "/api/saved/{message_id}", tag = "messages", params(("message_id" = MessageId, Path)),
    responses((status = 204, description = "also when it was not kept")))]
pub async fn unsave_message(
    State(state): State<AppState>,
    user: CurrentUser,
    ApiPath(path): ApiPath<SavedPath>,
) -> Result<StatusCode> {
    state.limits.reactions.check(&user.account_id)?;
    saved::remove(&state.db, user.id, path.message_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
