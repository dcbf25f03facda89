//! What is true only now: who hears that somebody types, and that nothing else depends on it.
//!
//! Frames of one chat_server come in the order of its requests. So that one does not come is shown
//! by a later one that does.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use crate::support::{Actor, App, Chat, Device, eventually, with_app};

async fn type_in(actor: &Actor, chat: &Chat) {
    actor.call(&format!("POST /api/chat/{chat}/typing")).await.no_content();
}

async fn stop_typing(actor: &Actor, chat: &Chat) {
    actor.call(&format!("DELETE /api/chat/{chat}/typing")).await.no_content();
}

async fn want(actor: &Actor, device: &Device, interest: Value) {
    let operation = format!("PUT /api/streams/{}/interest", device.stream_id);
    actor.call_with(&operation, interest).await.no_content();
}

/// The chat of the next frame.
async fn heard(device: &mut Device) -> Chat {
    Chat(device.next_ephemeral().await.data["chat_id"].as_str().unwrap().to_owned())
}

/// A person with two others, and a chat with each.
struct Scene {
    ann: Actor,
    bob: Actor,
    cid: Actor,
    all: Chat,
    of_two: Chat,
}

async fn scene(app: &App) -> Scene {
    let ann = app.sign_up("acme", "Ann").await;
    let bob = app.invite(&ann, "Bob").await;
    let cid = app.invite(&ann, "Cid").await;
    let all = ann.public_channel("general", &[&bob, &cid]).await;
    let of_two = ann.single(&bob).await;
    Scene { ann, bob, cid, all, of_two }
}

#[tokio::test]
async fn typing_reaches_the_other_members_on_every_node_and_nobody_else() {
    with_app(async |app| {
        let Scene { ann, bob, cid, all, of_two } = scene(app).await;
        let eve = app.sign_up("other", "Eve").await;
        let own = eve.public_channel("general", &[&app.invite(&eve, "Fay").await]).await;
        let there = ann.at(&app.start_chat_server().await);
        let nodes = [app.start_notify_server().await, app.start_notify_server().await];
        let mut bobs =
            [Device::connect_live(&bob, &nodes[0]).await, Device::connect_live(&bob, &nodes[1]).await];
        let mut cids = Device::connect_live(&cid, &nodes[1]).await;
        let mut anns = Device::connect_live(&ann, &nodes[0]).await;
        type_in(&eve, &own).await;
        type_in(&there, &of_two).await;
        for device in &mut bobs {
            let frame = device.next_ephemeral().await;
            assert_eq!((frame.id, frame.event.as_str()), (None, "typing"));
            let mut data = frame.data;
            assert!(data["at"].take().is_string());
            let expected = json!({ "type": "typing", "at": null, "chat_id": of_two.0, "user_id": ann.id,
                "is_typing": true, "seconds": 6 });
            assert_eq!(data, expected);
        }
        stop_typing(&there, &all).await;
        for device in bobs.iter_mut().chain([&mut cids]) {
            let data = device.next_ephemeral().await.data;
            assert_eq!((&data["chat_id"], &data["is_typing"]), (&json!(all.0), &json!(false)));
        }
        assert_eq!(cids.ephemeral.len(), 1, "nothing of the chat of two");
        type_in(&bob, &all).await;
        assert_eq!(anns.next_ephemeral().await.data["user_id"], json!(bob.id), "nothing of herself");
    })
    .await;
}

#[tokio::test]
async fn who_may_not_post_cannot_type() {
    with_app(async |app| {
        let Scene { ann, bob, cid, all, of_two } = scene(app).await;
        let eve = app.sign_up("other", "Eve").await;
        for method in ["POST", "DELETE"] {
            let typing = |chat: &Chat| format!("{method} /api/chat/{chat}/typing");
            cid.call(&typing(&of_two)).await.refused(404, "not_found");
            eve.call(&typing(&all)).await.refused(404, "not_found");
            ann.call(&typing(&Chat("nothing".to_owned()))).await.refused(404, "not_found");
        }
        ann.remove(&all, &bob).await;
        bob.call(&format!("POST /api/chat/{all}/typing")).await.refused(403, "not_a_member");
    })
    .await;
}

