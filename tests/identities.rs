//! What an impostor tries: with a stolen token or cookie, a guessed password, or the address of
//! another person.

mod passwords;

use chat_core::token::{Claims, Purpose};
use chat_server::operator::{self, AccountCommand};
use serde_json::{Value, json};

use crate::support::{
    Actor, App, Device, Reply, actor::anonymous, app::PASSWORD, sse::try_stream, with_app,
    with_app_configured,
};

const NEW_PASSWORD: &str = "a longer horse battery";

fn credentials(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password, "refresh_token_in": "body" })
}

async fn sign_in(app: &App, email: &str, password: &str) -> Reply {
    app.call_with("POST /api/signin", credentials(email, password)).await
}

fn now() -> u64 {
    u64::try_from(time::OffsetDateTime::now_utc().unix_timestamp()).unwrap()
}

// Stolen tokens.

#[tokio::test]
async fn a_stolen_access_token_cannot_renew_itself() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let second = ann.call_with("POST /api/workspaces", json!({ "name": "second" })).await.created();
        let code = ann.invitation(json!({})).await;
        let stolen = Claims { exp: now() + 100, ..ann.claims() };
        let thief = ann.with_token(app.sign(stolen, Purpose::Access));
        for operation in [
            format!("POST /api/workspaces/{}/token", ann.workspace_id),
            format!("POST /api/workspaces/{}/token", second["id"].as_str().unwrap()),
            format!("POST /api/invites/{code}/accept"),
        ] {
            let answer = thief.call(&operation).await.ok();
            let made = Actor::signed_in(app, &answer);
            assert_eq!(made.claims().exp, stolen.exp, "{operation}");
            assert!(answer["expires_in"].as_u64().unwrap() <= 100, "{answer}");
            assert_eq!(answer.get("refresh_token"), None);
        }
        // Its owner, who has the refresh token, gets a whole one.
        let body = json!({ "refresh_token": ann.refresh_token, "workspace": second["id"] });
        assert_eq!(app.call_with("POST /api/refresh", body).await.ok()["expires_in"], 900);
    })
    .await;
}

#[tokio::test]
async fn a_ticket_does_not_outlive_the_token_that_it_was_made_with() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let stolen = Claims { exp: now() + 20, ..ann.claims() };
        let thief = ann.with_token(app.sign(stolen, Purpose::Access));
        let ticket = thief.call("POST /api/events/ticket").await.created();
        assert_eq!(ann.with_token(ticket["ticket"].as_str().unwrap()).claims().exp, stolen.exp);
        assert!(ticket["expires_in"].as_u64().unwrap() <= 20, "{ticket}");
    })
    .await;
}

