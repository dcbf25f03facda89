//! Reactions: what is counted, who is told, and who is refused.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Actor, Chat, Device, eventually, with_app, with_app_configured};

const NAMES: [&str; 10] = ["Cid", "Dee", "Eli", "Fay", "Gus", "Hal", "Ivy", "Joe", "Kim", "Lea"];

/// A chat of two with one message of Ann's, and its path.
async fn message(ann: &Actor, bob: &Actor) -> (Chat, String) {
    let chat = ann.private_channel("design", &[bob]).await;
    let sent = ann.post(&chat, "lunch?").await;
    let path = format!("/api/chat/{chat}/messages/{}", sent["id"].as_str().unwrap());
    (chat, path)
}

async fn react(actor: &Actor, path: &str, emoji: &str) {
    actor.call(&format!("PUT {path}/reactions/{}", urlencoded(emoji))).await.no_content();
}

async fn take_back(actor: &Actor, path: &str, emoji: &str) {
    actor.call(&format!("DELETE {path}/reactions/{}", urlencoded(emoji))).await.no_content();
}

fn urlencoded(text: &str) -> String {
    text.bytes().fold(String::new(), |all, byte| format!("{all}%{byte:02X}"))
}

async fn reactions(actor: &Actor, path: &str) -> Value {
    actor.call(&format!("GET {path}")).await.ok()["reactions"].clone()
}

#[tokio::test]
async fn a_reaction_is_counted_once_for_each_person_in_the_order_of_first_use() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let (chat, path) = message(&ann, &bob).await;
        assert_eq!(reactions(&ann, &path).await, Value::Null, "none: no field");
        react(&bob, &path, "🎉").await;
        for written in ["❤️", "❤", "❤️"] {
            react(&ann, &path, written).await; // one form, and the same again
        }
        react(&bob, &path, "❤").await;
        let seen_by = |me: [bool; 2]| {
            json!([{ "emoji": "🎉", "count": 1, "me": me[0] }, { "emoji": "❤️", "count": 2, "me": me[1] }])
        };
        assert_eq!(reactions(&ann, &path).await, seen_by([false, true]));
        assert_eq!(reactions(&bob, &path).await, seen_by([true, true]));
        // Lists have them too; the last message of a chat is the same for all.
        let listed = ann.call(&format!("GET /api/chat/{chat}/messages")).await.ok();
        assert_eq!(listed["items"].as_array().unwrap().last().unwrap()["reactions"], seen_by([false, true]));
        let shown = json!([{ "emoji": "🎉", "count": 1 }, { "emoji": "❤️", "count": 2 }]);
        assert_eq!(bob.listed(&chat).await["last_message"]["reactions"], shown);
        let snapshot = bob.call("GET /api/sync").await.ok();
        let items = snapshot["chats"]["items"].as_array().unwrap();
        let item = items.iter().find(|item| item["chat"]["id"] == chat.0.as_str()).unwrap();
        assert_eq!(item["last_message"]["reactions"], shown);

        take_back(&bob, &path, "🎉").await;
        take_back(&bob, &path, "🎉").await;
        take_back(&ann, &path, "👍").await; // there was none
        assert_eq!(reactions(&ann, &path).await, json!([{ "emoji": "❤️", "count": 2, "me": true }]));
        react(&ann, &path, "🎉").await;
        assert_eq!(reactions(&bob, &path).await[1], json!({ "emoji": "🎉", "count": 1, "me": false }));
        for emoji in ["❤", "🎉"] {
            take_back(&ann, &path, emoji).await;
            take_back(&bob, &path, emoji).await;
        }
        assert_eq!(reactions(&ann, &path).await, Value::Null);
    })
    .await;
}

