//! Messages: send, read, edit and delete. A send may be repeated at any time.

use std::sync::Arc;

use anyhow::Context as _;
use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use chat_core::{
    ChatId, MessageId,
    permission::ChatAction,
    text::{ClientId, MessageBody},
};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use sqlx::{Postgres, Transaction};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Limit,
    message_pages::{Conversation, MessageList, Pages, check_positions},
};
use crate::{
    auth::{ChatMember, CurrentUser, Sender, VisibleChat, forbidden, lock_chat},
    client_address::ClientAddress,
    db::{
        self,
        messages::{Message, MessageJson, NewMessage, ReplyIn, RequestHash},
    },
    error::{ApiError, InvalidField, Problem, Result},
    extract::{ApiJson, ApiPath, ApiQuery, JsonResponse, created, ok},
    security::{SecurityEvent, SecurityKind},
    state::AppState,
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(list_messages, send_message)).routes(routes!(
        get_message,
        edit_message,
        delete_message
    ))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SendMessage {
    pub body: MessageBody,
    /// The sender's own name for this send: sending again under it is the same message, for ever. The header
    /// `Idempotency-Key` does the same.
    pub client_id: Option<ClientId>,
    /// The message of this chat that is answered.
    pub reply_to: Option<MessageId>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditMessage {
    pub body: MessageBody,
}

/// At most one of `before`, `after`, `around` and `anchor`; without any, the newest messages.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct MessagePage {
    /// Messages with a smaller `seq`, the nearest.
    #[param(minimum = 0)]
    pub before: Option<i64>,
    /// Messages with a larger `seq`, the nearest.
    #[param(minimum = 0)]
    pub after: Option<i64>,
    /// Messages on both sides of this `seq`, itself included.
    #[param(minimum = 0)]
    pub around: Option<i64>,
    /// `first_unread`: as `around` the first message that the caller has not read.
    pub anchor: Option<Anchor>,
    #[serde(default)]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200)]
    pub limit: Limit,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Anchor {
    FirstUnread,
}

#[derive(Deserialize)]
pub struct MessagePath {
    message_id: MessageId,
}

/// Send a message
#[utoipa::path(post, path = "/api/chat/{id}/messages", tag = "messages",
    params(("id" = ChatId, Path), ("Idempotency-Key" = Option<String>, Header, description = "the same as client_id", max_length = 64)),
    request_body = SendMessage,
    responses((status = 201, body = Message),
        (status = 200, body = Message, description = "sent before under this client_id; Idempotent-Replayed: true"),
        (status = 403, body = Problem), (status = 409, body = Problem, description = "workspace_full"),
        (status = 422, body = Problem, description = "invalid, idempotency_key_reused")))]
pub async fn send_message(
    State(state): State<AppState>,
    Sender(user): Sender,
    ApiPath(ChatPath { id: chat }): ApiPath<ChatPath>,
    headers: HeaderMap,
    ApiJson(input): ApiJson<SendMessage>,
) -> Result<Response> {
    send(&state, &user, chat, &headers, input, None).await
}

/// Sends to the main line of a chat, or to a thread.
pub async fn send(
    state: &AppState,
    user: &CurrentUser,
    chat: ChatId,
    headers: &HeaderMap,
    input: SendMessage,
    thread: Option<ReplyIn>,
) -> Result<Response> {
    state.limits.check_message(&user.account_id, &input.body)?;
    state.quota.check(&state.db, user.workspace_id).await?;
    let client_id = client_id(headers, input.client_id)?;
    let request_hash = client_id.as_ref().map(|_| request_hash(chat, &input.body, input.reply_to, thread));
    let new = Arc::new(NewMessage {
        id: MessageId::generate(),
        workspace_id: user.workspace_id,
        chat_id: chat,
        sender_id: user.id,
        body: input.body,
        client_id,
        request_hash,
        reply_to: input.reply_to,
        thread,
    });
    let Some(message) = state.sends.send(Arc::clone(&new)).await? else {
        return Box::pin(not_sent(state, user, chat, &new)).await; // rare, and large
    };
    state.caches.invalidate_chat(chat, &[user.id]);
    state.metrics.messages_sent.inc();
    let message = RawValue::from_string(message).context("send_messages returned no JSON")?;
    Ok(created(message).into_response())
}

#[derive(Deserialize)]
pub struct ChatPath {
    id: ChatId,
}

fn client_id(headers: &HeaderMap, in_body: Option<ClientId>) -> Result<Option<ClientId>> {
    const POINTER: &str = "Idempotency-Key";
    let Some(header) = headers.get(IDEMPOTENCY_KEY) else { return Ok(in_body) };
    let invalid = |code, detail| ApiError::invalid(POINTER, code, detail);
    let text = header.to_str().map_err(|_| invalid("not_ascii", "must be visible ASCII"))?;
    // The draft standard writes it as a quoted string; many clients send it bare.
    let text = text.trim().trim_matches('"');
    let in_header = ClientId::parse(text).map_err(|e| InvalidField::text(POINTER, e))?;
    match in_body {
        Some(in_body) if in_body != in_header => Err(invalid("differs", "differs from client_id")),
        _ => Ok(Some(in_header)),
    }
}

