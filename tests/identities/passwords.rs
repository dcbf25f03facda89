//! Stolen and guessed passwords.

use serde_json::json;

use super::{NEW_PASSWORD, sign_in};
use crate::support::{Actor, App, Device, Reply, app::PASSWORD, with_app, with_app_configured};

/// A sign-in from a network of its own, behind one proxy, and from a device with these cookies.
async fn sign_in_from(app: &App, network: u8, cookie: &str, email: &str, password: &str) -> Reply {
    let request = app.client.post(format!("{}/api/signin", app.chat.url));
    let request = request.header("x-forwarded-for", format!("203.0.{network}.1"));
    let request = request.header("cookie", cookie).json(&json!({ "email": email, "password": password }));
    Reply::of("POST /api/signin", request).await
}

async fn change_password(actor: &Actor, current: &str, new: &str) -> Reply {
    let body = json!({ "current_password": current, "new_password": new });
    actor.call_with("POST /api/account/password", body).await
}

#[tokio::test]
async fn a_changed_password_locks_the_thief_out_everywhere() {
    with_app(async |app| {
        let nodes = [app.start_notify_server().await, app.start_notify_server().await];
        let ann = app.sign_up("acme", "Ann").await;
        let thief = app.sign_in(&ann).await;
        let mut devices =
            [Device::connect(&thief, &nodes[0]).await, Device::connect(&thief, &nodes[1]).await];
        let mut kept = Device::connect(&ann, &nodes[0]).await;

        change_password(&ann, PASSWORD, NEW_PASSWORD).await.no_content();
        for device in &mut devices {
            device.until_closed().await;
        }
        thief.call("GET /api/users/me").await.refused(401, "session_over");
        let body = json!({ "refresh_token": thief.refresh_token });
        app.call_with("POST /api/refresh", body).await.refused(401, "refresh_token_invalid");
        sign_in(app, &ann.email, PASSWORD).await.refused(401, "wrong_credentials");
        sign_in(app, &ann.email, NEW_PASSWORD).await.ok();
        ann.mark("still here").await;
        kept.until_mark("still here").await;
    })
    .await;
}

#[tokio::test]
async fn a_stolen_session_does_not_change_the_password() {
    with_app_configured(
        |config| config.limits.guesses_per_hour = 6,
        async |app| {
            let ann = app.sign_up("acme", "Ann").await;
            let thief = app.sign_in(&ann).await;
            for guess in ["my first guess", "my second guess", "my third guess"] {
                change_password(&thief, guess, NEW_PASSWORD).await.refused_at(
                    422,
                    "invalid",
                    "/current_password",
                );
            }
            change_password(&thief, "my fourth guess", NEW_PASSWORD).await.refused(429, "rate_limited");
            // Neither do the thief's guesses keep the owner from signing in.
            sign_in(app, &ann.email, PASSWORD).await.ok();
        },
    )
    .await;
}

#[tokio::test]
async fn signing_out_everywhere_leaves_this_session() {
    with_app(async |app| {
        let node = app.start_notify_server().await;
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let (phone, tablet) = (app.sign_in(&ann).await, app.sign_in(&ann).await);
        let mut device = Device::connect(&tablet, &node).await;
        ann.call("DELETE /api/sessions").await.no_content();
        device.until_closed().await;
        for gone in [&phone, &tablet] {
            gone.call("GET /api/users/me").await.refused(401, "session_over");
        }
        let left = ann.call("GET /api/sessions").await.ok();
        assert_eq!(left["items"].as_array().unwrap().len(), 1, "{left}");
        bob.call("GET /api/users/me").await.ok();
    })
    .await;
}

#[tokio::test]
async fn guesses_from_many_networks_are_few_and_do_not_lock_the_owner_out() {
    let behind_a_proxy = |config: &mut chat_core::config::Config| {
        config.server.trusted_proxies = 1;
        config.limits.guesses_per_hour = 8;
    };
    with_app_configured(behind_a_proxy, async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let laptop = sign_in_from(app, 1, "", &ann.email, PASSWORD).await.sent_cookie("device").unwrap();
        let eve = app.sign_up("other", "Eve").await;
        let eves = sign_in_from(app, 2, "", &eve.email, PASSWORD).await.sent_cookie("device").unwrap();

        let mut answers: Vec<u16> = Vec::new();
        for round in 0..10 {
            for network in 10..20 {
                let guess = format!("guess {round} of {network}");
                // A device that is known for another account is none of Ann's.
                let cookie = if round == 0 { &*eves } else { "" };
                answers.push(sign_in_from(app, network, cookie, &ann.email, &guess).await.status);
            }
        }
        let tried = answers.iter().filter(|status| **status == 401).count();
        assert_eq!(tried, 11, "of 100 guesses; the sign-up was the twelfth");
        assert_eq!(answers.iter().filter(|status| **status == 429).count(), 89);
        // An address without an account is answered the same.
        let mut unknown = 0;
        for network in 10..20 {
            for round in 0..3 {
                let guess = format!("a guess {round}");
                let reply = sign_in_from(app, network, "", "nobody@acme.example", &guess).await;
                unknown += usize::from(reply.status == 401);
            }
        }
        assert_eq!(unknown, 12);
        sign_in_from(app, 99, "", &ann.email, PASSWORD).await.refused(429, "rate_limited");
        sign_in_from(app, 99, &laptop, &ann.email, PASSWORD).await.ok();
    })
    .await;
}

