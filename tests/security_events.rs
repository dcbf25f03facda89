//! What bears on security is on record: who, in which workspace, from where; and no secret.

use chat_server::operator::{self, AccountCommand};
use serde_json::json;
use sqlx::Row as _;

use crate::support::{Actor, App, app::PASSWORD, with_app, with_app_configured};

/// Kind, whether a workspace, an account and a user are named, and the detail, in order.
async fn recorded(app: &App) -> Vec<(String, bool, bool, bool, String)> {
    let sql = "select kind, workspace_id is not null, account_id is not null, user_id is not null, detail
               from security_events order by id";
    sqlx::query_as(sql).fetch_all(&app.db).await.unwrap()
}

async fn kinds_since(app: &App, before: usize) -> Vec<String> {
    recorded(app).await.into_iter().skip(before).map(|(kind, ..)| kind).collect()
}

#[tokio::test]
async fn sign_ins_sessions_roles_and_invitations_are_on_record() {
    with_app(async |app| {
        let ann = app.sign_up_with_general("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        assert_eq!(kinds_since(app, 0).await, ["signed_up", "invite_created", "invite_used", "signed_up"]);

        let before = recorded(app).await.len();
        let wrong = |email: &str| json!({ "email": email, "password": "not the password" });
        app.call_with("POST /api/signin", wrong(&bob.email)).await.refused(401, "wrong_credentials");
        app.call_with("POST /api/signin", wrong("nobody@acme.example")).await.refused(401, "wrong_credentials");
        let phone = app.sign_in(&bob).await;
        let session = phone.claims().sid;
        bob.call(&format!("DELETE /api/sessions/{session}")).await.no_content();
        let events = recorded(app).await.split_off(before);
        let named: Vec<_> = events.iter().map(|(kind, ws, account, user, _)| (kind.as_str(), *ws, *account, *user)).collect();
        assert_eq!(
            named,
            [
                ("sign_in_failed", false, true, false),
                ("sign_in_failed", false, false, false),
                ("signed_in", true, true, true),
                ("session_revoked", true, true, true),
            ]
        );

        let before = recorded(app).await.len();
        let of_bob = format!("PATCH /api/users/{}", bob.id);
        bob.call_with(&format!("PATCH /api/users/{}", ann.id), json!({ "active": false })).await.refused(403, "forbidden");
        ann.call_with(&of_bob, json!({ "role": "admin" })).await.ok();
        ann.call_with(&of_bob, json!({ "role": "member", "active": false })).await.ok();
        ann.call_with(&of_bob, json!({ "active": true })).await.ok();
        let code = ann.invitation(json!({ "role": "admin" })).await;
        ann.call(&format!("DELETE /api/invites/{code}")).await.no_content();
        let events = recorded(app).await.split_off(before);
        let told: Vec<_> = events.iter().map(|(kind, .., detail)| (kind.as_str(), detail.as_str())).collect();
        assert_eq!(
            told,
            [
                ("refused", "PATCH /api/users/{id}"),
                ("role_changed", "admin"),
                ("role_changed", "member"),
                ("user_deactivated", ""),
                ("user_reactivated", ""),
                ("invite_created", "admin"),
                ("invite_revoked", ""),
            ]
        );
        let sql = "select user_id::text, about_user_id::text, host(address) from security_events where kind = 'user_deactivated'";
        let row = sqlx::query(sql).fetch_one(&app.db).await.unwrap();
        let column = |place: usize| row.get::<String, _>(place);
        assert_eq!((column(0), column(1), column(2)), (ann.id.clone(), bob.id.clone(), "127.0.0.1".into()));
    })
    .await;
}

#[tokio::test]
async fn what_is_done_to_accounts_is_on_record() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let before = recorded(app).await.len();
        let wrong = json!({ "password": "not my password" });
        bob.call_with("POST /api/account/delete", wrong).await.refused(422, "invalid");
        // There is no other session to end, and then there is one.
        bob.call("DELETE /api/sessions").await.no_content();
        let phone = app.sign_in(&bob).await;
        bob.call("DELETE /api/sessions").await.no_content();
        bob.call(&format!("DELETE /api/sessions/{}", phone.claims().sid)).await.no_content();
        assert_eq!(bob.call("GET /api/account/export").await.status, 200);
        let change = json!({ "email": "bob@new.example", "password": PASSWORD });
        bob.call_with("POST /api/account/email", change).await.ok();
        let change = json!({ "current_password": PASSWORD, "new_password": "a longer horse battery" });
        bob.call_with("POST /api/account/password", change).await.no_content();

        let who = || "bob@new.example".to_owned();
        let told = operator::run(&app.config, &AccountCommand::ResetPassword { who: who() }).await.unwrap();
        let (_, code) = told.rsplit_once("/reset#").unwrap();
        let reset = json!({ "code": code.trim(), "password": "one more horse battery" });
        app.call_with("POST /api/password/reset", reset).await.no_content();
        operator::run(&app.config, &AccountCommand::Verify { who: who() }).await.unwrap();
        operator::run(&app.config, &AccountCommand::Release { who: who() }).await.unwrap();
        let body = json!({ "email": who(), "password": "one more horse battery" });
        let bob = Actor::signed_in(app, &app.call_with("POST /api/signin", body).await.ok());
        let delete = json!({ "password": "one more horse battery" });
        bob.call_with("POST /api/account/delete", delete).await.no_content();
        let events = recorded(app).await.split_off(before);
        let kinds: Vec<&str> = events.iter().map(|(kind, ..)| kind.as_str()).collect();
        assert_eq!(
            kinds,
            [
                "password_refused",
                "signed_in",
                "other_sessions_revoked",
                "account_exported",
                "email_changed",
                "password_changed",
                "operator_made_reset_link",
                "password_reset",
                "operator_verified_email",
                "operator_released_email",
                "signed_in",
                "account_deleted",
            ]
        );
        assert!(events.iter().all(|(.., account, _, _)| *account), "each names the account: {events:?}");
        let sql = "select count(*) from security_events where kind like 'operator%' and address is null";
        let by_operator: i64 = sqlx::query_scalar(sql).fetch_one(&app.db).await.unwrap();
        assert_eq!(by_operator, 3);
    })
    .await;
}

