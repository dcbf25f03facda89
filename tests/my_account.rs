//! The caller's own account: deleted, and exported.

use serde_json::{Value, json};

use crate::support::{Actor, Device, app::PASSWORD, eventually, with_app};

#[tokio::test]
async fn a_deleted_account_is_nobody_and_what_it_wrote_stays() {
    with_app(async |app| {
        let node = app.start_notify_server().await;
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let eve = app.sign_up("other", "Eve").await;
        let code = eve.invitation(json!({})).await;
        let there = Actor::signed_in(app, &bob.call(&format!("POST /api/invites/{code}/accept")).await.ok());
        let chat = bob.private_channel("bobs", &[&ann]).await;
        let sent = bob.post(&chat, "I was here").await;
        bob.call(&format!("PUT /api/saved/{}", sent["id"].as_str().unwrap())).await.no_content();
        let mut device = Device::connect(&bob, &node).await;

        let delete = |password: &str| json!({ "password": password });
        bob.call_with("POST /api/account/delete", delete("not my password")).await.refused_at(
            422,
            "invalid",
            "/password",
        );
        ann.call_with("POST /api/account/delete", delete(PASSWORD)).await.refused(409, "last_owner");
        bob.call_with("POST /api/account/delete", delete(PASSWORD)).await.no_content();
        device.until_closed().await;
        for gone in [&bob, &there] {
            gone.call("GET /api/users/me").await.refused(401, "session_over");
        }
        let sign_in = json!({ "email": bob.email, "password": PASSWORD });
        app.call_with("POST /api/signin", sign_in).await.refused(401, "wrong_credentials");
        for (viewer, user) in [(&ann, &bob), (&eve, &there)] {
            eventually(async || {
                let seen = viewer.call(&format!("GET /api/users/{}", user.id)).await.ok();
                let expected = json!(["Deleted account", null, false, false]);
                let got = json!([seen["fullname"], seen["email"], seen["email_verified"], seen["active"]]);
                if got == expected { Ok(()) } else { Err(seen.to_string()) }
            })
            .await;
        }
        let item = ann.listed(&chat).await;
        assert_eq!(item["last_message"]["body"], "I was here");
        assert_eq!(item["chat"]["owner_id"], ann.id.as_str());
        // What was kept for oneself alone goes, untold.
        for rows in [
            "select count(*) from saved_messages",
            "select count(*) from event_log where kind = 'message.unsaved'",
        ] {
            let left: i64 = sqlx::query_scalar(rows).fetch_one(&app.db).await.unwrap();
            assert_eq!(left, 0, "{rows}");
        }
        // The address is free.
        let form = json!({ "workspace": "new", "fullname": "Bob", "email": bob.email, "password": PASSWORD });
        assert_eq!(app.try_sign_up(form).await.created()["workspaces"].as_array().unwrap().len(), 1);
        // The only person of a workspace may go.
        let alone = app.sign_up("alone", "Zoe").await;
        alone.call_with("POST /api/account/delete", delete(PASSWORD)).await.no_content();
    })
    .await;
}

#[tokio::test]
async fn an_export_has_all_of_ones_own_and_nothing_of_others() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let chat = ann.public_channel("general", &[&bob]).await;
        for n in 0..250 {
            let (who, body) = if n % 3 == 0 { (&bob, "bobs") } else { (&ann, "anns") };
            who.post(&chat, &format!("{body} {n}")).await;
        }
        let newest = ann.listed(&chat).await["last_message"]["id"].as_str().unwrap().to_owned();
        for who in [&ann, &bob] {
            who.call(&format!("PUT /api/chat/{chat}/messages/{newest}/reactions/%F0%9F%91%8D"))
                .await
                .no_content();
        }
        for who in [&ann, &bob] {
            who.call(&format!("PUT /api/saved/{newest}")).await.no_content();
        }
        let reply = bob.call("GET /api/account/export").await;
        assert_eq!(reply.header("content-type"), Some("application/x-ndjson"));
        let text = reply.body.as_str().unwrap().to_owned();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let of = |kind: &str| lines.iter().filter(|line| line["type"] == kind).count();
        assert_eq!(
            ["account", "session", "user", "chat", "saved", "message", "reaction", "end"].map(of),
            [1, 1, 1, 1, 1, 84, 1, 1]
        );
        assert_eq!(lines.last().unwrap(), &json!({ "type": "end" }));
        assert!(!text.contains("anns") && !text.contains("ann@") && !text.contains("argon2"), "{text}");
        let mut limited = 0;
        for _ in 0..3 {
            limited += usize::from(bob.call("GET /api/account/export").await.status == 429);
        }
        assert!(limited >= 1, "exports are few");
    })
    .await;
}