#[tokio::test]
async fn a_session_opens_no_workspace_but_those_of_its_account() {
    with_app(async |app| {
        let node = app.start_notify_server().await;
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let eve = app.sign_up("other", "Eve").await;
        // Both servers have seen the session where it belongs.
        ann.call("GET /api/users/me").await.ok();
        let _device = Device::connect(&ann, &node).await;
        let good = ann.claims();
        for claims in [
            Claims { ws: eve.claims().ws, ..good },
            Claims { sub: eve.claims().sub, ws: eve.claims().ws, ..good },
            Claims { sub: bob.claims().sub, ..good },
            Claims { sid: bob.claims().sid, ..good },
            Claims { sid: chat_core::SessionId::generate(), ..good },
        ] {
            let signed = ann.with_token(app.sign(claims, Purpose::Access));
            signed.call("GET /api/users").await.refused(401, "session_over");
            let bearer = format!("Bearer {}", signed.token);
            let reply = try_stream(&node, "", &[("authorization", &bearer)]).await;
            assert_eq!(reply.status, 204, "{claims:?}: {reply}");
            let ticket = app.sign(claims, Purpose::Stream);
            assert_eq!(try_stream(&node, &format!("?ticket={ticket}"), &[]).await.status, 204, "{claims:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_ended_session_stays_ended_at_a_server_that_starts_later() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let phone = app.sign_in(&ann).await;
        ann.call(&format!("DELETE /api/sessions/{}", phone.claims().sid)).await.no_content();
        // Longer ago than this notify_server's own tokens live, and less than chat_server's may.
        sqlx::query(
            "update sessions set revoked_at = now() - interval '50 minutes' where revoked_at is not null",
        )
        .execute(&app.db)
        .await
        .unwrap();
        let node = app.start_notify_server().await;
        let long = app.sign(Claims { exp: now() + 3000, ..phone.claims() }, Purpose::Access);
        let bearer = format!("Bearer {long}");
        assert_eq!(try_stream(&node, "", &[("authorization", &bearer)]).await.status, 204);
        phone.with_token(&*long).call("GET /api/users/me").await.refused(401, "session_over");
    })
    .await;
}

#[tokio::test]
async fn what_a_deactivated_person_held_stays_useless_after_the_return() {
    with_app(async |app| {
        let node = app.start_notify_server().await;
        let ann = app.sign_up("acme", "Ann").await;
        let eve = app.sign_up("other", "Eve").await;
        let code = ann.invitation(json!({})).await;
        let there = eve.call(&format!("POST /api/invites/{code}/accept")).await.ok();
        let there = Actor::signed_in(app, &there);
        let device = Device::connect(&there, &node).await;
        let path = format!("PATCH /api/users/{}", there.id);
        ann.call_with(&path, json!({ "active": false })).await.ok();
        ann.call_with(&path, json!({ "active": true })).await.ok();
        drop(device);
        // Her session goes on where Ann has nothing to say, and gives no way back to Ann's.
        there.call("GET /api/users/me").await.refused(401, "session_over");
        let bearer = format!("Bearer {}", there.token);
        assert_eq!(try_stream(&node, "", &[("authorization", &bearer)]).await.status, 204);
        let late = app.start_notify_server().await;
        assert_eq!(try_stream(&late, "", &[("authorization", &bearer)]).await.status, 204);
        eve.call("GET /api/users/me").await.ok();
        eve.call(&format!("POST /api/workspaces/{}/token", ann.workspace_id)).await.refused(404, "not_found");
        let body = json!({ "refresh_token": eve.refresh_token, "workspace": ann.workspace_id });
        app.call_with("POST /api/refresh", body).await.refused(403, "no_workspace");
        let body = json!({ "refresh_token": eve.refresh_token });
        assert_eq!(app.call_with("POST /api/refresh", body).await.ok()["workspace"]["name"], "other");
        // A new sign-in does.
        let body = json!({ "email": eve.email, "password": PASSWORD, "workspace": "acme" });
        let again = Actor::signed_in(app, &app.call_with("POST /api/signin", body).await.ok());
        again.call("GET /api/users/me").await.ok();
        let _device = Device::connect(&again, &node).await;
    })
    .await;
}

// Stolen and tossed cookies.

#[tokio::test]
async fn a_script_in_the_page_never_sees_the_refresh_token() {
    with_app(async |app| {
        let form = json!({ "workspace": "acme", "fullname": "Ann", "email": "ann@acme.example", "password": PASSWORD });
        let reply = app.call_with("POST /api/signup", form).await;
        let mut cookie = reply.sent_cookie("refresh").unwrap();
        assert_eq!(reply.created().get("refresh_token"), None);
        for body in [None, Some(json!({}))] {
            let ann = app.client.post(format!("{}/api/refresh", app.chat.url)).header("cookie", &cookie);
            let ann = match body {
                Some(body) => ann.json(&body),
                None => ann,
            };
            let reply = Reply::of("POST /api/refresh", ann).await;
            cookie = reply.sent_cookie("refresh").unwrap();
            assert_eq!(reply.ok().get("refresh_token"), None);
        }
        // A program asks for it, and gets no cookie.
        let reply = sign_in(app, "ann@acme.example", PASSWORD).await;
        assert_eq!(reply.cookie(""), None);
        let token = reply.ok()["refresh_token"].clone();
        let reply = app.call_with("POST /api/refresh", json!({ "refresh_token": token })).await;
        assert_eq!(reply.cookie(""), None);
        assert!(reply.ok()["refresh_token"].is_string());
    })
    .await;
}

#[tokio::test]
async fn a_tossed_cookie_does_not_swap_a_session() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let eve = app.sign_up("other", "Eve").await;
        let cookie = |app: Value, name: &str| format!("{name}={}", app.as_str().unwrap());
        let signed_in =
            app.call_with("POST /api/signin", json!({ "email": ann.email, "password": PASSWORD })).await;
        let own = signed_in.sent_cookie("refresh").unwrap();
        let name = own.split('=').next().unwrap().to_owned();
        let tossed = cookie(json!(eve.refresh_token), &name);
        for both in [format!("{own}; {tossed}"), format!("{tossed}; {own}")] {
            ann.request("POST /api/refresh", &[("cookie", &both)], None)
                .await
                .refused(401, "refresh_token_invalid");
            ann.request("POST /api/logout", &[("cookie", &both)], None).await.no_content();
        }
        // Neither session was used or ended, and cookies of other names do not matter.
        let others = format!("refresh_token={}; {own}; parlor_refresh_0=x", eve.refresh_token);
        let answer = ann.request("POST /api/refresh", &[("cookie", &others)], None).await.ok();
        assert_eq!(answer["user"]["fullname"], "Ann");
        app.call_with("POST /api/refresh", json!({ "refresh_token": eve.refresh_token })).await.ok();
    })
    .await;
}

