//! Sessions: listing them, ending them, and tokens that are refused.

use chat_core::token::{Claims, Purpose};
use serde_json::json;

use crate::support::{app::PASSWORD, with_app};

#[tokio::test]
async fn sessions_are_listed_and_revoked_one_by_one() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let body = json!({ "email": ann.email, "password": PASSWORD, "refresh_token_in": "body" });
        let reply = ann.request("POST /api/signin", &[("user-agent", "Ann's phone")], Some(body)).await;
        let phone = crate::support::Actor::signed_in(app, &reply.ok());

        let list = ann.call("GET /api/sessions").await.ok();
        let items = list["items"].as_array().unwrap();
        assert_eq!(items.len(), 2);
        assert_eq!((&items[0]["user_agent"], &items[0]["current"]), (&json!("Ann's phone"), &json!(false)));
        assert_eq!(items[1]["current"], true);

        ann.call(&format!("DELETE /api/sessions/{}", items[0]["id"].as_str().unwrap())).await.no_content();
        phone.call("GET /api/users/me").await.refused(401, "session_over");
        let body = json!({ "refresh_token": phone.refresh_token });
        app.call_with("POST /api/refresh", body).await.refused(401, "refresh_token_invalid");
        let left = ann.call("GET /api/sessions").await.ok();
        assert_eq!(left["items"].as_array().unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn nobody_ends_the_session_of_another() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let session = bob.claims().sid;
        ann.call(&format!("DELETE /api/sessions/{session}")).await.refused(404, "not_found");
        ann.call("DELETE /api/sessions/garbage").await.refused(404, "not_found");
        bob.call("GET /api/users/me").await.ok();
    })
    .await;
}

#[tokio::test]
async fn tokens_that_do_not_count_are_refused() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let eve = app.sign_up("other", "Eve").await;
        let good = ann.claims();

        let expired = app.sign(Claims { exp: good.exp - 10_000, ..good }, Purpose::Access);
        ann.with_token(expired).call("GET /api/users/me").await.refused(401, "token_expired");
        // A ticket only opens streams.
        let ticket = ann.call("POST /api/events/ticket").await.created();
        let ticket = ticket["ticket"].as_str().unwrap();
        ann.with_token(ticket).call("GET /api/users/me").await.refused(401, "unauthenticated");
        // Correctly signed, but for a session, a user and a workspace that do not belong together.
        for claims in [
            Claims { sub: eve.claims().sub, ..good },
            Claims { sid: eve.claims().sid, ..good },
            Claims { sub: eve.claims().sub, sid: eve.claims().sid, ..good },
        ] {
            let mixed = app.sign(claims, Purpose::Access);
            ann.with_token(mixed).call("GET /api/users/me").await.refused(401, "session_over");
        }
        for garbage in ["", "x", "a.b.c", &good.sid.to_string()] {
            ann.with_token(garbage).call("GET /api/users/me").await.refused(401, "unauthenticated");
        }
        let reply = app.call("GET /api/users/me").await;
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
        reply.refused(401, "unauthenticated");
    })
    .await;
}

#[tokio::test]
async fn a_token_in_the_url_is_no_token() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        for name in ["access_token", "token", "ticket"] {
            app.call(&format!("GET /api/sync?{name}={}", ann.token)).await.refused(401, "unauthenticated");
        }
    })
    .await;
}

#[tokio::test]
async fn tokens_are_good_at_every_node_whoever_signed_them() {
    with_app(async |app| {
        let other = app.start_chat_server().await;
        let ann = app.sign_up("acme", "Ann").await;
        ann.at(&other).call("GET /api/users/me").await.ok();
        let body = json!({ "refresh_token": ann.refresh_token });
        let there = ann.at(&other).call_with("POST /api/refresh", body).await.ok();
        let there = crate::support::Actor::signed_in(app, &there);
        assert_ne!(there.token.split('.').next(), ann.token.split('.').next(), "each node has its own key");
        there.call("GET /api/users/me").await.ok();
        let keys = app.call("GET /.well-known/jwks.json").await.ok();
        assert_eq!(keys["keys"].as_array().unwrap().len(), 2);
    })
    .await;
}
