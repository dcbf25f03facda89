//! The traffic during faults: people send, edit, delete, pin, read, join, leave and type. Each request
//! but the last is retried until it is answered.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;

use crate::{
    history::History,
    person::Person,
    world::{Tenant, World},
};

/// The pause between two attempts of a request.
const RETRY_PAUSE: Range<u64> = 20..80;
/// How long unfinished actions may take after all faults have healed.
const END_TIMEOUT: Duration = Duration::from_secs(120);
/// How many of the latest own messages are kept, for edits and deletions.
const REMEMBERED: usize = 40;

/// All people writing, until stopped.
pub struct Traffic {
    stop: Arc<AtomicBool>,
    tasks: TaskTracker,
}

impl Traffic {
    /// One author for each person. `pause` is the time between two actions, in milliseconds.
    pub fn start(world: &World, seed: u64, pause: &Range<u64>) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let tasks = TaskTracker::new();
        for (t, tenant) in world.tenants.iter().enumerate() {
            for (p, person) in tenant.people.iter().enumerate() {
                let writer = Author {
                    person: person.clone(),
                    tenant: Arc::clone(tenant),
                    history: Arc::clone(&world.history),
                    rng: StdRng::seed_from_u64(seed ^ ((t as u64) << 32) ^ ((p as u64) << 40)),
                    chats: vec![tenant.general.clone(), tenant.lobby.clone(), tenant.back_room.clone()],
                    own: Vec::new(),
                    seen: 0,
                    is_owner: p == 0,
                };
                tasks.spawn(writer.run(Arc::clone(&stop), pause.clone()));
            }
        }
        tasks.close();
        Self { stop, tasks }
    }

    /// Waits until all authors have finished their current action.
    ///
    /// # Errors
    /// A request was never answered.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::SeqCst);
        let ended = timeout(END_TIMEOUT, self.tasks.wait()).await;
        anyhow::ensure!(
            ended.is_ok(),
            "{} writers had no answer {} s after everything had healed",
            self.tasks.len(),
            END_TIMEOUT.as_secs()
        );
        Ok(())
    }
}

struct Author {
    person: Person,
    tenant: Arc<Tenant>,
    history: Arc<History>,
    rng: StdRng,
    /// Chats in which they may be a member; a refusal is a normal answer.
    chats: Vec<String>,
    /// The chats and ids of the latest messages.
    own: Vec<(String, String)>,
    /// The highest seq that was returned, for read positions.
    seen: i64,
    is_owner: bool,
}

impl Author {
    async fn run(mut self, stop: Arc<AtomicBool>, pause: Range<u64>) {
        while !stop.load(Ordering::SeqCst) {
            self.act().await;
            sleep(Duration::from_millis(self.rng.random_range(pause.clone()))).await;
        }
    }

    async fn act(&mut self) {
        let chat = self.chats.choose(&mut self.rng).cloned().unwrap_or_default();
        match self.rng.random_range(0..100) {
            0..8 => self.act_in_thread().await,
            8..70 => {
                let copies = if self.rng.random_ratio(1, 30) { 4 } else { 1 };
                let words = self.rng.random_range(1..30);
                let body = format!("{} {}", self.person.name, "word ".repeat(words));
                let node = self.rng.random_range(0..2);
                let (id, seq) = send(&self.history, &self.person, &chat, body.trim(), node, copies).await;
                self.seen = self.seen.max(seq);
                self.remember(chat, id);
            }
            70..74 => self.type_in(&chat).await,
            74..77 => self.react().await,
            77..79 => self.pin_or_keep().await,
            79..82 => {
                let Some((chat, id)) = self.own.choose(&mut self.rng).cloned() else { return };
                let body = json!({ "body": format!("edited {}", self.rng.random_range(0..1000)) });
                self.do_it(&format!("PATCH /api/chat/{chat}/messages/{id}"), Some(body)).await;
            }
            82..85 => {
                if self.own.is_empty() {
                    return;
                }
                let (chat, id) = self.own.swap_remove(self.rng.random_range(0..self.own.len()));
                self.do_it(&format!("DELETE /api/chat/{chat}/messages/{id}"), None).await;
            }
            85..91 => {
                let seq = self.rng.random_range(0..=self.seen.max(1));
                self.do_it(&format!("POST /api/chat/{chat}/read"), Some(json!({ "seq": seq }))).await;
            }
            91..94 => self.do_it(&format!("POST /api/chat/{}/leave", self.tenant.lobby), None).await,
            94..97 => self.do_it(&format!("POST /api/chat/{}/join", self.tenant.lobby), None).await,
            97 => {
                let name = format!("{} {}", self.person.name, self.rng.random_range(0..1000));
                self.do_it("PATCH /api/users/me", Some(json!({ "fullname": name }))).await;
            }
            _ if self.is_owner => self.rule().await,
            _ => {}
        }
    }