#[tokio::test]
async fn what_is_done_to_a_workspace_and_its_chats_is_on_record() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let [plans, other] = [ann.private_channel("plans", &[&bob]).await, ann.private_channel("other", &[]).await];
        let own = ann.post(&plans, "mine").await;
        let bobs = bob.post(&plans, "bobs").await;
        let before = recorded(app).await.len();
        let workspace = format!("PATCH /api/workspaces/{}", ann.workspace_id);
        ann.call_with(&workspace, json!({ "name": "Acme" })).await.ok();
        let rules = json!({ "verified_only": true, "email_domains": ["acme.example"] });
        ann.call_with(&workspace, rules).await.ok();
        ann.call_with(&workspace, json!({ "verified_only": false })).await.ok();
        let delete = |message: &serde_json::Value| {
            format!("DELETE /api/chat/{plans}/messages/{}", message["id"].as_str().unwrap())
        };
        ann.call(&delete(&own)).await.no_content();
        for _ in 0..2 {
            ann.call(&delete(&bobs)).await.no_content();
        }
        let pass = format!("PATCH /api/chat/{plans}/members/{}", bob.id);
        for _ in 0..2 {
            ann.call_with(&pass, json!({ "role": "owner" })).await;
        }
        ann.call(&format!("DELETE /api/chat/{other}")).await.no_content();
        let told: Vec<_> =
            recorded(app).await.split_off(before).into_iter().map(|(kind, .., detail)| (kind, detail)).collect();
        let id = |message: &serde_json::Value| message["id"].as_str().unwrap().to_owned();
        let expected = [
            ("entry_rules_changed", "verified_only, certain domains".to_owned()),
            ("entry_rules_changed", "not verified_only".to_owned()),
            ("message_deleted", id(&bobs)),
            ("ownership_transferred", plans.to_string()),
            ("chat_deleted", other.to_string()),
        ];
        let told: Vec<_> = told.into_iter().filter(|(kind, _)| kind != "refused").collect();
        assert_eq!(told, expected.map(|(kind, detail)| (kind.to_owned(), detail)));
        let sql = "select about_user_id::text from security_events where kind in ('message_deleted', 'ownership_transferred')";
        let about: Vec<String> = sqlx::query_scalar(sql).fetch_all(&app.db).await.unwrap();
        assert_eq!(about, [bob.id.clone(), bob.id.clone()]);
    })
    .await;
}

