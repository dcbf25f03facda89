//! Tenants: creating them, switching between them, and their isolation.

use serde_json::{Value, json};

use crate::support::{Actor, with_app};

#[tokio::test]
async fn an_account_makes_a_second_workspace_and_switches() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let second = ann.call_with("POST /api/workspaces", json!({ "name": "second" })).await.created();
        ann.call_with("POST /api/workspaces", json!({ "name": "Second" }))
            .await
            .refused(409, "workspace_taken");
        let id = second["id"].as_str().unwrap();
        let there = ann.call(&format!("POST /api/workspaces/{id}/token")).await.ok();
        assert_eq!(there.get("refresh_token"), None, "the one there is goes on");
        assert_eq!((&there["user"]["role"], &there["workspace"]), (&json!("owner"), &second));
        let there = Actor::signed_in(app, &there);
        assert_eq!(there.call("GET /api/users").await.ok()["items"].as_array().unwrap().len(), 1);
        ann.call("GET /api/users/me").await.ok();

        // A refresh signs in to the last workspace, or to the one that is named.
        let body = json!({ "refresh_token": ann.refresh_token });
        let next = app.call_with("POST /api/refresh", body).await.ok();
        assert_eq!(next["workspace"]["name"], "second");
        let body = json!({ "refresh_token": next["refresh_token"], "workspace": ann.workspace_id });
        assert_eq!(app.call_with("POST /api/refresh", body).await.ok()["workspace"]["name"], "acme");
    })
    .await;
}

#[tokio::test]
async fn one_cannot_switch_to_where_one_does_not_belong() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let eve = app.sign_up("other", "Eve").await;
        ann.call(&format!("POST /api/workspaces/{}/token", eve.workspace_id)).await.refused(404, "not_found");
        let body = json!({ "refresh_token": ann.refresh_token, "workspace": eve.workspace_id });
        app.call_with("POST /api/refresh", body).await.refused(403, "no_workspace");
        // The refused refresh has not used up the token.
        app.call_with("POST /api/refresh", json!({ "refresh_token": ann.refresh_token })).await.ok();

        // A person who is deactivated in one workspace stays active in the other.
        let code = ann.invitation(json!({})).await;
        let guest = Actor::signed_in(app, &eve.call(&format!("POST /api/invites/{code}/accept")).await.ok());
        ann.call_with(&format!("PATCH /api/users/{}", guest.id), json!({ "active": false })).await.ok();
        guest.call("GET /api/users/me").await.refused(401, "session_over");
        eve.call("GET /api/users/me").await.ok();
        eve.call(&format!("POST /api/workspaces/{}/token", ann.workspace_id)).await.refused(404, "not_found");
        let code = ann.invitation(json!({})).await;
        eve.call(&format!("POST /api/invites/{code}/accept")).await.refused(403, "deactivated");
    })
    .await;
}

/// `unread` and `mentions` of each workspace, by its name.
async fn unread(actor: &Actor) -> Vec<(String, i64, i64)> {
    let list = actor.call("GET /api/workspaces").await.ok();
    let of = |item: &Value| {
        let name = item["name"].as_str().unwrap().to_owned();
        (name, item["unread"].as_i64().unwrap(), item["mentions"].as_i64().unwrap())
    };
    list["items"].as_array().unwrap().iter().map(of).collect()
}

#[tokio::test]
async fn the_list_of_workspaces_says_what_waits_in_each() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let eve = app.sign_up("other", "Eve").await;
        let code = eve.invitation(json!({})).await;
        let ann_there =
            Actor::signed_in(app, &ann.call(&format!("POST /api/invites/{code}/accept")).await.ok());
        let expect = async |acme: (i64, i64), other: (i64, i64)| {
            let expected = [("acme".to_owned(), acme.0, acme.1), ("other".to_owned(), other.0, other.1)];
            assert_eq!(unread(&ann).await, expected);
            // The same from the other workspace.
            assert_eq!(unread(&ann_there).await, expected);
        };
        let bob = app.invite(&ann, "Bob").await;
        let channel = ann.public_channel("plans", &[&bob]).await;
        let single = bob.single(&ann).await;
        let news = eve.public_channel("news", &[&ann_there]).await;
        expect((0, 0), (0, 0)).await;
        let first = bob.post(&channel, "one").await;
        bob.post(&channel, "two").await;
        bob.post(&single, "psst").await;
        eve.post(&news, "elsewhere").await;
        expect((3, 1), (1, 0)).await;
        // The list of chats says the same.
        let chats = ann.call("GET /api/chat").await.ok();
        let counts =
            chats["items"].as_array().unwrap().iter().map(|item| item["unread_count"].as_i64().unwrap());
        assert_eq!(counts.sum::<i64>(), 3);

        // What is deleted, read, written by oneself or in a chat that one is not in is not unread.
        bob.call(&format!("DELETE /api/chat/{channel}/messages/{}", first["id"].as_str().unwrap()))
            .await
            .no_content();
        expect((2, 1), (1, 0)).await;
        ann.mark_read(&single, 1).await;
        expect((1, 0), (1, 0)).await;
        ann.post(&channel, "three").await;
        expect((0, 0), (1, 0)).await;
        let without_ann = bob.public_channel("without Ann", &[]).await;
        bob.post(&without_ann, "four").await;
        bob.post(&channel, "five").await;
        bob.call(&format!("DELETE /api/chat/{channel}")).await.refused(403, "forbidden");
        expect((1, 0), (1, 0)).await;
        ann.call(&format!("DELETE /api/chat/{channel}")).await.no_content();
        expect((0, 0), (1, 0)).await;
        // Others count for themselves.
        assert_eq!(unread(&bob).await, [("acme".to_owned(), 0, 0)]);
        assert_eq!(unread(&eve).await, [("other".to_owned(), 0, 0)]);
    })
    .await;
}

