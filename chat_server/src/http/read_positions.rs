//! The read positions of members.

use axum::extract::State;
use chat_core::ChatId;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::ChatMember,
    db::{self, members::ReadPosition},
    error::{ApiError, Problem, Result},
    extract::{ApiJson, JsonResponse, ok, whole},
    state::AppState,
};

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(mark_read))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MarkRead {
    /// The newest message that was read. The position only moves forward.
    #[schema(minimum = 0)]
    #[serde(deserialize_with = "whole")]
    pub seq: i64,
}

/// Mark a chat as read
#[utoipa::path(post, path = "/api/chat/{id}/read", tag = "messages", params(("id" = ChatId, Path)), request_body = MarkRead,
    responses((status = 200, body = ReadPosition), (status = 403, body = Problem)))]
pub async fn mark_read(
    State(state): State<AppState>,
    chat: ChatMember,
    ApiJson(input): ApiJson<MarkRead>,
) -> Result<JsonResponse<ReadPosition>> {
    if input.seq < 0 {
        return Err(ApiError::out_of_range("/seq", 0, None));
    }
    let position = db::members::mark_read(&state.db, chat.id, chat.user.id, input.seq).await?;
    let position = position.ok_or(ApiError::NotFound("chat"))?;
    state.caches.invalidate_chat(chat.id, &[chat.user.id]);
    Ok(ok(position))
}
