//! People who use Parlor over HTTP, and the responses that they get.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chat_core::token::Claims;
use reqwest::{Client, Method, header::HeaderMap};
use serde_json::{Value, json};

use super::app::{App, Node};

/// A person who is signed in on one device.
#[derive(Clone)]
pub struct Actor {
    pub id: String,
    pub name: String,
    pub email: String,
    pub workspace_id: String,
    pub workspace_name: String,
    pub token: String,
    pub refresh_token: String,
    client: Client,
    url: String,
}

/// A chat, by its id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Chat(pub String);

impl fmt::Display for Chat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Actor {
    /// From the response to sign-up, sign-in, refresh or a switch of workspace.
    pub fn signed_in(app: &App, answer: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            id: text(&answer["user"]["id"]),
            name: text(&answer["user"]["fullname"]),
            email: text(&answer["user"]["email"]),
            workspace_id: text(&answer["workspace"]["id"]),
            workspace_name: text(&answer["workspace"]["name"]),
            token: text(&answer["access_token"]),
            refresh_token: text(&answer["refresh_token"]),
            client: app.client.clone(),
            url: app.chat.url.clone(),
        }
    }

    /// The same person, using another chat_server.
    pub fn at(&self, node: &Node) -> Self {
        Self { url: node.url.clone(), ..self.clone() }
    }

    /// The same person at a server that was started again. With new connections: the client may not
    /// have noticed yet that the old ones are dead.
    pub fn reconnected(&self, url: &str) -> Self {
        Self { url: url.to_owned(), client: Client::new(), ..self.clone() }
    }

    /// The same person with another access token.
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: token.into(), ..self.clone() }
    }

    /// `operation` is a method and a path: `GET /api/users/me`.
    pub async fn call(&self, operation: &str) -> Reply {
        self.request(operation, &[], None).await
    }

    pub async fn call_with(&self, operation: &str, body: Value) -> Reply {
        self.request(operation, &[], Some(body)).await
    }

    pub async fn request(&self, operation: &str, headers: &[(&str, &str)], body: Option<Value>) -> Reply {
        let mut request = build(&self.client, &self.url, operation, body).bearer_auth(&self.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Reply::of(operation, request).await
    }

    /// Creates an invitation and returns its code.
    pub async fn invitation(&self, request: Value) -> String {
        let invite = self.call_with("POST /api/invites", request).await.created();
        invite["code"].as_str().unwrap().to_owned()
    }

    /// The channel that the workspace began with.
    pub async fn general(&self) -> Chat {
        let list = self.call("GET /api/chat").await.ok();
        let items = list["items"].as_array().unwrap();
        let general = items.iter().find(|item| item["chat"]["name"] == "general").unwrap();
        Chat(general["chat"]["id"].as_str().unwrap().to_owned())
    }

    pub async fn single(&self, other: &Actor) -> Chat {
        self.create(json!({ "kind": "single", "members": [other.id] })).await
    }

    pub async fn group(&self, others: &[&Actor]) -> Chat {
        self.create(json!({ "kind": "group", "members": ids(others) })).await
    }

    pub async fn private_channel(&self, name: &str, others: &[&Actor]) -> Chat {
        self.create(json!({ "kind": "private_channel", "name": name, "members": ids(others) })).await
    }

    pub async fn public_channel(&self, name: &str, others: &[&Actor]) -> Chat {
        self.create(json!({ "kind": "public_channel", "name": name, "members": ids(others) })).await
    }

    async fn create(&self, request: Value) -> Chat {
        let item = self.call_with("POST /api/chat", request).await.ok();
        Chat(item["chat"]["id"].as_str().unwrap().to_owned())
    }

    /// Sends a message and returns it from the response.
    pub async fn post(&self, chat: &Chat, body: &str) -> Value {
        self.try_post(chat, json!({ "body": body })).await.created()
    }

    /// Replies in the thread about a message.
    pub async fn reply(&self, message: &Value, body: &str) -> Value {
        self.try_reply(message, json!({ "body": body })).await.created()
    }

    pub async fn try_reply(&self, message: &Value, reply: Value) -> Reply {
        let [chat, id] = ["chat_id", "id"].map(|key| message[key].as_str().unwrap());
        self.call_with(&format!("POST /api/chat/{chat}/messages/{id}/thread"), reply).await
    }

    pub async fn try_post(&self, chat: &Chat, message: Value) -> Reply {
        self.call_with(&format!("POST /api/chat/{chat}/messages"), message).await
    }

    pub async fn add(&self, chat: &Chat, others: &[&Actor]) {
        let body = json!({ "user_ids": ids(others) });
        self.call_with(&format!("POST /api/chat/{chat}/members"), body).await.ok();
    }

    pub async fn remove(&self, chat: &Chat, other: &Actor) {
        self.call(&format!("DELETE /api/chat/{chat}/members/{}", other.id)).await.no_content();
    }

    pub async fn mark_read(&self, chat: &Chat, seq: i64) -> Value {
        self.call_with(&format!("POST /api/chat/{chat}/read"), json!({ "seq": seq })).await.ok()
    }

    /// The chat in this person's list, or null.
    pub async fn listed(&self, chat: &Chat) -> Value {
        let list = self.call("GET /api/chat").await.ok();
        let found =
            list["items"].as_array().unwrap().iter().find(|item| item["chat"]["id"] == chat.0.as_str());
        found.cloned().unwrap_or_default()
    }

    /// Causes an event that everyone in the workspace gets. When it arrives, every earlier event
    /// has arrived.
    pub async fn mark(&self, name: &str) {
        self.call_with("PATCH /api/users/me", json!({ "fullname": name })).await.ok();
    }

    /// The claims of their access token.
    pub fn claims(&self) -> Claims {
        let payload = self.token.split('.').nth(1).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
    }
}

