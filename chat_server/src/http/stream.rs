//! Tickets, for clients that cannot send a header when they open a stream.

use axum::extract::State;
use chat_core::token::{Claims, Purpose, TICKET_TTL};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::CurrentUser,
    error::Result,
    extract::{JsonResponse, created},
    state::AppState,
};

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(create_ticket))
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
    let expires_in = TICKET_TTL.as_secs();
    let claims = Claims { sub: user.id, ws: user.workspace_id, sid: user.session_id, exp: now + expires_in };
    let ticket = state.keys.signer.sign(claims, Purpose::Stream, now)?;
    let url = format!("{}?ticket={ticket}", events_url(&state));
    Ok(created(Ticket { ticket, expires_in, url }))
}

/// The address of the stream.
pub fn events_url(state: &AppState) -> String {
    format!("{}/events", state.config.notify.public_url)
}
