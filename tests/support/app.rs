//! A complete Parlor for one test: its own database, and servers in this process on free ports.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use chat_core::{
    config::{Config, NotifyConfig, Secret},
    lifecycle::Lifecycle,
    token::{Claims, Purpose, Signer},
};
use chat_server::ChatServer;
use futures_util::FutureExt as _;
use notify_server::NotifyServer;
use private_postgres::testing::TestDatabase;
use reqwest::Client;
use serde_json::json;
use sqlx::PgPool;
use tempfile::TempDir;

use super::{
    actor::{Actor, Reply, anonymous},
    wait::eventually,
};

/// A test that takes longer has hung.
const TEST_TIMEOUT: Duration = Duration::from_secs(120);
/// Servers that take longer do not stop cleanly.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs a test with its own app. Fails if the test fails, if a server or one of its tasks died
/// meanwhile, or if the servers do not stop cleanly afterwards.
pub async fn with_app(test: impl AsyncFnOnce(&App)) {
    with_app_configured(|_| {}, test).await;
}

/// The same, with a configuration that the test changes.
pub async fn with_app_configured(change: impl FnOnce(&mut Config), test: impl AsyncFnOnce(&App)) {
    with_app_on(TestDatabase::new().await.unwrap(), change, test).await;
}

/// The same, on a database that the test made.
pub async fn with_app_on(
    database: TestDatabase,
    change: impl FnOnce(&mut Config),
    test: impl AsyncFnOnce(&App),
) {
    let app = App::start(database, change).await;
    // On the heap: some tests are large.
    let test = Box::pin(AssertUnwindSafe(test(&app)).catch_unwind());
    let outcome = tokio::time::timeout(TEST_TIMEOUT, test).await;
    // Reported first: a server that died explains a failed test better.
    if let Some(death) = app.first_death() {
        panic!("{death}; the test itself: {}", describe(&outcome));
    }
    match outcome {
        Ok(Ok(())) => app.stop().await,
        Ok(Err(panic)) => std::panic::resume_unwind(panic),
        Err(elapsed) => panic!("the test did not end within {TEST_TIMEOUT:?}: {elapsed}"),
    }
}

fn describe(outcome: &Result<Result<(), Box<dyn Any + Send>>, tokio::time::error::Elapsed>) -> &'static str {
    match outcome {
        Ok(Ok(())) => "passed",
        Ok(Err(_)) => "failed",
        Err(_) => "hung",
    }
}

/// One running server.
#[derive(Clone)]
pub struct Node {
    /// `http://127.0.0.1:<port>`
    pub url: String,
    name: &'static str,
    lifecycle: Lifecycle,
}

struct Running {
    node: Node,
    end: tokio::task::JoinHandle<anyhow::Result<()>>,
}

/// A database and the servers on it. The first chat_server runs from the start.
pub struct App {
    /// For looking into the database.
    pub db: PgPool,
    pub config: Config,
    /// The first chat_server.
    pub chat: Node,
    pub client: Client,
    running: Mutex<Vec<Running>>,
    // Dropped last, after the servers that use it.
    _database: TestDatabase,
    _folder: TempDir,
}

impl App {
    async fn start(database: TestDatabase, change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = test_config(&database, &folder);
        change(&mut config);
        let db = database.pool(3).await.unwrap();
        let mut running = Vec::new();
        let chat = start_chat_server(&config, &mut running).await;
        Self {
            db,
            config,
            chat,
            client: Client::new(),
            running: Mutex::new(running),
            _database: database,
            _folder: folder,
        }
    }

    /// One more chat_server on the same database, with its own signing key as on another machine.
    pub async fn start_chat_server(&self) -> Node {
        let mut config = self.config.clone();
        let count = self.running.lock().unwrap_or_else(PoisonError::into_inner).len();
        config.auth.key_file = Some(self.config.key_file().with_extension(format!("{count}.pem")));
        let mut started = Vec::new();
        let node = start_chat_server(&config, &mut started).await;
        self.running.lock().unwrap_or_else(PoisonError::into_inner).append(&mut started);
        node
    }

    /// A notify_server. A test may start several.
    pub async fn start_notify_server(&self) -> Node {
        self.start_notify_server_configured(|_| {}).await
    }

    pub async fn start_notify_server_configured(&self, change: impl FnOnce(&mut NotifyConfig)) -> Node {
        let mut config = self.config.clone();
        change(&mut config.notify);
        self.start_notify_server_with(config).await
    }

    /// The same with a configuration of its own, such as for another role of the database.
    pub async fn start_notify_server_with(&self, config: Config) -> Node {
        let lifecycle = Lifecycle::new();
        let server = NotifyServer::start(config, &lifecycle).await.unwrap();
        let url = format!("http://{}", server.address());
        let node = Node { url, name: "notify_server", lifecycle: lifecycle.clone() };
        let serve = server.serve(lifecycle.clone());
        let started = Running { node: node.clone(), end: supervise(serve, lifecycle) };
        self.running.lock().unwrap_or_else(PoisonError::into_inner).push(started);
        eventually(async || {
            let reply = anonymous(&self.client, &node.url, "GET /health/ready", None).await;
            if reply.status == 200 { Ok(()) } else { Err(reply.to_string()) }
        })
        .await;
        node
    }

    /// Stops one server as SIGTERM would; the others continue.
    pub async fn stop_node(&self, node: &Node) {
        let server = {
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            let place = running.iter().position(|server| server.node.url == node.url).unwrap();
            running.remove(place)
        };
        stop_all(vec![server]).await;
    }