#[tokio::test]
async fn who_claims_an_address_gets_no_share_of_guesses_at_the_account_of_its_owner() {
    let behind_a_proxy = |config: &mut chat_core::config::Config| {
        config.server.trusted_proxies = 1;
        config.limits.guesses_per_hour = 8;
    };
    with_app_configured(behind_a_proxy, async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let laptop = sign_in_from(app, 1, "", &ann.email, PASSWORD).await.sent_cookie("device").unwrap();
        let mut claims = Vec::new();
        for claim in ["eve one", "eve two"] {
            let form = json!({ "workspace": claim, "fullname": "Eve", "email": ann.email, "password": format!("horse of {claim}") });
            let request = app.client.post(format!("{}/api/signup", app.chat.url)).json(&form);
            let reply = Reply::of("POST /api/signup", request.header("x-forwarded-for", "203.0.2.1")).await;
            claims.push(reply.sent_cookie("device").unwrap());
            reply.created();
        }
        // Each device is known for its own account.
        let answer = sign_in_from(app, 3, &claims[1], &ann.email, "horse of eve two").await.ok();
        assert_eq!(answer["workspace"]["name"], "eve two");
        let mut answers = Vec::new();
        for (place, cookie) in claims.iter().map(String::as_str).chain([""]).enumerate() {
            for round in 0..10 {
                let network = 10 + u8::try_from(10 * place + round).unwrap();
                let guess = format!("guess {round} of {place}");
                answers.push(sign_in_from(app, network, cookie, &ann.email, &guess).await.status);
            }
        }
        // The common share is 12, and three sign-ups with the address have counted.
        let tried = answers.iter().filter(|status| **status == 401).count();
        assert_eq!((tried, answers[29]), (9, 429), "{answers:?}");
        for claim in &claims {
            sign_in_from(app, 90, claim, &ann.email, PASSWORD).await.refused(429, "rate_limited");
        }
        let answer = sign_in_from(app, 91, &laptop, &ann.email, PASSWORD).await.ok();
        assert_eq!(answer["user"]["id"], ann.id.as_str());
    })
    .await;
}

#[tokio::test]
async fn guessers_of_one_network_do_not_lock_out_a_new_device_of_another() {
    let behind_a_proxy = |config: &mut chat_core::config::Config| {
        config.server.trusted_proxies = 1;
        config.limits.guesses_per_hour = 8;
    };
    with_app_configured(behind_a_proxy, async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let mut tried = 0;
        for round in 0..20 {
            let reply = sign_in_from(app, 10, "", &ann.email, &format!("guess {round}")).await;
            tried += usize::from(reply.status == 401);
        }
        assert_eq!(tried, 4);
        sign_in_from(app, 11, "", &ann.email, PASSWORD).await.ok();
    })
    .await;
}

#[tokio::test]
async fn sign_ups_guess_no_passwords() {
    with_app_configured(
        |config| config.limits.guesses_per_hour = 8,
        async |app| {
            let ann = app.sign_up("acme", "Ann").await;
            let mut created = 0;
            for n in 0..10 {
                let form = json!({ "workspace": format!("w{n}"), "fullname": "Eve", "email": ann.email, "password": format!("eve guesses {n}") });
                created += usize::from(app.try_sign_up(form).await.status == 201);
            }
            assert_eq!(created, 3, "one of the four was Ann's own sign-up");
        },
    )
    .await;
}

#[tokio::test]
async fn the_first_passwords_of_a_guesser_are_refused() {
    with_app(async |app| {
        for common in ["password", "12345678", "aaaaaaaa", "ann@acme.example", "qwertyuiop", "Password123"] {
            let form = json!({ "workspace": "acme", "fullname": "Ann", "email": "ann@acme.example", "password": common });
            let reply = app.try_sign_up(form).await;
            assert_eq!(reply.body["errors"][0]["code"], "common_password", "{common}: {reply}");
            reply.refused_at(422, "invalid", "/password");
        }
        let ann = app.sign_up("acme", "Ann").await;
        change_password(&ann, PASSWORD, "iloveyou").await.refused_at(422, "invalid", "/new_password");
        change_password(&ann, PASSWORD, "short").await.refused_at(422, "invalid", "/new_password");
        // Any characters, and any length up to 256.
        let long = "界".repeat(64) + &"long and dull ".repeat(13);
        change_password(&ann, PASSWORD, &long).await.no_content();
        sign_in(app, &ann.email, &long).await.ok();
    })
    .await;
}

#[tokio::test]
async fn a_password_is_the_same_on_every_keyboard() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        change_password(&ann, PASSWORD, "Ma\u{308}rz Cafe\u{301} \u{ff11}").await.no_content();
        sign_in(app, &ann.email, "M\u{e4}rz Caf\u{e9} 1").await.ok();
        sign_in(app, &ann.email, "m\u{e4}rz caf\u{e9} 1").await.refused(401, "wrong_credentials");
    })
    .await;
}
