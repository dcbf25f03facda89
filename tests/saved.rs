//! What a person keeps for later: shown to them alone, and without content once they may not read it.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Actor, Device, with_app};

async fn save(actor: &Actor, message: &Value) {
    actor.call(&format!("PUT {}", path(message))).await.no_content();
}

fn path(message: &Value) -> String {
    format!("/api/saved/{}", message["id"].as_str().unwrap())
}

async fn saved(actor: &Actor, query: &str) -> Value {
    actor.call(&format!("GET /api/saved?{query}")).await.ok()
}

async fn get(actor: &Actor, message: &Value) -> Value {
    let (chat, id) = (message["chat_id"].as_str().unwrap(), message["id"].as_str().unwrap());
    actor.call(&format!("GET /api/chat/{chat}/messages/{id}")).await.ok()
}

#[tokio::test]
async fn what_one_keeps_is_shown_to_oneself_alone() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let chat = ann.private_channel("design", &[&bob]).await;
        let messages =
            [ann.post(&chat, "one").await, bob.post(&chat, "two").await, ann.post(&chat, "three").await];
        for message in [&messages[2], &messages[0], &messages[1], &messages[2]] {
            save(&bob, message).await;
        }
        let all = saved(&bob, "").await;
        let ids: Vec<&Value> =
            all["items"].as_array().unwrap().iter().map(|kept| &kept["message_id"]).collect();
        assert_eq!(ids, [&messages[1]["id"], &messages[0]["id"], &messages[2]["id"]], "the last saved first");
        assert_eq!(all["items"][0]["message"], get(&bob, &messages[1]).await);
        assert_eq!(get(&bob, &messages[1]).await["saved"], true);
        assert!(get(&ann, &messages[1]).await.get("saved").is_none());
        assert_eq!(saved(&ann, "").await["items"], json!([]));
        let listed = bob.call(&format!("GET /api/chat/{chat}/messages")).await.ok();
        assert_eq!(listed["items"].as_array().unwrap().last().unwrap()["saved"], true);
        assert!(bob.listed(&chat).await["last_message"].get("saved").is_none(), "the same for all");

        let first = saved(&bob, "limit=2").await;
        assert_eq!((first["items"].as_array().unwrap().len(), &first["has_more"]), (2, &json!(true)));
        let rest = saved(&bob, &format!("limit=2&after={}", messages[0]["id"].as_str().unwrap())).await;
        assert_eq!(rest, json!({ "items": [all["items"][2]], "has_more": false }));

        for _ in 0..2 {
            bob.call(&format!("DELETE {}", path(&messages[1]))).await.no_content();
        }
        assert!(get(&bob, &messages[1]).await.get("saved").is_none());
        assert_eq!(saved(&bob, "").await["items"].as_array().unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn what_one_may_not_read_is_shown_without_content_and_can_be_removed() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let chat = ann.private_channel("design", &[&bob]).await;
        let (kept, deleted) = (ann.post(&chat, "secret").await, ann.post(&chat, "gone").await);
        save(&bob, &kept).await;
        save(&bob, &deleted).await;
        let deletion = format!("DELETE /api/chat/{chat}/messages/{}", deleted["id"].as_str().unwrap());
        ann.call(&deletion).await.no_content();
        let shown = saved(&bob, "").await;
        assert_eq!(shown["items"][0]["message"], Value::Null);
        assert_eq!(shown["items"][1]["message"]["body"], "secret");
        bob.call(&format!("PUT {}", path(&deleted))).await.refused(409, "message_deleted");
        ann.remove(&chat, &bob).await;
        let shown = saved(&bob, "").await;
        assert!(!shown.to_string().contains("secret"), "{shown}");
        assert_eq!(
            (&shown["items"][1]["message"], &shown["items"][1]["chat_id"]),
            (&Value::Null, &json!(chat.0))
        );
        bob.call(&format!("PUT {}", path(&kept))).await.refused(404, "not_found");
        ann.add(&chat, &[&bob]).await;
        assert_eq!(saved(&bob, "").await["items"][1]["message"]["body"], "secret");
        for message in [&kept, &deleted] {
            bob.call(&format!("DELETE {}", path(message))).await.no_content();
        }
        assert_eq!(saved(&bob, "").await["items"], json!([]));
        let lines = ann.call(&format!("GET /api/chat/{chat}/messages?limit=1&after=0")).await.ok();
        ann.call(&format!("PUT {}", path(&lines["items"][0]))).await.refused(409, "system_message");
    })
    .await;
}

