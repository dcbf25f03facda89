//! The limits of a client, and the errors when they are reached.

use futures_util::future::join_all;
use serde_json::json;
use tokio::{io::AsyncReadExt as _, net::TcpStream};

use crate::support::{Actor, app::PASSWORD, wait::DEADLINE, with_app_configured};

#[tokio::test]
async fn sign_ins_from_one_address_are_limited_and_told_when_to_come_back() {
    with_app_configured(
        |config| config.limits.signin_per_minute = 3,
        async |app| {
            let ann = app.sign_up("acme", "Ann").await;
            let guess = json!({ "email": ann.email, "password": "wrong password" });
            for _ in 0..2 {
                app.call_with("POST /api/signin", guess.clone()).await.refused(401, "wrong_credentials");
            }
            let sign_up =
                json!({ "workspace": "x", "fullname": "X", "email": "x@x.example", "password": PASSWORD });
            for (operation, body) in [
                ("POST /api/signin", guess.clone()),
                ("POST /api/signup", sign_up),
                ("GET /api/invites/guess", json!({})),
            ] {
                let reply = app.call_with(operation, body).await;
                let seconds: u64 = reply.header("retry-after").unwrap().parse().unwrap();
                assert!((1..=60).contains(&seconds), "{seconds}");
                assert!(reply.header("ratelimit").unwrap().contains("r=0"), "{reply:?}");
                assert!(reply.header("ratelimit-policy").unwrap().contains("q=3;w=60"), "{reply:?}");
                reply.refused(429, "rate_limited");
            }
            // Signed-in people can still work and refresh their sessions.
            ann.call("GET /api/users/me").await.ok();
            app.call_with("POST /api/refresh", json!({ "refresh_token": ann.refresh_token })).await.ok();
            // Refreshes have their own limit, 60 a minute. All are sent at once, since it refills
            // by one a second.
            let guesses = join_all((0..100).map(|_| app.call("POST /api/refresh"))).await;
            let limited = guesses.iter().filter(|reply| reply.status == 429).count();
            assert!((1..=41).contains(&limited), "{limited} of 100");
        },
    )
    .await;
}

#[tokio::test]
async fn people_behind_a_proxy_have_limits_of_their_own_however_it_writes_their_addresses() {
    let configured = |config: &mut chat_core::config::Config| {
        config.limits.signin_per_minute = 2;
        config.server.trusted_proxies = 1;
    };
    with_app_configured(configured, async |app| {
        let guess = json!({ "email": "ann@acme.example", "password": "wrong password" });
        let guess_from = async |forwarded: String| {
            let request = app.client.post(format!("{}/api/signin", app.chat.url)).json(&guess);
            request.header("x-forwarded-for", forwarded).send().await.unwrap().status().as_u16()
        };
        for n in 1..=6 {
            assert_eq!(guess_from(format!("203.0.113.{n}:5150")).await, 401, "{n}");
            assert_eq!(guess_from(format!("[2001:db8:{n}::1]:443")).await, 401, "{n}");
        }
        // The same person from other ports.
        assert_eq!(guess_from("203.0.113.1:5151".into()).await, 401);
        assert_eq!(guess_from("203.0.113.1:5152".into()).await, 429);
        assert_eq!(guess_from("203.0.113.1".into()).await, 429);
    })
    .await;
}

#[tokio::test]
async fn sends_are_limited_by_user() {
    with_app_configured(
        |config| config.limits.send_per_minute = 2,
        async |app| {
            let ann = app.sign_up("acme", "Ann").await;
            let bob = app.invite(&ann, "Bob").await;
            let chat = ann.single(&bob).await;
            ann.post(&chat, "one").await;
            ann.post(&chat, "two").await;
            ann.try_post(&chat, json!({ "body": "three" })).await.refused(429, "rate_limited");
            bob.post(&chat, "mine is my own").await;
            ann.call("GET /api/chat").await.ok();
        },
    )
    .await;
}

#[tokio::test]
async fn an_edit_counts_as_a_send() {
    with_app_configured(
        |config| config.limits.send_per_minute = 3,
        async |app| {
            let ann = app.sign_up("acme", "Ann").await;
            let bob = app.invite(&ann, "Bob").await;
            let chat = ann.single(&bob).await;
            let sent = ann.post(&chat, "one").await;
            let edit = format!("PATCH /api/chat/{chat}/messages/{}", sent["id"].as_str().unwrap());
            for body in ["two", "three"] {
                ann.call_with(&edit, json!({ "body": body })).await.ok();
            }
            ann.call_with(&edit, json!({ "body": "four" })).await.refused(429, "rate_limited");
            ann.try_post(&chat, json!({ "body": "four" })).await.refused(429, "rate_limited");
            bob.post(&chat, "mine is my own").await;
        },
    )
    .await;
}

