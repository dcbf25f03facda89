//! A client of the stream. It reconnects with the last id it saw, takes a new snapshot after a
//! `reset`, folds the events into its state, and records everything it received.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    fold::State,
    history::{History, Time},
    person::Person,
    sse::{Frame, Frames, position},
};

/// Heartbeats come every two seconds here. A stream that is silent for this long is dead.
const SILENCE_MAX: Duration = Duration::from_secs(8);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(12);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Used instead of `retry:`, so that a run has many reconnects.
const RETRY_AFTER: Duration = Duration::from_millis(150);

/// How long a device stays on another server after its own server refused it.
const GUEST_STAY: Duration = Duration::from_secs(2);

/// An event that was received.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    pub at: Time,
    /// Index into [`Record::connections`].
    pub connection: usize,
    pub position: i64,
    pub hash: u64,
    /// Bytes received on the connection before it.
    pub bytes_before: u64,
}

/// That a member types in a chat, or stopped.
#[derive(Clone, Debug)]
pub struct EphemeralFrame {
    pub at: Time,
    pub chat: String,
    pub user: String,
    /// Whether the device's state had the chat when the frame came.
    pub is_in_chat: bool,
}

/// The time from a snapshot to the next `reset`.
#[derive(Clone, Debug)]
pub struct Segment {
    pub snapshot_position: i64,
    pub snapshot_at: Time,
    /// The chats of the snapshot, and the number of messages in each.
    pub snapshot: BTreeMap<String, i64>,
    pub seen: Vec<Seen>,
    /// Events that were received again.
    pub again: Vec<Seen>,
    /// The positions in heartbeats, and when they arrived.
    pub heartbeats: Vec<(Time, i64)>,
    pub ended_by_reset: bool,
}

/// A stream that was opened.
#[derive(Clone, Copy, Debug)]
pub struct OpenedStream {
    /// When the request was sent.
    pub asked_at: Time,
    /// When the response began.
    pub connected_at: Time,
    /// Index of the notify_server.
    pub node: usize,
}

/// A `reset` that a device received.
#[derive(Clone, Debug)]
pub struct Reset {
    pub at: Time,
    pub position: i64,
    /// The position that the device connected with.
    pub from: i64,
    pub reason: String,
}

/// Everything that a device received.
#[derive(Default)]
pub struct Record {
    pub segments: Vec<Segment>,
    pub connections: Vec<OpenedStream>,
    pub state: Option<State>,
    /// Violations that the device itself sees: an incomplete frame, an event that cannot be
    /// applied, a wrong order.
    pub problems: Vec<(Time, i64, String)>,
    pub resets: Vec<Reset>,
    pub ephemeral: Vec<EphemeralFrame>,
    /// The server said not to reconnect.
    pub is_over: bool,
    /// The newest position of any frame since the last snapshot.
    reached: i64,
    /// The value of `reached` at the last connect.
    asked_from: i64,
    /// The newest position of the current connection, control frames included.
    newest_of_connection: i64,
    bytes_of_connection: u64,
}

impl Record {
    /// The newest position of any frame since the last snapshot.
    pub fn reached(&self) -> i64 {
        self.reached
    }

    pub fn events(&self) -> usize {
        self.segments.iter().map(|segment| segment.seen.len()).sum()
    }
}

/// How a device reaches its stream.
#[derive(Clone)]
pub enum Route {
    /// Through the proxy of this notify_server, and of the next one when it fails.
    Doors(usize),
    /// Through this address alone, which leads to the notify_server of that index.
    Own(SocketAddr, Arc<AtomicUsize>),
}

/// Follows until dropped.
pub struct Device {
    pub person: Person,
    pub name: String,
    record: Arc<Mutex<Record>>,
    stop: CancellationToken,
}

impl Device {
    pub fn start(
        person: &Person,
        name: String,
        route: Route,
        history: &Arc<History>,
    ) -> anyhow::Result<Self> {
        let record = Arc::<Mutex<Record>>::default();
        let stop = CancellationToken::new();
        let client = Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_max_idle_per_host(0)
            .build()?;
        let follower = Follower {
            client,
            person: person.clone(),
            name: name.clone(),
            route,
            history: Arc::clone(history),
            record: Arc::clone(&record),
        };
        TaskTracker::new().spawn(stop.clone().run_until_cancelled_owned(follower.follow()));
        Ok(Self { person: person.clone(), name, record, stop })
    }