/// A hash of what makes two sends the same.
fn request_hash(
    chat: ChatId,
    body: &MessageBody,
    reply_to: Option<MessageId>,
    thread: Option<ReplyIn>,
) -> RequestHash {
    let mut hash = Sha256::new();
    hash.update(chat.0.as_bytes());
    hash.update(reply_to.map_or([0; 16], |id| *id.0.as_bytes()));
    if let Some(thread) = thread {
        hash.update(thread.root_id.0.as_bytes());
        hash.update([u8::from(thread.also_in_chat)]);
    }
    hash.update(body.as_str());
    RequestHash(hash.finalize().into())
}

/// The client id was used before. Responds with the first message if this is the same send and the
/// sender may still see the chat.
async fn replay(state: &AppState, new: &NewMessage) -> Result<Response> {
    let client_id = new.client_id.as_ref().ok_or(ApiError::NotFound("message"))?;
    let sent = db::messages::find_sent(&state.db, new.sender_id, client_id)
        .await?
        .ok_or(ApiError::NotFound("message"))?;
    // It is forgotten once the message is edited or deleted.
    let known = sent.request_hash.as_deref();
    if known.is_some_and(|known| new.request_hash.is_none_or(|hash| known != hash.0)) {
        return Err(ApiError::Invalid {
            code: "idempotency_key_reused",
            detail: "another message was sent under this client_id".into(),
            errors: Vec::new(),
        });
    }
    state.metrics.messages_replayed.inc();
    let mut response = ok(sent.message.0).into_response();
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

/// Nothing was inserted. The reason is looked up afterwards, so that a successful send costs no
/// extra query. A repeated send gets its message even if the message that it replied to was deleted
/// since.
async fn not_sent(state: &AppState, user: &CurrentUser, chat: ChatId, new: &NewMessage) -> Result<Response> {
    let mut tx = state.db.begin().await?;
    lock_chat(&mut tx, user, chat, ChatAction::Post).await?;
    if let Some(client_id) = &new.client_id
        && db::messages::find_sent(&mut *tx, new.sender_id, client_id).await?.is_some()
    {
        tx.rollback().await?;
        return replay(state, new).await;
    }
    if let Some(thread) = new.thread {
        let root = db::messages::find_authorship(&mut *tx, chat, thread.root_id).await?;
        if root.ok_or(ApiError::NotFound("message"))?.is_deleted {
            return Err(ApiError::conflict("message_deleted", "the message was deleted"));
        }
    }
    let answered = match new.reply_to {
        Some(id) => db::messages::find_authorship(&mut *tx, chat, id).await?,
        None => None,
    };
    if answered.as_ref().is_some_and(|answered| answered.is_system) {
        return Err(ApiError::invalid("/reply_to", "system_message", "a system line cannot be replied to"));
    }
    if new.reply_to.is_some() && answered.is_none_or(|answered| answered.is_deleted) {
        return Err(ApiError::invalid(
            "/reply_to",
            "no_such_message",
            "there is no such message in this chat",
        ));
    }
    Err(ApiError::Unavailable("the chat changed while the message was sent: send again"))
}

/// List the messages of a chat
///
/// Replies in threads are there only if they were sent to the chat as well.
#[utoipa::path(get, path = "/api/chat/{id}/messages", tag = "messages", params(("id" = ChatId, Path), MessagePage),
    responses((status = 200, body = MessageList), (status = 403, body = Problem)))]
pub async fn list_messages(
    State(state): State<AppState>,
    chat: ChatMember,
    ApiQuery(page): ApiQuery<MessagePage>,
) -> Result<JsonResponse<MessageList>> {
    let limit = page.limit.get()?;
    let anchor = page.anchor.map(|_| 0);
    check_positions(&[
        ("before", page.before),
        ("after", page.after),
        ("around", page.around),
        ("anchor", anchor),
    ])?;
    let around = match page.anchor {
        Some(Anchor::FirstUnread) => {
            let membership = db::members::find(&state.db, chat.id, chat.user.id)
                .await?
                .ok_or(ApiError::NotFound("chat"))?;
            Some(membership.read_seq + 1)
        }
        None => page.around,
    };
    let pages = Pages { state: &state, viewer: chat.user.id, conversation: Conversation::Chat(chat.id) };
    let list = if let Some(seq) = around {
        pages.around(seq, limit).await?
    } else if let Some(seq) = page.after {
        pages.after(seq, limit).await?
    } else {
        pages.before(page.before, limit).await?
    };
    Ok(ok(list))
}

/// Get a message
#[utoipa::path(get, path = "/api/chat/{id}/messages/{message_id}", tag = "messages",
    params(("id" = ChatId, Path), ("message_id" = MessageId, Path)),
    responses((status = 200, body = Message), (status = 403, body = Problem)))]
pub async fn get_message(
    State(state): State<AppState>,
    chat: ChatMember,
    ApiPath(path): ApiPath<MessagePath>,
) -> Result<JsonResponse<MessageJson>> {
    let found = db::messages::find(&state.db, chat.user.id, chat.id, path.message_id).await?;
    found.map(|found| ok(found.0)).ok_or(ApiError::NotFound("message"))
}

