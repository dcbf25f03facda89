//! Whatever dies, everything that was acknowledged arrives: once, in order, on every device.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use private_postgres::testing::{TestCluster, TestDatabase};
use reqwest::Client;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};

use crate::support::{follower::Follower, process::ServerProcess, wait::eventually};

/// Messages between two faults.
const BETWEEN_FAULTS: usize = 40;
const FAULTS: usize = 3;

/// A Parlor of processes, two people in a channel, one of whom writes without a pause while the other follows on two
/// devices.
struct World {
    database_url: String,
    chat: ServerProcess,
    notify: ServerProcess,
    sender: Sender,
    devices: Vec<Follower>,
}

impl World {
    async fn start(database_url: &str) -> Self {
        let chat = ServerProcess::start("chat_server", database_url);
        let notify = ServerProcess::start("notify_server", database_url);
        let client = Client::new();
        let call = async |path: &str, token: &str, body: Value| -> Value {
            let url = format!("{}{path}", chat.url());
            let request = client.post(url).bearer_auth(token).json(&body);
            request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
        };
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let ann = json!({
            "workspace": "acme", "fullname": "Ann", "email": "ann@acme.example", "password": "correct horse",
        });
        let ann = text(&call("/api/signup", "", ann).await["access_token"]);
        let code = text(&call("/api/invites", &ann, json!({})).await["code"]);
        let bob = json!({
            "invite": code, "fullname": "Bob", "email": "bob@acme.example", "password": "battery staple",
        });
        let bob = text(&call("/api/signup", "", bob).await["access_token"]);
        let channel = json!({ "kind": "public_channel", "name": "general" });
        let chat_id = text(&call("/api/chat", &ann, channel).await["chat"]["id"]);
        call(&format!("/api/chat/{chat_id}/join"), &bob, json!({})).await;

        let snapshot = client.get(format!("{}/api/sync", chat.url())).bearer_auth(&bob).send().await.unwrap();
        let snapshot: Value = snapshot.json().await.unwrap();
        let cursor = text(&snapshot["cursor"]);
        let devices: Vec<_> =
            (0..2).map(|_| Follower::start(notify.url(), bob.clone(), cursor.clone())).collect();
        let sender = Sender::start(format!("{}/api/chat/{chat_id}/messages", chat.url()), ann);
        let world = Self { database_url: database_url.into(), chat, notify, sender, devices };
        world.until_connected(1).await;
        world
    }

    /// Waits until each device was let in this often.
    async fn until_connected(&self, times: usize) {
        for device in &self.devices {
            device.until_connected(times).await;
        }
    }

    /// Waits until this many more messages are acknowledged.
    async fn let_it_send(&self, count: usize) {
        let enough = self.sender.acknowledged() + count;
        eventually(async || {
            let now = self.sender.acknowledged();
            if now >= enough { Ok(()) } else { Err(format!("{now} of {enough} sent")) }
        })
        .await;
    }

    /// Stops sending and compares: what was acknowledged, what the database has, what each device saw.
    async fn compare(self) {
        let acknowledged = self.sender.stop().await;
        let mut db = PgConnection::connect(&self.database_url).await.unwrap();
        let stored: Vec<(i64, String)> =
            sqlx::query_as("select seq, body from messages order by seq").fetch_all(&mut db).await.unwrap();
        let expected: Vec<(i64, String)> = (1..).zip(acknowledged).collect();
        assert_eq!(stored, expected, "each acknowledged send is in the database once, in order");

        let seqs: Vec<i64> = stored.iter().map(|(seq, _)| *seq).collect();
        for device in &self.devices {
            eventually(async || {
                let seen = device.new_seqs();
                if seen == seqs { Ok(()) } else { Err(difference(&seen, &seqs)) }
            })
            .await;
            assert_eq!(device.resets(), 0);
        }
    }
}

fn difference(seen: &[i64], wanted: &[i64]) -> String {
    let at = seen.iter().zip(wanted).take_while(|(a, b)| a == b).count();
    format!(
        "{} of {} seen; differs at {at}: {:?}",
        seen.len(),
        wanted.len(),
        &seen[at..seen.len().min(at + 5)]
    )
}