/// The ids of some people.
pub fn ids(actors: &[&Actor]) -> Vec<String> {
    actors.iter().map(|actor| actor.id.clone()).collect()
}

/// The bodies of what people wrote in a list of messages, in its order.
pub fn bodies(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().unwrap().iter().filter(|message| message["kind"] == "user");
    items.map(|message| message["body"].as_str().unwrap().to_owned()).collect()
}

/// The seqs of a list of messages, in its order.
pub fn seqs(list: &Value) -> Vec<i64> {
    list["items"].as_array().unwrap().iter().map(|message| message["seq"].as_i64().unwrap()).collect()
}

/// A request without a token.
pub async fn anonymous(client: &Client, url: &str, operation: &str, body: Option<Value>) -> Reply {
    Reply::of(operation, build(client, url, operation, body)).await
}

fn build(client: &Client, url: &str, operation: &str, body: Option<Value>) -> reqwest::RequestBuilder {
    let (method, path) = operation.split_once(' ').unwrap();
    let method: Method = method.parse().unwrap();
    let request = client.request(method, format!("{url}{path}"));
    match body {
        Some(body) => request.json(&body),
        None => request,
    }
}

/// A response.
#[derive(Debug)]
pub struct Reply {
    /// The request, for the message of a failed test.
    operation: String,
    pub status: u16,
    pub headers: HeaderMap,
    /// Null if there is none, text if it is not JSON.
    pub body: Value,
}

impl Reply {
    pub async fn of(operation: &str, request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.unwrap_or_else(|e| panic!("{operation}: {e:?}"));
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap_or_else(|e| panic!("{operation}: {e:?}"));
        let body = match text.as_str() {
            "" => Value::Null,
            text => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
        };
        Self { operation: operation.to_owned(), status, headers, body }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The cookie whose name has `part` in it, as it was set: name, value and attributes.
    pub fn cookie(&self, part: &str) -> Option<String> {
        let cookies = self.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
        cookies.into_iter().find(|cookie| cookie.split('=').next().unwrap().contains(part)).map(str::to_owned)
    }

    /// The same as a browser sends it back: `name=value`.
    pub fn sent_cookie(&self, part: &str) -> Option<String> {
        Some(self.cookie(part)?.split(';').next().unwrap().to_owned())
    }

    /// Checks for 200 or 201 and returns the body.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!(matches!(self.status, 200 | 201), "{self:?}");
        self.body
    }

    #[track_caller]
    pub fn created(self) -> Value {
        assert_eq!(self.status, 201, "{self:?}");
        self.body
    }

    #[track_caller]
    pub fn no_content(self) {
        assert_eq!((self.status, &self.body), (204, &Value::Null), "{self:?}");
    }

    /// Checks for a problem with this status and code, and returns it.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        self.body
    }

    /// The same, and the problem points at this part of the request.
    #[track_caller]
    pub fn refused_at(self, status: u16, code: &str, pointer: &str) {
        let problem = self.refused(status, code);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.operation, self.status, self.body)
    }
}
