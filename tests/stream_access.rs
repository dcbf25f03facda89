//! Who may hold a stream: tokens, tickets, and what ends access.

use chat_core::token::{Claims, Purpose};
use serde_json::json;

use crate::support::{Chat, Device, sse::try_stream, with_app};

#[tokio::test]
async fn a_removed_member_is_told_so_and_nothing_after() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let nodes = [app.start_notify_server().await, app.start_notify_server().await];
        for (round, how) in ["removed", "left", "chat deleted"].into_iter().enumerate() {
            let chat = ann.private_channel(how, &[&bob]).await;
            let mut devices =
                [Device::connect(&bob, &nodes[0]).await, Device::connect(&bob, &nodes[1]).await];
            ann.post(&chat, "for you").await;
            let last: &[&str] = match how {
                "removed" => {
                    ann.remove(&chat, &bob).await;
                    &["message.new", "member.left"]
                }
                "left" => {
                    bob.call(&format!("POST /api/chat/{chat}/leave")).await.no_content();
                    &["message.new", "member.left"]
                }
                _ => {
                    ann.call(&format!("DELETE /api/chat/{chat}")).await.no_content();
                    &["chat.deleted"]
                }
            };
            if how != "chat deleted" {
                ann.post(&chat, "not for you").await;
                ann.call_with(&format!("PATCH /api/chat/{chat}"), json!({ "description": "secret" }))
                    .await
                    .ok();
                ann.add(&chat, &[&app.invite(&ann, &format!("Guest {round}")).await]).await;
            }
            ann.mark(how).await;
            for device in &mut devices {
                device.until_mark(how).await;
                let of_chat = device.events.iter().filter(|frame| frame.data["chat_id"] == chat.0.as_str());
                let kinds: Vec<_> = of_chat.map(|frame| frame.event.as_str()).collect();
                assert_eq!(kinds, [&["message.new"], last].concat(), "{how}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn who_was_removed_while_away_does_not_hear_what_was_said() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let node = app.start_notify_server().await;
        let from_database = app.start_notify_server_configured(|notify| notify.ring_events = 1).await;
        let chat: Chat = ann.private_channel("plans", &[&bob]).await;
        let mut at_ring = Device::connect(&bob, &node).await;
        let mut at_database = Device::connect(&bob, &from_database).await;
        at_ring.cut();
        at_database.cut();
        ann.post(&chat, "he is away").await;
        ann.remove(&chat, &bob).await;
        ann.post(&chat, "he is gone").await;
        ann.mark("end").await;
        for device in [&mut at_ring, &mut at_database] {
            device.reconnect().await;
            device.until_mark("end").await;
            assert_eq!(device.kinds(), ["member.left", "user.updated"]);
        }
    })
    .await;
}

#[tokio::test]
async fn who_left_and_came_back_while_away_hears_what_is_said_from_then_on() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let node = app.start_notify_server().await;
        let from_database = app.start_notify_server_configured(|notify| notify.ring_events = 1).await;
        let chat = ann.private_channel("plans", &[&bob]).await;
        let mut at_ring = Device::connect(&bob, &node).await;
        let mut at_database = Device::connect(&bob, &from_database).await;
        at_ring.cut();
        at_database.cut();
        ann.post(&chat, "he is away").await;
        ann.remove(&chat, &bob).await;
        ann.post(&chat, "he is gone").await;
        ann.add(&chat, &[&bob]).await;
        ann.post(&chat, "he is back").await;
        ann.mark("end").await;
        for device in [&mut at_ring, &mut at_database] {
            device.reconnect().await;
            device.until_mark("end").await;
            assert_eq!(device.kinds(), ["member.left", "member.joined", "message.new", "user.updated"]);
            assert_eq!(device.events[1].data["last_message"]["body"], "he is gone");
            assert_eq!(device.events[2].data["message"]["body"], "he is back");
        }
    })
    .await;
}

#[tokio::test]
async fn a_newcomer_hears_what_is_said_from_then_on() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let node = app.start_notify_server().await;
        let from_database = app.start_notify_server_configured(|notify| notify.ring_events = 1).await;
        let mut live = Device::connect(&bob, &node).await;
        let mut away = Device::connect(&bob, &from_database).await;
        away.cut();
        let chat = ann.private_channel("plans", &[]).await;
        ann.post(&chat, "before").await;
        ann.add(&chat, &[&bob]).await;
        ann.post(&chat, "after").await;
        ann.mark("end").await;
        away.reconnect().await;
        for device in [&mut live, &mut away] {
            device.until_mark("end").await;
            assert_eq!(device.kinds(), ["member.joined", "message.new", "user.updated"]);
            assert_eq!(device.events[0].data["last_message"]["body"], "before");
            assert_eq!(device.events[1].data["message"]["body"], "after");
        }
    })
    .await;
}

