//! A client of the stream over a real socket. Like a browser's EventSource, it remembers the last
//! id and resumes after it.

use std::time::{Duration, Instant};

use chaos::sse::{self, Frames};
use chat_core::{ephemeral::EphemeralKind, event::control};
use futures_util::{StreamExt as _, stream::BoxStream};
use reqwest::{Client, Response};
use serde_json::Value;

use super::{
    actor::{Actor, Reply},
    app::Node,
    wait::DEADLINE,
};

/// One frame of the stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    pub id: Option<String>,
    pub event: String,
    pub data: Value,
    pub retry_ms: Option<u64>,
}

impl Frame {
    /// Whether the frame is about the stream itself and not in the log.
    pub fn is_control(&self) -> bool {
        self.event.is_empty() || control::ALL.contains(&self.event.as_str())
    }

    /// Whether the frame tells what is true only now, which is not in the log either.
    pub fn is_ephemeral(&self) -> bool {
        EphemeralKind::parse(&self.event).is_some()
    }

    fn is_event(&self) -> bool {
        !self.is_control() && !self.is_ephemeral()
    }
}

/// One device of a person, following the stream.
pub struct Device {
    client: Client,
    url: String,
    token: String,
    body: Option<BoxStream<'static, reqwest::Result<bytes::Bytes>>>,
    received: Frames,
    /// The id from which it resumes.
    pub last_id: Option<String>,
    /// All events of the log that it received, in order.
    pub events: Vec<Frame>,
    /// What it was told of what is true only now.
    pub ephemeral: Vec<Frame>,
    /// The name of the stream, from its first frame.
    pub stream_id: String,
}

impl Device {
    /// Follows from now on. It is connected when this returns.
    pub async fn connect(actor: &Actor, node: &Node) -> Self {
        // With a snapshot's cursor, since a node's own "now" may be earlier than what the test just
        // did.
        let snapshot = actor.call("GET /api/sync?limit=1").await.ok();
        Self::connect_after(actor, node, snapshot["cursor"].as_str().unwrap()).await
    }

    /// Follows from the node's own "now".
    pub async fn connect_without_cursor(actor: &Actor, node: &Node) -> Self {
        let mut device = Self::away(actor, node);
        device.reconnect().await;
        device
    }

    /// Follows from now on, and does not have to catch up: what is true only now reaches it at once.
    pub async fn connect_live(actor: &Actor, node: &Node) -> Self {
        // Its cursor is accepted once the node has read as far as what the test just did.
        Self::connect(actor, node).await;
        Self::connect_without_cursor(actor, node).await
    }

    /// Follows after a snapshot or an earlier event.
    pub async fn connect_after(actor: &Actor, node: &Node, cursor: &str) -> Self {
        let mut device = Self::away(actor, node);
        device.last_id = Some(cursor.to_owned());
        device.reconnect().await;
        device
    }

    /// Follows as EventSource does, which cannot send a token: the URL has everything, and the
    /// browser adds the last id.
    pub async fn connect_by_url(node: &Node, query: &str, last_id: Option<&str>) -> Self {
        let mut device = Self::new(node, String::new());
        let mut request = device.client.get(format!("{}/events{query}", node.url));
        if let Some(id) = last_id {
            request = request.header("last-event-id", id);
        }
        device.begin(request.send().await.unwrap());
        device
    }

    fn away(actor: &Actor, node: &Node) -> Self {
        Self::new(node, actor.token.clone())
    }

    fn new(node: &Node, token: String) -> Self {
        Self {
            client: Client::new(),
            url: node.url.clone(),
            token,
            body: None,
            received: Frames::default(),
            last_id: None,
            events: Vec::new(),
            ephemeral: Vec::new(),
            stream_id: String::new(),
        }
    }

    /// Cuts the socket, possibly in the middle of a frame.
    pub fn cut(&mut self) {
        self.body = None;
        self.received = Frames::default();
    }

    /// Uses another notify_server from the next connect on.
    pub fn move_to(&mut self, node: &Node) {
        self.cut();
        self.url.clone_from(&node.url);
    }

