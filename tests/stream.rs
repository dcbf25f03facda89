//! Every event reaches every device of everyone who may see it, in order and once, and no other
//! device.

use std::time::Duration;

use chat_core::EventKind;
use futures_util::future::join_all;
use serde_json::Value;

use crate::support::{
    Actor, Chat, Device, Frame, everything_happens,
    log::{events_after, events_for},
    with_app,
};

#[tokio::test]
async fn each_kind_of_event_reaches_every_device_of_everyone_it_is_for_and_nobody_else() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let cid = app.invite(&ann, "Cid").await;
        let eve = app.sign_up("other", "Eve").await;
        let nodes = [app.start_notify_server().await, app.start_notify_server().await];
        let mut devices = Vec::new();
        for actor in [&ann, &bob, &cid, &eve] {
            for node in &nodes {
                devices.push((actor, Device::connect(actor, node).await));
            }
        }
        let before = join_all([&ann, &bob, &cid].map(|actor| events_for(&app.db, actor))).await;
        everything_happens(app, &ann, &bob, &cid).await;
        ann.mark("end").await;
        eve.mark("end").await;

        let mut seen = Vec::new();
        for (actor, device) in &mut devices {
            device.until_mark("end").await;
            if actor.id == eve.id {
                assert_eq!(device.kinds(), ["user.updated"], "nothing crosses between workspaces");
                continue;
            }
            let place = [&ann, &bob, &cid].iter().position(|known| known.id == actor.id).unwrap();
            // The log no longer has the bodies of deleted messages, which were in the stream.
            let expected = without_bodies(&events_for(&app.db, actor).await[before[place].len()..]);
            assert_eq!(without_bodies(&device.events), expected, "{}", actor.name);
            seen.extend(device.kinds().into_iter().map(ToOwned::to_owned));
        }
        for kind in EventKind::ALL.into_iter().filter(|kind| *kind != EventKind::Tick) {
            assert!(seen.iter().any(|seen| seen == kind.as_str()), "{kind:?} reached no device");
        }
        assert!(!seen.iter().any(|kind| kind == "tick"));
    })
    .await;
}

/// Frames without what a deletion later removes from the log.
fn without_bodies(frames: &[Frame]) -> Vec<Frame> {
    let mut frames = frames.to_vec();
    for frame in &mut frames {
        for noun in ["message", "last_message"] {
            if let Some(Value::Object(message)) = frame.data.get_mut(noun) {
                for key in ["body", "system", "edited_at", "deleted_at", "thread"] {
                    message.remove(key);
                }
            }
        }
    }
    frames
}

#[tokio::test]
async fn many_senders_are_heard_in_one_order_by_all() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let cid = app.invite(&ann, "Cid").await;
        let second = app.start_chat_server().await;
        let nodes = [app.start_notify_server().await, app.start_notify_server().await];
        let chats = [ann.group(&[&bob, &cid]).await, ann.public_channel("general", &[&bob, &cid]).await];
        let mut devices = [
            Device::connect(&ann, &nodes[0]).await,
            Device::connect(&bob, &nodes[1]).await,
            Device::connect(&cid, &nodes[0]).await,
        ];
        let actors = [ann.clone(), bob.at(&second), cid.clone()];
        for round in 0..5 {
            let sends = (0..24).map(|n| {
                let (actor, chat) = (&actors[n % 3], &chats[n % 2]);
                async move { actor.post(chat, &format!("{round}.{n}")).await }
            });
            join_all(sends).await;
        }
        ann.mark("end").await;
        for device in &mut devices {
            device.until_mark("end").await;
            for chat in &chats {
                let of_chat = device.events.iter().filter(|frame| frame.data["chat_id"] == chat.0.as_str());
                let seqs: Vec<i64> =
                    of_chat.map(|frame| frame.data["message"]["seq"].as_i64().unwrap()).collect();
                // The line that the chat was made came before.
                assert_eq!(seqs, (2..=61).collect::<Vec<_>>());
            }
        }
        assert_eq!(devices[0].events, devices[1].events);
        assert_eq!(devices[1].events, devices[2].events);
    })
    .await;
}

#[tokio::test]
async fn a_reader_that_takes_nothing_for_long_gets_everything_in_the_end() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let node = app.start_notify_server().await;
        let chat = ann.public_channel("general", &[&bob]).await;
        let mut slow = Device::connect(&bob, &node).await;
        let mut quick = Device::connect(&ann, &node).await;
        let start = slow.last_id.clone().unwrap();
        // More than sockets and queues hold.
        let long = "x".repeat(16_000);
        for _ in 0..40 {
            join_all((0..20).map(|_| ann.post(&chat, &long))).await;
        }
        ann.mark("end").await;
        quick.until_mark("end").await;
        slow.until_mark("end").await;
        assert_eq!(slow.events, events_after(&app.db, &bob, &start).await);
        assert_eq!(slow.events.len(), 801);
    })
    .await;
}