#[tokio::test]
async fn a_session_that_is_ended_ends_its_streams_and_no_others() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let nodes = [app.start_notify_server().await, app.start_notify_server().await];
        let phone = app.sign_in(&ann).await;
        let tablet = app.sign_in(&ann).await;
        let mut open = Device::connect(&ann, &nodes[0]).await;
        let mut phones = [Device::connect(&phone, &nodes[0]).await, Device::connect(&phone, &nodes[1]).await];
        let mut tablets = [Device::connect(&tablet, &nodes[0]).await];
        ann.call(&format!("DELETE /api/sessions/{}", phone.claims().sid)).await.no_content();
        for device in &mut phones {
            device.until_closed().await;
        }
        app.call_with("POST /api/logout", json!({ "refresh_token": tablet.refresh_token }))
            .await
            .no_content();
        for device in &mut tablets {
            device.until_closed().await;
        }
        ann.mark("still here").await;
        open.until_mark("still here").await;
        // Their tokens have not expired, but give no access: 204 tells EventSource not to
        // reconnect.
        for node in &nodes {
            for actor in [&phone, &tablet] {
                let bearer = format!("Bearer {}", actor.token);
                assert_eq!(try_stream(node, "", &[("authorization", &bearer)]).await.status, 204);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_deactivated_user_has_no_stream_and_a_reactivated_one_has() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let nodes = [app.start_notify_server().await, app.start_notify_server().await];
        let chat = ann.public_channel("general", &[&bob]).await;
        let mut devices = [Device::connect(&bob, &nodes[0]).await, Device::connect(&bob, &nodes[1]).await];
        let set_active = async |active: bool| {
            ann.call_with(&format!("PATCH /api/users/{}", bob.id), json!({ "active": active })).await.ok();
        };
        set_active(false).await;
        ann.post(&chat, "he is gone").await;
        for device in &mut devices {
            device.until_closed().await;
            assert!(!device.kinds().contains(&"message.new"), "{:?}", device.kinds());
        }
        let bearer = format!("Bearer {}", bob.token);
        for node in &nodes {
            assert_eq!(try_stream(node, "", &[("authorization", &bearer)]).await.status, 204);
        }
        let ticket = app.sign(bob.claims(), Purpose::Stream);
        assert_eq!(try_stream(&nodes[0], &format!("?ticket={ticket}"), &[]).await.status, 204);
        set_active(true).await;
        // The session of before has ended.
        assert_eq!(try_stream(&nodes[0], "", &[("authorization", &bearer)]).await.status, 204);
        let bob = app.sign_in(&bob).await;
        crate::support::eventually(async || {
            let reply =
                app.client.get(format!("{}/events", nodes[0].url)).bearer_auth(&bob.token).send().await;
            let status = reply.unwrap().status();
            if status == 200 { Ok(()) } else { Err(status.to_string()) }
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_ticket_opens_streams_for_as_long_as_it_lives() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let node = app.start_notify_server().await;
        let ticket = ann.call("POST /api/events/ticket").await.created();
        assert_eq!(ticket["expires_in"], 60);
        let text = ticket["ticket"].as_str().unwrap();
        assert!(ticket["url"].as_str().unwrap().ends_with(&format!("/events?ticket={text}")));
        let cursor = ann.call("GET /api/sync").await.ok()["cursor"].as_str().unwrap().to_owned();
        ann.mark("after the snapshot").await;
        // As EventSource does: the cursor of the first connect stays in the URL, and the header
        // wins.
        for _ in 0..2 {
            let query = format!("?ticket={text}&last_event_id={cursor}");
            let mut device = Device::connect_by_url(&node, &query, None).await;
            device.until_mark("after the snapshot").await;
            let last = device.last_id.clone();
            let mut again = Device::connect_by_url(&node, &query, last.as_deref()).await;
            ann.mark("again").await;
            again.until_mark("again").await;
            assert_eq!(again.events.len(), 1, "{:?}", again.events);
            ann.mark("after the snapshot").await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_no_ticket_opens_nothing() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let node = app.start_notify_server().await;
        let good = ann.claims();
        let expired = Claims { exp: good.exp - 10_000, ..good };
        let late = app.sign(expired, Purpose::Stream);
        try_stream(&node, &format!("?ticket={late}"), &[]).await.refused(401, "token_expired");
        let late = format!("Bearer {}", app.sign(expired, Purpose::Access));
        try_stream(&node, "", &[("authorization", &late)]).await.refused(401, "token_expired");
        // An access token is long-lived, so it is not accepted in a URL, under any name.
        try_stream(&node, &format!("?ticket={}", ann.token), &[]).await.refused(401, "unauthenticated");
        for name in ["access_token", "token"] {
            try_stream(&node, &format!("?{name}={}", ann.token), &[]).await.refused(400, "unknown_parameter");
        }
        let ticket = format!("Bearer {}", app.sign(good, Purpose::Stream));
        try_stream(&node, "", &[("authorization", &ticket)]).await.refused(401, "unauthenticated");
        for garbage in ["", "x", "a.b.c", "%00"] {
            try_stream(&node, &format!("?ticket={garbage}"), &[]).await.refused(401, "unauthenticated");
        }
        let reply = try_stream(&node, "", &[]).await;
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
        reply.refused(401, "unauthenticated");
    })
    .await;
}

#[tokio::test]
async fn a_stream_ends_with_the_token_that_opened_it() {
    let short = |config: &mut chat_core::config::Config| config.auth.access_token_seconds = 2;
    crate::support::with_app_configured(short, async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let node = app.start_notify_server().await;
        Device::connect(&ann, &node).await.until_closed().await;
    })
    .await;
}