#[tokio::test]
async fn a_former_member_hears_nobody_type_and_is_heard_no_more() {
    with_app(async |app| {
        let Scene { ann, bob, cid, all, of_two } = scene(app).await;
        let node = app.start_notify_server().await;
        let mut bobs = Device::connect_live(&bob, &node).await;
        let mut cids = Device::connect_live(&cid, &node).await;
        type_in(&ann, &all).await;
        assert_eq!(heard(&mut bobs).await, all);
        ann.remove(&all, &bob).await;
        bobs.until(|frame| frame.event == "member.left").await;
        type_in(&ann, &all).await;
        type_in(&ann, &of_two).await;
        assert_eq!(heard(&mut bobs).await, of_two);
        ann.add(&all, &[&bob]).await;
        bobs.until(|frame| frame.event == "member.joined").await;
        type_in(&ann, &all).await;
        assert_eq!(heard(&mut bobs).await, all);
        type_in(&bob, &all).await;
        loop {
            // Ann is heard twice or three times before.
            let data = cids.next_ephemeral().await.data;
            if data["user_id"] == bob.id.as_str() {
                break;
            }
            assert_eq!(data["user_id"], ann.id.as_str());
        }
    })
    .await;
}

#[tokio::test]
async fn in_a_large_chat_nobody_is_told() {
    with_app(async |app| {
        let Scene { ann, bob, all, of_two, .. } = scene(app).await;
        // Three are in it already.
        sqlx::query(
            "with crowd as (
                 insert into users (id, workspace_id, fullname, fullname_folded, role)
                 select gen_random_uuid(), $1, 'Crowd', 'crowd', 'member' from generate_series(4, 200)
                 returning id
             )
             insert into chat_members (chat_id, user_id, workspace_id, role) select $2, id, $1, 'member' from crowd",
        )
        .bind(ann.workspace_id.parse::<Uuid>().unwrap())
        .bind(all.0.parse::<Uuid>().unwrap())
        .execute(&app.db)
        .await
        .unwrap();
        let node = app.start_notify_server().await;
        let mut device = Device::connect_live(&bob, &node).await;
        eventually(async || {
            let count = ann.listed(&all).await["chat"]["member_count"].clone();
            if count == 200 { Ok(()) } else { Err(count.to_string()) }
        })
        .await;
        type_in(&ann, &all).await;
        assert_eq!(heard(&mut device).await, all, "200 members are told");
        ann.add(&all, &[&app.invite(&ann, "One more").await]).await;
        type_in(&ann, &all).await;
        type_in(&ann, &of_two).await;
        assert_eq!(heard(&mut device).await, of_two);
    })
    .await;
}

#[tokio::test]
async fn a_stream_hears_of_the_chats_that_it_named_until_it_names_others() {
    with_app(async |app| {
        let Scene { ann, bob, all, of_two, .. } = scene(app).await;
        let node = app.start_notify_server().await;
        let mut device = Device::connect_live(&bob, &node).await;
        let mut sibling = Device::connect_live(&bob, &node).await;
        want(&bob, &device, json!({ "chats": [all.0], "users": [ann.id] })).await;
        type_in(&ann, &of_two).await;
        type_in(&ann, &all).await;
        assert_eq!(heard(&mut device).await, all);
        assert_eq!([heard(&mut sibling).await, heard(&mut sibling).await], [of_two.clone(), all.clone()]);
        // Through another node, which passes it on as well.
        want(&bob.at(&app.start_chat_server().await), &device, json!({ "chats": [of_two.0] })).await;
        eventually(async || {
            type_in(&ann, &all).await;
            type_in(&ann, &of_two).await;
            let first = heard(&mut device).await;
            if first == of_two { Ok(()) } else { Err(first.to_string()) }
        })
        .await;
        want(&bob, &device, json!({ "chats": [] })).await;
        want(&bob, &device, json!({})).await;
        type_in(&ann, &all).await;
        while heard(&mut device).await != all {}
    })
    .await;
}