#[tokio::test]
async fn a_session_from_before_a_deactivation_is_not_told_what_is_unread() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let eve = app.sign_up("other", "Eve").await;
        let code = ann.invitation(json!({})).await;
        let there = Actor::signed_in(app, &eve.call(&format!("POST /api/invites/{code}/accept")).await.ok());
        let chat = ann.single(&there).await;
        ann.post(&chat, "secret").await;
        let at_acme = |list: Vec<(String, i64, i64)>| list.into_iter().find(|(name, ..)| name == "acme");
        assert_eq!(at_acme(unread(&eve).await), Some(("acme".to_owned(), 1, 1)));
        for active in [false, true] {
            ann.call_with(&format!("PATCH /api/users/{}", there.id), json!({ "active": active })).await.ok();
        }
        assert_eq!(at_acme(unread(&eve).await), Some(("acme".to_owned(), 0, 0)));
        let again = app.sign_in(&eve).await;
        assert_eq!(at_acme(unread(&again).await), Some(("acme".to_owned(), 1, 1)));
    })
    .await;
}

#[tokio::test]
async fn admins_rename_their_workspace_and_nobody_else_does() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let eve = app.sign_up("other", "Eve").await;
        let rename = format!("PATCH /api/workspaces/{}", ann.workspace_id);
        bob.call_with(&rename, json!({ "name": "bobs" })).await.refused(403, "forbidden");
        eve.call_with(&rename, json!({ "name": "eves" })).await.refused(404, "not_found");
        ann.call_with(&rename, json!({ "name": "other" })).await.refused(409, "workspace_taken");
        assert_eq!(ann.call_with(&rename, json!({ "name": "Acme Ltd" })).await.ok()["name"], "Acme Ltd");
        assert_eq!(bob.call("GET /api/workspaces").await.ok()["items"][0]["name"], "Acme Ltd");
    })
    .await;
}

#[tokio::test]
async fn nothing_crosses_between_workspaces() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let eve = app.sign_up("other", "Eve").await;
        let chat = ann.public_channel("general", &[]).await;
        let message = ann.post(&chat, "secret plans").await;
        let message = message["id"].as_str().unwrap();

        for operation in [
            format!("GET /api/chat/{chat}"),
            format!("DELETE /api/chat/{chat}"),
            format!("POST /api/chat/{chat}/join"),
            format!("POST /api/chat/{chat}/leave"),
            format!("GET /api/chat/{chat}/members"),
            format!("GET /api/chat/{chat}/messages"),
            format!("GET /api/chat/{chat}/messages/{message}"),
            format!("DELETE /api/chat/{chat}/messages/{message}"),
        ] {
            eve.call(&operation).await.refused(404, "not_found");
        }
        eve.try_post(&chat, json!({ "body": "hi" })).await.refused(404, "not_found");
        for body in [
            json!({ "kind": "single", "members": [bob.id] }),
            json!({ "kind": "private_channel", "name": "x", "members": [bob.id] }),
        ] {
            eve.call_with("POST /api/chat", body).await.refused(422, "unknown_user");
        }
        let own = eve.public_channel("general", &[]).await;
        eve.call_with(&format!("POST /api/chat/{own}/members"), json!({ "user_ids": [bob.id] }))
            .await
            .refused(422, "unknown_user");
        eve.call_with(&format!("PATCH /api/chat/{own}/members/{}", bob.id), json!({ "role": "owner" }))
            .await
            .refused(404, "not_found");
        eve.try_post(&own, json!({ "body": "re", "reply_to": message })).await.refused_at(
            422,
            "invalid",
            "/reply_to",
        );
        assert_eq!(eve.call("GET /api/channels").await.ok()["items"], json!([]));
        let found = bob.call("GET /api/channels").await.ok();
        assert_eq!(found["items"][0]["id"], chat.0.as_str());
        assert_eq!(found["items"].as_array().unwrap().len(), 1);
    })
    .await;
}