    pub fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

struct Follower {
    client: Client,
    person: Person,
    name: String,
    route: Route,
    history: Arc<History>,
    record: Arc<Mutex<Record>>,
}

/// Why a stream ended.
enum End {
    Lost,
    Reset,
    Over,
}

impl Follower {
    async fn follow(self) {
        let mut cursor: Option<String> = None;
        let mut failures = 0;
        loop {
            let from = match cursor.take() {
                Some(cursor) => cursor,
                None => match self.start_anew().await {
                    Ok(cursor) => cursor,
                    Err(e) => {
                        self.history.note(json!({ "device": self.name, "no snapshot": format!("{e:#}") }));
                        sleep(RETRY_AFTER).await;
                        continue;
                    }
                },
            };
            let mut reached = from;
            match self.stream(&mut reached, failures).await {
                Ok(End::Reset) => {}
                Ok(End::Lost) => {
                    cursor = Some(reached);
                    failures = 0;
                    sleep(RETRY_AFTER).await;
                }
                Ok(End::Over) => {
                    self.record().is_over = true;
                    return;
                }
                Err(e) => {
                    self.history.note(json!({ "device": self.name, "not let in": format!("{e:#}") }));
                    cursor = Some(reached);
                    failures += 1;
                    sleep(RETRY_AFTER).await;
                }
            }
        }
    }

    /// Takes a snapshot and returns its cursor.
    async fn start_anew(&self) -> anyhow::Result<String> {
        let at = self.history.now();
        let snapshot = self.person.sync().await?;
        let cursor = snapshot["cursor"].as_str().context("a snapshot without a cursor")?.to_owned();
        let position = position(&cursor).context("no cursor of ours")?;
        self.history.note(json!({ "device": self.name, "snapshot": position }));
        let state = State::of(&snapshot)?;
        let messages = |item: &Value| item["chat"]["last_seq"].as_i64().unwrap_or_default();
        let chats = state.chats.iter().map(|(id, item)| (id.clone(), messages(item))).collect();
        let mut record = self.record();
        record.state = Some(state);
        record.reached = position;
        record.segments.push(Segment {
            snapshot_position: position,
            snapshot_at: at,
            snapshot: chats,
            seen: Vec::new(),
            again: Vec::new(),
            heartbeats: Vec::new(),
            ended_by_reset: false,
        });
        Ok(cursor)
    }

    /// Opens one stream and reads it to its end.
    async fn stream(&self, cursor: &mut String, failures: usize) -> anyhow::Result<End> {
        let (url, node, is_guest) = match &self.route {
            Route::Own(address, node) => {
                (format!("http://{address}/events"), node.load(Ordering::SeqCst), false)
            }
            Route::Doors(home) => {
                let node = (home + failures) % self.person.doors().notify.len();
                (self.person.stream_url(node), node, node != *home)
            }
        };
        let asked_at = self.history.now();
        {
            let mut record = self.record();
            record.asked_from = record.reached;
        }
        let request = self.client.get(url).bearer_auth(self.person.token()).header("Last-Event-ID", &*cursor);
        let response = timeout(ANSWER_TIMEOUT, request.send()).await.context("no answer")??;
        match response.status().as_u16() {
            200 => {}
            204 => return Ok(End::Over),
            status => {
                // The token has expired. Any request renews it.
                let _ = self.person.attempt(0, "GET /api/users/me", None).await;
                anyhow::bail!("{status}");
            }
        }
        self.read(response, OpenedStream { asked_at, connected_at: 0, node }, is_guest, cursor).await
    }

    async fn read(
        &self,
        mut response: Response,
        connection: OpenedStream,
        is_guest: bool,
        cursor: &mut String,
    ) -> anyhow::Result<End> {
        let mut frames = Frames::default();
        let mut index = None;
        let began = Instant::now();
        loop {
            let patience = if is_guest { GUEST_STAY.saturating_sub(began.elapsed()) } else { SILENCE_MAX };
            // A silent stream and a cut one are handled alike: reconnect.
            let read = timeout(patience, response.chunk()).await;
            let Ok(Ok(Some(bytes))) = read else {
                let why = format!("{read:?}");
                self.history.note(json!({ "device": self.name, "lost": why, "node": connection.node }));
                return match index {
                    Some(_) => Ok(End::Lost),
                    None => anyhow::bail!("let go again before it began"),
                };
            };
            frames.push(&bytes);
            loop {
                let frame = match frames.next_frame() {
                    Ok(Some(frame)) => frame,
                    Ok(None) => break,
                    Err(e) => {
                        self.problem(0, format!("a frame that cannot be read: {e:#}"));
                        return Ok(End::Lost);
                    }
                };
                if frame.event == "connected" {
                    let mut record = self.record();
                    let connected_at = self.history.now();
                    record.connections.push(OpenedStream { connected_at, ..connection });
                    record.newest_of_connection = 0;
                    record.bytes_of_connection = 0;
                    index = Some(record.connections.len() - 1);
                    drop(record);
                    self.history
                        .note(json!({ "device": self.name, "connected": frame.id, "node": connection.node }));
                }
                if frame.event.is_empty() {
                    continue; // only `retry:`
                }
                let Some(index) = index else {
                    self.problem(0, format!("{} before `connected`", frame.event));
                    return Ok(End::Lost);
                };
                if let Some(id) = &frame.id {
                    cursor.clone_from(id);
                }
                self.take(&frame, index);
                if frame.event == "reset" {
                    return Ok(End::Reset);
                }
            }
        }
    }

