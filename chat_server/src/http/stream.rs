//! Tickets for clients that cannot send a header when they open a stream, and the interest of a
//! stream: the chats that it wants ephemeral events about.

use axum::{extract::State, http::StatusCode};
use chat_core::{
    ChatId, UserId,
    ephemeral::{INTEREST_CHATS_MAX, INTEREST_USERS_MAX, Interest, Notice, StreamId},
    token::{Claims, Purpose, TICKET_TTL},
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::CurrentUser,
    error::{ApiError, Problem, Result},
    extract::{ApiJson, ApiPath, JsonResponse, created},
    state::AppState,
};

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(create_ticket)).routes(routes!(set_interest))
}

/// Opens streams, and nothing else; may be part of their URL.
#[derive(Serialize, ToSchema)]
pub struct Ticket {
    pub ticket: String,
    /// Seconds until it expires.
    pub expires_in: u64,
    /// The stream, ticket included: for `new EventSource(url)`.
    pub url: String,
}

/// Create a stream ticket, for clients that cannot send a header (EventSource)
#[utoipa::path(post, path = "/api/events/ticket", tag = "stream", responses((status = 201, body = Ticket)))]
pub async fn create_ticket(State(state): State<AppState>, user: CurrentUser) -> Result<JsonResponse<Ticket>> {
    let now = u64::try_from(OffsetDateTime::now_utc().unix_timestamp()).unwrap_or_default();
    let exp = (now + TICKET_TTL.as_secs()).min(user.token_expires);
    let claims =
        Claims { sub: user.id, acc: user.account_id, ws: user.workspace_id, sid: user.session_id, exp };
    let ticket = state.keys.signer.sign(claims, Purpose::Stream, now)?;
    let url = format!("{}?ticket={ticket}", events_url(&state));
    Ok(created(Ticket { ticket, expires_in: exp.saturating_sub(now), url }))
}

/// Which ephemeral events a stream is told. It replaces what was said before.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamInterest {
    /// The chats whose ephemeral events to send. Left out: all of them.
    #[schema(max_items = 50)]
    pub chats: Option<Vec<ChatId>>,
    /// The people whose presence to send. Kept for later: presence is not sent yet.
    #[serde(default)]
    #[schema(max_items = 200)]
    pub users: Vec<UserId>,
}

#[derive(Deserialize)]
pub struct StreamPath {
    stream_id: StreamId,
}

/// Set what a stream is told of what is true only now
///
/// The stream is named by the `stream_id` of its first frame, `connected`, and has to be your own. A new stream is told
/// everything, also after a reconnect. It takes effect a moment later, and may be lost. The answer is 204 for a stream
/// that has ended or is not yours, too: chat_server does not know which streams are open.
#[utoipa::path(put, path = "/api/streams/{stream_id}/interest", tag = "stream",
    params(("stream_id" = String, Path, pattern = "^[0-9a-f]{16}$")), request_body = StreamInterest,
    responses((status = 204), (status = 422, body = Problem, description = "more than 50 chats or 200 users")))]
pub async fn set_interest(
    State(state): State<AppState>,
    user: CurrentUser,
    ApiPath(StreamPath { stream_id: stream }): ApiPath<StreamPath>,
    ApiJson(StreamInterest { chats, users }): ApiJson<StreamInterest>,
) -> Result<StatusCode> {
    state.limits.interest.check(&user.account_id)?;
    check_count("/chats", chats.as_ref().map_or(0, Vec::len), INTEREST_CHATS_MAX)?;
    check_count("/users", users.len(), INTEREST_USERS_MAX)?;
    let (workspace, user) = (user.workspace_id, user.id);
    state.ephemeral.tell(Notice::Interest(Interest { workspace, user, stream, chats, users }));
    Ok(StatusCode::NO_CONTENT)
}

fn check_count(pointer: &str, count: usize, max: usize) -> Result<()> {
    if count > max {
        return Err(ApiError::wrong_count(pointer, 0, max, format!("at most {max} at once")));
    }
    Ok(())
}

/// The address of the stream.
pub fn events_url(state: &AppState) -> String {
    format!("{}/events", state.config.notify.public_url)
}
