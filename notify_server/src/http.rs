//! The routes: streams, health, metrics.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::get,
};
use chat_core::{
    config::Config,
    token::{TokenError, VerifyError},
};
use event_log::TailHealth;
use http_server::{Takeover, conformance::AllowedHosts, problem::Problem};
use tokio::time::{Instant, timeout};
use tower_http::cors::CorsLayer;

use crate::{
    accounts::Accounts,
    auth::{Auth, Credential},
    connection::StreamConnection,
    events_query::{EventsQuery, UnknownParameter},
    frame::Encoding,
    hub::{Hub, Refusal},
    metrics::Metrics,
    outgoing::Outgoing,
    queries::Queries,
    subscription::Subscription,
};

/// How old the tail's last read may be. It reads several times a second.
const TAIL_FRESH: Duration = Duration::from_secs(2);
/// A stream that cannot begin within this time is told to retry later.
const JOIN_TIMEOUT: Duration = Duration::from_secs(10);
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The state that every handler gets.
#[derive(Clone)]
pub struct AppState {
    pub hub: Arc<Hub>,
    pub accounts: Arc<Accounts>,
    pub auth: Arc<Auth>,
    pub queries: Queries,
    pub tail: TailHealth,
    pub metrics: Metrics,
    pub max_age: Duration,
}

/// All routes with their layers.
pub fn router(state: AppState, config: &Config) -> Router {
    let mut router = Router::new()
        .route("/events", get(events))
        .route("/health/live", get(async || ok_json()))
        .route("/health/ready", get(ready));
    if config.notify.metrics_address.is_none() {
        router = router.route("/metrics", get(metrics));
    }
    let hosts = AllowedHosts::new(&config.notify.allowed_hosts);
    http_server::middleware::wrap(router.with_state(state), cors(config), hosts, config.is_https())
}

/// The metrics, where they have an address of their own.
pub fn metrics_router(state: AppState) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(state)
}

fn cors(config: &Config) -> CorsLayer {
    http_server::middleware::cors(config).allow_methods([Method::GET]).allow_headers([
        header::AUTHORIZATION,
        header::CACHE_CONTROL,
        LAST_EVENT_ID,
    ])
}

/// Follow everything that happens, from `Last-Event-ID` or `?last_event_id=` on.
async fn events(State(state): State<AppState>, uri: Uri, request: Request) -> Response {
    let response = match EventsQuery::parse(uri.query().unwrap_or_default()) {
        Ok(query) => open(&state, request.headers(), &query).await,
        Err(UnknownParameter(name)) => unknown_parameter(&name),
    };
    state.metrics.requested("/events", response.status().as_u16());
    response
}

async fn open(state: &AppState, headers: &HeaderMap, query: &EventsQuery) -> Response {
    let Some(credential) = Credential::find(headers, query.ticket.as_deref()) else {
        return unauthenticated(
            "unauthenticated",
            "send an access token as Authorization: Bearer, or ?ticket=",
        );
    };
    let claims = match state.auth.verify(&credential).await {
        Ok(claims) => claims,
        Err(VerifyError::Unavailable) => return retry_later(state),
        Err(VerifyError::Refused(TokenError::Expired)) => {
            return unauthenticated("token_expired", "the token has expired");
        }
        Err(VerifyError::Refused(TokenError::Invalid | TokenError::UnknownKey)) => {
            return unauthenticated("unauthenticated", "the token is not good for a stream");
        }
    };
    if !state.hub.is_ready() {
        return retry_later(state);
    }
    let Some(place) = state.accounts.admit(claims.acc) else {
        state.metrics.account_refused.inc();
        return retry_later(state);
    };
    let mut age = state.max_age.mul_f64(rand::random_range(0.8..1.0));
    if matches!(credential, Credential::AccessToken(_)) {
        age = age.min(until(claims.exp));
    }
    // Browsers send the header on a reconnect, while the URL still holds the cursor of the first
    // connect.
    let cursor = last_event_id(headers).or(query.last_event_id.as_deref());
    let joining = state.hub.join(&claims, cursor, Instant::now() + age, Encoding::Sse);
    match timeout(JOIN_TIMEOUT, joining).await.unwrap_or(Err(Refusal::Unavailable)) {
        Ok(stream) => {
            let subscription = Subscription::new(Arc::clone(&state.hub), stream);
            let mut response = event_stream(Body::empty());
            let takeover =
                Takeover::new(|socket| Box::pin(StreamConnection::new(subscription, place, socket)));
            response.extensions_mut().insert(takeover);
            response
        }
        // The only response after which EventSource does not reconnect.
        Err(Refusal::Over) => StatusCode::NO_CONTENT.into_response(),
        Err(Refusal::Busy | Refusal::Unavailable) => retry_later(state),
    }
}