    fn remember(&mut self, chat: String, message: Option<String>) {
        self.own.extend(message.map(|id| (chat, id)));
        if self.own.len() > REMEMBERED {
            self.own.remove(0);
        }
    }

    /// Replies in the thread about a message of their own, reads it, follows it or follows it no more.
    /// Some replies are sent to the chat as well; they are edited and deleted like any message.
    async fn act_in_thread(&mut self) {
        let Some((chat, root)) = self.own.choose(&mut self.rng).cloned() else { return };
        let path = format!("/api/chat/{chat}/messages/{root}/thread");
        match self.rng.random_range(0..10) {
            0..7 => {
                let node = self.rng.random_range(0..2);
                let client_id = new_client_id(&self.person);
                let body = format!("{} replies", self.person.name);
                let message = json!({
                    "body": body, "client_id": client_id, "also_in_chat": self.rng.random_ratio(1, 4),
                });
                let send = Send { chat: &chat, operation: &format!("POST {path}"), message: &message };
                let (id, _) = send.until_answered(&self.history, &self.person, node, 1).await;
                self.remember(chat, id);
            }
            7 => {
                let read = json!({ "thread_no": self.rng.random_range(0..10) });
                self.do_it(&format!("POST {path}/read"), Some(read)).await;
            }
            8 => self.do_it(&format!("PUT {path}/follow"), None).await,
            _ => self.do_it(&format!("DELETE {path}/follow"), None).await,
        }
    }

    /// Gives a reaction to a message of their own, or takes it back.
    async fn react(&mut self) {
        let Some((chat, id)) = self.own.choose(&mut self.rng).cloned() else { return };
        let method = if self.rng.random_ratio(2, 3) { "PUT" } else { "DELETE" };
        let emoji = ["%F0%9F%91%8D", "%E2%9D%A4"][self.rng.random_range(0..2)];
        self.do_it(&format!("{method} /api/chat/{chat}/messages/{id}/reactions/{emoji}"), None).await;
    }

    /// Pins a message of their own or keeps it for later, or no more.
    async fn pin_or_keep(&mut self) {
        let Some((chat, id)) = self.own.choose(&mut self.rng).cloned() else { return };
        let method = if self.rng.random_ratio(1, 2) { "PUT" } else { "DELETE" };
        let path = if self.rng.random_ratio(3, 4) {
            format!("/api/chat/{chat}/messages/{id}/pin")
        } else {
            format!("/api/saved/{id}")
        };
        self.do_it(&format!("{method} {path}"), None).await;
    }

    /// Says once that they type, or stopped: it is worth nothing later.
    async fn type_in(&mut self, chat: &str) {
        let method = if self.rng.random_ratio(3, 4) { "POST" } else { "DELETE" };
        let node = self.rng.random_range(0..2);
        self.history.typing(&self.person.id, chat);
        let _ = self.person.attempt(node, &format!("{method} /api/chat/{chat}/typing"), None).await;
    }

