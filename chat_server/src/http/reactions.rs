//! Reactions to messages.

use axum::{extract::State, http::StatusCode};
use chat_core::{ChatId, MessageId, UserId, permission::ChatAction, text::Emoji};
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
        self, Page,
        messages::reactions::{self, KINDS_MAX, Reactor},
    },
    error::{ApiError, InvalidField, Problem, Result},
    extract::{ApiPath, ApiQuery, JsonResponse, ok},
    state::AppState,
};

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(list_reactors, add_reaction, remove_reaction))
}

#[derive(Deserialize)]
pub struct ReactionPath {
    message_id: MessageId,
    emoji: String,
}

impl ReactionPath {
    fn emoji(&self) -> Result<Emoji> {
        Emoji::parse(&self.emoji).map_err(|e| InvalidField::text("emoji", e).into())
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ReactorPage {
    /// The last user of the page before.
    pub after: Option<UserId>,
    #[serde(default)]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200)]
    pub limit: Limit,
}

/// List who reacted to a message with an emoji, the first one first
#[utoipa::path(get, path = "/api/chat/{id}/messages/{message_id}/reactions/{emoji}", tag = "messages",
    params(("id" = ChatId, Path), ("message_id" = MessageId, Path), ("emoji" = Emoji, Path), ReactorPage),
    responses((status = 200, body = Page<Reactor>), (status = 403, body = Problem)))]
pub async fn list_reactors(
    State(state): State<AppState>,
    chat: ChatMember,
    ApiPath(path): ApiPath<ReactionPath>,
    ApiQuery(page): ApiQuery<ReactorPage>,
) -> Result<JsonResponse<Page<Reactor>>> {
    let (limit, emoji) = (page.limit.get()?, path.emoji()?);
    db::messages::find_authorship(&state.db, chat.id, path.message_id)
        .await?
        .ok_or(ApiError::NotFound("message"))?;
    let rows = reactions::list(&state.db, path.message_id, &emoji, page.after, limit).await?;
    Ok(ok(Page::from_rows(rows, limit)))
}

/// React to a message with an emoji
///
/// The same reaction again changes nothing.
#[utoipa::path(put, path = "/api/chat/{id}/messages/{message_id}/reactions/{emoji}", tag = "messages",
    params(("id" = ChatId, Path), ("message_id" = MessageId, Path), ("emoji" = Emoji, Path)),
    responses((status = 204), (status = 403, body = Problem),
        (status = 409, body = Problem, description = "message_deleted, system_message, too_many_reactions")))]
pub async fn add_reaction(
    State(state): State<AppState>,
    chat: VisibleChat,
    ApiPath(path): ApiPath<ReactionPath>,
) -> Result<StatusCode> {
    let emoji = path.emoji()?;
    let mut tx = begin_marking(&state, &chat, path.message_id, ChatAction::React, Target::Takes).await?;
    let (workspace, user) = (chat.user.workspace_id, chat.user.id);
    if !reactions::add(&mut tx, workspace, path.message_id, user, &emoji).await? {
        let detail = format!("the message has {KINDS_MAX} different reactions already");
        return Err(ApiError::conflict("too_many_reactions", detail));
    }
    tx.commit().await?;
    state.caches.invalidate_chat(chat.id, &[]);
    Ok(StatusCode::NO_CONTENT)
}

/// Take back one's reaction to a message
#[utoipa::path(delete, path = "/api/chat/{id}/messages/{message_id}/reactions/{emoji}", tag = "messages",
    params(("id" = ChatId, Path), ("message_id" = MessageId, Path), ("emoji" = Emoji, Path)),
    responses((status = 204, description = "also when there is none"), (status = 403, body = Problem)))]
pub async fn remove_reaction(
    State(state): State<AppState>,
    chat: VisibleChat,
    ApiPath(path): ApiPath<ReactionPath>,
) -> Result<StatusCode> {
    let emoji = path.emoji()?;
    let mut tx = begin_marking(&state, &chat, path.message_id, ChatAction::React, Target::Any).await?;
    reactions::remove(&mut *tx, path.message_id, chat.user.id, &emoji).await?;
    tx.commit().await?;
    state.caches.invalidate_chat(chat.id, &[]);
    Ok(StatusCode::NO_CONTENT)
}
