//! The state that every handler gets.

use std::{ops::Deref, sync::Arc};

use chat_core::config::Config;
use event_log::TailHealth;
use sqlx::PgPool;
use tokio::sync::watch;

use crate::{
    cache::Caches, doorbell::Doorbell, ephemeral::Ephemeral, fair_share::FairShares, guesses::Guesses,
    instance::Instance, keys::Keys, mail::Mailer, metrics::Metrics, password::Hasher, quota::Quota,
    rate_limit::RateLimits, sends::Sends,
};

/// Clones share one state. Each request clones it several times, so it is one `Arc` with one
/// counter.
#[derive(Clone)]
pub struct AppState(Arc<State>);

/// The contents of [`AppState`].
pub struct State {
    pub config: Config,
    /// For requests.
    pub db: PgPool,
    /// For consumers and jobs.
    pub background: PgPool,
    pub keys: Keys,
    pub caches: Arc<Caches>,
    pub hasher: Hasher,
    pub instance: Instance,
    pub guesses: Guesses,
    /// None: this server sends no mail.
    pub mailer: Option<Mailer>,
    pub limits: RateLimits,
    pub shares: Arc<FairShares>,
    pub quota: Quota,
    pub doorbell: Doorbell,
    pub sends: Sends,
    pub ephemeral: Ephemeral,
    pub tail: TailHealth,
    /// Changes when this node's tail has seen new rows of the log.
    pub log_news: watch::Sender<()>,
    pub metrics: Metrics,
}

impl From<State> for AppState {
    fn from(state: State) -> Self {
        Self(Arc::new(state))
    }
}

impl Deref for AppState {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}
