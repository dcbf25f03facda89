//! Generates load: a closed loop over a number of connections, or requests at a fixed rate.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::ensure;
use chat_core::ChatId;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use uuid::Uuid;

use crate::{
    http::{self, HttpConnection},
    test_bed::Person,
};

/// The body of an average message.
pub const BODY: &str =
    "A message of some hundred characters, as people write them: neither very long nor very short. So.";

/// Repeats `work` on each of `connections` for `seconds`, and returns how often a second it
/// completed. `work` gets the connection's state and a number that is unique within this load.
pub async fn closed_loop<S, F>(
    connections: Vec<S>,
    seconds: f64,
    work: impl Fn(S, u64) -> F + Clone + Send + 'static,
) -> anyhow::Result<f64>
where
    S: Send + 'static,
    F: Future<Output = anyhow::Result<S>> + Send + 'static,
{
    let (stop, numbers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut tasks = JoinSet::new();
    let began = Instant::now();
    for mut state in connections {
        let (stop, numbers, work) = (Arc::clone(&stop), Arc::clone(&numbers), work.clone());
        tasks.spawn(async move {
            let mut done = 0_u32;
            while !stop.load(Ordering::Relaxed) {
                state = work(state, numbers.fetch_add(1, Ordering::Relaxed)).await?;
                done += 1;
            }
            anyhow::Ok(done)
        });
    }
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    stop.store(true, Ordering::Relaxed);
    let mut done = 0.0;
    while let Some(task) = tasks.join_next().await {
        done += f64::from(task??);
    }
    Ok(done / began.elapsed().as_secs_f64())
}

/// Starts `work` at `rate` a second, each time on a free connection, waiting for one if there is
/// none. Returns how often it was started.
pub async fn at_rate<S, F>(
    connections: Vec<S>,
    rate: u32,
    seconds: f64,
    work: impl Fn(S, usize) -> F,
) -> anyhow::Result<usize>
where
    S: Send + 'static,
    F: Future<Output = anyhow::Result<S>> + Send + 'static,
{
    let mut ticks = interval(Duration::from_secs(1) / rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (give_back, mut free) = mpsc::channel(connections.len());
    for connection in connections {
        let _ = give_back.send(connection).await; // there is room for all
    }
    let mut tasks = JoinSet::new();
    let began = Instant::now();
    let mut count = 0;
    while began.elapsed().as_secs_f64() < seconds {
        ticks.tick().await;
        // A connection whose work has failed does not come back.
        let connection = loop {
            tokio::select! {
                Some(connection) = free.recv() => break connection,
                Some(done) = tasks.join_next() => done??,
            }
        };
        let (work, give_back) = (work(connection, count), give_back.clone());
        tasks.spawn(async move {
            let _ = give_back.send(work.await?).await;
            anyhow::Ok(())
        });
        count += 1;
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(count)
}

/// A person who sends to a chat.
#[derive(Clone)]
pub struct Sender {
    pub chat: ChatId,
    pub person: Person,
}

/// Sends through chat_server over so many connections, by `senders` in turn: messages a second.
pub async fn send(
    address: SocketAddr,
    connections: usize,
    senders: Arc<Vec<Sender>>,
    seconds: f64,
) -> anyhow::Result<f64> {
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(HttpConnection::connect(address).await?);
    }
    closed_loop(clients, seconds, move |mut client: HttpConnection, number| {
        let senders = Arc::clone(&senders);
        async move {
            let sender = &senders[usize::try_from(number)? % senders.len()];
            let answer = client.call(&send_request(sender, BODY)).await?;
            ensure!(
                answer.status == 201,
                "a send: {} {}",
                answer.status,
                String::from_utf8_lossy(&answer.body)
            );
            Ok(client)
        }
    })
    .await
}

/// A request that sends a message with a new client id.
pub fn send_request(sender: &Sender, body: &str) -> Vec<u8> {
    let path = format!("/api/chat/{}/messages", sender.chat);
    let body = format!(r#"{{"body":"{body}","client_id":"{}"}}"#, Uuid::now_v7().simple());
    http::request("POST", &path, &sender.person.token, &body)
}
