//! Pins: what is pinned, who is told, and who is refused.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Actor, Chat, Device, with_app};

/// A chat of two with one message of Ann's, and its path.
async fn message(ann: &Actor, bob: &Actor) -> (Chat, String) {
    let chat = ann.private_channel("design", &[bob]).await;
    let sent = ann.post(&chat, "the plan").await;
    let path = path_of(&chat, &sent);
    (chat, path)
}

fn path_of(chat: &Chat, message: &Value) -> String {
    format!("/api/chat/{chat}/messages/{}", message["id"].as_str().unwrap())
}

async fn pin(actor: &Actor, path: &str) {
    actor.call(&format!("PUT {path}/pin")).await.no_content();
}

async fn pins(actor: &Actor, chat: &Chat, query: &str) -> Value {
    actor.call(&format!("GET /api/chat/{chat}/pins?{query}")).await.ok()
}

#[tokio::test]
async fn a_pinned_message_says_so_and_stands_in_the_list() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let (chat, path) = message(&ann, &bob).await;
        assert_eq!(pins(&bob, &chat, "").await, json!({ "items": [], "has_more": false }));
        assert!(ann.call(&format!("GET {path}")).await.ok().get("pinned").is_none(), "none: no field");
        pin(&bob, &path).await;
        pin(&ann, &path).await; // who pinned it first stays named
        let shown = ann.call(&format!("GET {path}")).await.ok();
        assert_eq!(shown["pinned"]["by"], bob.id.as_str());
        assert_eq!(bob.listed(&chat).await["last_message"]["pinned"], shown["pinned"]);
        let later = bob.post(&chat, "the other plan").await;
        pin(&ann, &path_of(&chat, &later)).await;
        let all = pins(&ann, &chat, "").await;
        assert_eq!(all["items"][0]["message"]["id"], later["id"], "the newest pin first");
        assert_eq!(all["items"][1]["message"], shown);
        assert_eq!(
            (&all["items"][1]["pinned_by"], &all["items"][1]["pinned_at"]),
            (&shown["pinned"]["by"], &shown["pinned"]["at"])
        );
        let first = pins(&ann, &chat, "limit=1").await;
        assert_eq!((first["items"].as_array().unwrap().len(), &first["has_more"]), (1, &json!(true)));
        let second = pins(&ann, &chat, &format!("limit=1&after={}", later["id"].as_str().unwrap())).await;
        assert_eq!(second, json!({ "items": [all["items"][1]], "has_more": false }));

        ann.call(&format!("DELETE {path}/pin")).await.no_content();
        ann.call(&format!("DELETE {path}/pin")).await.no_content();
        assert!(ann.call(&format!("GET {path}")).await.ok().get("pinned").is_none());
        assert_eq!(pins(&ann, &chat, "").await["items"].as_array().unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_deleted_message_loses_its_pin_and_takes_none() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let (chat, path) = message(&ann, &bob).await;
        pin(&bob, &path).await;
        ann.call(&format!("DELETE {path}")).await.no_content();
        assert!(ann.call(&format!("GET {path}")).await.ok().get("pinned").is_none());
        assert_eq!(pins(&ann, &chat, "").await["items"], json!([]));
        ann.call(&format!("PUT {path}/pin")).await.refused(409, "message_deleted");
        ann.call(&format!("DELETE {path}/pin")).await.no_content();
        let lines = ann.call(&format!("GET /api/chat/{chat}/messages?limit=1&after=0")).await.ok();
        assert_eq!(lines["items"][0]["kind"], "system");
        let line = path_of(&chat, &lines["items"][0]);
        ann.call(&format!("PUT {line}/pin")).await.refused(409, "system_message");
        // A message of another chat.
        let other = ann.single(&bob).await;
        let elsewhere = path.replace(&chat.0, &other.0);
        ann.call(&format!("PUT {elsewhere}/pin")).await.refused(404, "not_found");
    })
    .await;
}

