//! The process: binds, connects, serves, drains.

use std::{net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::{Router, routing::get};
use chat_core::{
    config::{Config, ServerConfig},
    lifecycle::Lifecycle,
};
use event_log::{Channel, Database, Tail};
use http_server::{ConnectionEvent, Limits};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
};
use tracing::info;

use crate::{
    cache::Caches,
    connect::{self, Connect},
    consumers::{self, Consumer},
    db::{self, messages::send::Connector},
    doorbell::Doorbell,
    ephemeral,
    fair_share::FairShares,
    guesses::Guesses,
    http::health::metrics_aside,
    instance::Instance,
    jobs,
    keys::Keys,
    mail::Mailer,
    maintenance,
    metrics::Metrics,
    password::Hasher,
    quota::Quota,
    rate_limit::RateLimits,
    router::router,
    sends::{Sends, statement_timeout},
    state::{AppState, State},
    tail,
};

/// A chat_server that has bound its port and prepared its database.
pub struct ChatServer {
    listener: TcpListener,
    /// For metrics, where they have an address of their own.
    aside: Option<TcpListener>,
    address: SocketAddr,
    state: AppState,
    router: Router,
}

impl ChatServer {
    /// Migrates the database, reads or creates the signing key, starts the background tasks and
    /// binds the port.
    ///
    /// # Errors
    /// One line for each possible cause: the port, the database or the key.
    pub async fn start(config: Config, lifecycle: &Lifecycle) -> anyhow::Result<Self> {
        let mailer = Mailer::new(&config)?;
        let (listener, aside) = listen(&config.server).await?;
        let address = listener.local_addr()?;
        let url = config.database.url.clone().context("database.url: the address of a Postgres is needed")?;
        let to_database = Connect::parse(&url)?;
        let pool = to_database.pool(config.database.max_connections);
        let background = to_database.for_background().pool(db::BACKGROUND_CONNECTIONS);
        connect::check(&pool).await?;
        db::migrate(&pool).await?;
        let keys = Keys::open(&config.key_file())?;
        keys.exchange(&pool).await.context("the signing key cannot be published in the database")?;

        let instance = Instance::load(&pool, &config.server.public_url)
            .await
            .context("the installation cannot be read from the database")?;

        let (doorbell, metrics) = (Doorbell::default(), Metrics::default());
        let sends = Sends::start(
            &Connector::new(url.expose(), statement_timeout(&config.limits), lifecycle)?,
            &config.limits,
            doorbell.clone(),
            metrics.clone(),
            lifecycle,
        );
        let (ephemeral, notices) = ephemeral::channel(&metrics);
        let (due, jobs_due) = mpsc::channel(1);
        let channels = vec![Channel { name: jobs::CHANNEL, payloads: due }];
        let (log_tail, health) = Tail::start(url.expose(), lifecycle, channels)?;
        let state = AppState::from(State {
            db: pool,
            background,
            keys,
            caches: Arc::new(Caches::new(health.clone(), config.limits.cache_mb)),
            hasher: Hasher::new(config.auth.hashing_parallelism, metrics.bounds.hashing_refused.clone()),
            limits: RateLimits::new(&config.limits, &metrics.bounds),
            quota: Quota::new(&config.limits, metrics.clone()),
            shares: Arc::new(FairShares::new(&config.limits, metrics.clone())),
            instance,
            guesses: Guesses::new(config.limits.guesses_per_hour, metrics.bounds.rate_limited("guesses")),
            mailer,
            doorbell,
            sends,
            ephemeral,
            tail: health,
            log_news: watch::Sender::default(),
            metrics,
            config,
        });
        let until_stop = |task: &'static str, work: Work| {
            let token = lifecycle.token();
            lifecycle.spawn(task, async move { token.run_until_cancelled(work).await.unwrap_or(Ok(())) });
        };
        until_stop("tail", Box::pin(tail::follow(log_tail.invalidations_only(), state.clone())));
        until_stop("doorbell", Box::pin(state.doorbell.clone().run(to_database.clone())));
        until_stop("ephemeral", Box::pin(notices.run(to_database.clone())));
        until_stop("jobs", Box::pin(jobs::run(state.clone(), jobs_due)));
        let log = Database::parse(url.expose())?;
        for consumer in Consumer::ALL {
            let work = consumers::run(state.clone(), log.clone(), consumer, lifecycle.clone());
            until_stop(consumer.name(), Box::pin(work));
        }
        until_stop("node maintenance", Box::pin(maintenance::keep_node(state.clone())));
        let maintenance = maintenance::keep_database(to_database, state.config.event_log.clone());
        until_stop("database maintenance", Box::pin(maintenance));
        let router = router(state.clone())?;
        Ok(Self { listener, aside, address, state, router })
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where metrics are served, if not beside everything else.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.aside.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// For tests and tools in the same process.
    pub fn state(&self) -> &AppState {
        &self.state
    }

    /// Serves until the lifecycle stops, then lets requests in progress finish within
    /// `server.drain_seconds`.
    pub async fn serve(self, lifecycle: Lifecycle) -> anyhow::Result<()> {
        info!("chat_server listening on {}", self.address);
        if let Some(aside) = self.aside {
            let router = Router::new().route("/metrics", get(metrics_aside)).with_state(self.state.clone());
            lifecycle.spawn("metrics", http_server::serve_aside(aside, router, lifecycle.clone()));
        }
        let config = &self.state.config;
        let limits = Limits {
            max_connections: config.limits.max_connections,
            max_connections_per_address: config.max_connections_per_address(),
            patience: Duration::from_secs(config.limits.slow_response_seconds),
            drain: Duration::from_secs(config.server.drain_seconds),
        };
        let metrics = self.state.metrics.clone();
        let observe = move |event| match event {
            ConnectionEvent::Opened => _ = metrics.connections.inc(),
            ConnectionEvent::Closed => _ = metrics.connections.dec(),
            ConnectionEvent::Refused => _ = metrics.bounds.connections_refused.inc(),
            ConnectionEvent::TooSlow => _ = metrics.bounds.slow_clients_cut.inc(),
        };
        let served =
            http_server::serve(self.listener, self.router, limits, observe, &lifecycle, async {}).await;
        // No request is left that could send.
        self.state.sends.close();
        served
    }
}

/// The port, and that of the metrics if they have one of their own.
async fn listen(config: &ServerConfig) -> anyhow::Result<(TcpListener, Option<TcpListener>)> {
    let listener = http_server::listen("server.host, server.port", &config.host, config.port).await?;
    let aside = match &config.metrics_address {
        Some(at) => Some(http_server::listen("server.metrics_address", &at.host, at.port).await?),
        None => None,
    };
    Ok((listener, aside))
}

/// The future of a background task.
type Work = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

/// Starts and serves: what the binary and the launcher's subcommand do.
pub async fn run(config: Config, lifecycle: Lifecycle) -> anyhow::Result<()> {
    ChatServer::start(config, &lifecycle).await?.serve(lifecycle).await
}