    /// Reconnects after the last id and returns the first frame, which says whether the stream
    /// resumed. If the server says to retry later, it retries sooner than that.
    pub async fn reconnect(&mut self) -> Frame {
        let end = Instant::now() + DEADLINE;
        loop {
            self.cut();
            let mut request = self.client.get(format!("{}/events", self.url)).bearer_auth(&self.token);
            if let Some(id) = &self.last_id {
                request = request.header("last-event-id", id);
            }
            self.begin(request.send().await.unwrap());
            let first = self.next_frame().await.expect("the stream ended before it began");
            if first.event == "connected" {
                first.data["stream_id"].as_str().unwrap().clone_into(&mut self.stream_id);
                return first;
            }
            assert!(first.retry_ms.is_some() && Instant::now() < end, "{first:?}");
            assert_eq!(self.next_frame().await, None, "the stream ends after retry");
        }
    }

    fn begin(&mut self, response: Response) {
        assert_eq!(response.status(), 200);
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        assert_eq!(header("content-type"), Some("text/event-stream"));
        assert_eq!(header("cache-control"), Some("no-cache, no-transform"));
        assert_eq!(header("x-accel-buffering"), Some("no"));
        self.body = Some(response.bytes_stream().boxed());
    }

    /// The next frame of any kind; None if the server closed the stream.
    pub async fn next_frame(&mut self) -> Option<Frame> {
        tokio::time::timeout(DEADLINE, self.read_frame())
            .await
            .unwrap_or_else(|_| panic!("nothing came within {DEADLINE:?}; so far: {:#?}", self.kinds()))
    }

    async fn read_frame(&mut self) -> Option<Frame> {
        let frame = loop {
            if let Some(frame) = self.received.next_frame().unwrap() {
                break parse(frame);
            }
            let Some(Ok(bytes)) = self.body.as_mut()?.next().await else {
                self.cut();
                return None;
            };
            self.received.push(&bytes);
        };
        if frame.id.is_some() {
            self.last_id.clone_from(&frame.id);
        }
        if frame.is_ephemeral() {
            self.ephemeral.push(frame.clone());
        } else if frame.is_event() {
            self.events.push(frame.clone());
        }
        Some(frame)
    }

    /// The next event of the log.
    pub async fn next_event(&mut self) -> Frame {
        loop {
            let frame = self.next_frame().await.expect("the stream ended");
            if frame.is_event() {
                return frame;
            }
        }
    }

    /// The next frame about what is true only now.
    pub async fn next_ephemeral(&mut self) -> Frame {
        loop {
            let frame = self.next_frame().await.expect("the stream ended");
            if frame.is_ephemeral() {
                return frame;
            }
        }
    }

    /// Reads until an event for which `is` holds, and returns it.
    pub async fn until(&mut self, is: impl Fn(&Frame) -> bool) -> Frame {
        loop {
            let event = self.next_event().await;
            if is(&event) {
                return event;
            }
        }
    }

    /// Reads until the event that [`Actor::mark`] caused.
    pub async fn until_mark(&mut self, name: &str) {
        self.until(|frame| frame.event == "user.updated" && frame.data["user"]["fullname"] == name).await;
    }

    /// Reads until the server closes the stream.
    pub async fn until_closed(&mut self) {
        while self.next_frame().await.is_some() {}
    }

    /// Whether nothing arrives for a while. Use it only to show that a stream is open and quiet.
    /// That an event does not arrive is shown by a later event that does.
    pub async fn is_quiet_for(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.read_frame()).await.is_err()
    }

    /// The types of the events that it received.
    pub fn kinds(&self) -> Vec<&str> {
        self.events.iter().map(|frame| frame.event.as_str()).collect()
    }
}

/// Requests a stream and returns the response as a whole: for refusals.
pub async fn try_stream(node: &Node, query: &str, headers: &[(&str, &str)]) -> Reply {
    let mut request = Client::new().get(format!("{}/events{query}", node.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Reply::of("GET /events", request).await
}

fn parse(frame: sse::Frame) -> Frame {
    let sse::Frame { id, event, data, retry_ms } = frame;
    assert!(!data.contains('\n'), "data is one line: {data:?}");
    let data = match &*data {
        "" => Value::Null,
        text => serde_json::from_str(text).unwrap_or_else(|e| panic!("{text}: {e}")),
    };
    assert!(data.is_null() || data["type"] == event.as_str(), "{event}: {data}");
    Frame { id, event, data, retry_ms }
}