#[tokio::test]
async fn neither_a_sibling_subdomain_nor_another_parlor_on_the_host_shares_the_cookie() {
    let https = |config: &mut chat_core::config::Config| {
        config.server.public_url = "https://chat.example.com".into();
    };
    with_app_configured(https, async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let body = json!({ "email": ann.email, "password": PASSWORD });
        let reply = app.call_with("POST /api/signin", body.clone()).await;
        for part in ["refresh", "device"] {
            let cookie = reply.cookie(part).unwrap();
            assert!(cookie.starts_with("__Host-parlor_"), "{cookie}");
            for attribute in ["; Secure", "; Path=/", "; HttpOnly", "; SameSite=Strict"] {
                assert!(cookie.contains(attribute), "{cookie}");
            }
            assert!(!cookie.contains("Domain") && !cookie.contains("Path=/api"), "{cookie}");
        }
        // Another installation, made here by another row.
        sqlx::query("update instance set id = gen_random_uuid()").execute(&app.db).await.unwrap();
        let other = app.start_chat_server().await;
        let there = anonymous(&app.client, &other.url, "POST /api/signin", Some(body)).await;
        let (here, there) = (reply.sent_cookie("refresh").unwrap(), there.sent_cookie("refresh").unwrap());
        assert_ne!(here.split('=').next(), there.split('=').next());
        // A browser sends both to both, and each takes its own.
        let both = format!("{there}; {here}");
        ann.request("POST /api/refresh", &[("cookie", &both)], None).await.ok();
        ann.at(&other).request("POST /api/refresh", &[("cookie", &both)], None).await.ok();
        let reply = ann.request("POST /api/logout", &[("cookie", &here)], None).await;
        let gone = reply.cookie("refresh").unwrap();
        assert!(
            gone.contains("; Secure") && gone.contains("; Path=/") && gone.contains("Max-Age=0"),
            "{gone}"
        );
    })
    .await;
}

// Addresses of others.

#[tokio::test]
async fn who_claims_an_address_first_does_not_keep_its_owner_out() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let code = ann.invitation(json!({ "max_uses": 5 })).await;
        let squatter = |workspace: &str| json!({ "workspace": workspace, "fullname": "The CEO", "email": "ceo@acme.example", "password": "the squatter's own" });
        app.try_sign_up(squatter("evil")).await.created();
        app.try_sign_up(json!({ "invite": code, "fullname": "The CEO", "email": "ceo@acme.example", "password": "another squatter" })).await.created();

        let form = json!({ "invite": code, "fullname": "Cleo", "email": "CEO@acme.example", "password": PASSWORD });
        let cleo = Actor::signed_in(app, &app.try_sign_up(form).await.created());
        assert_eq!(cleo.workspace_id, ann.workspace_id);
        let again = sign_in(app, "ceo@acme.example", PASSWORD).await.ok();
        assert_eq!(again["user"]["id"], cleo.id.as_str());
        assert_eq!(again["workspaces"].as_array().unwrap().len(), 1, "nothing of the squatter's");
        // Each of them is shown as one who only claims the address.
        let users = ann.call("GET /api/users").await.ok();
        let claims: Vec<_> = users["items"].as_array().unwrap().iter().filter(|u| u["email"] == "ceo@acme.example").collect();
        assert_eq!(claims.len(), 2);
        assert!(claims.iter().all(|user| user["email_verified"] == false), "{users}");
    })
    .await;
}

#[tokio::test]
async fn who_claims_the_verified_address_of_a_colleague_enters_by_no_way() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        operator::run(&app.config, &AccountCommand::Verify { who: ann.email.clone() }).await.unwrap();
        let code = ann.invitation(json!({ "max_uses": 9 })).await;
        // Eve claims the address where Ann is not.
        let horse = "eve has a horse";
        let form = json!({ "workspace": "evil", "fullname": "Ann", "email": ann.email, "password": horse });
        let eve = Actor::signed_in(app, &app.try_sign_up(form).await.created());
        eve.call(&format!("POST /api/invites/{code}/accept")).await.refused(409, "email_taken");
        for password in [horse, "another horse of eve"] {
            let form = json!({ "invite": code, "fullname": "Ann", "email": ann.email, "password": password });
            app.try_sign_up(form).await.refused(409, "email_taken");
        }
        // Mallory enters by her own address, and changes it then.
        let mallory = app.invite(&ann, "Mallory").await;
        let change = json!({ "email": "ANN@acme.example", "password": PASSWORD });
        mallory.call_with("POST /api/account/email", change).await.refused(409, "email_taken");
        assert_eq!(mallory.call("GET /api/account").await.ok()["email"], mallory.email.as_str());
        let people = ann.call("GET /api/users").await.ok();
        let named =
            people["items"].as_array().unwrap().iter().filter(|user| user["email"] == ann.email.as_str());
        assert_eq!(named.count(), 1, "{people}");
        assert_eq!(ann.call("GET /api/invites").await.ok()["items"][0]["uses"], 0);
        // Ann herself may enter anywhere.
        let other = app.sign_up("other", "Zoe").await.invitation(json!({})).await;
        ann.call(&format!("POST /api/invites/{other}/accept")).await.ok();
    })
    .await;
}

