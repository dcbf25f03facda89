//! The layers that both servers share: CORS, request id, problem+json.

use std::time::Duration;

use axum::{Router, http::header};
use chat_core::config::Config;
use tower::ServiceBuilder;
use tower_http::{
    cors::{AllowOrigin, CorsLayer},
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
};

use crate::{
    problem,
    request_id::{self, REQUEST_ID},
};

const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(3600);

/// Adds the layers to all routes and to the fallback. `cors` responds to preflight requests, which
/// reach none of the other layers.
pub fn wrap(router: Router, cors: CorsLayer) -> Router {
    router.layer(
        ServiceBuilder::new()
            .layer(cors)
            .map_response(problem::render)
            .map_request(request_id::drop_unless_plain)
            .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
            .layer(PropagateRequestIdLayer::new(REQUEST_ID)),
    )
}

/// The origins that may call a server: its own and those in the configuration. The caller adds the
/// methods and headers.
pub fn cors(config: &Config) -> CorsLayer {
    let origins = config.web_origins().into_iter().filter_map(|origin| origin.parse().ok());
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .vary([header::ORIGIN])
        .max_age(PREFLIGHT_MAX_AGE)
}
