//! A client that was away gets exactly the events that the database has, or is told that it cannot.

use std::time::Duration;

use chat_core::{Cursor, Shard};
use futures_util::future::join_all;
use serde_json::json;
use sqlx::Connection as _;

use crate::support::{
    Actor, App, Chat, Device, Node, eventually,
    log::{events_after, events_for},
    raw::Raw,
    sse::try_stream,
    with_app,
};

async fn cursor(actor: &Actor) -> String {
    actor.call("GET /api/sync").await.ok()["cursor"].as_str().unwrap().to_owned()
}

async fn talk(actors: &[&Actor], chat: &Chat, count: usize) {
    join_all((0..count).map(|n| actors[n % actors.len()].post(chat, "hi"))).await;
}

#[tokio::test]
async fn a_device_whose_socket_is_cut_again_and_again_misses_nothing_and_hears_nothing_twice() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let nodes = [
            app.start_notify_server().await,
            app.start_notify_server().await,
            // This server reads all but the last few events from the database.
            app.start_notify_server_configured(|notify| notify.ring_events = 2).await,
        ];
        let chat = ann.public_channel("general", &[&bob]).await;
        let mut device = Device::connect(&bob, &nodes[0]).await;
        let start = device.last_id.clone().unwrap();
        let talking = async {
            for _ in 0..30 {
                talk(&[&ann, &bob], &chat, 5).await;
            }
            ann.mark("end").await;
        };
        let listening = async {
            for round in 0.. {
                // After some events, in the middle of the replay.
                for _ in 0..=round % 7 {
                    let frame = device.next_event().await;
                    if frame.data["user"]["fullname"] == "end" {
                        return;
                    }
                }
                device.move_to(&nodes[round % nodes.len()]);
                device.reconnect().await;
            }
        };
        futures_util::join!(talking, listening);
        assert_eq!(device.events, events_after(&app.db, &bob, &start).await);
        assert_eq!(device.events.len(), 151);
    })
    .await;
}

#[tokio::test]
async fn a_cursor_in_the_url_is_understood_by_each_of_its_names_or_refused() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let node = app.start_notify_server().await;
        let start = cursor(&ann).await;
        ann.mark("while it was away").await;
        let bearer = format!("Bearer {}", ann.token);
        let ticket = ann.call("POST /api/events/ticket").await.created();
        let ticket = ticket["ticket"].as_str().unwrap();
        // As EventSource polyfills come back: without a header, some with what keeps caches away.
        for name in ["lastEventId", "last_event_id", "Last-Event-ID", "last-event-id", "evs_last_event_id"] {
            let query = format!("?ticket={ticket}&r=0.17&{name}={start}&_=1");
            let mut device = Device::connect_by_url(&node, &query, None).await;
            let first = device.next_frame().await.unwrap();
            assert_eq!(first.data["resumed"], true, "{name}: {first:?}");
            device.until_mark("while it was away").await;
        }
        // The one that a polyfill added counts, and not the one that the page began with.
        let last = cursor(&ann).await;
        let query = format!("?ticket={ticket}&last_event_id={start}&lastEventId={last}");
        let mut device = Device::connect_by_url(&node, &query, None).await;
        ann.mark("afterwards").await;
        device.until_mark("afterwards").await;
        assert_eq!(device.events.len(), 1, "{:?}", device.events);
        for name in ["cursor", "since", "last_id", "from", "eventId"] {
            let reply = try_stream(&node, &format!("?{name}={start}"), &[("authorization", &bearer)]).await;
            reply.refused(400, "unknown_parameter");
        }
    })
    .await;
}

#[tokio::test]
async fn two_cursors_that_differ_are_none() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let node = app.start_notify_server().await;
        let start = cursor(&ann).await;
        ann.mark("later").await;
        let later = cursor(&ann).await;
        let head = format!("GET /events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n", ann.token);
        for (cursors, said) in [([&start, &later], "reset"), ([&later, &later], "connected")] {
            let lines = cursors.map(|cursor| format!("last-event-id: {cursor}\r\n")).concat();
            let mut raw = Raw::connect(&node).await;
            raw.send(format!("{head}{lines}\r\n").as_bytes()).await;
            raw.read_until(&format!("event: {said}")).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_snapshot_and_the_events_after_its_cursor_have_no_gap_between_them() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let node = app.start_notify_server().await;
        let chat = ann.public_channel("general", &[&bob]).await;
        let mut devices = Vec::new();
        let ann_alone = [&ann];
        let ((), ()) = futures_util::join!(talk(&ann_alone, &chat, 60), async {
            for _ in 0..10 {
                // Taken while other writers commit.
                let cursor = cursor(&bob).await;
                devices.push((cursor.clone(), Device::connect_after(&bob, &node, &cursor).await));
            }
        });
        ann.mark("end").await;
        for (cursor, device) in &mut devices {
            device.until_mark("end").await;
            assert_eq!(device.events, events_after(&app.db, &bob, cursor).await);
        }
    })
    .await;
}

