//! Threads: replies to one message, read and followed beside the main line of the chat.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use chat_core::{
    ChatId, MessageId,
    text::{ClientId, MessageBody},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sqlx::types::Json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Limit,
    message_pages::{Conversation, Pages, check_positions},
    messages::{self, SendMessage, system_message},
};
use crate::{
    auth::{ChatMember, CurrentUser},
    db::{
        self, Page,
        messages::{
            Message, MessageJson, ReplyIn,
            threads::{self, FollowedThread, ThreadState, ThreadStateJson},
        },
    },
    error::{ApiError, Problem, Result},
    extract::{ApiJson, ApiPath, ApiQuery, JsonResponse, ok, whole},
    state::AppState,
};

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(list_threads))
        .routes(routes!(get_thread, reply_in_thread))
        .routes(routes!(follow_thread, unfollow_thread))
        .routes(routes!(mark_thread_read))
}

#[derive(Deserialize)]
pub struct ThreadPath {
    message_id: MessageId,
}

/// At most one of `before`, `after` and `around`; without any, the newest replies.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ReplyPage {
    /// Replies with a smaller `thread_no`, the nearest.
    #[param(minimum = 0)]
    pub before: Option<i64>,
    /// Replies with a larger `thread_no`, the nearest.
    #[param(minimum = 0)]
    pub after: Option<i64>,
    /// Replies on both sides of this `thread_no`, itself included.
    #[param(minimum = 0)]
    pub around: Option<i64>,
    #[serde(default)]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200)]
    pub limit: Limit,
}

/// Consecutive replies of a thread, oldest first, and the message that it is about.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReplyList {
    #[schema(value_type = Message)]
    pub root: Json<MessageJson>,
    /// The caller's view of the thread. Null if they have never followed it.
    #[schema(value_type = Option<ThreadState>)]
    pub thread: Option<Json<ThreadStateJson>>,
    #[schema(value_type = Vec<Message>)]
    pub items: Vec<MessageJson>,
    /// Whether there are more in a direction that was asked for.
    pub has_more: bool,
    pub has_more_before: bool,
    pub has_more_after: bool,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    pub body: MessageBody,
    /// As for a message of the chat.
    pub client_id: Option<ClientId>,
    /// The message of this chat that is answered in particular.
    pub reply_to: Option<MessageId>,
    /// Whether the reply is to stand in the main line of the chat as well.
    #[serde(default)]
    pub also_in_chat: bool,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MarkThreadRead {
    /// The `thread_no` of the newest reply that was read. The position only moves forward.
    #[schema(minimum = 0)]
    #[serde(deserialize_with = "whole")]
    pub thread_no: i64,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ThreadPage {
    /// The `root_id` of the last thread of the page before.
    pub after: Option<MessageId>,
    /// Those with unread replies alone.
    #[serde(default)]
    pub unread: bool,
    #[serde(default)]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200)]
    pub limit: Limit,
}

/// List the threads that the caller follows, the one with the newest reply first
#[utoipa::path(get, path = "/api/threads", tag = "messages", params(ThreadPage),
    responses((status = 200, body = Page<FollowedThread>)))]
pub async fn list_threads(
    State(state): State<AppState>,
    user: CurrentUser,
    ApiQuery(page): ApiQuery<ThreadPage>,
) -> Result<JsonResponse<Page<FollowedThread>>> {
    let limit = page.limit.get()?;
    Ok(ok(threads::list_followed(&state.db, user.id, page.after, page.unread, limit).await?))
}

/// List the replies of the thread about a message
///
/// The id of a reply stands for its thread.
#[utoipa::path(get, path = "/api/chat/{id}/messages/{message_id}/thread", tag = "messages",
    params(("id" = ChatId, Path), ("message_id" = MessageId, Path), ReplyPage),
    responses((status = 200, body = ReplyList), (status = 403, body = Problem)))]
pub async fn get_thread(
    State(state): State<AppState>,
    chat: ChatMember,
    ApiPath(path): ApiPath<ThreadPath>,
    ApiQuery(page): ApiQuery<ReplyPage>,
) -> Result<JsonResponse<ReplyList>> {
    let limit = page.limit.get()?;
    check_positions(&[("before", page.before), ("after", page.after), ("around", page.around)])?;
    let root_id = root_of(&state, &chat, path.message_id).await?;
    let thread = threads::find_state(&state.db, root_id, chat.user.id).await?;
    let root = db::messages::find(&state.db, chat.user.id, chat.id, root_id).await?;
    let root = root.ok_or(ApiError::NotFound("message"))?;
    let pages = Pages { state: &state, viewer: chat.user.id, conversation: Conversation::Thread(root_id) };
    let list = if let Some(no) = page.around {
        pages.around(no, limit).await?
    } else if let Some(no) = page.after {
        pages.after(no, limit).await?
    } else {
        pages.before(page.before, limit).await?
    };
    Ok(ok(ReplyList {
        root,
        thread,
        items: list.items,
        has_more: list.has_more,
        has_more_before: list.has_more_before,
        has_more_after: list.has_more_after,
    }))
}

