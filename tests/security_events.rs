//! What bears on security is on record: who, in which workspace, from where; and no secret.

use serde_json::json;
use sqlx::Row as _;

use crate::support::{App, app::PASSWORD, with_app, with_app_configured};

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
        let ann = app.sign_up("acme", "Ann").await;
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