#[tokio::test]
async fn many_at_once_are_all_counted() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let (chat, path) = message(&ann, &bob).await;
        let second = app.start_chat_server().await;
        let people: Vec<Actor> = join_all(NAMES.map(|name| app.invite(&ann, name))).await;
        ann.add(&chat, &people.iter().collect::<Vec<_>>()).await;
        join_all(people.iter().enumerate().map(async |(n, person)| {
            let person = if n % 2 == 0 { person.clone() } else { person.at(&second) };
            react(&person, &path, "👍").await;
            react(&person, &path, ["👀", "🎉"][n % 2]).await;
            if n % 2 == 0 {
                take_back(&person, &path, "👍").await;
            }
        }))
        .await;
        let counts = reactions(&ann, &path).await;
        let mut counts: Vec<(String, i64)> = counts
            .as_array()
            .unwrap()
            .iter()
            .map(|r| (r["emoji"].as_str().unwrap().to_owned(), r["count"].as_i64().unwrap()))
            .collect();
        counts.sort();
        assert_eq!(counts, [("🎉".to_owned(), 5), ("👀".to_owned(), 5), ("👍".to_owned(), 5)]);
    })
    .await;
}

#[tokio::test]
async fn who_reacted_is_a_list_in_pages() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let (chat, path) = message(&ann, &bob).await;
        let cid = app.invite(&ann, "Cid").await;
        ann.add(&chat, &[&cid]).await;
        for person in [&cid, &ann, &bob] {
            react(person, &path, "👍").await;
        }
        react(&ann, &path, "👎").await;
        let who = async |query: &str| {
            let list = bob.call(&format!("GET {path}/reactions/{}?{query}", urlencoded("👍"))).await.ok();
            let ids =
                list["items"].as_array().unwrap().iter().map(|r| r["user_id"].as_str().unwrap().to_owned());
            (ids.collect::<Vec<_>>(), list["has_more"] == true)
        };
        let ids = [&cid, &ann, &bob].map(|person| person.id.clone());
        assert_eq!(who("").await, (ids.to_vec(), false));
        assert_eq!(who("limit=2").await, (ids[..2].to_vec(), true));
        assert_eq!(who(&format!("limit=2&after={}", ids[1])).await, (ids[2..].to_vec(), false));
        bob.call(&format!("GET {path}/reactions/{}", urlencoded("x")))
            .await
            .refused_at(422, "invalid", "emoji");
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_reacted_to_says_why() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let (chat, path) = message(&ann, &bob).await;
        let put = async |path: &str| bob.call(&format!("PUT {path}/reactions/{}", urlencoded("👍"))).await;
        // A system line.
        let lines = ann.call(&format!("GET /api/chat/{chat}/messages?limit=1&after=0")).await.ok();
        assert_eq!(lines["items"][0]["kind"], "system");
        let line = format!("/api/chat/{chat}/messages/{}", lines["items"][0]["id"].as_str().unwrap());
        put(&line).await.refused(409, "system_message");
        // A message of another chat.
        let other = ann.single(&bob).await;
        let elsewhere = path.replace(&chat.0, &other.0);
        put(&elsewhere).await.refused(404, "not_found");
        // More different emoji than may be on one message; those that are there can be given by others.
        let emoji: Vec<char> = ('\u{1f600}'..='\u{1f631}').collect();
        assert_eq!(emoji.len(), 50);
        for one in &emoji {
            react(&ann, &path, &one.to_string()).await;
        }
        put(&path).await.refused(409, "too_many_reactions");
        react(&bob, &path, &emoji[7].to_string()).await;
        // A deleted message loses its reactions, and gets none.
        ann.call(&format!("DELETE {path}")).await.no_content();
        assert_eq!(reactions(&bob, &path).await, Value::Null);
        put(&path).await.refused(409, "message_deleted");
        let left: i64 =
            sqlx::query_scalar("select count(*) from reactions").fetch_one(&app.db).await.unwrap();
        assert_eq!(left, 0);
    })
    .await;
}