#[tokio::test]
async fn everything_from_the_first_event_on_can_be_heard_again() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let first = cursor(&ann).await;
        let bob = app.invite(&ann, "Bob").await;
        let chat = ann.public_channel("general", &[&bob]).await;
        for _ in 0..10 {
            talk(&[&ann, &bob], &chat, 100).await;
        }
        ann.mark("end").await;
        let expected = events_after(&app.db, &ann, &first).await;
        // From memory, from the database by pages, and from both.
        for ring_events in [4096, 1, 300] {
            let node = app.start_notify_server_configured(|notify| notify.ring_events = ring_events).await;
            let mut device = Device::connect_after(&ann, &node, &first).await;
            device.until_mark("end").await;
            assert_eq!(device.events, expected, "ring of {ring_events}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_cursor_that_cannot_be_continued_is_answered_with_a_reset() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let chat = ann.public_channel("general", &[]).await;
        ann.post(&chat, "hi").await;
        let node = app.start_notify_server().await;
        let good: Cursor = cursor(&ann).await.parse().unwrap();
        let other = Shard::new(i64::from((good.shard.number() + 1) % 16)).unwrap();
        for (why, cursor) in [
            ("malformed", "garbage".to_owned()),
            ("malformed", "1.1.1".to_owned()),
            ("malformed", "x".repeat(2000)),
            ("other_workspace", Cursor { shard: other, ..good }.to_string()),
            ("other_generation", Cursor { generation: good.generation + 1, ..good }.to_string()),
            ("unknown", Cursor { timeline: good.timeline + 1, ..good }.to_string()),
            ("unknown", Cursor { id: good.id + 1_000_000, ..good }.to_string()),
        ] {
            let mut device = Device::connect_after(&ann, &node, &cursor).await;
            let reset = device.next_frame().await.unwrap();
            assert_eq!((reset.event.as_str(), &reset.data["reason"]), ("reset", &json!(why)), "{cursor}");
            // The stream continues from now, and its new cursor is valid.
            ann.post(&chat, "after the reset").await;
            device.next_event().await;
            device.cut();
            ann.post(&chat, "after the cut").await;
            assert_eq!(device.reconnect().await.data["resumed"], true);
            assert_eq!(device.next_event().await.data["message"]["body"], "after the cut");
        }
    })
    .await;
}

#[tokio::test]
async fn past_retention_a_client_is_reset_and_the_snapshot_puts_it_right() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let before = app.start_notify_server().await;
        let chat = ann.public_channel("general", &[]).await;
        ann.post(&chat, "old").await;
        let old = cursor(&ann).await;
        let mut open = Device::connect(&ann, &before).await;

        // As maintenance does: closes the partition and drops it.
        let mut db =
            sqlx::PgConnection::connect(app.config.database.url.as_ref().unwrap().expose()).await.unwrap();
        sqlx::query("select event_log_roll('0 seconds')").execute(&mut db).await.unwrap();
        sqlx::query("select event_log_roll('0 seconds')").execute(&mut db).await.unwrap();
        ann.post(&chat, "new").await;
        let first: i64 = sqlx::query_scalar("select min(start_id) from event_log_partitions")
            .fetch_one(&mut db)
            .await
            .unwrap();
        chat_server::db::event_log::drop_partition(&mut db, first).await.unwrap();
        let oldest: i64 =
            sqlx::query_scalar("select min(id) from event_log").fetch_one(&mut db).await.unwrap();
        assert!(oldest > first + 1_000_000, "{oldest}");

        // A live client notices nothing.
        open.next_event().await;
        ann.mark("live").await;
        open.until_mark("live").await;
        assert_eq!(open.kinds(), ["message.new", "user.updated"]);

        let after = app.start_notify_server().await;
        let shard = old.parse::<Cursor>().unwrap();
        for lost in [old, Cursor { id: 0, timeline: 0, ..shard }.to_string()] {
            let mut device = Device::connect_after(&ann, &after, &lost).await;
            let reset = until_reset(&mut device).await;
            let snapshot = ann.call("GET /api/sync").await.ok();
            assert_eq!(snapshot["chats"]["items"][0]["last_message"]["body"], "new");
            let mut device = Device::connect_after(&ann, &after, snapshot["cursor"].as_str().unwrap()).await;
            ann.mark(&format!("after {reset}")).await;
            device.until_mark(&format!("after {reset}")).await;
            assert_eq!(device.kinds(), ["user.updated"]);
        }
    })
    .await;
}

async fn until_reset(device: &mut Device) -> String {
    loop {
        let frame = device.next_frame().await.expect("a reset");
        assert!(frame.is_control(), "{frame:?}");
        if frame.event == "reset" {
            return frame.data["reason"].as_str().unwrap().to_owned();
        }
    }
}

