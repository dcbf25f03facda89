//! The process: binds, follows the log, serves, drains.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use axum::Router;
use chat_core::{config::Config, ephemeral, lifecycle::Lifecycle};
use event_log::{Channel, Tail, TailEvent};
use http_server::{ConnectionEvent, Limits};
use tokio::{
    net::TcpListener,
    sync::mpsc,
    time::{MissedTickBehavior, interval, timeout},
};
use tracing::{info, warn};

use crate::{
    accounts::Accounts,
    auth::Auth,
    http::{AppState, metrics_router, router},
    hub::Hub,
    loader,
    metrics::Metrics,
    queries::Queries,
};

/// Connections beyond the streams, for health checks and for clients that are told to retry later.
const SPARE_CONNECTIONS: usize = 256;

/// Notices of what is true only now that may wait for the hub; further ones are dropped.
const NOTICES_MAX: usize = 2048;

/// How often the rates of accounts that are quiet are dropped from memory.
const FORGET_EVERY_SECONDS: u64 = 60;

/// How long the start waits for the database, which may be away.
const CHECK_MAX: Duration = Duration::from_secs(2);

/// A notify_server that has bound its port.
pub struct NotifyServer {
    listener: TcpListener,
    /// For metrics, where they have an address of their own.
    aside: Option<TcpListener>,
    address: SocketAddr,
    state: AppState,
    router: Router,
    max_connections_per_address: Option<usize>,
}

impl NotifyServer {
    /// Binds the port and starts to follow the log. The database may be unavailable; until it is
    /// there, clients are told to retry later.
    ///
    /// # Errors
    /// One line for each possible cause: the port or the database URL.
    pub async fn start(config: Config, lifecycle: &Lifecycle) -> anyhow::Result<Self> {
        let listener =
            http_server::listen("notify.host, notify.port", &config.notify.host, config.notify.port).await?;
        let aside = match &config.notify.metrics_address {
            Some(at) => Some(http_server::listen("notify.metrics_address", &at.host, at.port).await?),
            None => None,
        };
        let address = listener.local_addr()?;
        let url = config.database.url.clone().context("database.url: the address of a Postgres is needed")?;
        let queries = Queries::new(url.expose())?;
        // What is wrong with the database is told at once; a database that does not answer is waited
        // for.
        if let Ok(Ok(Some(problem))) = timeout(CHECK_MAX, queries.problem()).await {
            bail!("database.url: the database {problem}");
        }
        let metrics = Metrics::default();
        let (load, requests) = loader::channel();
        let retention = Duration::from_secs(u64::from(config.event_log.retention_days) * 24 * 3600);
        let hub =
            Arc::new(Hub::new(config.notify.clone(), retention, queries.clone(), load, metrics.clone()));
        let auth = Arc::new(Auth::new(queries.clone()));
        let (payloads, notices) = mpsc::channel(NOTICES_MAX);
        let channel = Channel { name: ephemeral::CHANNEL, payloads };
        let (tail, health) = Tail::start(url.expose(), lifecycle, vec![channel])?;

        let token = lifecycle.token();
        let keys = Arc::clone(&auth);
        lifecycle.spawn("keys", async move {
            token.run_until_cancelled(keys.keep_current()).await;
            Ok(())
        });
        let (token, loading) = (lifecycle.token(), Arc::clone(&hub));
        lifecycle.spawn("loader", async move {
            let load = |ids| {
                let hub = Arc::clone(&loading);
                async move { hub.load_batch(ids).await }
            };
            token.run_until_cancelled(loader::run(requests, load)).await;
            Ok(())
        });
        let (token, following) = (lifecycle.token(), Arc::clone(&hub));
        lifecycle.spawn("tail", async move {
            token.run_until_cancelled(follow(tail, following)).await.unwrap_or(Ok(()))
        });
        let (token, hearing) = (lifecycle.token(), Arc::clone(&hub));
        lifecycle.spawn("ephemeral", async move {
            token.run_until_cancelled(hear(notices, hearing)).await;
            Ok(())
        });
        let accounts = Arc::new(Accounts::new(&config.notify));
        let (token, ticking, admitting) = (lifecycle.token(), Arc::clone(&hub), Arc::clone(&accounts));
        lifecycle.spawn("clock", async move {
            token.run_until_cancelled(tick(ticking, admitting)).await;
            Ok(())
        });
        let max_age = Duration::from_secs(config.notify.max_stream_age_seconds);
        let state = AppState { hub, accounts, auth, queries, tail: health, metrics, max_age };
        let router = router(state.clone(), &config);
        let max_connections_per_address = config.max_connections_per_address();
        Ok(Self { listener, aside, address, state, router, max_connections_per_address })
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where metrics are served, if not beside everything else.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.aside.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// Serves until the lifecycle stops, then closes the streams within `notify.drain_seconds`.
    pub async fn serve(self, lifecycle: Lifecycle) -> anyhow::Result<()> {
        info!("notify_server listening on {}", self.address);
        if let Some(aside) = self.aside {
            let router = metrics_router(self.state.clone());
            lifecycle.spawn("metrics", http_server::serve_aside(aside, router, lifecycle.clone()));
        }
        let hub = Arc::clone(&self.state.hub);
        let limits = Limits {
            max_connections: hub.config.max_streams + SPARE_CONNECTIONS,
            max_connections_per_address: self.max_connections_per_address,
            patience: Duration::from_secs(hub.config.slow_client_seconds),
            drain: Duration::from_secs(hub.config.drain_seconds),
        };
        let metrics = self.state.metrics.clone();
        let observe = move |event| match event {
            ConnectionEvent::Opened => _ = metrics.connections.inc(),
            ConnectionEvent::Closed => _ = metrics.connections.dec(),
            ConnectionEvent::Refused => _ = metrics.connections_refused.inc(),
            ConnectionEvent::TooSlow => _ = metrics.slow_cut.inc(),
        };
        let served =
            http_server::serve(self.listener, self.router, limits, observe, &lifecycle, hub.drain()).await;
        hub.cut_all();
        served
    }
}

/// Starts and serves: what the binary and the launcher's subcommand do.
pub async fn run(config: Config, lifecycle: Lifecycle) -> anyhow::Result<()> {
    NotifyServer::start(config, &lifecycle).await?.serve(lifecycle).await
}

/// Applies the log to the hub until dropped.
async fn follow(mut tail: Tail, hub: Arc<Hub>) -> anyhow::Result<()> {
    loop {
        match tail.next().await {
            TailEvent::Ready(heads) => {
                hub.set_generation(heads.generation);
                while !hub.is_ready() {
                    if let Err(e) = hub.begin(&heads).await {
                        warn!("the newest events could not be read: {e:#}");
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                }
            }
            TailEvent::Rows(rows) => {
                hub.apply(&rows);
                hub.wait_for_writes().await;
            }
            TailEvent::Gap { shard, head } => hub.reset_shard(shard, head),
            TailEvent::Disconnected => {}
        }
    }
}

/// Hands notices to the hub until dropped.
async fn hear(mut notices: mpsc::Receiver<String>, hub: Arc<Hub>) {
    while let Some(notice) = notices.recv().await {
        hub.hear(&notice);
    }
}

async fn tick(hub: Arc<Hub>, accounts: Arc<Accounts>) {
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for second in 0.. {
        seconds.tick().await;
        hub.tick(second);
        if second.is_multiple_of(FORGET_EVERY_SECONDS) {
            accounts.forget_idle();
        }
    }
}
