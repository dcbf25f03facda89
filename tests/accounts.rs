//! Getting in and out: sign-up, sign-in, refresh, logout, invitations.

use chat_server::db::sessions::REFRESH_GRACE_SECONDS;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Actor, App, app::PASSWORD, with_app, with_app_configured};

fn sign_up(workspace: &str, name: &str) -> Value {
    let email = format!("{name}@{workspace}.example");
    json!({ "workspace": workspace, "fullname": name, "email": email, "password": PASSWORD })
}

async fn refresh(app: &App, token: &str) -> crate::support::Reply {
    app.call_with("POST /api/refresh", json!({ "refresh_token": token })).await
}

#[tokio::test]
async fn signing_up_makes_a_workspace_with_its_owner() {
    with_app(async |app| {
        let reply = app.call_with("POST /api/signup", sign_up("acme", "Ann")).await;
        let cookie = reply.cookie("refresh").unwrap();
        let answer = reply.created();
        assert_eq!(answer["token_type"], "Bearer");
        assert_eq!(answer["expires_in"], 900);
        assert_eq!(answer["user"]["fullname"], "Ann");
        assert_eq!(answer["user"]["email"], "ann@acme.example", "e-mail addresses are kept in lower case");
        assert_eq!(answer["user"]["role"], "owner");
        assert_eq!(answer["workspace"]["name"], "acme");
        assert_eq!(answer["workspaces"], json!([answer["workspace"]]));
        for part in ["parlor_refresh_", "HttpOnly", "SameSite=Strict", "Path=/api"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        let ann = Actor::signed_in(app, &answer);
        assert_eq!(ann.call("GET /api/users/me").await.ok(), answer["user"]);
    })
    .await;
}

#[tokio::test]
async fn taken_names_are_refused() {
    with_app(async |app| {
        app.sign_up("acme", "Ann").await;
        let again = json!({ "workspace": "ACME", "fullname": "Eve", "email": "eve@x.example", "password": PASSWORD });
        app.try_sign_up(again).await.refused(409, "workspace_taken");
        // The refused sign-up stored nothing: the name is free.
        app.try_sign_up(json!({ "email": "eve@x.example", "workspace": "other", "fullname": "Eve", "password": PASSWORD }))
            .await
            .created();
    })
    .await;
}

#[tokio::test]
async fn eight_who_want_the_same_workspace_at_once_get_one() {
    with_app(async |app| {
        let wants = (0..8).map(|n| {
            app.try_sign_up(json!({ "workspace": "acme", "fullname": "A", "email": format!("{n}@x.example"), "password": PASSWORD }))
        });
        let mut statuses: Vec<u16> = join_all(wants).await.iter().map(|reply| reply.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_a_sign_up_is_refused_where_it_is_wrong() {
    with_app(async |app| {
        let cases = [
            ("/email", json!("nobody")),
            ("/email", json!("a@b\u{0}.example")),
            ("/password", json!("short")),
            ("/password", json!("x".repeat(257))),
            ("/fullname", json!("   ")),
            ("/fullname", json!("two\nlines")),
            ("/workspace", json!("x".repeat(65))),
            ("/workspace", Value::Null),
            ("/nonsense", json!(1)),
        ];
        for (pointer, value) in cases {
            let mut body = sign_up("acme", "Ann");
            body[&pointer[1..]] = value;
            app.try_sign_up(body).await.refused_at(422, "invalid", pointer);
        }
        app.call_with("POST /api/signup", json!([1])).await.refused(422, "invalid");
    })
    .await;
}

#[tokio::test]
async fn closed_sign_up_lets_in_the_first_and_then_the_invited_alone() {
    let closed = |config: &mut chat_core::config::Config| config.auth.open_signup = false;
    with_app_configured(closed, async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        app.try_sign_up(sign_up("other", "Eve")).await.refused(403, "signup_closed");
        ann.call_with("POST /api/workspaces", json!({ "name": "second" }))
            .await
            .refused(403, "signup_closed");
        let bob = app.invite(&ann, "Bob").await;
        assert_eq!(bob.workspace_id, ann.workspace_id);
    })
    .await;
}

#[tokio::test]
async fn sign_in_by_e_mail_and_password() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        for workspace in [Value::Null, json!("Acme"), json!(ann.workspace_id)] {
            let body = json!({ "email": "Ann@ACME.example", "password": PASSWORD, "workspace": workspace });
            let answer = app.call_with("POST /api/signin", body).await.ok();
            assert_eq!(answer["user"]["id"], ann.id.as_str());
        }
        let elsewhere = json!({ "email": ann.email, "password": PASSWORD, "workspace": "elsewhere" });
        app.call_with("POST /api/signin", elsewhere).await.refused(403, "no_workspace");
    })
    .await;
}

#[tokio::test]
async fn accounts_of_one_address_and_password_are_told_apart_by_the_name_of_the_workspace() {
    with_app(async |app| {
        let first = app.sign_up("acme", "Ann").await;
        let mut form = sign_up("summer camp", "Ann");
        form["email"] = json!(first.email);
        form["password"] = json!("a password that changes");
        let second = Actor::signed_in(app, &app.try_sign_up(form).await.created());
        let change = json!({ "current_password": "a password that changes", "new_password": PASSWORD });
        second.call_with("POST /api/account/password", change).await.no_content();
        for (workspace, account) in [
            (json!("acme"), &first),
            (json!("Summer  Camp"), &second),
            (json!(second.workspace_id), &second),
            (json!(first.workspace_id), &first),
            (Value::Null, &first),
        ] {
            let body = json!({ "email": first.email, "password": PASSWORD, "workspace": workspace });
            let answer = app.call_with("POST /api/signin", body).await.ok();
            assert_eq!(answer["user"]["id"], account.id.as_str(), "{workspace}");
        }
    })
    .await;
}

#[tokio::test]
async fn unknown_e_mail_and_wrong_password_get_the_same_answer() {
    with_app(async |app| {
        app.sign_up("acme", "Ann").await;
        let answer = async |email: &str| {
            let body = json!({ "email": email, "password": "wrong password" });
            let mut problem = app.call_with("POST /api/signin", body).await.refused(401, "wrong_credentials");
            problem["request_id"].take();
            problem
        };
        assert_eq!(answer("ann@acme.example").await, answer("nobody@acme.example").await);
        // The named workspace tells a guesser nothing either.
        let body =
            json!({ "email": "ann@acme.example", "password": "wrong password", "workspace": "nowhere" });
        app.call_with("POST /api/signin", body).await.refused(401, "wrong_credentials");
    })
    .await;
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_its_reuse_ends_the_family() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let phone = app.sign_in(&ann).await;
        let second = Actor::signed_in(app, &refresh(app, &ann.refresh_token).await.ok());
        let third = Actor::signed_in(app, &refresh(app, &second.refresh_token).await.ok());
        assert!(third.refresh_token != second.refresh_token && second.refresh_token != ann.refresh_token);
        third.call("GET /api/users/me").await.ok();

        // No grace period: the client has used the new token, so it received the response.
        refresh(app, &ann.refresh_token).await.refused(401, "refresh_token_reused");
        // The session is revoked: neither holder can continue with any token.
        refresh(app, &third.refresh_token).await.refused(401, "refresh_token_invalid");
        for actor in [&ann, &second, &third] {
            actor.call("GET /api/users/me").await.refused(401, "session_over");
        }
        phone.call("GET /api/users/me").await.ok();
        refresh(app, &phone.refresh_token).await.ok();
    })
    .await;
}

