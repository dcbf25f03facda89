//! A client that follows the stream whatever happens: comes back with the last id it saw, as often as it takes.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::Client;
use serde_json::Value;
use tokio::task::JoinHandle;

use super::wait::eventually;

const RETRY_AFTER: Duration = Duration::from_millis(30);
/// The server says something at least every 25 s.
const SILENCE_MAX: Duration = Duration::from_secs(40);

/// What a follower has seen.
#[derive(Default)]
struct Seen {
    events: Vec<Value>,
    connects: usize,
    resets: usize,
    failure: Option<String>,
}

/// Follows from a cursor on until dropped.
pub struct Follower {
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl Follower {
    pub fn start(url: String, token: String, cursor: String) -> Self {
        let seen = Arc::<Mutex<Seen>>::default();
        #[expect(clippy::disallowed_methods, reason = "owned by the follower, which ends it")]
        let task = tokio::task::spawn(follow(url, token, cursor, Arc::clone(&seen)));
        Self { seen, task }
    }

    /// The events so far, without the frames about the stream itself.
    pub fn events(&self) -> Vec<Value> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(seen.failure.is_none(), "{:?}", seen.failure);
        seen.events.clone()
    }

    /// The `seq` of each new message, in the order of their coming.
    pub fn new_seqs(&self) -> Vec<i64> {
        let events = self.events();
        let new = events.iter().filter(|event| event["type"] == "message.new");
        new.map(|event| event["message"]["seq"].as_i64().unwrap()).collect()
    }

    /// Waits until it was let in this often.
    pub async fn until_connected(&self, times: usize) {
        eventually(async || {
            let connects = self.seen.lock().unwrap_or_else(PoisonError::into_inner).connects;
            if connects >= times { Ok(()) } else { Err(format!("connected {connects} times of {times}")) }
        })
        .await;
    }

    pub fn resets(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).resets
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn follow(url: String, token: String, mut cursor: String, seen: Arc<Mutex<Seen>>) {
    let client = Client::builder().read_timeout(SILENCE_MAX).build().unwrap();
    loop {
        let request =
            client.get(format!("{url}/events")).bearer_auth(&token).header("Last-Event-ID", &cursor);
        if let Ok(mut response) = request.send().await
            && response.status() == 200
        {
            let mut text = String::new();
            while let Ok(Some(bytes)) = response.chunk().await {
                // Frames end with an empty line; what is cut off in the middle of one was never received.
                text.push_str(&String::from_utf8_lossy(&bytes));
                while let Some((frame, rest)) = text.split_once("\n\n") {
                    note(frame, &mut cursor, &seen);
                    text = rest.to_owned();
                }
            }
        }
        tokio::time::sleep(RETRY_AFTER).await;
    }
}

fn note(frame: &str, cursor: &mut String, seen: &Mutex<Seen>) {
    let field = |name: &str| frame.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(id) = field("id: ") {
        *cursor = id;
    }
    match field("event: ").as_deref() {
        Some("connected") => seen.connects += 1,
        Some("reset") => seen.resets += 1,
        Some("heartbeat") | None => {}
        Some(kind) => {
            let data: Value = serde_json::from_str(&field("data: ").unwrap_or_default()).unwrap_or_default();
            if data["type"] != kind {
                seen.failure = Some(format!("a frame that is not whole: {frame}"));
            }
            seen.events.push(data);
        }
    }
}
