//! The permission matrix: every operation of the OpenAPI document, called by every kind of caller
//! from no token to the owner. An operation without a row fails the test, so each has a decision.

use std::collections::BTreeSet;

use chat_core::token::{Claims, Purpose};
use serde_json::{Value, json};

use crate::support::{Actor, App, Chat, app::PASSWORD, eventually, with_app};

/// The callers, in the order of the columns.
const ASKERS: [&str; 7] =
    ["no token", "expired token", "other workspace", "outsider", "member", "removed member", "owner"];

/// An operation and the status for each caller.
type Row = (&'static str, [u16; 7]);

/// Public operations: they need no token, so a bad one is ignored.
const OPEN: [Row; 13] = [
    ("POST /api/email/preview", [422; 7]),
    ("POST /api/email/confirm", [422; 7]),
    ("POST /api/password/forgot", [422; 7]),
    ("POST /api/password/reset", [422; 7]),
    ("POST /api/signup", [422; 7]),
    ("POST /api/signin", [422; 7]),
    ("POST /api/refresh", [401; 7]),
    ("POST /api/logout", [204; 7]),
    ("GET /api/invites/{code}", [200; 7]),
    ("GET /health/live", [200; 7]),
    ("GET /health/ready", [200; 7]),
    ("GET /metrics", [200; 7]),
    ("GET /.well-known/jwks.json", [200; 7]),
];

/// Operations on oneself or the workspace.
const WORKSPACE: [Row; 33] = [
    ("GET /api/account", [401, 401, 200, 200, 200, 200, 200]),
    ("GET /api/account/export", [401, 401, 200, 200, 200, 200, 200]),
    // Refused for their password, which comes with the token.
    ("POST /api/account/email", [401, 401, 422, 422, 422, 422, 422]),
    ("POST /api/account/delete", [401, 401, 422, 422, 422, 422, 422]),
    // This server sends no mail.
    ("POST /api/account/verification", [401, 401, 409, 409, 409, 409, 409]),
    ("POST /api/account/password", [401, 401, 204, 204, 204, 204, 204]),
    ("DELETE /api/sessions", [401, 401, 204, 204, 204, 204, 204]),
    ("GET /api/sessions", [401, 401, 200, 200, 200, 200, 200]),
    ("DELETE /api/sessions/{id}", [401, 401, 404, 404, 404, 404, 204]),
    ("GET /api/workspaces", [401, 401, 200, 200, 200, 200, 200]),
    ("POST /api/workspaces", [401, 401, 201, 201, 201, 201, 201]),
    ("PATCH /api/workspaces/{id}", [401, 401, 404, 403, 403, 403, 200]),
    ("POST /api/workspaces/{id}/token", [401, 401, 404, 200, 200, 200, 200]),
    ("GET /api/invites", [401, 401, 200, 403, 403, 403, 200]),
    ("POST /api/invites", [401, 401, 201, 403, 403, 403, 201]),
    ("DELETE /api/invites/{code}", [401, 401, 404, 403, 403, 403, 204]),
    ("POST /api/invites/{code}/accept", [401, 401, 200, 200, 200, 200, 200]),
    ("GET /api/users", [401, 401, 200, 200, 200, 200, 200]),
    ("GET /api/users/me", [401, 401, 200, 200, 200, 200, 200]),
    ("PATCH /api/users/me", [401, 401, 200, 200, 200, 200, 200]),
    ("GET /api/users/{id}", [401, 401, 404, 200, 200, 200, 200]),
    ("PATCH /api/users/{id}", [401, 401, 404, 403, 403, 403, 200]),
    ("GET /api/chat", [401, 401, 200, 200, 200, 200, 200]),
    ("POST /api/chat", [401, 401, 201, 201, 201, 201, 201]),
    ("GET /api/chat/may", [401, 401, 200, 200, 200, 200, 200]),
    ("GET /api/channels", [401, 401, 200, 200, 200, 200, 200]),
    ("GET /api/sync", [401, 401, 200, 200, 200, 200, 200]),
    ("GET /api/threads", [401, 401, 200, 200, 200, 200, 200]),
    ("GET /api/saved", [401, 401, 200, 200, 200, 200, 200]),
    // A message that one cannot read is not there.
    ("PUT /api/saved/{message_id}", [401, 401, 404, 404, 204, 404, 204]),
    ("DELETE /api/saved/{message_id}", [401, 401, 204, 204, 204, 204, 204]),
    ("POST /api/events/ticket", [401, 401, 201, 201, 201, 201, 201]),
    // Whose stream it is, only the server that holds it knows.
    ("PUT /api/streams/{stream_id}/interest", [401, 401, 204, 204, 204, 204, 204]),
];

/// Operations on a private channel. Callers who are not in it get 404.
const PRIVATE_CHANNEL: [Row; 29] = [
    ("GET /api/chat/{id}", [401, 401, 404, 404, 200, 404, 200]),
    ("PATCH /api/chat/{id}", [401, 401, 404, 404, 403, 404, 200]),
    ("DELETE /api/chat/{id}", [401, 401, 404, 404, 403, 404, 204]),
    ("POST /api/chat/{id}/join", [401, 401, 404, 404, 403, 404, 403]),
    ("POST /api/chat/{id}/leave", [401, 401, 404, 404, 204, 404, 409]),
    ("GET /api/chat/{id}/members", [401, 401, 404, 404, 200, 404, 200]),
    ("POST /api/chat/{id}/members", [401, 401, 404, 404, 200, 404, 200]),
    ("DELETE /api/chat/{id}/members", [401, 401, 404, 404, 403, 404, 204]),
    ("PATCH /api/chat/{id}/members/{member_id}", [401, 401, 404, 404, 403, 404, 200]),
    ("DELETE /api/chat/{id}/members/{member_id}", [401, 401, 404, 404, 403, 404, 204]),
    ("GET /api/chat/{id}/messages", [401, 401, 404, 404, 200, 404, 200]),
    ("POST /api/chat/{id}/messages", [401, 401, 404, 404, 201, 404, 201]),
    ("GET /api/chat/{id}/messages/{message_id}", [401, 401, 404, 404, 200, 404, 200]),
    ("PATCH /api/chat/{id}/messages/{message_id}", [401, 401, 404, 404, 403, 404, 200]),
    ("DELETE /api/chat/{id}/messages/{message_id}", [401, 401, 404, 404, 403, 404, 204]),
    ("GET /api/chat/{id}/messages/{message_id}/reactions/{emoji}", [401, 401, 404, 404, 200, 404, 200]),
    ("PUT /api/chat/{id}/messages/{message_id}/reactions/{emoji}", [401, 401, 404, 404, 204, 404, 204]),
    ("DELETE /api/chat/{id}/messages/{message_id}/reactions/{emoji}", [401, 401, 404, 404, 204, 404, 204]),
    ("GET /api/chat/{id}/pins", [401, 401, 404, 404, 200, 404, 200]),
    ("PUT /api/chat/{id}/messages/{message_id}/pin", [401, 401, 404, 404, 204, 404, 204]),
    ("DELETE /api/chat/{id}/messages/{message_id}/pin", [401, 401, 404, 404, 204, 404, 204]),
    ("GET /api/chat/{id}/messages/{message_id}/thread", [401, 401, 404, 404, 200, 404, 200]),
    ("POST /api/chat/{id}/messages/{message_id}/thread", [401, 401, 404, 404, 201, 404, 201]),
    ("PUT /api/chat/{id}/messages/{message_id}/thread/follow", [401, 401, 404, 404, 204, 404, 204]),
    ("DELETE /api/chat/{id}/messages/{message_id}/thread/follow", [401, 401, 404, 404, 204, 404, 204]),
    ("POST /api/chat/{id}/messages/{message_id}/thread/read", [401, 401, 404, 404, 200, 404, 200]),
    ("POST /api/chat/{id}/read", [401, 401, 404, 404, 200, 404, 200]),
    ("POST /api/chat/{id}/typing", [401, 401, 404, 404, 204, 404, 204]),
    ("DELETE /api/chat/{id}/typing", [401, 401, 404, 404, 204, 404, 204]),
];

/// The same on a public channel, which everyone in the workspace can see.
const PUBLIC_CHANNEL: [Row; 29] = [
    ("GET /api/chat/{id}", [401, 401, 404, 200, 200, 200, 200]),
    ("PATCH /api/chat/{id}", [401, 401, 404, 403, 403, 403, 200]),
    ("DELETE /api/chat/{id}", [401, 401, 404, 403, 403, 403, 204]),
    ("POST /api/chat/{id}/join", [401, 401, 404, 200, 200, 200, 200]),
    ("POST /api/chat/{id}/leave", [401, 401, 404, 403, 204, 403, 409]),
    ("GET /api/chat/{id}/members", [401, 401, 404, 403, 200, 403, 200]),
    ("POST /api/chat/{id}/members", [401, 401, 404, 403, 200, 403, 200]),
    ("DELETE /api/chat/{id}/members", [401, 401, 404, 403, 403, 403, 204]),
    ("PATCH /api/chat/{id}/members/{member_id}", [401, 401, 404, 403, 403, 403, 200]),
    ("DELETE /api/chat/{id}/members/{member_id}", [401, 401, 404, 403, 403, 403, 204]),
    ("GET /api/chat/{id}/messages", [401, 401, 404, 403, 200, 403, 200]),
    ("POST /api/chat/{id}/messages", [401, 401, 404, 403, 201, 403, 201]),
    ("GET /api/chat/{id}/messages/{message_id}", [401, 401, 404, 403, 200, 403, 200]),
    ("PATCH /api/chat/{id}/messages/{message_id}", [401, 401, 404, 403, 403, 403, 200]),
    ("DELETE /api/chat/{id}/messages/{message_id}", [401, 401, 404, 403, 403, 403, 204]),
    ("GET /api/chat/{id}/messages/{message_id}/reactions/{emoji}", [401, 401, 404, 403, 200, 403, 200]),
    ("PUT /api/chat/{id}/messages/{message_id}/reactions/{emoji}", [401, 401, 404, 403, 204, 403, 204]),
    ("DELETE /api/chat/{id}/messages/{message_id}/reactions/{emoji}", [401, 401, 404, 403, 204, 403, 204]),
    ("GET /api/chat/{id}/pins", [401, 401, 404, 403, 200, 403, 200]),
    ("PUT /api/chat/{id}/messages/{message_id}/pin", [401, 401, 404, 403, 204, 403, 204]),
    ("DELETE /api/chat/{id}/messages/{message_id}/pin", [401, 401, 404, 403, 204, 403, 204]),
    ("GET /api/chat/{id}/messages/{message_id}/thread", [401, 401, 404, 403, 200, 403, 200]),
    ("POST /api/chat/{id}/messages/{message_id}/thread", [401, 401, 404, 403, 201, 403, 201]),
    ("PUT /api/chat/{id}/messages/{message_id}/thread/follow", [401, 401, 404, 403, 204, 403, 204]),
    ("DELETE /api/chat/{id}/messages/{message_id}/thread/follow", [401, 401, 404, 403, 204, 403, 204]),
    ("POST /api/chat/{id}/messages/{message_id}/thread/read", [401, 401, 404, 403, 200, 403, 200]),
    ("POST /api/chat/{id}/read", [401, 401, 404, 403, 200, 403, 200]),
    ("POST /api/chat/{id}/typing", [401, 401, 404, 403, 204, 403, 204]),
    ("DELETE /api/chat/{id}/typing", [401, 401, 404, 403, 204, 403, 204]),
];

#[tokio::test]
async fn every_operation_is_in_the_matrix_and_needs_a_token_unless_it_is_open() {
    with_app(async |app| {
        let document = app.call("GET /api/openapi.json").await.ok();
        let mut open = BTreeSet::new();
        let mut guarded = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let name = format!("{} {path}", method.to_uppercase());
                let set = if operation["security"] == json!([{}]) { &mut open } else { &mut guarded };
                set.insert(name);
            }
        }
        let names = |rows: &[Row]| rows.iter().map(|(name, _)| (*name).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(open, names(&OPEN), "the document on the left, the table on the right");
        let chats = names(&PRIVATE_CHANNEL);
        assert_eq!(chats, names(&PUBLIC_CHANNEL));
        assert_eq!(guarded, &chats | &names(&WORKSPACE), "the document on the left, the tables on the right");
        for (name, expected) in WORKSPACE.iter().chain(&PRIVATE_CHANNEL).chain(&PUBLIC_CHANNEL) {
            assert_eq!(expected[..2], [401, 401], "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn open_operations_ask_for_no_token() {
    with_app(async |app| walk(app, &OPEN, "private_channel").await).await;
}

#[tokio::test]
async fn operations_of_a_workspace() {
    with_app(async |app| walk(app, &WORKSPACE, "private_channel").await).await;
}

#[tokio::test]
async fn operations_of_a_private_channel() {
    with_app(async |app| walk(app, &PRIVATE_CHANNEL, "private_channel").await).await;
}

#[tokio::test]
async fn operations_of_a_public_channel() {
    with_app(async |app| walk(app, &PUBLIC_CHANNEL, "public_channel").await).await;
}

struct People {
    owner: Actor,
    member: Actor,
    removed: Actor,
    outsider: Actor,
    /// The member whom operations are about.
    other: Actor,
    stranger: Actor,
}

/// Calls each operation as each caller, each time on a new chat.
async fn walk(app: &App, rows: &[Row], kind: &str) {
    eventually(async || {
        let reply = app.call("GET /health/ready").await;
        if reply.status == 200 { Ok(()) } else { Err(reply.to_string()) }
    })
    .await;
    let owner = app.sign_up("acme", "Owner").await;
    let people = People {
        member: app.invite(&owner, "Member").await,
        removed: app.invite(&owner, "Removed").await,
        outsider: app.invite(&owner, "Outsider").await,
        other: app.invite(&owner, "Other").await,
        stranger: app.sign_up("other", "Stranger").await,
        owner,
    };
    let mut wrong = Vec::new();
    for (operation, expected) in rows {
        for (asker, status) in ASKERS.into_iter().zip(expected) {
            let got = ask(app, &people, kind, operation, asker).await;
            if got != *status {
                wrong.push(format!("{operation} by {asker}: {got} instead of {status}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

async fn ask(app: &App, people: &People, kind: &str, operation: &str, asker: &str) -> u16 {
    let People { owner, member, removed, outsider, other, stranger } = people;
    let unique = uuid::Uuid::new_v4().to_string();
    let request = json!({ "kind": kind, "name": unique, "members": [member.id, removed.id, other.id] });
    let chat = owner.call_with("POST /api/chat", request).await.created();
    let chat = Chat(chat["chat"]["id"].as_str().unwrap().to_owned());
    let message = owner.post(&chat, "hi").await;
    owner.reply(&message, "a thread").await;
    owner.remove(&chat, removed).await;

    let id = if operation.contains("/sessions/") {
        app.sign_in(owner).await.claims().sid.to_string()
    } else if operation.contains("/workspaces/") {
        owner.workspace_id.clone()
    } else if operation.contains("/users/") {
        other.id.clone()
    } else {
        chat.0.clone()
    };
    let code = if operation.contains("{code}") { owner.invitation(json!({})).await } else { String::new() };
    let operation = operation
        .replace("/api/chat/may", &format!("/api/chat/may?ids={}", chat.0))
        .replace("{id}", &id)
        .replace("{code}", &code)
        .replace("{stream_id}", "0123456789abcdef")
        .replace("{member_id}", &other.id)
        .replace("{message_id}", message["id"].as_str().unwrap())
        .replace("{emoji}", "%F0%9F%91%8D");
    let body = body(&operation, &unique, other, outsider);

    let expired = Claims { exp: owner.claims().exp - 10_000, ..owner.claims() };
    let asker = match asker {
        "no token" => {
            return match body {
                Some(body) => app.call_with(&operation, body).await.status,
                None => app.call(&operation).await.status,
            };
        }
        "expired token" => &owner.with_token(app.sign(expired, Purpose::Access)),
        "other workspace" => stranger,
        "outsider" => outsider,
        "member" => member,
        "removed member" => removed,
        _ => owner,
    };
    asker.request(&operation, &[], body).await.status
}

/// A body for an operation, valid enough that only permission decides. Sign-ups and sign-ins are
/// refused as empty.
fn body(operation: &str, unique: &str, other: &Actor, outsider: &Actor) -> Option<Value> {
    let (method, path) = operation.split_once(' ').unwrap();
    let last = path.rsplit('/').next().unwrap();
    match (method, last) {
        (
            "POST",
            "signup" | "signin" | "refresh" | "invites" | "preview" | "confirm" | "forgot" | "reset",
        ) => Some(json!({})),
        ("POST", "email") => Some(json!({ "email": "new@acme.example", "password": "not my password" })),
        ("POST", "delete") => Some(json!({ "password": "not my password" })),
        // To the same one, since the callers go on with it.
        ("POST", "password") => Some(json!({ "current_password": PASSWORD, "new_password": PASSWORD })),
        ("POST", "workspaces") => Some(json!({ "name": unique })),
        ("POST", "chat") => Some(json!({ "kind": "public_channel", "name": format!("new {unique}") })),
        ("POST", "members") => Some(json!({ "user_ids": [outsider.id] })),
        ("DELETE", "members") => Some(json!({ "user_ids": [other.id] })),
        ("POST", "messages" | "thread") => Some(json!({ "body": "hi" })),
        ("POST", "read") if path.contains("/thread/") => Some(json!({ "thread_no": 1 })),
        ("PUT", "interest") => Some(json!({ "chats": [], "users": [] })),
        ("POST", "read") => Some(json!({ "seq": 1 })),
        ("PATCH", "me") => Some(json!({ "fullname": "Same" })),
        ("PATCH", _) if path.contains("/members/") => Some(json!({ "role": "owner" })),
        ("PATCH", _) if path.contains("/messages/") => Some(json!({ "body": "edited" })),
        ("PATCH", _) if path.contains("/users/") => Some(json!({ "role": "member" })),
        ("PATCH", _) if path.contains("/workspaces/") => Some(json!({ "name": unique })),
        ("PATCH", _) => Some(json!({ "description": "new" })),
        _ => None,
    }
}