#[tokio::test]
async fn a_new_stream_hears_of_all_chats_again_and_of_nothing_that_was() {
    with_app(async |app| {
        let Scene { ann, bob, all, of_two, .. } = scene(app).await;
        let nodes = [app.start_notify_server().await, app.start_notify_server().await];
        let mut device = Device::connect_live(&bob, &nodes[0]).await;
        let mut witness = Device::connect_live(&bob, &nodes[1]).await;
        let first_stream = device.stream_id.clone();
        want(&bob, &device, json!({ "chats": [of_two.0] })).await;
        type_in(&ann, &of_two).await;
        assert_eq!(heard(&mut device).await, of_two);
        device.cut();
        type_in(&ann, &of_two).await;
        ann.post(&of_two, "while away").await;
        // Both nodes hear of it before the device is back.
        while witness.ephemeral.len() < 2 {
            witness.next_ephemeral().await;
        }
        device.move_to(&nodes[1]);
        device.reconnect().await;
        assert_ne!(device.stream_id, first_stream);
        assert_eq!(device.next_event().await.data["message"]["body"], "while away");
        assert_eq!(device.ephemeral.len(), 1);
        // It may still be catching up, so she goes on.
        while device.ephemeral.len() == 1 {
            type_in(&ann, &all).await;
            let _ = timeout(Duration::from_millis(200), device.next_ephemeral()).await;
        }
        assert_eq!(device.ephemeral[1].data["chat_id"], all.0.as_str());
    })
    .await;
}

#[tokio::test]
async fn nobody_decides_what_the_stream_of_another_hears() {
    with_app(async |app| {
        let Scene { ann, bob, all, of_two, .. } = scene(app).await;
        let eve = app.sign_up("other", "Eve").await;
        let node = app.start_notify_server().await;
        let mut device = Device::connect_live(&bob, &node).await;
        for other in [&ann, &eve] {
            want(other, &device, json!({ "chats": [] })).await;
        }
        // One user of the account has no say over the stream of the other.
        let code = eve.invitation(json!({})).await;
        let elsewhere =
            Actor::signed_in(app, &bob.call(&format!("POST /api/invites/{code}/accept")).await.ok());
        want(&elsewhere, &device, json!({ "chats": [] })).await;
        type_in(&ann, &of_two).await;
        assert_eq!(heard(&mut device).await, of_two);
        type_in(&ann, &all).await;
        assert_eq!(heard(&mut device).await, all);
    })
    .await;
}

#[tokio::test]
async fn an_interest_has_a_size_and_a_stream_a_name() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let ids = |count: usize| (0..count).map(|_| Uuid::now_v7().to_string()).collect::<Vec<_>>();
        let path = "PUT /api/streams/0123456789abcdef/interest";
        ann.call_with(path, json!({ "chats": ids(50), "users": ids(200) })).await.no_content();
        ann.call_with(path, json!({ "chats": ids(51) })).await.refused_at(422, "invalid", "/chats");
        ann.call_with(path, json!({ "users": ids(201) })).await.refused_at(422, "invalid", "/users");
        ann.call_with(path, json!({ "sounds": true })).await.refused(422, "invalid");
        for name in ["1", "0123456789ABCDEF", "0123456789abcdef0"] {
            let reply = ann.call_with(&format!("PUT /api/streams/{name}/interest"), json!({})).await;
            reply.refused(404, "not_found");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_no_notice_is_ignored_and_counted() {
    with_app(async |app| {
        let Scene { ann, bob, of_two, .. } = scene(app).await;
        let node = app.start_notify_server().await;
        let mut device = Device::connect_live(&bob, &node).await;
        for nonsense in ["", "{}", "{\"typing\":{}}", "\u{1f600}", "null"] {
            sqlx::query("select pg_notify('parlor_ephemeral', $1)")
                .bind(nonsense)
                .execute(&app.db)
                .await
                .unwrap();
        }
        type_in(&ann, &of_two).await;
        assert_eq!(heard(&mut device).await, of_two);
        let metrics =
            app.client.get(format!("{}/metrics", node.url)).send().await.unwrap().text().await.unwrap();
        assert!(metrics.contains("\nparlor_notify_ephemeral_malformed_total 5\n"), "{metrics}");
        assert!(metrics.contains("\nparlor_notify_ephemeral_delivered_total 1\n"), "{metrics}");
        assert!(
            metrics.contains("\nparlor_notify_events_delivered_total 0\n"),
            "no event of the log: {metrics}"
        );
    })
    .await;
}
