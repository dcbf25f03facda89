//! Pinned messages of a chat.

use axum::{extract::State, http::StatusCode};
use chat_core::{ChatId, MessageId, permission::ChatAction};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Limit,
    messages::{Target, begin_marking},
};
use crate::{
    auth::{ChatMember, VisibleChat},
    db::{
        Page,
        messages::pins::{self, PINS_MAX, Pin},
    },
    error::{ApiError, Problem, Result},
    extract::{ApiPath, ApiQuery, JsonResponse, ok},
    state::AppState,
};

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(list_pins)).routes(routes!(pin_message, unpin_message))
}

#[derive(Deserialize)]
pub struct PinPath {
    message_id: MessageId,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PinPage {
    /// The last message of the page before.
    pub after: Option<MessageId>,
    #[serde(default)]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200)]
    pub limit: Limit,
}

/// List the pinned messages of a chat, the newest pin first
#[utoipa::path(get, path = "/api/chat/{id}/pins", tag = "messages", params(("id" = ChatId, Path), PinPage),
    responses((status = 200, body = Page<Pin>), (status = 403, body = Problem)))]
pub async fn list_pins(
    State(state): State<AppState>,
    chat: ChatMember,
    ApiQuery(page): ApiQuery<PinPage>,
) -> Result<JsonResponse<Page<Pin>>> {
    let limit = page.limit.get()?;
    let rows = pins::list(&state.db, chat.user.id, chat.id, page.after, limit).await?;
    let has_more = rows.last().is_some_and(|last| last.has_next);
    Ok(ok(Page { items: rows.into_iter().map(|row| row.pin).collect(), has_more }))
}

/// Pin a message
///
/// At most 100 messages of a chat are pinned. Who pinned a message first stays named.
#[utoipa::path(put, path = "/api/chat/{id}/messages/{message_id}/pin", tag = "messages",
    params(("id" = ChatId, Path), ("message_id" = MessageId, Path)),
    responses((status = 204), (status = 403, body = Problem),
        (status = 409, body = Problem, description = "message_deleted, system_message, too_many_pins")))]
pub async fn pin_message(
    State(state): State<AppState>,
    chat: VisibleChat,
    ApiPath(path): ApiPath<PinPath>,
) -> Result<StatusCode> {
    let mut tx = begin_marking(&state, &chat, path.message_id, ChatAction::Pin, Target::Takes).await?;
    if !pins::add(&mut tx, chat.user.workspace_id, chat.id, path.message_id, chat.user.id).await? {
        let detail = format!("the chat has {PINS_MAX} pinned messages already");
        return Err(ApiError::conflict("too_many_pins", detail));
    }
    tx.commit().await?;
    state.caches.invalidate_chat(chat.id, &[]);
    Ok(StatusCode::NO_CONTENT)
}

/// Take a pin away
#[utoipa::path(delete, path = "/api/chat/{id}/messages/{message_id}/pin", tag = "messages",
    params(("id" = ChatId, Path), ("message_id" = MessageId, Path)),
    responses((status = 204, description = "also when there is none"), (status = 403, body = Problem)))]
pub async fn unpin_message(
    State(state): State<AppState>,
    chat: VisibleChat,
    ApiPath(path): ApiPath<PinPath>,
) -> Result<StatusCode> {
    let mut tx = begin_marking(&state, &chat, path.message_id, ChatAction::Pin, Target::Any).await?;
    pins::remove(&mut *tx, path.message_id).await?;
    tx.commit().await?;
    state.caches.invalidate_chat(chat.id, &[]);
    Ok(StatusCode::NO_CONTENT)
}
