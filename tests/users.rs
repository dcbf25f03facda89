//! The people of a workspace: finding them, their roles, deactivation.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Actor, Reply, app::PASSWORD, with_app};

async fn change(actor: &Actor, target: &Actor, changes: Value) -> Reply {
    actor.call_with(&format!("PATCH /api/users/{}", target.id), changes).await
}

fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|user| user["fullname"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn people_are_found_by_page_and_by_text() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        for name in ["Bob", "Cid 100%", "Dora"] {
            app.invite(&ann, name).await;
        }
        app.sign_up("other", "Bob").await;
        let first = ann.call("GET /api/users?limit=3").await.ok();
        assert_eq!((names(&first), &first["has_more"]), (vec!["Ann", "Bob", "Cid 100%"], &json!(true)));
        let last = first["items"][2]["id"].as_str().unwrap();
        let rest = ann.call(&format!("GET /api/users?limit=3&after={last}")).await.ok();
        assert_eq!((names(&rest), &rest["has_more"]), (vec!["Dora"], &json!(false)));

        for (text, found) in
            [("bO", vec!["Bob"]), ("%25", vec!["Cid 100%"]), ("dora@acme", vec!["Dora"]), ("_", vec![])]
        {
            let page = ann.call(&format!("GET /api/users?query={text}")).await.ok();
            assert_eq!(names(&page), found, "{text}");
        }
        for (query, pointer) in
            [("limit=0", "limit"), ("limit=201", "limit"), ("limit=x", "limit"), ("query=%00", "query")]
        {
            ann.call(&format!("GET /api/users?{query}")).await.refused_at(422, "invalid", pointer);
        }
        ann.call("GET /api/users?nonsense=1").await.refused(422, "invalid");
    })
    .await;
}

#[tokio::test]
async fn people_are_looked_up_by_id_many_at_once() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let cid = app.invite(&ann, "Cid").await;
        let (a, b, c) = (&ann.id, &bob.id, &cid.id);
        let by = async |ids: String| ann.call(&format!("GET /api/users?ids={ids}")).await;
        assert_eq!(names(&by(format!("{c},{a}")).await.ok()), ["Ann", "Cid"]);
        assert_eq!(names(&by(format!("{b},{b},{}", uuid::Uuid::now_v7())).await.ok()), ["Bob"]);
        assert_eq!(names(&by(String::new()).await.ok()), [""; 0]);
        assert_eq!(names(&by(format!("{a},{b}&query=bo")).await.ok()), ["Bob"]);
        assert_eq!(by(format!("{a},{b}&limit=1")).await.ok()["has_more"], true);
        by(format!("{a},x")).await.refused_at(422, "invalid", "ids");
        by(vec![a.as_str(); 201].join(",")).await.refused_at(422, "invalid", "ids");
    })
    .await;
}

#[tokio::test]
async fn people_of_another_workspace_are_unknown() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let eve = app.sign_up("other", "Eve").await;
        assert_eq!(names(&ann.call(&format!("GET /api/users?ids={}", eve.id)).await.ok()), [""; 0]);
        ann.call(&format!("GET /api/users/{}", eve.id)).await.refused(404, "not_found");
        change(&ann, &eve, json!({ "role": "member" })).await.refused(404, "not_found");
        ann.call("GET /api/users/garbage").await.refused(404, "not_found");
        assert_eq!(names(&ann.call("GET /api/users").await.ok()), ["Ann"]);
    })
    .await;
}

#[tokio::test]
async fn everyone_changes_their_own_name() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let me = bob.call_with("PATCH /api/users/me", json!({ "fullname": " Bobby " })).await.ok();
        assert_eq!(me["fullname"], "Bobby");
        assert_eq!(ann.call(&format!("GET /api/users/{}", bob.id)).await.ok(), me);
        bob.call_with("PATCH /api/users/me", json!({ "fullname": "" })).await.refused_at(
            422,
            "invalid",
            "/fullname",
        );
        bob.call_with("PATCH /api/users/me", json!({ "role": "owner" })).await.refused(422, "invalid");
    })
    .await;
}

#[tokio::test]
async fn roles_are_given_by_those_who_have_them() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let cid = app.invite(&ann, "Cid").await;
        change(&bob, &cid, json!({ "role": "admin" })).await.refused(403, "forbidden");
        change(&bob, &bob, json!({ "role": "admin" })).await.refused(403, "forbidden");

        assert_eq!(change(&ann, &bob, json!({ "role": "admin" })).await.ok()["role"], "admin");
        change(&bob, &cid, json!({ "role": "admin" })).await.ok();
        change(&bob, &cid, json!({ "role": "owner" })).await.refused(403, "forbidden");
        change(&bob, &ann, json!({ "role": "member" })).await.refused(403, "forbidden");
        change(&bob, &ann, json!({ "active": false })).await.refused(403, "forbidden");
        change(&ann, &cid, json!({ "role": "king" })).await.refused_at(422, "invalid", "/role");
    })
    .await;
}