#[tokio::test]
async fn what_was_deleted_is_not_heard_again() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let first = cursor(&bob).await;
        let memory = app.start_notify_server().await;
        let database = app.start_notify_server_configured(|notify| notify.ring_events = 1).await;
        let chat = ann.public_channel("general", &[&bob]).await;
        let path = |message: &serde_json::Value| {
            format!("/api/chat/{chat}/messages/{}", message["id"].as_str().unwrap())
        };
        let regretted = ann.post(&chat, "my password is secret").await;
        let edited = ann.post(&chat, "secret too").await;
        ann.call_with(&format!("PATCH {}", path(&edited)), json!({ "body": "still secret" })).await.ok();
        // What was edited away while it was the newest message, in the event of a join.
        let cid = app.invite(&ann, "Cid").await;
        ann.add(&chat, &[&cid]).await;
        let mended = ann.post(&chat, "a secret to edit away").await;
        let dan = app.invite(&ann, "Dan").await;
        ann.add(&chat, &[&dan]).await;
        ann.call_with(&format!("PATCH {}", path(&mended)), json!({ "body": "harmless" })).await.ok();
        for message in [&regretted, &edited] {
            ann.call(&format!("DELETE {}", path(message))).await.no_content();
        }
        let doomed = ann.public_channel("doomed", &[&bob]).await;
        ann.post(&doomed, "a secret in a chat that goes").await;
        ann.call(&format!("DELETE /api/chat/{doomed}")).await.no_content();
        ann.mark("end").await;

        for node in [&memory, &database] {
            let mut device = Device::connect_after(&bob, node, &first).await;
            device.until_mark("end").await;
            let text =
                serde_json::to_string(&device.events.iter().map(|frame| &frame.data).collect::<Vec<_>>());
            assert!(!text.as_ref().unwrap().contains("secret"), "{text:?}");
            let of_chat = device.events.iter().filter(|frame| frame.data["chat_id"] == chat.0.as_str());
            let kinds: Vec<_> = of_chat.map(|frame| frame.event.as_str()).collect();
            let expected = [
                "chat.created",
                "message.new", // the line that tells it
                "message.new",
                "message.new",
                "message.edited",
                "message.new", // Cid is added
                "member.joined",
                "message.new",
                "message.new", // Dan is added
                "member.joined",
                "message.edited",
                "message.deleted",
                "message.deleted",
            ];
            assert_eq!(kinds, expected, "what happened is still told");
        }
    })
    .await;
}

#[tokio::test]
async fn a_server_that_stops_sends_its_streams_elsewhere_without_a_loss() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let nodes = [app.start_notify_server().await, app.start_notify_server().await];
        let chat = ann.public_channel("general", &[&bob]).await;
        let mut device = Device::connect(&bob, &nodes[0]).await;
        let start = device.last_id.clone().unwrap();
        let ann_alone = [&ann];
        let ((), ()) = futures_util::join!(talk(&ann_alone, &chat, 40), async {
            device.next_event().await;
            let ((), ()) = futures_util::join!(app.stop_node(&nodes[0]), device.until_closed());
        });
        device.move_to(&nodes[1]);
        device.reconnect().await;
        ann.mark("end").await;
        device.until_mark("end").await;
        assert_eq!(device.events, events_after(&app.db, &bob, &start).await);
    })
    .await;
}

async fn ready(app: &App, node: &Node) {
    eventually(async || {
        let reply = crate::support::actor::anonymous(&app.client, &node.url, "GET /health/ready", None).await;
        if reply.status == 200 { Ok(()) } else { Err(reply.to_string()) }
    })
    .await;
}

#[tokio::test]
async fn open_streams_outlive_the_loss_of_every_database_connection() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let node = app.start_notify_server().await;
        let chat = ann.public_channel("general", &[&bob]).await;
        let mut device = Device::connect(&bob, &node).await;
        let start = device.last_id.clone().unwrap();
        for round in 0..3 {
            sqlx::query(
                "select pg_terminate_backend(pid) from pg_stat_activity
                 where datname = current_database() and pid <> pg_backend_pid()",
            )
            .execute(&app.db)
            .await
            .unwrap();
            for n in 0..5 {
                let send = json!({ "body": "hi", "client_id": format!("{round}.{n}") });
                eventually(async || {
                    let reply = ann.try_post(&chat, send.clone()).await;
                    if reply.status < 300 { Ok(()) } else { Err(reply.to_string()) }
                })
                .await;
            }
            ready(app, &node).await;
        }
        ann.mark("end").await;
        device.until_mark("end").await;
        assert_eq!(device.events, events_after(&app.db, &bob, &start).await);
        assert_eq!(device.events.len(), 16);
        assert!(device.is_quiet_for(Duration::from_millis(100)).await);
        assert_eq!(events_for(&app.db, &bob).await.last().map(|event| &event.id), Some(&device.last_id));
    })
    .await;
}