/// Edit a message of the caller
#[utoipa::path(patch, path = "/api/chat/{id}/messages/{message_id}", tag = "messages",
    params(("id" = ChatId, Path), ("message_id" = MessageId, Path)), request_body = EditMessage,
    responses((status = 200, body = Message), (status = 403, body = Problem), (status = 409, body = Problem, description = "message_deleted, system_message, workspace_full")))]
pub async fn edit_message(
    State(state): State<AppState>,
    chat: VisibleChat,
    ApiPath(path): ApiPath<MessagePath>,
    ApiJson(input): ApiJson<EditMessage>,
) -> Result<JsonResponse<MessageJson>> {
    // It goes to every member as a new one does.
    state.limits.check_message(&chat.user.account_id, &input.body)?;
    state.quota.check(&state.db, chat.user.workspace_id).await?;
    let mut tx = state.db.begin().await?;
    lock_chat(&mut tx, &chat.user, chat.id, ChatAction::Post).await?;
    let found = db::messages::find_authorship(&mut *tx, chat.id, path.message_id)
        .await?
        .ok_or(ApiError::NotFound("message"))?;
    if found.is_system {
        return Err(system_message());
    }
    if found.sender_id != chat.user.id {
        return Err(forbidden());
    }
    if found.is_deleted {
        return Err(ApiError::conflict("message_deleted", "the message was deleted"));
    }
    db::messages::update_body(&mut *tx, path.message_id, &input.body).await?;
    let edited = db::messages::find(&mut *tx, chat.user.id, chat.id, path.message_id)
        .await?
        .ok_or(ApiError::NotFound("message"))?;
    tx.commit().await?;
    state.caches.invalidate_chat(chat.id, &[]);
    Ok(ok(edited.0))
}

/// The error for a change of what Parlor itself wrote.
pub fn system_message() -> ApiError {
    ApiError::conflict("system_message", "it tells what happened in the chat, and stays as it is")
}

/// What a message must be to be marked: reacted to, or pinned.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// One that takes a mark: a person wrote it, and it is not deleted.
    Takes,
    /// Any that is there, to take a mark away.
    Any,
}

/// Begins a change of what is marked on a message, under the lock of its chat.
///
/// # Errors
/// 429 if the caller marks too often, 403 and 404 as [`lock_chat`], 409 if the message takes no mark.
pub async fn begin_marking(
    state: &AppState,
    chat: &VisibleChat,
    message: MessageId,
    action: ChatAction,
    target: Target,
) -> Result<Transaction<'static, Postgres>> {
    state.limits.reactions.check(&chat.user.account_id)?;
    let mut tx = state.db.begin().await?;
    lock_chat(&mut tx, &chat.user, chat.id, action).await?;
    let found = db::messages::find_authorship(&mut *tx, chat.id, message).await?;
    let found = found.ok_or(ApiError::NotFound("message"))?;
    if target == Target::Takes {
        require_markable(found.is_system, found.is_deleted)?;
    }
    Ok(tx)
}

/// Refuses to mark what Parlor itself wrote, and what was deleted.
pub fn require_markable(is_system: bool, is_deleted: bool) -> Result<()> {
    if is_system {
        return Err(system_message());
    }
    if is_deleted {
        return Err(ApiError::conflict("message_deleted", "the message was deleted"));
    }
    Ok(())
}

/// Delete a message; its text is erased, its place stays
#[utoipa::path(delete, path = "/api/chat/{id}/messages/{message_id}", tag = "messages",
    params(("id" = ChatId, Path), ("message_id" = MessageId, Path)),
    responses((status = 204, description = "also when it was deleted before"), (status = 403, body = Problem),
        (status = 409, body = Problem, description = "system_message")))]
pub async fn delete_message(
    State(state): State<AppState>,
    chat: VisibleChat,
    address: ClientAddress,
    ApiPath(path): ApiPath<MessagePath>,
) -> Result<StatusCode> {
    let mut tx = state.db.begin().await?;
    lock_chat(&mut tx, &chat.user, chat.id, ChatAction::Read).await?;
    let found = db::messages::find_authorship(&mut *tx, chat.id, path.message_id)
        .await?
        .ok_or(ApiError::NotFound("message"))?;
    if found.is_system {
        return Err(system_message());
    }
    if found.sender_id != chat.user.id {
        lock_chat(&mut tx, &chat.user, chat.id, ChatAction::DeleteMessageOfOthers).await?;
        if !found.is_deleted {
            let deleted = SecurityEvent::by(&chat.user, SecurityKind::MessageDeleted, address);
            let id = path.message_id.to_string();
            deleted.about(found.sender_id).with(id).record(&mut *tx).await?;
        }
    }
    db::messages::mark_deleted(&mut *tx, path.message_id).await?;
    tx.commit().await?;
    state.caches.invalidate_chat(chat.id, &[]);
    Ok(StatusCode::NO_CONTENT)
}