#[tokio::test]
async fn only_ones_own_devices_are_told() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let chat = ann.private_channel("design", &[&bob]).await;
        let message = ann.post(&chat, "one").await;
        let node = app.start_notify_server().await;
        let mut own = Device::connect(&bob, &node).await;
        let mut other = Device::connect(&ann, &node).await;
        for method in ["PUT", "PUT", "DELETE", "DELETE"] {
            bob.call(&format!("{method} {}", path(&message))).await.no_content();
        }
        for kind in ["message.saved", "message.unsaved"] {
            let event = own.next_event().await.data;
            assert_eq!((&event["type"], &event["chat_id"]), (&json!(kind), &json!(chat.0)));
            assert_eq!(
                (&event["saved"]["message_id"], &event["saved"]["seq"]),
                (&message["id"], &message["seq"])
            );
            assert!(event.get("message").is_none());
        }
        ann.mark("end").await;
        let end = other.next_event().await.data;
        assert_eq!(end["user"]["fullname"], "end", "nobody else hears of it: {end}");
    })
    .await;
}

#[tokio::test]
async fn two_thousand_are_the_most_even_at_once() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let chat = ann.private_channel("design", &[]).await;
        let mut messages = Vec::new();
        for n in 0..6 {
            messages.push(ann.post(&chat, &format!("m{n}")).await);
        }
        // All but two are there already: messages of a person's own, written by hand.
        sqlx::query(
            "insert into messages (id, workspace_id, chat_id, seq, root_no, sender_id, body)
             select gen_random_uuid(), $1::uuid, $2::uuid, 100 + n, 100 + n, $3::uuid, 'x' from generate_series(1, 1998) n",
        )
        .bind(&ann.workspace_id)
        .bind(&chat.0)
        .bind(&ann.id)
        .execute(&app.db)
        .await
        .unwrap();
        sqlx::query(
            "insert into saved_messages (user_id, message_id, workspace_id, chat_id)
             select sender_id, id, workspace_id, chat_id from messages where seq > 100",
        )
        .execute(&app.db)
        .await
        .unwrap();
        let replies =
            join_all(messages.iter().map(async |message| ann.call(&format!("PUT {}", path(message))).await)).await;
        assert_eq!(replies.iter().filter(|reply| reply.status == 204).count(), 2);
        for reply in replies.into_iter().filter(|reply| reply.status != 204) {
            reply.refused(409, "too_many_saved");
        }
    })
    .await;
}

#[tokio::test]
async fn nobody_keeps_a_message_of_another_workspace_not_even_by_hand() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let chat = ann.public_channel("general", &[]).await;
        let message = ann.post(&chat, "one").await;
        let eve = app.sign_up("other", "Eve").await;
        eve.call(&format!("PUT {}", path(&message))).await.refused(404, "not_found");
        let by_hand = sqlx::query(
            "insert into saved_messages (user_id, message_id, workspace_id, chat_id) values ($1::uuid, $2::uuid, $3::uuid, $4::uuid)",
        );
        let refused = by_hand
            .bind(&eve.id)
            .bind(message["id"].as_str().unwrap())
            .bind(&eve.workspace_id)
            .bind(&chat.0)
            .execute(&app.db)
            .await
            .unwrap_err();
        assert!(refused.to_string().contains("a message of the workspace"), "{refused}");
    })
    .await;
}