/// Moves every use of a refresh token into the past.
async fn age_uses(app: &App, seconds: i64) {
    sqlx::query("update refresh_tokens set used_at = used_at - make_interval(secs => $1)")
        .bind(f64::from(i32::try_from(seconds).unwrap()))
        .execute(&app.db)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_refresh_whose_answer_was_lost_may_be_repeated_for_a_moment() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let lost = Actor::signed_in(app, &refresh(app, &ann.refresh_token).await.ok());
        age_uses(app, REFRESH_GRACE_SECONDS - 15).await;
        let again = Actor::signed_in(app, &refresh(app, &ann.refresh_token).await.ok());
        assert_eq!(again.claims().sid, ann.claims().sid, "it is the same session");
        let next = Actor::signed_in(app, &refresh(app, &again.refresh_token).await.ok());
        // The first response did arrive, at a second holder. The two cannot both continue.
        refresh(app, &lost.refresh_token).await.refused(401, "refresh_token_reused");
        refresh(app, &next.refresh_token).await.refused(401, "refresh_token_invalid");
    })
    .await;
}

#[tokio::test]
async fn after_the_moment_a_repeated_refresh_ends_the_session() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let second = Actor::signed_in(app, &refresh(app, &ann.refresh_token).await.ok());
        age_uses(app, REFRESH_GRACE_SECONDS + 1).await;
        refresh(app, &ann.refresh_token).await.refused(401, "refresh_token_reused");
        refresh(app, &second.refresh_token).await.refused(401, "refresh_token_invalid");
        second.call("GET /api/users/me").await.refused(401, "session_over");
    })
    .await;
}

