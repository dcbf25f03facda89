//! The `may` of a chat, which tells clients what the caller may do.

use serde_json::{Value, json};

use super::four;
use crate::support::{Actor, Chat, with_app};

const TALK: [&str; 7] = ["see", "read", "post", "react", "pin", "leave", "add_members"];
const MANAGE: [&str; 4] = ["remove_members", "update", "delete", "transfer_ownership"];

async fn ask(actor: &Actor, chats: &[&Chat]) -> Vec<Value> {
    let ids: Vec<&str> = chats.iter().map(|chat| chat.0.as_str()).collect();
    let answer = actor.call(&format!("GET /api/chat/may?ids={}", ids.join(","))).await.ok();
    answer["items"].as_array().unwrap().clone()
}

/// Gets one chat, and checks that every other response says the same.
async fn may(actor: &Actor, chat: &Chat) -> Vec<String> {
    let items = ask(actor, &[chat]).await;
    assert_eq!((items.len(), &items[0]["chat_id"]), (1, &json!(chat.0)));
    let may = &items[0]["may"];
    assert_eq!(actor.call(&format!("GET /api/chat/{chat}")).await.ok()["may"], *may);
    let listed = actor.listed(chat).await;
    if !listed.is_null() {
        assert_eq!(listed["may"], *may);
        let sync = actor.call("GET /api/sync").await.ok();
        let synced = sync["chats"]["items"].as_array().unwrap();
        assert!(synced.iter().any(|item| item["chat"]["id"] == chat.0.as_str() && item["may"] == *may));
    }
    serde_json::from_value(may.clone()).unwrap()
}

#[tokio::test]
async fn each_is_told_what_they_may_do() {
    with_app(async |app| {
        let (ann, bob, cid, _) = four(app).await;
        let single = bob.single(&cid).await;
        assert_eq!(may(&bob, &single).await, ["see", "read", "post", "react", "pin"]);
        let group = bob.group(&[&ann, &cid]).await;
        assert_eq!(may(&bob, &group).await, [&TALK[..], &MANAGE].concat(), "not the messages of others");
        assert_eq!(
            may(&ann, &group).await,
            [&TALK[..], &["update"]].concat(),
            "no matter who one is elsewhere"
        );
        let channel = bob.private_channel("design", &[&ann, &cid]).await;
        let everything = [&TALK[..], &MANAGE, &["delete_message_of_others"]].concat();
        assert_eq!(may(&bob, &channel).await, everything);
        assert_eq!(may(&ann, &channel).await, everything, "owns the workspace");
        assert_eq!(may(&cid, &channel).await, TALK);
        let public = bob.public_channel("general", &[]).await;
        assert_eq!(may(&cid, &public).await, ["see", "join"]);
        let joined = cid.call(&format!("POST /api/chat/{public}/join")).await.ok();
        assert_eq!(joined["may"], json!(may(&cid, &public).await));
    })
    .await;
}

#[tokio::test]
async fn what_one_may_do_follows_ones_roles_at_once_on_every_list() {
    with_app(async |app| {
        let (ann, bob, cid, _) = four(app).await;
        let channel = ann.private_channel("design", &[&bob, &cid]).await;
        assert_eq!(may(&bob, &channel).await, TALK);
        for (role, more) in [("admin", true), ("member", false)] {
            ann.call_with(&format!("PATCH /api/users/{}", bob.id), json!({ "role": role })).await.ok();
            assert_eq!(may(&bob, &channel).await.contains(&"delete".to_owned()), more, "{role}");
        }
        let path = format!("/api/chat/{channel}/members/{}", cid.id);
        ann.call_with(&format!("PATCH {path}"), json!({ "role": "owner" })).await.ok();
        assert!(may(&cid, &channel).await.contains(&"delete".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn nobody_is_told_of_chats_that_they_may_not_see() {
    with_app(async |app| {
        let (ann, bob, _, outsider) = four(app).await;
        let stranger = app.sign_up("other", "Stranger").await;
        let hidden = ann.private_channel("design", &[&bob]).await;
        let public = ann.public_channel("general", &[]).await;
        let gone = ann.public_channel("gone", &[]).await;
        ann.call(&format!("DELETE /api/chat/{gone}")).await.no_content();
        let unknown = Chat(uuid::Uuid::now_v7().to_string());
        let all = [&hidden, &public, &gone, &unknown];
        let told = async |actor: &Actor| {
            let items = ask(actor, &all).await;
            items.iter().map(|item| item["chat_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(told(&bob).await, [&*hidden.0, &public.0]);
        assert_eq!(told(&outsider).await, [&*public.0]);
        assert_eq!(told(&stranger).await, [""; 0]);
        ann.remove(&hidden, &bob).await;
        assert_eq!(told(&bob).await, [&*public.0]);
    })
    .await;
}

#[tokio::test]
async fn a_question_about_too_many_chats_or_none_that_can_be_read_is_refused() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let ids = |n: usize| vec![uuid::Uuid::now_v7().to_string(); n].join(",");
        assert_eq!(
            ann.call(&format!("GET /api/chat/may?ids={}", ids(200))).await.ok(),
            json!({ "items": [] })
        );
        for query in [format!("ids={}", ids(201)), "ids=x".to_owned(), format!("ids={},1", ids(1))] {
            ann.call(&format!("GET /api/chat/may?{query}")).await.refused_at(422, "invalid", "ids");
        }
        for query in ["", "ids=&what=1"] {
            assert_eq!(ann.call(&format!("GET /api/chat/may?{query}")).await.status, 422, "{query}");
        }
    })
    .await;
}