#[tokio::test]
async fn what_a_role_does_not_allow_is_on_record_up_to_a_rate() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let chat = ann.private_channel("plans", &[&bob]).await;
        let message = ann.post(&chat, "anns").await;
        let code = ann.invitation(json!({})).await;
        let before = recorded(app).await.len();
        let message = format!("/api/chat/{chat}/messages/{}", message["id"].as_str().unwrap());
        for (operation, body) in [
            ("GET /api/invites".to_owned(), None),
            ("POST /api/invites".to_owned(), Some(json!({}))),
            (format!("DELETE /api/invites/{code}"), None),
            (format!("PATCH /api/workspaces/{}", ann.workspace_id), Some(json!({ "name": "Bobs" }))),
            (format!("DELETE /api/chat/{chat}"), None),
            (format!("PATCH {message}"), Some(json!({ "body": "bobs" }))),
            (format!("DELETE {message}"), None),
        ] {
            bob.request(&operation, &[], body).await.refused(403, "forbidden");
        }
        let events = recorded(app).await.split_off(before);
        let told: Vec<_> = events.iter().map(|(kind, .., detail)| (kind.as_str(), detail.as_str())).collect();
        assert_eq!(
            told,
            [
                "GET /api/invites",
                "POST /api/invites",
                "DELETE /api/invites/{code}",
                "PATCH /api/workspaces/{id}",
                "DELETE /api/chat/{id}",
                "PATCH /api/chat/{id}/messages/{message_id}",
                "DELETE /api/chat/{id}/messages/{message_id}",
            ]
            .map(|operation| ("refused", operation))
        );
        assert!(events.iter().all(|(_, workspace, account, user, _)| *workspace && *account && *user));
        for _ in 0..60 {
            bob.call("GET /api/invites").await.refused(403, "forbidden");
        }
        let kept = recorded(app).await.len() - before;
        assert!((20..60).contains(&kept), "{kept} of 67");
    })
    .await;
}

#[tokio::test]
async fn a_stolen_refresh_token_leaves_a_trace() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let refresh =
            async |token: &str| app.call_with("POST /api/refresh", json!({ "refresh_token": token })).await;
        let second = refresh(&ann.refresh_token).await.ok();
        let third = refresh(second["refresh_token"].as_str().unwrap()).await.ok();
        let before = recorded(app).await.len();
        refresh(&ann.refresh_token).await.refused(401, "refresh_token_reused");
        refresh(third["refresh_token"].as_str().unwrap()).await.refused(401, "refresh_token_invalid");
        let events = recorded(app).await.split_off(before);
        assert_eq!(events, [("refresh_token_reused".to_owned(), false, true, true, String::new())]);

        let bob = app.invite(&app.sign_in(&ann).await, "Bob").await;
        let before = recorded(app).await.len();
        app.call_with("POST /api/logout", json!({ "refresh_token": bob.refresh_token })).await.no_content();
        assert_eq!(kinds_since(app, before).await, ["signed_out"]);
    })
    .await;
}

#[tokio::test]
async fn no_secret_and_no_text_of_people_is_on_record() {
    let proxied = |config: &mut chat_core::config::Config| config.server.trusted_proxies = 1;
    with_app_configured(proxied, async |app| {
        let request = app.client.post(format!("{}/api/signin", app.chat.url));
        let guess = json!({ "email": "ann@acme.example", "password": PASSWORD });
        let answer =
            request.header("x-forwarded-for", "[2001:db8::7]:443").json(&guess).send().await.unwrap();
        assert_eq!(answer.status(), 401);
        let ann = app.sign_up("acme", "Ann").await;
        app.invite(&ann, "Bob").await;
        let rows: Vec<String> =
            sqlx::query_scalar("select e::text from security_events e").fetch_all(&app.db).await.unwrap();
        let rows = rows.join("\n");
        assert!(rows.contains("2001:db8::7"), "the very address: {rows}");
        for secret in [PASSWORD, "acme", "Ann", "Bob", &ann.token, &ann.refresh_token] {
            assert!(!rows.contains(secret), "{secret}: {rows}");
        }
    })
    .await;
}