#[tokio::test]
async fn signing_up_again_with_ones_own_password_is_the_same_account() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let eve = app.sign_up("other", "Eve").await;
        let code = eve.invitation(json!({ "max_uses": 5 })).await;
        let form = json!({ "invite": code, "fullname": "Annie", "email": ann.email, "password": PASSWORD });
        let there = app.try_sign_up(form.clone()).await.created();
        let names: Vec<_> = there["workspaces"].as_array().unwrap().iter().map(|w| &w["name"]).collect();
        assert_eq!(names, ["acme", "other"]);
        app.try_sign_up(form).await.refused(409, "email_taken");
        let own =
            json!({ "workspace": "third", "fullname": "Ann", "email": ann.email, "password": PASSWORD });
        assert_eq!(app.try_sign_up(own).await.created()["workspaces"].as_array().unwrap().len(), 3);
    })
    .await;
}

#[tokio::test]
async fn an_invitation_of_one_address_is_for_nobody_else() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let eve = app.sign_up("other", "Eve").await;
        ann.call_with("POST /api/invites", json!({ "email": "bob@acme.example", "max_uses": 2 }))
            .await
            .refused_at(422, "invalid", "/max_uses");
        let code = ann.invitation(json!({ "email": "Bob@acme.example" })).await;
        assert_eq!(app.call(&format!("GET /api/invites/{code}")).await.ok()["email"], "bob@acme.example");
        eve.call(&format!("POST /api/invites/{code}/accept")).await.refused_at(422, "invalid", "/email");
        let form =
            |email: &str| json!({ "invite": code, "fullname": "Bob", "email": email, "password": PASSWORD });
        app.try_sign_up(form("eve@evil.example")).await.refused_at(422, "invalid", "/email");
        let bob = app.try_sign_up(form("BOB@acme.example")).await.created();
        // Who handed the code over did not prove who reads mail there.
        assert_eq!(bob["user"]["email_verified"], false);
        app.try_sign_up(form("bob@acme.example")).await.refused(422, "invite_invalid");
    })
    .await;
}

#[tokio::test]
async fn a_workspace_may_demand_verified_addresses_of_its_domains() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let eve = app.sign_up("other", "Eve").await;
        let path = format!("PATCH /api/workspaces/{}", ann.workspace_id);
        bob.call_with(&path, json!({ "verified_only": true })).await.refused(403, "forbidden");
        ann.call_with(&path, json!({ "email_domains": ["no domain"] })).await.refused_at(
            422,
            "invalid",
            "/email_domains/0",
        );
        let many: Vec<String> = (0..51).map(|n| format!("d{n}.example")).collect();
        ann.call_with(&path, json!({ "email_domains": many })).await.refused_at(
            422,
            "invalid",
            "/email_domains",
        );
        let changed = ann.call_with(&path, json!({ "email_domains": ["Acme.example"] })).await.ok();
        assert_eq!((&changed["email_domains"], &changed["name"]), (&json!(["acme.example"]), &json!("acme")));

        let code = ann.invitation(json!({ "max_uses": 9 })).await;
        let form =
            |email: &str| json!({ "invite": code, "fullname": "New", "email": email, "password": PASSWORD });
        for other in ["x@other.example", "x@sub.acme.example", "x@notacme.example"] {
            app.try_sign_up(form(other)).await.refused(403, "email_domain");
        }
        eve.call(&format!("POST /api/invites/{code}/accept")).await.refused(403, "email_domain");
        app.try_sign_up(form("cid@ACME.example")).await.created();

        ann.call_with(&path, json!({ "verified_only": true })).await.ok();
        app.try_sign_up(form("dee@acme.example")).await.refused(403, "email_unverified");
        let anonymous =
            anonymous(&app.client, &app.chat.url, &format!("GET /api/invites/{code}"), None).await.ok();
        assert_eq!(anonymous["workspace_name"], "acme");
        assert_eq!(
            ann.call("GET /api/invites").await.ok()["items"][0]["uses"],
            1,
            "refused ones use nothing up"
        );
    })
    .await;
}