/// For a browser every status but 200 is final, so "retry later" is sent in a stream that ends at
/// once.
fn retry_later(state: &AppState) -> Response {
    state.metrics.refused.inc();
    let retry = Outgoing::retry(rand::random_range(5000..15_000)).encode(Encoding::Sse);
    event_stream(Body::from(retry.text().to_vec()))
}

fn event_stream(body: Body) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache, no-transform"),
        // Otherwise nginx buffers the frames.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, body).into_response()
}

fn until(exp: u64) -> Duration {
    let now = u64::try_from(time::OffsetDateTime::now_utc().unix_timestamp()).unwrap_or_default();
    Duration::from_secs(exp.saturating_sub(now))
}

/// The cursor in the headers. Several that differ are no cursor, which is answered with `reset`.
fn last_event_id(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(LAST_EVENT_ID).iter().map(|value| value.to_str().unwrap_or("?"));
    let first = values.find(|text| !text.is_empty())?;
    Some(if values.all(|other| other.is_empty() || other == first) { first } else { "?" })
}

fn unknown_parameter(name: &str) -> Response {
    let detail = format!("{name:?} is no parameter of this path: it knows ticket and last_event_id");
    Problem::new(StatusCode::BAD_REQUEST, "unknown_parameter", detail).into_response()
}

/// Not ready while anything is missing that delivery needs; the body names it.
async fn ready(State(state): State<AppState>) -> Response {
    // The tail asks the database several times a second, on its own connection.
    if !state.tail.is_connected() {
        return unavailable("database: does not answer");
    }
    if !state.tail.is_fresh(TAIL_FRESH) {
        return unavailable("tail: the event log is not being followed");
    }
    if !state.hub.is_ready() {
        return unavailable("hub: still filling its memory");
    }
    ok_json()
}

async fn metrics(State(state): State<AppState>, headers: HeaderMap) -> Response {
    let largest = i64::try_from(state.hub.largest_queue_bytes()).unwrap_or(i64::MAX);
    state.metrics.largest_queue.set(largest);
    match state.metrics.render(&state.tail, state.tail.is_fresh(TAIL_FRESH)) {
        Ok(text) => http_server::metrics::respond(&headers, text),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn ok_json() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], r#"{"status":"ok"}"#).into_response()
}

fn unavailable(detail: &str) -> Response {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).into_response()
}

fn unauthenticated(code: &'static str, detail: &str) -> Response {
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
    (challenge, Problem::new(StatusCode::UNAUTHORIZED, code, detail)).into_response()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_access_token_comes_by_header_alone(
            value in prop::collection::vec(any::<u8>(), 0..40),
            scheme in prop::sample::select(vec!["", "Bearer ", "bearer ", "BEARER  ", "Basic ", "Bearer"]),
            ticket in prop::option::of("[a-z]{1,8}"),
        ) {
            let bytes: Vec<u8> = scheme.bytes().chain(value).collect();
            let Ok(value) = HeaderValue::from_bytes(&bytes) else { return Ok(()) };
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
            match Credential::find(&headers, ticket.as_deref()) {
                Some(Credential::AccessToken(token)) => {
                    let sent = std::str::from_utf8(&bytes).unwrap();
                    prop_assert!(sent.to_lowercase().starts_with("bearer ") && sent.ends_with(token.trim_end()) | sent.trim_end().ends_with(token));
                }
                Some(Credential::Ticket(found)) => prop_assert_eq!(Some(found), ticket.as_deref()),
                None => prop_assert_eq!(ticket, None),
            }
        }
    }
}
