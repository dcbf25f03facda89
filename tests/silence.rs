//! A database connection that falls silent without being closed costs that connection, not the
//! server.

use std::net::SocketAddr;

use chaos::{LinkMode, Proxy};
use chat_core::config::{Config, Secret};
use futures_util::future::join_all;
use serde_json::json;

use crate::support::{App, eventually, with_app_configured};

/// The proxy between the servers and their database.
struct DatabaseProxy(Proxy);

impl DatabaseProxy {
    async fn new() -> Self {
        Self(Proxy::start(SocketAddr::from(([127, 0, 0, 1], 1))).await.unwrap())
    }

    fn stand_before(&self, config: &mut Config) {
        let url = config.database.url.take().unwrap();
        let (user, rest) = url.expose().rsplit_once('@').unwrap();
        let (server, name) = rest.split_once('/').unwrap();
        self.0.set_upstream(server.parse().unwrap());
        config.database.url = Some(Secret::new(format!("{user}@{}/{name}", self.0.address())));
    }

    /// Silences the connections whose last statement is like `query`; new ones work. Returns their
    /// number.
    async fn silence(&self, app: &App, query: &str) -> usize {
        let ports: Vec<i32> = sqlx::query_scalar(
            "select client_port from pg_stat_activity
             where datname = current_database() and application_name = 'chat_server' and query like $1",
        )
        .bind(query)
        .fetch_all(&app.db)
        .await
        .unwrap();
        let silent = |port: &&i32| self.0.set_mode_of(u16::try_from(**port).unwrap(), LinkMode::Freeze);
        ports.iter().filter(silent).count()
    }
}

#[tokio::test]
async fn a_batch_over_a_silent_connection_ends_and_the_next_takes_another() {
    let line = DatabaseProxy::new().await;
    with_app_configured(
        |config| {
            line.stand_before(config);
            config.limits.send_wait_seconds = 1;
        },
        async |app| {
            let ann = app.sign_up("acme", "Ann").await;
            let chat = ann.public_channel("general", &[]).await;
            for _ in 0..5 {
                ann.post(&chat, "before").await;
            }
            // While one connection is enough, it is always the same one.
            assert_eq!(line.silence(app, "%send_messages%").await, 1);
            let send = json!({ "body": "into silence", "client_id": "k" });
            let problem = ann.try_post(&chat, send.clone()).await.refused(503, "unavailable");
            assert!(problem["detail"].as_str().unwrap().contains("not known"), "{problem}");
            assert_eq!(ann.try_post(&chat, send).await.ok()["seq"], 7);
            line.0.heal();
        },
    )
    .await;
}

#[tokio::test]
async fn silent_connections_do_not_stay_in_the_pool() {
    let line = DatabaseProxy::new().await;
    with_app_configured(
        |config| {
            line.stand_before(config);
            config.database.max_connections = 2;
        },
        async |app| {
            let ann = app.sign_up("acme", "Ann").await;
            let asked = join_all((0..4).map(|_| ann.call("GET /api/users"))).await;
            assert!(asked.iter().all(|reply| reply.status == 200), "{asked:?}");
            assert!(line.silence(app, "%").await >= 2);
            // Requests made now hang. Their clients leave before the server gives up.
            let patience = std::time::Duration::from_secs(1);
            let asks = (0..4).map(|_| tokio::time::timeout(patience, ann.call("GET /api/users")));
            join_all(asks).await;
            eventually(async || {
                let reply = ann.call("GET /api/users").await;
                if reply.status == 200 { Ok(()) } else { Err(reply.to_string()) }
            })
            .await;
            line.0.heal();
        },
    )
    .await;
}