#[tokio::test]
async fn of_eight_refreshes_with_one_token_one_goes_on() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let other = app.start_chat_server().await;
        let tries =
            (0..8).map(|n| {
                let ann = if n % 2 == 0 { ann.clone() } else { ann.at(&other) };
                async move {
                    ann.call_with("POST /api/refresh", json!({ "refresh_token": ann.refresh_token })).await
                }
            });
        let answers = join_all(tries).await;
        let tokens: Vec<String> =
            answers.into_iter().map(|reply| Actor::signed_in(app, &reply.ok()).refresh_token).collect();
        refresh(app, &tokens[5]).await.ok();
        refresh(app, &tokens[2]).await.refused(401, "refresh_token_reused");
    })
    .await;
}

#[tokio::test]
async fn a_browser_refreshes_and_leaves_by_cookie() {
    with_app(async |app| {
        let reply = app.call_with("POST /api/signup", sign_up("acme", "Ann")).await;
        let cookie = reply.sent_cookie("refresh").unwrap();
        let ann = Actor::signed_in(app, &reply.created());
        let reply = ann.request("POST /api/refresh", &[("cookie", &cookie)], None).await;
        let next = reply.sent_cookie("refresh").unwrap();
        assert_ne!(next, cookie);

        let reply = ann.request("POST /api/logout", &[("cookie", &next)], None).await;
        assert!(reply.cookie("refresh").unwrap().contains("Max-Age=0"), "{reply:?}");
        reply.no_content();
        ann.request("POST /api/refresh", &[("cookie", &next)], None)
            .await
            .refused(401, "refresh_token_invalid");
        ann.call("GET /api/users/me").await.refused(401, "session_over");
    })
    .await;
}

#[tokio::test]
async fn logout_ends_this_session_and_no_other() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let phone = app.sign_in(&ann).await;
        let body = json!({ "refresh_token": phone.refresh_token });
        app.call_with("POST /api/logout", body.clone()).await.no_content();
        phone.call("GET /api/users/me").await.refused(401, "session_over");
        ann.call("GET /api/users/me").await.ok();
        // Signing out twice, or with an unknown token, succeeds.
        app.call_with("POST /api/logout", body).await.no_content();
        app.call_with("POST /api/logout", json!({ "refresh_token": "garbage\u{0}" })).await.no_content();
        app.call("POST /api/logout").await.no_content();
    })
    .await;
}