#[tokio::test]
async fn the_last_owner_stays_though_two_step_down_at_once() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        change(&ann, &ann, json!({ "role": "member" })).await.refused(409, "last_owner");
        change(&ann, &ann, json!({ "active": false })).await.refused(403, "forbidden");
        let bob = app.invite(&ann, "Bob").await;
        for _ in 0..3 {
            change(&ann, &bob, json!({ "role": "owner" })).await.ok();
            let stepping_down = [(&ann, &ann), (&bob, &bob), (&ann, &bob), (&bob, &ann)]
                .map(|(who, whom)| change(who, whom, json!({ "role": "admin" })));
            join_all(stepping_down).await;
            let page = ann.call("GET /api/users").await.ok();
            let owners: Vec<_> =
                page["items"].as_array().unwrap().iter().filter(|user| user["role"] == "owner").collect();
            assert_eq!(owners.len(), 1, "{page}");
            if owners[0]["id"] == bob.id.as_str() {
                change(&bob, &ann, json!({ "role": "owner" })).await.ok();
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_deactivated_user_is_out_at_once_and_their_messages_stay() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let chat = ann.public_channel("general", &[&bob]).await;
        bob.post(&chat, "I was here").await;
        assert_eq!(change(&ann, &bob, json!({ "active": false })).await.ok()["active"], false);

        bob.call("GET /api/users/me").await.refused(401, "session_over");
        bob.try_post(&chat, json!({ "body": "hi" })).await.refused(401, "session_over");
        let body = json!({ "refresh_token": bob.refresh_token });
        app.call_with("POST /api/refresh", body.clone()).await.refused(401, "refresh_token_invalid");
        let credentials = json!({ "email": bob.email, "password": PASSWORD });
        app.call_with("POST /api/signin", credentials.clone()).await.refused(403, "no_workspace");
        ann.call_with("POST /api/chat", json!({ "kind": "single", "members": [bob.id] }))
            .await
            .refused(422, "unknown_user");
        assert_eq!(ann.listed(&chat).await["last_message"]["body"], "I was here");

        change(&ann, &bob, json!({ "active": true })).await.ok();
        app.call_with("POST /api/signin", credentials).await.ok();
        // What they had before does not come back.
        app.call_with("POST /api/refresh", body).await.refused(401, "refresh_token_invalid");
        bob.call("GET /api/users/me").await.refused(401, "session_over");
    })
    .await;
}

#[tokio::test]
async fn what_a_deactivated_user_owned_goes_to_whoever_was_there_longest() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let cid = app.invite(&ann, "Cid").await;
        let chat = bob.private_channel("plans", &[]).await;
        bob.add(&chat, &[&cid]).await;
        bob.add(&chat, &[&ann]).await;
        change(&ann, &bob, json!({ "active": false })).await.ok();
        let item = cid.listed(&chat).await;
        assert_eq!((&item["chat"]["owner_id"], &item["member"]["role"]), (&json!(cid.id), &json!("owner")));
        cid.call_with(&format!("PATCH /api/chat/{chat}"), json!({ "name": "new plans" })).await.ok();
    })
    .await;
}

#[tokio::test]
async fn deactivation_is_no_deadlock_with_a_sender_in_their_own_chat() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let cid = app.invite(&ann, "Cid").await;
        for _ in 0..5 {
            let bob = app.sign_in(&bob).await;
            let chat = bob.group(&[&ann, &cid]).await;
            let sends = join_all((0..6).map(|_| bob.try_post(&chat, json!({ "body": "hi" }))));
            let (sends, out) = futures_util::join!(sends, change(&ann, &bob, json!({ "active": false })));
            out.ok();
            for reply in sends {
                assert!(matches!(reply.status, 201 | 401 | 404), "{reply}");
            }
            change(&ann, &bob, json!({ "active": true })).await.ok();
        }
    })
    .await;
}

#[tokio::test]
async fn people_who_change_one_another_at_once_are_all_answered() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let cid = app.invite(&ann, "Cid").await;
        for admin in [&bob, &cid] {
            change(&ann, admin, json!({ "role": "admin" })).await.ok();
        }
        for round in 0..5 {
            let pairs = [(&ann, &bob), (&bob, &cid), (&cid, &bob), (&ann, &cid), (&bob, &bob), (&cid, &cid)];
            let changes = pairs.map(|(who, whom)| change(who, whom, json!({ "role": "admin" })));
            let chats = [(&bob, &cid), (&cid, &bob), (&bob, &ann)].map(|(who, whom)| who.single(whom));
            let channel = bob.private_channel(&format!("c{round}"), &[]).await;
            let (changes, _, ()) = futures_util::join!(join_all(changes), join_all(chats), async {
                bob.add(&channel, &[&ann, &cid]).await;
            });
            for reply in changes {
                assert_eq!(reply.status, 200, "{reply}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn owners_who_step_down_at_once_are_all_answered() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        for _ in 0..4 {
            change(&ann, &bob, json!({ "role": "owner" })).await.ok();
            let (anns, bobs) = futures_util::join!(
                change(&ann, &ann, json!({ "role": "admin" })),
                change(&bob, &bob, json!({ "role": "admin" }))
            );
            let mut statuses = [anns.status, bobs.status];
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 409], "{anns} {bobs}");
            if anns.status == 200 {
                change(&bob, &ann, json!({ "role": "owner" })).await.ok();
            }
        }
    })
    .await;
}
