//! What every handler has at hand.

use std::sync::Arc;

use chat_core::config::Config;
use event_log::TailHealth;
use sqlx::PgPool;

use crate::{
    cache::Caches, doorbell::Doorbell, keys::Keys, metrics::Metrics, password::Hasher,
    rate_limit::RateLimits, sends::Sends,
};

/// Clones are cheap and the same state.
#[derive(Clone)]
pub struct AppState {
    pub config: Arc<Config>,
    pub db: PgPool,
    pub keys: Arc<Keys>,
    pub caches: Arc<Caches>,
    pub hasher: Hasher,
    pub limits: Arc<RateLimits>,
    pub doorbell: Doorbell,
    pub sends: Sends,
    pub tail: TailHealth,
    pub metrics: Metrics,
}