#[tokio::test]
async fn the_text_of_an_account_is_limited_in_all_its_workspaces_together() {
    with_app_configured(
        |config| config.limits.text_kb_per_minute = 40,
        async |app| {
            let ann = app.sign_up_with_general("acme", "Ann").await;
            let second = ann.call_with("POST /api/workspaces", json!({ "name": "second" })).await.created();
            let there = format!("POST /api/workspaces/{}/token", second["id"].as_str().unwrap());
            let there = Actor::signed_in(app, &ann.call(&there).await.ok());
            let (here, there_chat) = (ann.general().await, there.general().await);
            let long = "x".repeat(15_000);
            let sent = ann.post(&here, &long).await;
            there.post(&there_chat, &long).await;
            let edit = format!("PATCH /api/chat/{here}/messages/{}", sent["id"].as_str().unwrap());
            ann.call_with(&edit, json!({ "body": long })).await.refused(429, "rate_limited");
            let reply = there.try_post(&there_chat, json!({ "body": long })).await;
            assert!(reply.header("retry-after").is_some(), "{reply:?}");
            reply.refused(429, "rate_limited");
            // A short one still has room, and others have their own.
            ann.post(&here, "short").await;
            let bob = app.invite(&ann, "Bob").await;
            bob.post(&here, &long).await;
        },
    )
    .await;
}

#[tokio::test]
async fn what_is_told_to_many_has_a_rate() {
    with_app_configured(
        |config| config.limits.chat_changes_per_minute = 2,
        async |app| {
            for (number, change) in [
                ("/users/me", json!({ "fullname": "Anna" })),
                ("/chat", json!({ "description": "of mice" })),
                ("/workspaces", json!({ "verified_only": false })),
                ("/users", json!({ "role": "member" })),
            ]
            .into_iter()
            .enumerate()
            {
                let ann = app.sign_up(&format!("w{number}"), "Ann").await;
                let bob = app.invite(&ann, "Bob").await;
                let chat = ann.private_channel("plans", &[]).await;
                let (path, body) = change;
                let path = match path {
                    "/chat" => format!("{path}/{chat}"),
                    "/workspaces" => format!("{path}/{}", ann.workspace_id),
                    "/users" => format!("{path}/{}", bob.id),
                    _ => path.to_owned(),
                };
                let operation = format!("PATCH /api{path}");
                for _ in 0..2 {
                    ann.call_with(&operation, body.clone()).await.ok();
                }
                ann.call_with(&operation, body).await.refused(429, "rate_limited");
                bob.call_with("PATCH /api/users/me", json!({ "fullname": "Bobby" })).await.ok();
            }
        },
    )
    .await;
}

#[tokio::test]
async fn passwords_that_are_typed_while_signed_in_count_as_sign_ins() {
    with_app_configured(
        |config| config.limits.signin_per_minute = 3,
        async |app| {
            let ann = app.sign_up("acme", "Ann").await;
            let wrong = json!({ "password": "not my password" });
            for _ in 0..2 {
                ann.call_with("POST /api/account/delete", wrong.clone()).await.refused(422, "invalid");
            }
            ann.call_with("POST /api/account/delete", wrong).await.refused(429, "rate_limited");
            ann.call("GET /api/users/me").await.ok();
        },
    )
    .await;
}

#[tokio::test]
async fn typing_and_interest_are_limited_by_user_each_for_itself() {
    with_app_configured(
        |config| config.limits.typing_per_minute = 2,
        async |app| {
            let ann = app.sign_up("acme", "Ann").await;
            let bob = app.invite(&ann, "Bob").await;
            let chat = ann.single(&bob).await;
            let interest = "PUT /api/streams/0123456789abcdef/interest";
            ann.call(&format!("POST /api/chat/{chat}/typing")).await.no_content();
            ann.call(&format!("DELETE /api/chat/{chat}/typing")).await.no_content();
            ann.call_with(interest, json!({})).await.no_content();
            ann.call_with(interest, json!({})).await.no_content();
            for (operation, body) in
                [(format!("POST /api/chat/{chat}/typing"), None), (interest.to_owned(), Some(json!({})))]
            {
                let reply = ann.request(&operation, &[], body).await;
                assert!(reply.header("retry-after").is_some(), "{reply:?}");
                reply.refused(429, "rate_limited");
            }
            bob.call(&format!("POST /api/chat/{chat}/typing")).await.no_content();
            ann.post(&chat, "a message is no typing").await;
        },
    )
    .await;
}

#[tokio::test]
async fn requests_are_limited_by_user() {
    with_app_configured(
        |config| config.limits.requests_per_minute = 5,
        async |app| {
            let ann = app.sign_up_with_general("acme", "Ann").await;
            for _ in 0..5 {
                ann.call("GET /api/users/me").await.ok();
            }
            ann.call("GET /api/users/me").await.refused(429, "rate_limited");
            app.call("GET /health/live").await.ok();
        },
    )
    .await;
}

#[tokio::test]
async fn connections_over_the_limit_are_let_go_at_once() {
    with_app_configured(
        |config| config.limits.max_connections = 2,
        async |app| {
            let address = app.chat.url.strip_prefix("http://").unwrap();
            let held =
                [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
            let mut third = TcpStream::connect(address).await.unwrap();
            let closed = tokio::time::timeout(DEADLINE, third.read(&mut [0; 1])).await;
            assert!(matches!(closed, Ok(Ok(0) | Err(_))), "{closed:?}");
            drop(held);
            crate::support::eventually(async || {
                let request = app.client.get(format!("{}/health/live", app.chat.url)).send().await;
                request.map(|_| ()).map_err(|e| e.to_string())
            })
            .await;
        },
    )
    .await;
}