    fn take(&self, frame: &Frame, connection: usize) {
        let at = self.history.now();
        if frame.is_ephemeral() {
            return self.take_ephemeral(frame, at);
        }
        let Some(position) = frame.position() else {
            return self.problem(0, format!("a frame without a position: {}", frame.event));
        };
        let mut record = self.record();
        let record = &mut *record;
        if frame.event == "reset" {
            let data: Value = serde_json::from_str(&frame.data).unwrap_or_default();
            let reason = data["reason"].as_str().unwrap_or_default().to_owned();
            self.history.note(json!({ "device": self.name, "reset": reason, "position": position }));
            record.resets.push(Reset { at, position, from: record.asked_from, reason });
            if let Some(segment) = record.segments.last_mut() {
                segment.ended_by_reset = true;
            }
            return;
        }
        let newest = record.newest_of_connection;
        let in_order = if frame.is_control() { position >= newest } else { position > newest };
        if !in_order && frame.event != "connected" {
            let what = format!("{} at {position} after {newest} on one connection", frame.event);
            record.problems.push((at, position, what));
        }
        // `connected` names the position from which the stream continues.
        record.newest_of_connection = newest.max(position);
        if frame.is_control() {
            record.reached = record.reached.max(position);
            if let Some(segment) = record.segments.last_mut().filter(|_| frame.event == "heartbeat") {
                segment.heartbeats.push((at, position));
            }
            return;
        }
        self.history.note(json!({ "device": self.name, "frame": position, "event": frame.event }));
        let Some(segment) = record.segments.last_mut() else { return };
        let bytes_before = record.bytes_of_connection;
        record.bytes_of_connection += frame.data.len() as u64;
        let seen = Seen { at, connection, position, hash: hash(&frame.data), bytes_before };
        let last = segment.seen.last().map_or(segment.snapshot_position, |seen| seen.position);
        if position <= last {
            let is_known = segment.seen.binary_search_by_key(&position, |seen| seen.position).is_ok();
            if is_known {
                segment.again.push(seen);
            } else {
                record.problems.push((
                    at,
                    position,
                    format!("{position} came after {last}, for the first time"),
                ));
            }
            return;
        }
        segment.seen.push(seen);
        record.reached = record.reached.max(position);
        let applied = match (serde_json::from_str::<Value>(&frame.data), &mut record.state) {
            (Ok(data), Some(state)) if data["type"] == frame.event.as_str() => state.apply(&data),
            (data, _) => Err(anyhow::anyhow!("data of {}: {data:?}", frame.event)),
        };
        if let Err(e) = applied {
            record.problems.push((at, position, format!("{} cannot be applied: {e:#}", frame.event)));
        }
    }

    fn take_ephemeral(&self, frame: &Frame, at: Time) {
        let data: Value = serde_json::from_str(&frame.data).unwrap_or_default();
        let (Some(chat), Some(user)) = (data["chat_id"].as_str(), data["user_id"].as_str()) else {
            return self.problem(0, format!("data of {}: {}", frame.event, frame.data));
        };
        if let Some(id) = &frame.id {
            self.problem(0, format!("{} with the id {id}", frame.event));
        }
        let mut record = self.record();
        record.bytes_of_connection += frame.data.len() as u64;
        let is_in_chat = record.state.as_ref().is_some_and(|state| state.chats.contains_key(chat));
        self.history.note(json!({ "device": self.name, "typing": chat, "user": user, "in": is_in_chat }));
        record.ephemeral.push(EphemeralFrame {
            at,
            chat: chat.to_owned(),
            user: user.to_owned(),
            is_in_chat,
        });
    }

    fn problem(&self, position: i64, what: String) {
        self.history.note(json!({ "device": self.name, "problem": what }));
        let at = self.history.now();
        self.record().problems.push((at, position, what));
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The hash of a payload. All line breaks count as equal, since the stream's format cannot tell
/// them apart.
pub fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.replace("\r\n", "\n").replace('\r', "\n").hash(&mut hasher);
    hasher.finish()
}