#[tokio::test]
async fn a_quiet_stream_beats_and_its_beat_is_a_cursor() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let eve = app.sign_up("other", "Eve").await;
        let node = app.start_notify_server_configured(|notify| notify.heartbeat_seconds = 1).await;
        let mut device = Device::connect(&ann, &node).await;
        let start = device.last_id.clone();
        // Not for Ann, but possibly in her shard: her cursor moves past it.
        let chat = eve.public_channel("general", &[]).await;
        eve.post(&chat, "hi").await;
        let own = ann.public_channel("general", &[]).await;
        // The line that it was made.
        device.until(|frame| frame.event == "message.new").await;
        let beat = device.next_frame().await.unwrap();
        assert_eq!(beat.event, "heartbeat");
        assert!(beat.id.is_some() && beat.id != start);
        device.cut();
        ann.post(&own, "while away").await;
        device.reconnect().await;
        assert_eq!(device.next_event().await.data["message"]["body"], "while away");
        assert_eq!(device.kinds(), ["chat.created", "message.new", "message.new"]);
    })
    .await;
}

#[tokio::test]
async fn an_old_stream_is_closed_and_comes_back_without_a_loss() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let node = app.start_notify_server_configured(|notify| notify.max_stream_age_seconds = 1).await;
        let chat = ann.public_channel("general", &[]).await;
        let mut device = Device::connect(&ann, &node).await;
        ann.post(&chat, "one").await;
        let mut retry = None;
        while let Some(frame) = device.next_frame().await {
            retry = frame.retry_ms.or(retry);
        }
        assert!(retry.is_some(), "it is told when to retry");
        ann.post(&chat, "two").await;
        device.reconnect().await;
        device.next_event().await;
        let bodies: Vec<_> = device.events.iter().map(|frame| &frame.data["message"]["body"]).collect();
        assert_eq!(bodies, ["one", "two"]);
    })
    .await;
}

#[tokio::test]
async fn streams_over_the_limit_are_asked_to_come_back() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let node = app
            .start_notify_server_configured(|notify| {
                notify.max_streams_per_account = 2;
                notify.max_streams = 3;
            })
            .await;
        let auth = |actor: &Actor| format!("Bearer {}", actor.token);
        let refused = async |actor: &Actor| {
            let reply = crate::support::sse::try_stream(&node, "", &[("authorization", &auth(actor))]).await;
            assert_eq!(reply.status, 200, "to a browser any other status is final");
            let text = reply.body.as_str().unwrap().to_owned();
            assert!(text.starts_with("retry: ") && !text.contains("data"), "{text}");
        };
        let mut first = Device::connect(&ann, &node).await;
        let _second = Device::connect(&ann, &node).await;
        refused(&ann).await;
        let _bobs = Device::connect(&bob, &node).await;
        refused(&bob).await;
        // A closed stream frees its place.
        first.cut();
        crate::support::eventually(async || {
            let text =
                app.client.get(format!("{}/metrics", node.url)).send().await.unwrap().text().await.unwrap();
            let open =
                text.lines().find(|line| line.starts_with("parlor_notify_streams ")).unwrap_or("no figure");
            if open.ends_with(" 2") { Ok(()) } else { Err(format!("{open}\n{text}")) }
        })
        .await;
        Device::connect(&bob, &node).await;
    })
    .await;
}

#[tokio::test]
async fn the_stream_server_answers_refusals_as_problems() {
    with_app(async |app| {
        let node = app.start_notify_server().await;
        for (path, status, code) in [("/nowhere", 404, "not_found"), ("/events", 401, "unauthenticated")] {
            let reply =
                crate::support::actor::anonymous(&app.client, &node.url, &format!("GET {path}"), None).await;
            let id = reply.header("x-request-id").unwrap().to_owned();
            assert_eq!(reply.refused(status, code)["request_id"], id.as_str());
        }
        let reply = crate::support::actor::anonymous(&app.client, &node.url, "POST /events", None).await;
        reply.refused(405, "method_not_allowed");
    })
    .await;
}

#[tokio::test]
async fn a_stream_starts_with_what_comes_after_it_and_not_before() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let node = app.start_notify_server().await;
        let chat: Chat = ann.public_channel("general", &[]).await;
        ann.post(&chat, "before").await;
        // Its cursor was accepted, so the node has read this far.
        Device::connect(&ann, &node).await;
        let mut device = Device::connect_without_cursor(&ann, &node).await;
        ann.post(&chat, "after").await;
        assert_eq!(device.next_event().await.data["message"]["body"], "after");
        assert!(device.is_quiet_for(Duration::from_millis(300)).await);
    })
    .await;
}