#[tokio::test]
async fn a_hundred_are_the_most_even_at_once() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let (chat, path) = message(&ann, &bob).await;
        let second = app.start_chat_server().await;
        pin(&ann, &path).await;
        let mut sent = Vec::new();
        for n in 0..102 {
            sent.push(path_of(&chat, &ann.post(&chat, &format!("m{n}")).await));
        }
        for path in &sent[..96] {
            pin(&ann, path).await;
        }
        let there = bob.at(&second);
        let replies = join_all(sent[96..].iter().enumerate().map(async |(n, path)| {
            let actor = if n % 2 == 0 { &ann } else { &there };
            actor.call(&format!("PUT {path}/pin")).await
        }))
        .await;
        let done = replies.iter().filter(|reply| reply.status == 204).count();
        assert_eq!(done, 3);
        for reply in replies.into_iter().filter(|reply| reply.status != 204) {
            reply.refused(409, "too_many_pins");
        }
        pin(&bob, &path).await; // it is pinned already
        assert_eq!(pins(&ann, &chat, "limit=200").await["items"].as_array().unwrap().len(), 100);
    })
    .await;
}

#[tokio::test]
async fn the_members_of_the_chat_are_told_without_the_text() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let cid = app.invite(&ann, "Cid").await;
        let (chat, path) = message(&ann, &bob).await;
        let node = app.start_notify_server().await;
        let mut stream = Device::connect(&bob, &node).await;
        let mut outside = Device::connect(&cid, &node).await;
        pin(&ann, &path).await;
        pin(&bob, &path).await; // no event
        ann.call(&format!("DELETE {path}/pin")).await.no_content();
        ann.call(&format!("DELETE {path}/pin")).await.no_content(); // no event
        pin(&bob, &path).await;
        ann.call_with(&format!("PATCH {path}"), json!({ "body": "another plan" })).await.ok();
        ann.call(&format!("DELETE {path}")).await.no_content();
        let id = path.rsplit('/').next().unwrap();
        for by in [Some(&ann), None, Some(&bob)] {
            let event = stream.next_event().await.data;
            let kind = if by.is_some() { "message.pinned" } else { "message.unpinned" };
            assert_eq!((&event["type"], &event["chat_id"]), (&json!(kind), &json!(chat.0)));
            let pin = &event["pin"];
            assert_eq!((&pin["message_id"], &pin["seq"]), (&json!(id), &json!(2)));
            assert_eq!(pin["by"], by.map_or(Value::Null, |by| json!(by.id)));
            assert!(event.get("message").is_none(), "{event}");
        }
        assert_eq!(stream.next_event().await.data["message"]["pinned"]["by"], bob.id.as_str());
        let deleted = stream.next_event().await.data;
        assert_eq!(deleted["type"], "message.deleted");
        assert!(deleted["message"].get("pinned").is_none());
        let told: Vec<String> = sqlx::query_scalar(
            "select payload from event_log where kind in ('message.pinned', 'message.unpinned')",
        )
        .fetch_all(&app.db)
        .await
        .unwrap();
        assert_eq!(told.len(), 3);
        assert!(told.iter().all(|payload| !payload.contains("body")), "an edit put text into it: {told:?}");
        ann.mark("end").await;
        let end = outside.next_event().await.data;
        assert_eq!(end["user"]["fullname"], "end", "an outsider hears nothing: {end}");
    })
    .await;
}

#[tokio::test]
async fn nobody_pins_across_chats_and_workspaces_not_even_by_hand() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let (chat, path) = message(&ann, &bob).await;
        let other = ann.single(&bob).await;
        let eve = app.sign_up("other", "Eve").await;
        eve.call(&format!("PUT {path}/pin")).await.refused(404, "not_found");
        let id = path.rsplit('/').next().unwrap();
        for (workspace, chat, by) in
            [(&eve.workspace_id, &chat, &eve.id), (&ann.workspace_id, &other, &ann.id)]
        {
            let by_hand = sqlx::query(
                "insert into pins (message_id, workspace_id, chat_id, pinned_by) values ($1::uuid, $2::uuid, $3::uuid, $4::uuid)",
            );
            let refused =
                by_hand.bind(id).bind(workspace).bind(&chat.0).bind(by).execute(&app.db).await.unwrap_err();
            assert!(refused.to_string().contains("a message of its chat"), "{refused}");
        }
    })
    .await;
}