    /// Creates a workspace without any chat and returns its owner.
    pub async fn sign_up(&self, workspace: &str, name: &str) -> Actor {
        let owner = self.sign_up_with_general(workspace, name).await;
        let general = owner.general().await;
        owner.call(&format!("DELETE /api/chat/{general}")).await.no_content();
        owner
    }

    /// Creates a workspace, which begins with `general`, and returns its owner.
    pub async fn sign_up_with_general(&self, workspace: &str, name: &str) -> Actor {
        let reply = self.try_sign_up(json!({
            "workspace": workspace, "fullname": name, "email": email(name, workspace), "password": PASSWORD,
        }));
        Actor::signed_in(self, &reply.await.created())
    }

    /// A person who joins `host`'s workspace by an invitation.
    pub async fn invite(&self, host: &Actor, name: &str) -> Actor {
        let code = host.invitation(json!({})).await;
        let email = email(name, &host.workspace_name);
        let reply = self.try_sign_up(json!({
            "fullname": name, "email": email, "password": PASSWORD, "invite": code,
        }));
        Actor::signed_in(self, &reply.await.created())
    }

    /// Signs in again, as from another device.
    pub async fn sign_in(&self, actor: &Actor) -> Actor {
        let credentials = json!({ "email": actor.email, "password": PASSWORD, "workspace": actor.workspace_id, "refresh_token_in": "body" });
        Actor::signed_in(self, &self.call_with("POST /api/signin", credentials).await.ok())
    }

    /// With the refresh token in the answer, as a program asks for it.
    pub async fn try_sign_up(&self, mut body: serde_json::Value) -> Reply {
        body["refresh_token_in"] = json!("body");
        self.call_with("POST /api/signup", body).await
    }

    /// A token as the first chat_server would sign it.
    pub fn sign(&self, claims: Claims, purpose: Purpose) -> String {
        let pem = std::fs::read_to_string(self.config.key_file()).unwrap();
        Signer::from_pem(&pem).unwrap().sign(claims, purpose, claims.exp - 1).unwrap()
    }

    /// A request without a token.
    pub async fn call(&self, operation: &str) -> Reply {
        anonymous(&self.client, &self.chat.url, operation, None).await
    }

    pub async fn call_with(&self, operation: &str, body: serde_json::Value) -> Reply {
        anonymous(&self.client, &self.chat.url, operation, Some(body)).await
    }

    fn first_death(&self) -> Option<String> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let dead = running.iter_mut().find(|r| r.node.lifecycle.is_stopping() || r.end.is_finished())?;
        let reason = (&mut dead.end).now_or_never();
        Some(format!("{} died during the test: {reason:?}", dead.node.name))
    }

    async fn stop(self) {
        stop_all(self.running.into_inner().unwrap_or_else(PoisonError::into_inner)).await;
        self.db.close().await;
    }
}

async fn stop_all(running: Vec<Running>) {
    for server in &running {
        server.node.lifecycle.stop();
    }
    for server in running {
        let name = server.node.name;
        let end = tokio::time::timeout(STOP_TIMEOUT, server.end).await;
        end.unwrap_or_else(|_| panic!("{name} did not stop within {STOP_TIMEOUT:?}")).unwrap().unwrap();
    }
}

/// Everyone's password.
pub const PASSWORD: &str = "correct horse battery";

fn email(name: &str, workspace: &str) -> String {
    format!("{name}@{workspace}.example").to_lowercase().replace(' ', ".")
}

fn test_config(database: &TestDatabase, folder: &TempDir) -> Config {
    let mut config = Config::default();
    config.server.host = "127.0.0.1".into();
    config.server.port = 0;
    config.notify.host = "127.0.0.1".into();
    config.notify.port = 0;
    config.notify.drain_seconds = 1;
    config.database.url = Some(Secret::new(database.url()));
    config.database.max_connections = 10;
    config.database.data_dir = folder.path().into();
    config.auth.key_file = Some(folder.path().join("signing_key.pem"));
    config.limits.signin_per_minute = 100_000;
    config.limits.send_per_minute = 100_000;
    config.limits.text_kb_per_minute = 1_000_000;
    config.limits.requests_per_minute = 1_000_000;
    config.limits.reactions_per_minute = 100_000;
    config.limits.typing_per_minute = 100_000;
    config.limits.searches_per_minute = 100_000;
    config.limits.new_chats_per_minute = 100_000;
    config.limits.added_members_per_minute = 100_000;
    config.limits.chat_changes_per_minute = 100_000;
    config.limits.chats_per_creator = 100_000;
    // A busy machine is slow, not wrong.
    config.limits.send_wait_seconds = 25;
    config
}

async fn start_chat_server(config: &Config, running: &mut Vec<Running>) -> Node {
    let lifecycle = Lifecycle::new();
    let server = ChatServer::start(config.clone(), &lifecycle).await.unwrap();
    let url = format!("http://{}", server.address());
    let node = Node { url, name: "chat_server", lifecycle: lifecycle.clone() };
    let serve = server.serve(lifecycle.clone());
    running.push(Running { node: node.clone(), end: supervise(serve, lifecycle) });
    node
}

/// Serves until the lifecycle stops. Returns the failure of the server or of its first task that
/// failed.
fn supervise(
    serve: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    lifecycle: Lifecycle,
) -> tokio::task::JoinHandle<anyhow::Result<()>> {
    #[expect(clippy::disallowed_methods, reason = "the handle is kept and its outcome looked at")]
    tokio::spawn(async move {
        serve.await?;
        lifecycle.finish(STOP_TIMEOUT).await
    })
}
