//! The four kinds of chat: what each allows and refuses.

mod may;
mod members;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Actor, App, Chat, actor::ids, with_app};

async fn four(app: &App) -> (Actor, Actor, Actor, Actor) {
    let ann = app.sign_up("acme", "Ann").await;
    let bob = app.invite(&ann, "Bob").await;
    let cid = app.invite(&ann, "Cid").await;
    let dora = app.invite(&ann, "Dora").await;
    (ann, bob, cid, dora)
}

async fn create(actor: &Actor, request: Value) -> crate::support::Reply {
    actor.call_with("POST /api/chat", request).await
}

async fn transfer(actor: &Actor, chat: &Chat, to: &Actor) -> crate::support::Reply {
    actor.call_with(&format!("PATCH /api/chat/{chat}/members/{}", to.id), json!({ "role": "owner" })).await
}

async fn member_ids(actor: &Actor, chat: &Chat) -> Vec<String> {
    let page = actor.call(&format!("GET /api/chat/{chat}/members")).await.ok();
    page["items"].as_array().unwrap().iter().map(|m| m["user_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_single_chat_has_two_people_and_asking_again_gives_the_same() {
    with_app(async |app| {
        let (ann, bob, cid, _) = four(app).await;
        let chat = create(&ann, json!({ "kind": "single", "members": [bob.id] })).await.created();
        assert_eq!(chat["chat"]["owner_id"], Value::Null);
        assert_eq!(chat["chat"]["member_count"], 2);
        assert_eq!(chat["member"]["role"], "member");
        for (asker, members) in
            [(&ann, json!([bob.id])), (&bob, json!([ann.id])), (&bob, json!([ann.id, bob.id]))]
        {
            let again = create(asker, json!({ "kind": "single", "members": members })).await;
            assert_eq!(again.status, 200);
            assert_eq!(again.ok()["chat"], chat["chat"]);
        }
        let other = ann.single(&cid).await;
        assert_ne!(chat["chat"]["id"], other.0.as_str());

        for members in [json!([]), json!([ann.id]), json!([bob.id, cid.id])] {
            create(&ann, json!({ "kind": "single", "members": members }))
                .await
                .refused_at(422, "invalid", "/members");
        }
        create(&ann, json!({ "kind": "single", "members": [bob.id], "name": "us" }))
            .await
            .refused_at(422, "invalid", "/name");
    })
    .await;
}

#[tokio::test]
async fn both_asking_for_the_single_chat_at_once_get_the_same() {
    with_app(async |app| {
        let (ann, bob, ..) = four(app).await;
        let other = app.start_chat_server().await;
        let (ann_there, bob_there) = (ann.at(&other), bob.at(&other));
        let asks = (0..8).map(|n| match n % 4 {
            0 => ann.single(&bob),
            1 => bob.single(&ann),
            2 => ann_there.single(&bob),
            _ => bob_there.single(&ann),
        });
        let chats = join_all(asks).await;
        assert!(chats.iter().all(|chat| *chat == chats[0]), "{chats:?}");
        assert_eq!(ann.call("GET /api/chat").await.ok()["items"].as_array().unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_single_chat_is_for_talking_and_nothing_else() {
    with_app(async |app| {
        let (ann, bob, cid, _) = four(app).await;
        let chat = ann.single(&bob).await;
        ann.post(&chat, "hi").await;
        bob.post(&chat, "hello").await;
        for (operation, body) in [
            (format!("PATCH /api/chat/{chat}"), json!({ "description": "x" })),
            (format!("DELETE /api/chat/{chat}"), Value::Null),
            (format!("POST /api/chat/{chat}/leave"), Value::Null),
            (format!("POST /api/chat/{chat}/join"), Value::Null),
            (format!("POST /api/chat/{chat}/members"), json!({ "user_ids": [cid.id] })),
            (format!("DELETE /api/chat/{chat}/members/{}", bob.id), Value::Null),
            (format!("PATCH /api/chat/{chat}/members/{}", bob.id), json!({ "role": "owner" })),
        ] {
            ann.call_with(&operation, body).await.refused(403, "single_chat");
        }
        cid.call(&format!("GET /api/chat/{chat}")).await.refused(404, "not_found");
    })
    .await;
}

#[tokio::test]
async fn a_group_has_three_people_or_more() {
    with_app(async |app| {
        let (ann, bob, cid, dora) = four(app).await;
        let chat = ann.group(&[&bob, &cid]).await;
        let item = ann.listed(&chat).await;
        assert_eq!((&item["chat"]["owner_id"], &item["chat"]["name"]), (&json!(ann.id), &Value::Null));
        assert_eq!(item["chat"]["member_count"], 3);
        assert_eq!(item["chat"]["member_ids"].as_array().unwrap().len(), 3);
        for members in [json!([]), json!([bob.id]), json!([bob.id, bob.id, ann.id])] {
            create(&ann, json!({ "kind": "group", "members": members }))
                .await
                .refused_at(422, "invalid", "/members");
        }
        // The same people may have several groups, even of the same name.
        for _ in 0..2 {
            create(&ann, json!({ "kind": "group", "name": "lunch", "members": ids(&[&bob, &cid]) }))
                .await
                .created();
        }
        // Any member renames it and adds others. Only the owner removes members, and not below
        // three.
        bob.call_with(&format!("PATCH /api/chat/{chat}"), json!({ "name": "dinner" })).await.ok();
        bob.add(&chat, &[&dora]).await;
        bob.call(&format!("DELETE /api/chat/{chat}/members/{}", cid.id)).await.refused(403, "forbidden");
        ann.remove(&chat, &cid).await;
        ann.call(&format!("DELETE /api/chat/{chat}/members/{}", dora.id))
            .await
            .refused(409, "too_few_members");
        cid.call(&format!("GET /api/chat/{chat}")).await.refused(404, "not_found");
        // Leaving is always allowed, even below three.
        bob.call(&format!("POST /api/chat/{chat}/leave")).await.no_content();
        assert_eq!(ann.listed(&chat).await["chat"]["member_count"], 2);
    })
    .await;
}

#[tokio::test]
async fn a_group_is_closed_to_everyone_else() {
    with_app(async |app| {
        let (ann, bob, cid, dora) = four(app).await;
        let chat = bob.group(&[&cid, &dora]).await;
        // It is hidden even from the workspace's owner.
        for operation in
            ["GET /api/chat/{}", "POST /api/chat/{}/join", "GET /api/chat/{}/messages", "DELETE /api/chat/{}"]
        {
            ann.call(&operation.replace("{}", &chat.0)).await.refused(404, "not_found");
        }
        ann.try_post(&chat, json!({ "body": "hi" })).await.refused(404, "not_found");
        assert_eq!(ann.listed(&chat).await, Value::Null);
        assert_eq!(ann.call("GET /api/channels").await.ok()["items"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn a_private_channel_starts_with_its_creator_and_grows_by_invitation() {
    with_app(async |app| {
        let (ann, bob, cid, dora) = four(app).await;
        let chat = bob.private_channel("plans", &[]).await;
        assert_eq!(member_ids(&bob, &chat).await, [bob.id.as_str()]);
        for outsider in [&cid, &ann] {
            outsider.call(&format!("GET /api/chat/{chat}")).await.refused(404, "not_found");
            outsider.call(&format!("POST /api/chat/{chat}/join")).await.refused(404, "not_found");
            outsider
                .call_with(&format!("POST /api/chat/{chat}/members"), json!({ "user_ids": [outsider.id] }))
                .await
                .refused(404, "not_found");
        }
        bob.add(&chat, &[&cid]).await;
        cid.call(&format!("POST /api/chat/{chat}/join")).await.refused(403, "forbidden");
        cid.add(&chat, &[&dora, &cid]).await;
        assert_eq!(member_ids(&cid, &chat).await, ids(&[&bob, &cid, &dora]));
        cid.call_with(&format!("PATCH /api/chat/{chat}"), json!({ "name": "mine" }))
            .await
            .refused(403, "forbidden");
        cid.call(&format!("DELETE /api/chat/{chat}")).await.refused(403, "forbidden");
        cid.call(&format!("DELETE /api/chat/{chat}/members/{}", dora.id)).await.refused(403, "forbidden");
        // As a member, an admin of the workspace may moderate it too.
        bob.add(&chat, &[&ann]).await;
        ann.remove(&chat, &dora).await;
        ann.call_with(&format!("PATCH /api/chat/{chat}"), json!({ "description": "ours" })).await.ok();
        assert_eq!(bob.call("GET /api/channels").await.ok()["items"], json!([]), "it is in no directory");
    })
    .await;
}

#[tokio::test]
async fn anyone_in_the_workspace_finds_and_joins_a_public_channel() {
    with_app(async |app| {
        let (ann, bob, cid, _) = four(app).await;
        let chat = bob.public_channel("general", &[]).await;
        bob.post(&chat, "welcome").await;
        let found = cid.call("GET /api/channels?query=GENER").await.ok();
        assert_eq!(found["items"][0]["id"], chat.0.as_str());
        let seen = cid.call(&format!("GET /api/chat/{chat}")).await.ok();
        assert_eq!((&seen["member"], &seen["last_message"]), (&Value::Null, &Value::Null));
        // A channel that one sees can be read only after joining.
        for operation in ["GET /api/chat/{}/messages", "GET /api/chat/{}/members", "POST /api/chat/{}/leave"]
        {
            cid.call(&operation.replace("{}", &chat.0)).await.refused(403, "not_a_member");
        }
        cid.try_post(&chat, json!({ "body": "hi" })).await.refused(403, "not_a_member");

        let joined = cid.call(&format!("POST /api/chat/{chat}/join")).await.ok();
        assert_eq!(
            (&joined["unread_count"], &joined["last_message"]["body"]),
            (&json!(0), &json!("welcome"))
        );
        cid.call(&format!("POST /api/chat/{chat}/join")).await.ok();
        cid.post(&chat, "hi").await;
        assert_eq!(cid.call("GET /api/channels").await.ok()["items"], json!([]));
        assert_eq!(member_ids(&cid, &chat).await, ids(&[&bob, &cid]));

        // A removed member may join an open channel again. An admin moderates it without being a
        // member.
        bob.remove(&chat, &cid).await;
        cid.try_post(&chat, json!({ "body": "hi" })).await.refused(403, "not_a_member");
        cid.call(&format!("POST /api/chat/{chat}/join")).await.ok();
        ann.remove(&chat, &cid).await;
        ann.call_with(&format!("PATCH /api/chat/{chat}"), json!({ "description": "for all" })).await.ok();
        ann.call(&format!("GET /api/chat/{chat}/messages")).await.refused(403, "not_a_member");
    })
    .await;
}

#[tokio::test]
async fn channel_names_are_unique_in_a_workspace_and_not_across() {
    with_app(async |app| {
        let (ann, bob, ..) = four(app).await;
        let eve = app.sign_up("other", "Eve").await;
        let chat = ann.public_channel("General", &[]).await;
        for kind in ["private_channel", "public_channel"] {
            create(&bob, json!({ "kind": kind })).await.refused_at(422, "invalid", "/name");
        }
        create(&bob, json!({ "kind": "public_channel", "name": "general" }))
            .await
            .refused(409, "chat_name_taken");
        // The name of a private channel is nobody else's business: it is taken by none and takes none.
        ann.private_channel("takeover", &[]).await;
        for kind in ["private_channel", "public_channel"] {
            create(&bob, json!({ "kind": kind, "name": "Takeover" })).await.created();
        }
        eve.public_channel("general", &[]).await;
        let second = ann.public_channel("second", &[]).await;
        ann.call_with(&format!("PATCH /api/chat/{second}"), json!({ "name": "GENERAL" }))
            .await
            .refused(409, "chat_name_taken");
        // A name is free again when its channel is deleted or renamed.
        ann.call(&format!("DELETE /api/chat/{chat}")).await.no_content();
        ann.call_with(&format!("PATCH /api/chat/{second}"), json!({ "name": "general" })).await.ok();
        bob.public_channel("second", &[]).await;

        let races = (0..8).map(|_| create(&ann, json!({ "kind": "public_channel", "name": "race" })));
        let won = join_all(races).await.into_iter().filter(|reply| reply.status == 201).count();
        assert_eq!(won, 1);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_a_chat_is_refused_where_it_is_wrong() {
    with_app(async |app| {
        let (ann, bob, ..) = four(app).await;
        let many: Vec<String> = (0..101).map(|_| uuid::Uuid::now_v7().to_string()).collect();
        for (request, pointer) in [
            (json!({ "kind": "public_channel", "name": "" }), "/name"),
            (json!({ "kind": "public_channel", "name": "x".repeat(81) }), "/name"),
            (json!({ "kind": "public_channel", "name": "a\u{0}b" }), "/name"),
            (
                json!({ "kind": "public_channel", "name": "x", "description": "x".repeat(501) }),
                "/description",
            ),
            (json!({ "kind": "public_channel", "name": "x", "description": "\u{0}" }), "/description"),
            (json!({ "kind": "round_table", "members": [bob.id] }), "/kind"),
            (json!({ "kind": "group", "members": ["x"] }), "/members/0"),
            (json!({ "kind": "group", "members": many }), "/members"),
            (json!({ "kind": "group", "owner": ann.id }), "/owner"),
        ] {
            create(&ann, request).await.refused_at(422, "invalid", pointer);
        }
        create(&ann, json!({ "kind": "private_channel", "name": "x", "members": [uuid::Uuid::now_v7()] }))
            .await
            .refused(422, "unknown_user");
        assert_eq!(ann.call("GET /api/chat").await.ok()["items"], json!([]));
        ann.call("GET /api/chat/garbage").await.refused(404, "not_found");
    })
    .await;
}

#[tokio::test]
async fn a_deleted_chat_is_gone_for_everyone() {
    with_app(async |app| {
        let (ann, bob, ..) = four(app).await;
        let chat = ann.public_channel("general", &[&bob]).await;
        let message = bob.post(&chat, "hi").await;
        bob.call(&format!("DELETE /api/chat/{chat}")).await.refused(403, "forbidden");
        ann.call(&format!("DELETE /api/chat/{chat}")).await.no_content();
        for actor in [&ann, &bob] {
            assert_eq!(actor.listed(&chat).await, Value::Null);
            for operation in [
                format!("GET /api/chat/{chat}"),
                format!("DELETE /api/chat/{chat}"),
                format!("POST /api/chat/{chat}/join"),
                format!("GET /api/chat/{chat}/messages"),
                format!("GET /api/chat/{chat}/messages/{}", message["id"].as_str().unwrap()),
            ] {
                actor.call(&operation).await.refused(404, "not_found");
            }
            actor.try_post(&chat, json!({ "body": "hi" })).await.refused(404, "not_found");
        }
        assert_eq!(bob.call("GET /api/channels").await.ok()["items"], json!([]));
        // Its messages are deleted in the background, from the log too.
        crate::support::eventually(async || {
            let left: i64 = sqlx::query_scalar(
                "select (select count(*) from messages where chat_id = $1)
                      + (select count(*) from event_log where chat_id = $1 and payload::jsonb #>> '{message,body}' <> '')",
            )
            .bind(chat.0.parse::<uuid::Uuid>().unwrap())
            .fetch_one(&app.db)
            .await
            .unwrap();
            if left == 0 { Ok(()) } else { Err(format!("{left} left")) }
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn my_chats_come_newest_first_by_pages() {
    with_app(async |app| {
        let (ann, bob, ..) = four(app).await;
        let mut made = Vec::new();
        for n in 0..5 {
            made.push(ann.private_channel(&format!("plans {n}"), &[]).await.0);
        }
        bob.private_channel("not hers", &[]).await;
        made.reverse();
        let mut seen = Vec::new();
        let mut path = "GET /api/chat?limit=2".to_owned();
        loop {
            let page = ann.call(&path).await.ok();
            let items = page["items"].as_array().unwrap();
            seen.extend(items.iter().map(|item| item["chat"]["id"].as_str().unwrap().to_owned()));
            if page["has_more"] == false {
                break;
            }
            assert_eq!(items.len(), 2);
            path = format!("GET /api/chat?limit=2&after={}", seen.last().unwrap());
        }
        assert_eq!(seen, made);
        for query in ["limit=0", "limit=201", "limit=-1"] {
            ann.call(&format!("GET /api/chat?{query}")).await.refused_at(422, "invalid", "limit");
        }
        ann.call("GET /api/chat?after=x").await.refused_at(422, "invalid", "after");
    })
    .await;
}

#[tokio::test]
async fn channels_to_join_come_by_pages() {
    with_app(async |app| {
        let (ann, bob, ..) = four(app).await;
        for n in 0..3 {
            ann.public_channel(&format!("c{n}"), &[]).await;
        }
        let names = |page: &Value| -> Vec<String> {
            page["items"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap().to_owned()).collect()
        };
        let first = bob.call("GET /api/channels?limit=2").await.ok();
        assert_eq!((names(&first), &first["has_more"]), (vec!["c0".into(), "c1".into()], &json!(true)));
        let last = first["items"][1]["id"].as_str().unwrap();
        let rest = bob.call(&format!("GET /api/channels?limit=2&after={last}")).await.ok();
        assert_eq!((names(&rest), &rest["has_more"]), (vec!["c2".into()], &json!(false)));
    })
    .await;
}