#[tokio::test]
async fn the_members_of_the_chat_are_told_with_the_count() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let cid = app.invite(&ann, "Cid").await;
        let (chat, path) = message(&ann, &bob).await;
        let node = app.start_notify_server().await;
        let mut streams = [Device::connect(&ann, &node).await, Device::connect(&bob, &node).await];
        let mut outside = Device::connect(&cid, &node).await;
        react(&ann, &path, "👍").await;
        react(&ann, &path, "👍").await; // no event
        react(&bob, &path, "👍").await;
        take_back(&ann, &path, "👍").await;
        take_back(&ann, &path, "👍").await; // no event
        // The text of an edited message is taken out of the log, and nothing else of it.
        ann.call_with(&format!("PATCH {path}"), json!({ "body": "dinner?" })).await.ok();
        ann.call(&format!("DELETE {path}")).await.no_content();
        for stream in &mut streams {
            for (kind, actor, count) in
                [("reaction.added", &ann, 1), ("reaction.added", &bob, 2), ("reaction.removed", &ann, 1)]
            {
                let event = stream.next_event().await.data;
                assert_eq!(
                    (event["type"].as_str(), event["chat_id"].as_str()),
                    (Some(kind), Some(chat.0.as_str()))
                );
                let reaction = &event["reaction"];
                assert_eq!((&reaction["user_id"], &reaction["count"]), (&json!(actor.id), &json!(count)));
                assert_eq!(reaction["emoji"], "👍");
                assert!(path.ends_with(reaction["message_id"].as_str().unwrap()) && reaction["seq"] == 2);
                assert!(event.get("last_message").is_none() && event.get("message").is_none());
            }
            let edited = stream.next_event().await.data;
            assert_eq!(edited["message"]["reactions"], json!([{ "emoji": "👍", "count": 1 }]));
            // Its reactions went with it, and nobody is told of each.
            let deleted = stream.next_event().await.data;
            assert_eq!(deleted["type"], "message.deleted");
            assert!(deleted["message"].get("reactions").is_none());
        }
        ann.mark("end").await;
        let end = outside.next_event().await.data;
        assert_eq!(end["user"]["fullname"], "end", "an outsider hears nothing: {end}");
    })
    .await;
}

#[tokio::test]
async fn the_reactions_of_a_deleted_chat_go_with_it_untold() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let (chat, path) = message(&ann, &bob).await;
        react(&bob, &path, "👍").await;
        ann.call(&format!("DELETE /api/chat/{chat}")).await.no_content();
        eventually(async || {
            let left: i64 =
                sqlx::query_scalar("select count(*) from reactions").fetch_one(&app.db).await.unwrap();
            if left == 0 { Ok(()) } else { Err(format!("{left} are left")) }
        })
        .await;
        let told: i64 = sqlx::query_scalar("select count(*) from event_log where kind = 'reaction.removed'")
            .fetch_one(&app.db)
            .await
            .unwrap();
        assert_eq!(told, 0);
    })
    .await;
}

#[tokio::test]
async fn reactions_are_limited_by_account() {
    with_app_configured(
        |config| config.limits.reactions_per_minute = 3,
        async |app| {
            let ann = app.sign_up("acme", "Ann").await;
            let bob = app.invite(&ann, "Bob").await;
            let (_, path) = message(&ann, &bob).await;
            for emoji in ["👍", "👎", "🎉"] {
                react(&ann, &path, emoji).await;
            }
            let fourth = format!("PUT {path}/reactions/{}", urlencoded("👀"));
            ann.call(&fourth).await.refused(429, "rate_limited");
            bob.call(&fourth).await.no_content();
        },
    )
    .await;
}

#[tokio::test]
async fn nobody_reacts_across_workspaces_not_even_by_hand() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let (_, path) = message(&ann, &bob).await;
        let eve = app.sign_up("other", "Eve").await;
        eve.call(&format!("PUT {path}/reactions/{}", urlencoded("👍"))).await.refused(404, "not_found");
        let by_hand = sqlx::query(
            "insert into reactions (message_id, user_id, emoji, workspace_id) values ($1::uuid, $2::uuid, '👍', $3::uuid)",
        );
        let id = path.rsplit('/').next().unwrap();
        let refused = by_hand.bind(id).bind(&eve.id).bind(&eve.workspace_id).execute(&app.db).await.unwrap_err();
        assert!(refused.to_string().contains("a message of its workspace"), "{refused}");
    })
    .await;
}