/// Sends one message after another, each again and again until it is answered.
struct Sender {
    stop: Arc<AtomicBool>,
    sent: Arc<std::sync::Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Sender {
    fn start(url: String, token: String) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let sent = Arc::<std::sync::Mutex<Vec<String>>>::default();
        let (stopping, acknowledged) = (Arc::clone(&stop), Arc::clone(&sent));
        #[expect(clippy::disallowed_methods, reason = "owned by the sender, which waits for it")]
        let task = tokio::task::spawn(async move {
            let client = Client::builder().timeout(Duration::from_secs(2)).build().unwrap();
            for number in 1.. {
                if stopping.load(Ordering::SeqCst) {
                    break;
                }
                let body = format!("message {number}");
                let message = json!({ "body": body, "client_id": format!("send-{number}") });
                loop {
                    let answer = client.post(&url).bearer_auth(&token).json(&message).send().await;
                    match answer.map(|answer| answer.status().as_u16()) {
                        Ok(200 | 201) => break,
                        Ok(500 | 503 | 408) | Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                        Ok(refused) => panic!("a send was refused: {refused}"),
                    }
                }
                acknowledged.lock().unwrap().push(body);
            }
        });
        Self { stop, sent, task }
    }

    fn acknowledged(&self) -> usize {
        assert!(!self.task.is_finished(), "the sender has died");
        self.sent.lock().unwrap().len()
    }

    async fn stop(self) -> Vec<String> {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await.unwrap();
        let sent = self.sent.lock().unwrap();
        sent.clone()
    }
}

#[tokio::test]
async fn killing_notify_server_loses_nothing() {
    let database = TestDatabase::new().await.unwrap();
    let mut world = World::start(database.url()).await;
    for fault in 1..=FAULTS {
        world.let_it_send(BETWEEN_FAULTS).await;
        world.notify.kill();
        world.let_it_send(BETWEEN_FAULTS).await;
        world.notify.restart();
        // Before the next kill: a device that had not come back by then would have resumed once less.
        world.until_connected(1 + fault).await;
    }
    world.compare().await;
}

#[tokio::test]
async fn killing_chat_server_loses_and_doubles_nothing() {
    let database = TestDatabase::new().await.unwrap();
    let mut world = World::start(database.url()).await;
    for _ in 0..FAULTS {
        world.let_it_send(BETWEEN_FAULTS).await;
        world.chat.restart();
    }
    world.let_it_send(BETWEEN_FAULTS).await;
    world.compare().await;
}

#[tokio::test]
async fn crashing_postgres_loses_and_doubles_nothing() {
    let cluster = TestCluster::start().await.unwrap();
    let database_url = cluster.create_database("parlor").await.unwrap();
    let world = World::start(&database_url).await;
    for _ in 0..FAULTS {
        world.let_it_send(BETWEEN_FAULTS).await;
        cluster.kill().await.unwrap();
        cluster.restart().await.unwrap();
    }
    world.let_it_send(BETWEEN_FAULTS).await;
    world.compare().await;
}

#[tokio::test]
async fn terminating_every_backend_loses_and_doubles_nothing() {
    let database = TestDatabase::new().await.unwrap();
    let world = World::start(database.url()).await;
    let mut db = PgConnection::connect(database.url()).await.unwrap();
    for _ in 0..FAULTS {
        world.let_it_send(BETWEEN_FAULTS).await;
        // Listeners, tails, pools and the doorbell's connection.
        let ended: i64 = sqlx::query_scalar(
            "select count(*) from (
                 select pg_terminate_backend(pid) from pg_stat_activity
                 where datname = current_database() and pid <> pg_backend_pid()) ended",
        )
        .fetch_one(&mut db)
        .await
        .unwrap();
        assert!(ended >= 4, "{ended}");
    }
    world.let_it_send(BETWEEN_FAULTS).await;
    world.compare().await;
}
