//! Health checks, metrics, and the public keys.

use axum::{extract::State, http::HeaderMap, response::Response};
use serde::Serialize;
use serde_json::json;
use std::time::Duration;
use tokio::time::timeout;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    cache::TAIL_FRESH,
    consumers::Consumer,
    db,
    error::{ApiError, Problem, Result},
    extract::{JsonResponse, ok},
    jobs::JobKind,
    state::AppState,
};

/// A database that takes longer counts as unavailable.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(live))
        .routes(routes!(ready))
        .routes(routes!(metrics))
        .routes(routes!(list_keys))
}

#[derive(Serialize, ToSchema)]
pub struct Health {
    /// `ok`.
    pub status: &'static str,
}

#[derive(Serialize, ToSchema)]
pub struct Readiness {
    /// `ok`.
    pub status: &'static str,
    /// What an operator should know though requests are answered, a line each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Check that the process answers
#[utoipa::path(get, path = "/health/live", tag = "operation", security(()), responses((status = 200, body = Health)))]
pub async fn live() -> JsonResponse<Health> {
    ok(Health { status: "ok" })
}

/// Check that the database and the tail of the event log are available
#[utoipa::path(get, path = "/health/ready", tag = "operation", security(()),
    responses((status = 200, body = Readiness), (status = 503, body = Problem, description = "names what is unavailable")))]
pub async fn ready(State(state): State<AppState>) -> Result<JsonResponse<Readiness>> {
    let ping = timeout(PING_TIMEOUT, db::ping(&state.db)).await;
    if !matches!(ping, Ok(Ok(()))) {
        return Err(ApiError::Unavailable("database: does not answer"));
    }
    if !state.tail.is_fresh(TAIL_FRESH) {
        return Err(ApiError::Unavailable("tail: the event log is not being followed"));
    }
    let notes = timeout(PING_TIMEOUT, notes(&state)).await;
    Ok(ok(Readiness {
        status: "ok",
        notes: notes.ok().and_then(std::result::Result::ok).unwrap_or_default(),
    }))
}

async fn notes(state: &AppState) -> sqlx::Result<Vec<String>> {
    let mut notes = Vec::new();
    for consumer in Consumer::ALL {
        let left = db::jobs::count_of_kind(&state.db, JobKind::backfill(consumer).as_str()).await?;
        if left > 0 {
            notes.push(format!("{}: derived from the tables again, {left} jobs are left", consumer.name()));
        }
    }
    match db::jobs::count_parked(&state.db).await? {
        0 => {}
        parked => notes.push(format!("jobs: {parked} are given up, see the table jobs")),
    }
    Ok(notes)
}

/// Get metrics, in the text format of Prometheus or, if asked for, of OpenMetrics
#[utoipa::path(get, path = "/metrics", tag = "operation", security(()),
    responses((status = 200, content((String = "text/plain"), (String = "application/openmetrics-text"))),
        (status = 404, body = Problem, description = "metrics have an address of their own")))]
pub async fn metrics(State(state): State<AppState>, headers: HeaderMap) -> Result<Response> {
    if state.config.server.metrics_address.is_some() {
        return Err(ApiError::NotFound("path"));
    }
    metrics_aside(State(state), headers).await
}

/// The metrics, wherever they are asked for.
pub async fn metrics_aside(State(state): State<AppState>, headers: HeaderMap) -> Result<Response> {
    state.metrics.pool_connections.set(i64::from(state.db.size()));
    state.metrics.pool_idle.set(i64::try_from(state.db.num_idle()).unwrap_or(i64::MAX));
    state.metrics.tail_fresh.set(i64::from(state.tail.is_fresh(TAIL_FRESH)));
    if let Ok(Ok(parked)) = timeout(PING_TIMEOUT, db::jobs::count_parked(&state.db)).await {
        state.metrics.jobs_parked.set(parked);
    }
    let text = state.metrics.render().map_err(anyhow::Error::new)?;
    Ok(http_server::metrics::respond(&headers, text))
}

/// A set of JSON Web Keys (RFC 7517)
#[derive(Serialize, ToSchema)]
pub struct KeySet {
    #[schema(value_type = Vec<Object>)]
    pub keys: Vec<serde_json::Value>,
}

/// Get the public keys that verify access tokens (RFC 8037)
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "operation", security(()), responses((status = 200, body = KeySet)))]
pub async fn list_keys(State(state): State<AppState>) -> Result<JsonResponse<KeySet>> {
    let keys = db::signing_keys::list(&state.db).await?;
    let keys = keys
        .into_iter()
        .map(|(kid, raw)| {
            let x = chat_core::token::base64url(&raw);
            json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": kid, "x": x })
        })
        .collect();
    Ok(ok(KeySet { keys }))
}
