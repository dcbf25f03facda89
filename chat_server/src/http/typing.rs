//! Typing: what a member says about themselves, for a few seconds. Nothing of it is stored.

use axum::{extract::State, http::StatusCode};
use chat_core::{
    ChatId,
    ephemeral::{Notice, Typing},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::ChatPoster,
    error::{Problem, Result},
    state::AppState,
};

/// In a chat with more members typing is not told. Each notice costs a frame for each member, and in
/// a large chat some member always types: without a limit it cost Mattermost 44 % of its
/// capacity.
const TYPING_MEMBERS_MAX: i64 = 200;

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(start_typing, stop_typing))
}

/// Say that you are typing in a chat
///
/// Its other members get the ephemeral event `typing`. Say it again every 3 to 5 seconds: it is shown for 6. In a chat
/// with more than 200 members nobody is told.
#[utoipa::path(post, path = "/api/chat/{id}/typing", tag = "messages", params(("id" = ChatId, Path)),
    responses((status = 204), (status = 403, body = Problem)))]
pub async fn start_typing(State(state): State<AppState>, chat: ChatPoster) -> Result<StatusCode> {
    tell(&state, &chat, true).await
}

/// Say that you stopped typing in a chat
///
/// Not needed after a message was sent: clients take the message for it.
#[utoipa::path(delete, path = "/api/chat/{id}/typing", tag = "messages", params(("id" = ChatId, Path)),
    responses((status = 204), (status = 403, body = Problem)))]
pub async fn stop_typing(State(state): State<AppState>, chat: ChatPoster) -> Result<StatusCode> {
    tell(&state, &chat, false).await
}

async fn tell(state: &AppState, chat: &ChatPoster, is_typing: bool) -> Result<StatusCode> {
    state.limits.typing.check(&chat.user.account_id)?;
    let found = state.caches.chats(&state.db, &[chat.id]).await?;
    if found.chats.get(&chat.id).is_some_and(|found| found.facts.member_count <= TYPING_MEMBERS_MAX) {
        let (workspace, user) = (chat.user.workspace_id, chat.user.id);
        state.ephemeral.tell(Notice::Typing(Typing { workspace, chat: chat.id, user, is_typing }));
    }
    Ok(StatusCode::NO_CONTENT)
}