/// Reply in the thread about a message
///
/// The id of a reply stands for its thread. The sender follows the thread from then on.
#[utoipa::path(post, path = "/api/chat/{id}/messages/{message_id}/thread", tag = "messages",
    params(("id" = ChatId, Path), ("message_id" = MessageId, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "the same as client_id", max_length = 64)),
    request_body = Reply,
    responses((status = 201, body = Message),
        (status = 200, body = Message, description = "sent before under this client_id; Idempotent-Replayed: true"),
        (status = 403, body = Problem), (status = 409, body = Problem, description = "message_deleted, system_message, workspace_full"),
        (status = 422, body = Problem, description = "invalid, idempotency_key_reused")))]
pub async fn reply_in_thread(
    State(state): State<AppState>,
    chat: ChatMember,
    ApiPath(path): ApiPath<ThreadPath>,
    headers: HeaderMap,
    ApiJson(input): ApiJson<Reply>,
) -> Result<Response> {
    let root_id = root_of(&state, &chat, path.message_id).await?;
    let message = SendMessage { body: input.body, client_id: input.client_id, reply_to: input.reply_to };
    let thread = ReplyIn { root_id, also_in_chat: input.also_in_chat };
    messages::send(&state, &chat.user, chat.id, &headers, message, Some(thread)).await
}

/// Follow the thread about a message
///
/// Its replies count as unread from then on. There is a thread once there is a reply.
#[utoipa::path(put, path = "/api/chat/{id}/messages/{message_id}/thread/follow", tag = "messages",
    params(("id" = ChatId, Path), ("message_id" = MessageId, Path)),
    responses((status = 204), (status = 403, body = Problem)))]
pub async fn follow_thread(
    State(state): State<AppState>,
    chat: ChatMember,
    ApiPath(path): ApiPath<ThreadPath>,
) -> Result<StatusCode> {
    set_following(&state, &chat, path.message_id, true).await
}

/// Follow the thread about a message no more
#[utoipa::path(delete, path = "/api/chat/{id}/messages/{message_id}/thread/follow", tag = "messages",
    params(("id" = ChatId, Path), ("message_id" = MessageId, Path)),
    responses((status = 204), (status = 403, body = Problem)))]
pub async fn unfollow_thread(
    State(state): State<AppState>,
    chat: ChatMember,
    ApiPath(path): ApiPath<ThreadPath>,
) -> Result<StatusCode> {
    set_following(&state, &chat, path.message_id, false).await
}

/// Mark a thread as read
#[utoipa::path(post, path = "/api/chat/{id}/messages/{message_id}/thread/read", tag = "messages",
    params(("id" = ChatId, Path), ("message_id" = MessageId, Path)), request_body = MarkThreadRead,
    responses((status = 200, body = Option<ThreadState>, description = "null if the caller has never followed it"),
        (status = 403, body = Problem)))]
pub async fn mark_thread_read(
    State(state): State<AppState>,
    chat: ChatMember,
    ApiPath(path): ApiPath<ThreadPath>,
    ApiJson(input): ApiJson<MarkThreadRead>,
) -> Result<JsonResponse<Option<Json<Box<RawValue>>>>> {
    if input.thread_no < 0 {
        return Err(ApiError::out_of_range("/thread_no", 0, None));
    }
    let root_id = root_of(&state, &chat, path.message_id).await?;
    threads::mark_read(&state.db, root_id, chat.user.id, input.thread_no).await?;
    Ok(ok(threads::find_state(&state.db, root_id, chat.user.id).await?))
}

async fn set_following(
    state: &AppState,
    chat: &ChatMember,
    message: MessageId,
    following: bool,
) -> Result<StatusCode> {
    let root_id = root_of(state, chat, message).await?;
    let is_there = threads::set_following(&state.db, root_id, chat.user.id, following).await?;
    // To follow no more what nobody can follow is done already.
    if is_there || !following { Ok(StatusCode::NO_CONTENT) } else { Err(ApiError::NotFound("thread")) }
}

/// The message that the thread of a message is, or would be, about: itself, or of a reply its root.
async fn root_of(state: &AppState, chat: &ChatMember, message: MessageId) -> Result<MessageId> {
    let found = db::messages::find_authorship(&state.db, chat.id, message)
        .await?
        .ok_or(ApiError::NotFound("message"))?;
    if found.is_system {
        return Err(system_message());
    }
    Ok(found.root_id.unwrap_or(message))
}