    /// The owner also adds and removes members of the back room, and creates and deletes chats.
    async fn rule(&mut self) {
        let room = self.tenant.back_room.clone();
        let Some(other) = self.tenant.people[1..].choose(&mut self.rng).map(|other| other.id.clone()) else {
            return;
        };
        match self.rng.random_range(0..10) {
            0..4 => {
                let body = json!({ "user_ids": [other] });
                self.do_it(&format!("POST /api/chat/{room}/members"), Some(body)).await;
            }
            4..8 => self.do_it(&format!("DELETE /api/chat/{room}/members/{other}"), None).await,
            8 => {
                let number = self.rng.random_range(0..1000);
                let body =
                    json!({ "name": format!("back room {number}"), "description": format!("{number}") });
                self.do_it(&format!("PATCH /api/chat/{room}"), Some(body)).await;
            }
            _ => {
                let name = format!("passing {}", self.rng.random_range(0..u64::MAX));
                let body = json!({ "kind": "public_channel", "name": name, "members": [other] });
                // A retry may find the name taken by the first attempt.
                let Some(answer) = self.answer("POST /api/chat", Some(&body)).await else { return };
                let Some(id) = answer["chat"]["id"].as_str().map(str::to_owned) else { return };
                let (_, _) = send(&self.history, &self.person, &id, "soon gone", 0, 1).await;
                self.do_it(&format!("DELETE /api/chat/{id}"), None).await;
            }
        }
    }

    async fn do_it(&mut self, operation: &str, body: Option<Value>) {
        self.answer(operation, body.as_ref()).await;
    }

    /// The final answer; None: it was refused.
    async fn answer(&mut self, operation: &str, body: Option<&Value>) -> Option<Value> {
        let mut node = self.rng.random_range(0..2);
        loop {
            let answer = self.person.attempt(node, operation, body).await;
            let status = answer.as_ref().map_or(0, |(status, _)| *status);
            self.history.note(
                json!({ "person": self.person.name, "did": operation, "node": node, "status": status }),
            );
            match answer {
                Ok((200..=299, answer)) => return Some(answer),
                Ok((status, _)) if is_final(status) => return None,
                _ => {}
            }
            node += 1;
            sleep(Duration::from_millis(self.rng.random_range(RETRY_PAUSE))).await;
        }
    }
}

/// Sends one message with a new client id, `copies` at once, and retries until one is answered.
/// Returns its id and seq, unless it was refused.
pub async fn send(
    history: &Arc<History>,
    person: &Person,
    chat: &str,
    body: &str,
    first_node: usize,
    copies: usize,
) -> (Option<String>, i64) {
    send_as(history, person, chat, body, &new_client_id(person), first_node, copies).await
}

fn new_client_id(person: &Person) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{}-{}", person.name, NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The same with a given client id.
pub async fn send_as(
    history: &Arc<History>,
    person: &Person,
    chat: &str,
    body: &str,
    client_id: &str,
    first_node: usize,
    copies: usize,
) -> (Option<String>, i64) {
    let operation = format!("POST /api/chat/{chat}/messages");
    let message = json!({ "body": body, "client_id": client_id });
    let send = Send { chat, operation: &operation, message: &message };
    send.until_answered(history, person, first_node, copies).await
}

/// A message with its client id, to a chat or to a thread of it.
struct Send<'a> {
    chat: &'a str,
    operation: &'a str,
    message: &'a Value,
}

impl Send<'_> {
    async fn until_answered(
        &self,
        history: &Arc<History>,
        person: &Person,
        first_node: usize,
        copies: usize,
    ) -> (Option<String>, i64) {
        let [client_id, body] =
            ["client_id", "body"].map(|field| self.message[field].as_str().unwrap_or_default());
        let mut node = first_node;
        loop {
            let attempts = (0..copies).map(async |copy| {
                let at = format!("chat_server {}", (node + copy) % 2);
                history.attempt(client_id, &person.id, self.chat, body, &at);
                let answer = person.attempt(node + copy, self.operation, Some(self.message)).await;
                history.answer(client_id, &answer);
                answer
            });
            let answers = join_all(attempts).await;
            let message = answers.iter().flatten().find(|(status, _)| matches!(status, 200 | 201));
            if let Some((_, message)) = message {
                let seq = message["seq"].as_i64().unwrap_or_default();
                return (message["id"].as_str().map(str::to_owned), seq);
            }
            if answers.iter().flatten().any(|(status, _)| is_final(*status)) {
                return (None, 0);
            }
            node += 1;
            // Spreads the pauses without a random generator.
            let pause = RETRY_PAUSE.start + u64::from(client_id.bytes().last().unwrap_or(0)) % 60;
            sleep(Duration::from_millis(pause)).await;
        }
    }
}

/// Whether a retry would get the same answer.
fn is_final(status: u16) -> bool {
    matches!(status, 400..=499) && !matches!(status, 401 | 408 | 429)
}