#[tokio::test]
async fn garbage_is_no_refresh_token() {
    with_app(async |app| {
        app.call("POST /api/refresh").await.refused(401, "refresh_token_invalid");
        for garbage in ["", "x", "\u{0}"] {
            refresh(app, garbage).await.refused(401, "refresh_token_invalid");
        }
    })
    .await;
}

#[tokio::test]
async fn an_invitation_leads_into_the_workspace_with_its_role() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let code = ann.invitation(json!({ "role": "admin", "max_uses": 2, "expires_in": 60 })).await;
        let preview = app.call(&format!("GET /api/invites/{code}")).await.ok();
        assert_eq!(preview["workspace_name"], "acme");

        let mut body = sign_up("acme", "Bob");
        body["invite"] = json!(code);
        let bob = app.try_sign_up(body).await.created();
        assert_eq!(
            (&bob["user"]["role"], &bob["workspace"]["id"]),
            (&json!("admin"), &json!(ann.workspace_id))
        );

        let mut elsewhere = sign_up("elsewhere", "Cid");
        elsewhere["invite"] = json!(code);
        app.try_sign_up(elsewhere).await.refused_at(422, "invalid", "/workspace");
        let list = ann.call("GET /api/invites").await.ok();
        assert_eq!(list["items"][0]["uses"], 1, "a refused sign-up uses nothing up");
    })
    .await;
}

#[tokio::test]
async fn the_last_use_of_an_invitation_cannot_be_won_twice() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let code = ann.invitation(json!({ "max_uses": 3 })).await;
        let tries = (0..8).map(|n| {
            app.try_sign_up(json!({
                "fullname": "Guest", "email": format!("{n}@x.example"), "password": PASSWORD, "invite": code,
            }))
        });
        let (won, lost): (Vec<_>, Vec<_>) = join_all(tries).await.into_iter().partition(|r| r.status == 201);
        assert_eq!(won.len(), 3);
        for reply in lost {
            reply.refused(422, "invite_invalid");
        }
        let users = ann.call("GET /api/users").await.ok();
        assert_eq!(users["items"].as_array().unwrap().len(), 4);
    })
    .await;
}

#[tokio::test]
async fn invitations_that_are_over_let_nobody_in() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let eve = app.sign_up("evil", "Eve").await;
        let withdrawn = ann.invitation(json!({})).await;
        eve.call(&format!("DELETE /api/invites/{withdrawn}")).await.refused(404, "not_found");
        ann.call(&format!("DELETE /api/invites/{withdrawn}")).await.no_content();
        ann.call(&format!("DELETE /api/invites/{withdrawn}")).await.refused(404, "not_found");
        let expired = ann.invitation(json!({})).await;
        sqlx::query("update invites set expires_at = now() where code = $1")
            .bind(&expired)
            .execute(&app.db)
            .await
            .unwrap();
        let used = ann.invitation(json!({})).await;
        eve.call(&format!("POST /api/invites/{used}/accept")).await.ok();

        let long = "x".repeat(3000);
        for code in [&withdrawn, &expired, &used, "never-was", "\u{0}", &long] {
            let mut body = sign_up("acme", "Zoe");
            body["invite"] = json!(code);
            app.try_sign_up(body).await.refused_at(422, "invite_invalid", "/invite");
        }
        let zoe = app.sign_up("zoo", "Zoe").await;
        for code in [&withdrawn, &expired, &used, "never-was"] {
            zoe.call(&format!("POST /api/invites/{code}/accept")).await.refused(422, "invite_invalid");
            app.call(&format!("GET /api/invites/{code}")).await.refused(404, "not_found");
        }
        app.call("GET /api/invites/%00").await.refused(404, "not_found");
        assert_eq!(ann.call("GET /api/invites").await.ok()["items"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn members_cannot_invite_and_admins_can() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let code = ann.invitation(json!({})).await;
        bob.call_with("POST /api/invites", json!({})).await.refused(403, "forbidden");
        bob.call("GET /api/invites").await.refused(403, "forbidden");
        bob.call(&format!("DELETE /api/invites/{code}")).await.refused(403, "forbidden");

        ann.call_with(&format!("PATCH /api/users/{}", bob.id), json!({ "role": "admin" })).await.ok();
        bob.call("POST /api/invites").await.created();
        for (pointer, body) in [
            ("/role", json!({ "role": "owner" })),
            ("/max_uses", json!({ "max_uses": 0 })),
            ("/expires_in", json!({ "expires_in": 59 })),
        ] {
            bob.call_with("POST /api/invites", body).await.refused_at(422, "invalid", pointer);
        }
    })
    .await;
}

#[tokio::test]
async fn an_invitation_ends_with_its_makers_right_to_invite() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let role = |role: &str| json!({ "role": role });
        let bobs_path = format!("PATCH /api/users/{}", bob.id);
        ann.call_with(&bobs_path, role("admin")).await.ok();
        let code = bob.invitation(json!({ "role": "admin", "max_uses": 5 })).await;
        let mallory =
            json!({ "fullname": "Mallory", "email": "m@m.example", "password": PASSWORD, "invite": code });

        ann.call_with(&bobs_path, role("member")).await.ok();
        app.try_sign_up(mallory.clone()).await.refused(422, "invite_invalid");
        app.call(&format!("GET /api/invites/{code}")).await.refused(404, "not_found");
        // It does not come back with the right.
        ann.call_with(&bobs_path, role("admin")).await.ok();
        app.try_sign_up(mallory.clone()).await.refused(422, "invite_invalid");
        let code = bob.invitation(json!({})).await;
        ann.call_with(&bobs_path, json!({ "active": false })).await.ok();
        ann.call_with(&bobs_path, json!({ "active": true })).await.ok();
        let mallory =
            json!({ "fullname": "Mallory", "email": "m@m.example", "password": PASSWORD, "invite": code });
        app.try_sign_up(mallory).await.refused(422, "invite_invalid");
    })
    .await;
}

#[tokio::test]
async fn an_account_joins_a_second_workspace_and_accepting_twice_uses_nothing_up() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let eve = app.sign_up("other", "Eve").await;
        let code = ann.invitation(json!({ "max_uses": 2 })).await;
        let there = eve.call(&format!("POST /api/invites/{code}/accept")).await.ok();
        assert_eq!(there["workspace"]["name"], "acme");
        assert_eq!(there["user"]["role"], "member");
        assert_ne!(there["user"]["id"], eve.id.as_str(), "a user belongs to one workspace");
        let names: Vec<_> = there["workspaces"].as_array().unwrap().iter().map(|w| &w["name"]).collect();
        assert_eq!(names, ["other", "acme"]);
        let again = eve.call(&format!("POST /api/invites/{code}/accept")).await.ok();
        assert_eq!(again["user"]["id"], there["user"]["id"]);
        assert_eq!(ann.call("GET /api/invites").await.ok()["items"][0]["uses"], 1);
    })
    .await;
}

#[tokio::test]
async fn one_account_that_accepts_many_times_at_once_is_in_once() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let eve = app.sign_up("other", "Eve").await;
        let there = eve.at(&app.start_chat_server().await);
        let code = ann.invitation(json!({ "max_uses": 8 })).await;
        let accept = format!("POST /api/invites/{code}/accept");
        let replies = join_all((0..8).map(|n| if n % 2 == 0 { &eve } else { &there }.call(&accept))).await;
        for reply in &replies {
            assert!(matches!(
                (reply.status, reply.body["code"].as_str()),
                (200, None) | (409, Some("already_in"))
            ));
        }
        assert!(replies.iter().any(|reply| reply.status == 200));
        assert_eq!(ann.call("GET /api/invites").await.ok()["items"][0]["uses"], 1);
        assert_eq!(ann.call("GET /api/users").await.ok()["items"].as_array().unwrap().len(), 2);
    })
    .await;
}
