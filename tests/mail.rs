//! Mails: addresses are verified and changed, passwords reset, people invited and told, and nobody
//! else gets in by it. On a real SMTP conversation.

mod letters;

use chat_core::config::Config;
use chat_server::operator::{self, AccountCommand};
use serde_json::{Value, json};

use crate::support::{
    Actor, App, Device, Reply, app::PASSWORD, eventually, smtp::MailServer, with_app, with_app_configured,
};

const NEW_PASSWORD: &str = "a longer horse battery";

/// A test with an app that sends mail.
async fn with_mail(test: impl AsyncFnOnce(&App, &MailServer)) {
    let server = MailServer::start().await;
    let configure = |config: &mut Config| {
        config.mail.smtp_url = Some(chat_core::config::Secret::new(&*server.url));
        config.mail.from = Some("Parlor <parlor@example.com>".into());
    };
    with_app_configured(configure, async |app| test(app, &server).await).await;
}

async fn confirm(app: &App, code: &str) -> Reply {
    app.call_with("POST /api/email/confirm", json!({ "code": code })).await
}

async fn preview(app: &App, code: &str) -> Reply {
    app.call_with("POST /api/email/preview", json!({ "code": code })).await
}

async fn forgot(app: &App, email: &str) {
    let reply = app.call_with("POST /api/password/forgot", json!({ "email": email })).await;
    assert_eq!((reply.status, reply.body), (202, Value::Null));
}

async fn reset(app: &App, code: &str, password: &str) -> Reply {
    app.call_with("POST /api/password/reset", json!({ "code": code, "password": password })).await
}

async fn sign_in(app: &App, email: &str, password: &str) -> Reply {
    app.call_with("POST /api/signin", json!({ "email": email, "password": password })).await
}

/// Ann, whose address is verified.
async fn verified(app: &App, mails: &MailServer, workspace: &str, name: &str) -> Actor {
    let actor = app.sign_up(workspace, name).await;
    confirm(app, &mails.take(&actor.email).await.code("verify")).await.no_content();
    actor
}

/// All mails that were added are sent or given up.
async fn until_sent(app: &App) {
    eventually(async || {
        let left: i64 = sqlx::query_scalar("select count(*) from jobs where kind = 'send_mail'")
            .fetch_one(&app.db)
            .await
            .unwrap();
        if left == 0 { Ok(()) } else { Err(format!("{left} mails")) }
    })
    .await;
}

async fn operator(app: &App, command: AccountCommand) -> anyhow::Result<String> {
    operator::run(&app.config, &command).await
}

#[tokio::test]
async fn an_address_is_verified_by_whoever_reads_mail_there_and_everybody_sees_it() {
    with_mail(async |app, mails| {
        let node = app.start_notify_server().await;
        let ann = app.sign_up("acme", "Ann").await;
        assert_eq!(ann.call("GET /api/users/me").await.ok()["email_verified"], false);
        let mail = mails.take("ann@acme.example").await;
        assert_eq!(mail.header("From"), "Parlor <parlor@example.com>");
        assert_eq!(mail.header("Subject"), "Confirm your e-mail address");
        assert_eq!(mail.header("Auto-Submitted"), "auto-generated");
        assert!(mail.header("Content-Type").starts_with("multipart/alternative"), "{mail:?}");
        assert!(mail.header("Message-ID").ends_with("@localhost>"), "{mail:?}");
        // As whom the account signed up: it may be a stranger's.
        assert!(mail.text.contains("\u{201c}Ann\u{201d} in \u{201c}acme\u{201d}"), "{mail:?}");
        let mut device = Device::connect(&ann, &node).await;
        let code = mail.code("verify");
        let preview = preview(app, &code).await.ok();
        let places = json!([{ "workspace_name": "acme", "fullname": "Ann" }]);
        assert_eq!(preview, json!({ "email": "ann@acme.example", "places": places }));
        // A program that looks into mails follows the link and confirms nothing.
        app.call(&format!("GET /verify?code={code}")).await;
        app.call("GET /api/email/confirm").await.refused(405, "method_not_allowed");
        assert_eq!(ann.call("GET /api/account").await.ok()["email_verified"], false);

        confirm(app, &code).await.no_content();
        confirm(app, &code).await.refused(422, "code_invalid");
        self::preview(app, &code).await.refused(422, "code_invalid");
        let account = ann.call("GET /api/account").await.ok();
        assert_eq!((&account["email_verified"], &account["sends_mail"]), (&json!(true), &json!(true)));
        ann.mark("verified").await;
        device.until_mark("verified").await;
        assert!(device.kinds().contains(&"user.updated"), "{:?}", device.kinds());
        ann.call("POST /api/account/verification").await.refused(409, "already_verified");
    })
    .await;
}

#[tokio::test]
async fn a_squatter_keeps_nobody_out_and_loses_the_address_to_its_reader() {
    with_mail(async |app, mails| {
        let squatter = app.sign_up("evil", "CEO").await;
        let _unread = mails.take("ceo@evil.example").await;
        let form = json!({ "workspace": "acme", "fullname": "Cleo", "email": "ceo@evil.example", "password": NEW_PASSWORD });
        let cleo = Actor::signed_in(app, &app.try_sign_up(form).await.created());
        confirm(app, &mails.take("ceo@evil.example").await.code("verify")).await.no_content();
        let mine = cleo.call("GET /api/users/me").await.ok();
        assert_eq!((&mine["email"], &mine["email_verified"]), (&json!("ceo@evil.example"), &json!(true)));
        let theirs = squatter.call("GET /api/users/me").await.ok();
        assert_eq!(theirs["email_verified"], false);
        // The squatter asks for the mail again, and the owner is told instead.
        squatter.call("POST /api/account/verification").await;
        let told = mails.take("ceo@evil.example").await;
        assert_eq!(told.header("Subject"), "You have an account already");
        assert!(!told.text.contains("/verify#"), "{told:?}");
        // A forgotten password is that of the owner's account alone.
        forgot(app, "ceo@evil.example").await;
        let mail = mails.take("ceo@evil.example").await;
        assert_eq!(mail.text.matches("/reset#").count(), 2, "one link, in text and HTML: {mail:?}");
        reset(app, &mail.code("reset"), "yet another horse").await.no_content();
        assert_eq!(sign_in(app, "ceo@evil.example", "yet another horse").await.ok()["user"]["id"], cleo.id.as_str());
        squatter.call("GET /api/users/me").await.ok();
    })
    .await;
}

#[tokio::test]
async fn an_address_is_not_verified_for_two() {
    with_mail(async |app, mails| {
        let one = app.sign_up("acme", "Ann").await;
        let first = mails.take(&one.email).await.code("verify");
        let form =
            json!({ "workspace": "other", "fullname": "Ann", "email": one.email, "password": NEW_PASSWORD });
        app.try_sign_up(form).await.created();
        let second = mails.take(&one.email).await.code("verify");
        confirm(app, &second).await.no_content();
        confirm(app, &first).await.refused(409, "email_taken");
        assert_eq!(one.call("GET /api/users/me").await.ok()["email_verified"], false);
    })
    .await;
}

#[tokio::test]
async fn a_forgotten_password_is_reset_by_mail_and_all_sessions_end() {
    with_mail(async |app, mails| {
        let ann = verified(app, mails, "acme", "Ann").await;
        forgot(app, "ANN@acme.example").await;
        let code = mails.take(&ann.email).await.code("reset");
        reset(app, &code, "password").await.refused_at(422, "invalid", "/password");
        reset(app, &code, NEW_PASSWORD).await.no_content();
        reset(app, &code, "one more horse").await.refused(422, "code_invalid");
        ann.call("GET /api/users/me").await.refused(401, "session_over");
        let body = json!({ "refresh_token": ann.refresh_token });
        app.call_with("POST /api/refresh", body).await.refused(401, "refresh_token_invalid");
        sign_in(app, &ann.email, PASSWORD).await.refused(401, "wrong_credentials");
        assert_eq!(mails.take(&ann.email).await.header("Subject"), "Your password was changed");
        sign_in(app, &ann.email, NEW_PASSWORD).await.ok();
    })
    .await;
}

#[tokio::test]
async fn known_and_unknown_addresses_get_the_same_answer() {
    with_mail(async |app, mails| {
        let ann = verified(app, mails, "acme", "Ann").await;
        let form = |email: &str, workspace: &str| json!({ "workspace": workspace, "fullname": "X", "email": email, "password": NEW_PASSWORD });
        let known = app.try_sign_up(form(&ann.email, "w1")).await.created();
        let unknown = app.try_sign_up(form("zoe@acme.example", "w2")).await.created();
        let shape = |answer: &Value| {
            let user = &answer["user"];
            (user["email_verified"].clone(), user["role"].clone(), answer["workspaces"].as_array().unwrap().len())
        };
        assert_eq!(shape(&known), shape(&unknown));
        assert_eq!(known["user"]["email"], ann.email.as_str());
        // The one is told of the other's try, the other gets a link.
        assert_eq!(mails.take(&ann.email).await.header("Subject"), "You have an account already");
        assert_eq!(mails.take("zoe@acme.example").await.header("Subject"), "Confirm your e-mail address");
        forgot(app, &ann.email).await;
        forgot(app, "nobody@acme.example").await;
        mails.take(&ann.email).await;
        until_sent(app).await;
        assert!(mails.left().is_empty(), "{:?}", mails.left());
    })
    .await;
}

#[tokio::test]
async fn an_address_changes_once_the_new_one_is_confirmed_and_the_old_one_is_told() {
    with_mail(async |app, mails| {
        let ann = verified(app, mails, "acme", "Ann").await;
        let change = json!({ "email": "ann@new.example", "password": PASSWORD });
        ann.call_with(
            "POST /api/account/email",
            json!({ "email": "ann@new.example", "password": "not my password" }),
        )
        .await
        .refused_at(422, "invalid", "/password");
        let account = ann.call_with("POST /api/account/email", change).await.ok();
        assert_eq!(
            (&account["email"], &account["new_email"]),
            (&json!(ann.email), &json!("ann@new.example"))
        );
        assert_eq!(mails.take(&ann.email).await.header("Subject"), "Your e-mail address is to change");
        let code = mails.take("ann@new.example").await.code("verify");
        sign_in(app, "ann@new.example", PASSWORD).await.refused(401, "wrong_credentials");
        confirm(app, &code).await.no_content();
        let me = ann.call("GET /api/users/me").await.ok();
        assert_eq!((&me["email"], &me["email_verified"]), (&json!("ann@new.example"), &json!(true)));
        assert_eq!(mails.take(&ann.email).await.header("Subject"), "Your e-mail address was changed");
        sign_in(app, "ann@new.example", PASSWORD).await.ok();
        sign_in(app, &ann.email, PASSWORD).await.refused(401, "wrong_credentials");
    })
    .await;
}

#[tokio::test]
async fn a_thief_who_asked_for_another_address_does_not_get_it_after_the_password_changed() {
    with_mail(async |app, mails| {
        let ann = verified(app, mails, "acme", "Ann").await;
        let thief = app.sign_in(&ann).await;
        let change = json!({ "email": "thief@evil.example", "password": PASSWORD });
        thief.call_with("POST /api/account/email", change).await.ok();
        let code = mails.take("thief@evil.example").await.code("verify");
        forgot(app, &ann.email).await;
        let mut mail = mails.take(&ann.email).await;
        while !mail.text.contains("/reset#") {
            mail = mails.take(&ann.email).await;
        }
        reset(app, &mail.code("reset"), NEW_PASSWORD).await.no_content();
        confirm(app, &code).await.refused(422, "code_invalid");
        sign_in(app, "thief@evil.example", PASSWORD).await.refused(401, "wrong_credentials");
        let account = Actor::signed_in(app, &sign_in(app, &ann.email, NEW_PASSWORD).await.ok());
        assert_eq!(account.call("GET /api/account").await.ok()["new_email"], Value::Null);
    })
    .await;
}

#[tokio::test]
async fn people_are_told_of_a_new_device_and_of_a_changed_password() {
    with_mail(async |app, mails| {
        let ann = verified(app, mails, "acme", "Ann").await;
        let body = json!({ "email": ann.email, "password": PASSWORD });
        let agent = [("user-agent", "Mozilla/5.0 (X11) <b>Phone</b>")];
        let reply = ann.request("POST /api/signin", &agent, Some(body.clone())).await;
        let device = reply.sent_cookie("device").unwrap();
        let mail = mails.take(&ann.email).await;
        assert_eq!(mail.header("Subject"), "A new device was signed in");
        assert!(mail.text.contains("&lt;b&gt;Phone"), "{mail:?}");
        // Again from there, by its cookie.
        let again = [("user-agent", "updated"), ("cookie", &*device)];
        ann.request("POST /api/signin", &again, Some(body.clone())).await.ok();
        until_sent(app).await;
        assert!(mails.left().is_empty(), "{:?}", mails.left());
        // Another device that calls itself the same is another one.
        ann.request("POST /api/signin", &agent, Some(body)).await.ok();
        assert_eq!(mails.take(&ann.email).await.header("Subject"), "A new device was signed in");
        let change = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
        ann.call_with("POST /api/account/password", change).await.no_content();
        assert_eq!(mails.take(&ann.email).await.header("Subject"), "Your password was changed");
        until_sent(app).await;
        assert!(mails.left().is_empty(), "{:?}", mails.left());
    })
    .await;
}

#[tokio::test]
async fn a_stolen_password_does_not_sign_in_unnoticed_by_a_sign_up() {
    with_mail(async |app, mails| {
        let ann = verified(app, mails, "acme", "Ann").await;
        let form = |workspace: &str| json!({ "workspace": workspace, "fullname": "Thief", "email": ann.email, "password": PASSWORD });
        let reply = app.call_with("POST /api/signup", form("lair")).await;
        let device = reply.sent_cookie("device").unwrap();
        assert_eq!(reply.created()["workspaces"].as_array().unwrap().len(), 2, "it is Ann's account");
        assert_eq!(mails.take(&ann.email).await.header("Subject"), "A new device was signed in");
        let kinds: Vec<String> = sqlx::query_scalar("select kind from security_events order by id desc limit 1")
            .fetch_all(&app.db)
            .await
            .unwrap();
        assert_eq!(kinds, ["signed_in"]);
        // From there it is known, and another's device is not.
        ann.request("POST /api/signup", &[("cookie", &device)], Some(form("den"))).await.created();
        until_sent(app).await;
        assert!(mails.left().is_empty(), "{:?}", mails.left());
        let eve = json!({ "workspace": "evil", "fullname": "Eve", "email": ann.email, "password": NEW_PASSWORD });
        let reply = app.call_with("POST /api/signup", eve).await;
        let eves = reply.sent_cookie("device").unwrap();
        mails.take(&ann.email).await;
        let guess = json!({ "email": ann.email, "password": PASSWORD });
        ann.request("POST /api/signin", &[("cookie", &eves)], Some(guess)).await.ok();
        assert_eq!(mails.take(&ann.email).await.header("Subject"), "A new device was signed in");
    })
    .await;
}

#[tokio::test]
async fn an_invitation_by_mail_proves_the_address_and_is_known_to_its_reader_alone() {
    with_mail(async |app, mails| {
        let ann = verified(app, mails, "acme", "Ann").await;
        ann.call_with(
            &format!("PATCH /api/workspaces/{}", ann.workspace_id),
            json!({ "verified_only": true }),
        )
        .await
        .ok();
        let invite =
            ann.call_with("POST /api/invites", json!({ "email": "bob@acme.example" })).await.created();
        assert_eq!((&invite["code"], &invite["email"]), (&Value::Null, &json!("bob@acme.example")));
        assert_eq!(ann.call("GET /api/invites").await.ok()["items"][0]["code"], Value::Null);
        let mail = mails.take("bob@acme.example").await;
        assert!(mail.text.contains("acme") && mail.text.contains("Ann"), "{mail:?}");
        let (_, rest) = mail.text.split_once("invite=").unwrap();
        let code: String =
            rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
        let form =
            json!({ "invite": code, "fullname": "Bob", "email": "bob@acme.example", "password": PASSWORD });
        let bob = app.try_sign_up(form).await.created();
        assert_eq!(bob["user"]["email_verified"], true);

        // Withdrawn by its id, since nobody here has the code.
        let second =
            ann.call_with("POST /api/invites", json!({ "email": "cid@acme.example" })).await.created();
        mails.take("cid@acme.example").await;
        ann.call(&format!("DELETE /api/invites/{}", second["id"].as_str().unwrap())).await.no_content();
        // An address gets only so many, from all workspaces.
        let eve = app.sign_up("evil", "Eve").await;
        let mut mailed = 0;
        for _ in 0..7 {
            let reply = eve.call_with("POST /api/invites", json!({ "email": "victim@acme.example" })).await;
            if reply.status == 201 {
                mailed += 1;
            } else {
                reply.refused(409, "too_many_mails");
            }
        }
        assert_eq!(mailed, 5);
    })
    .await;
}

#[tokio::test]
async fn a_mail_that_fails_is_sent_later_and_one_that_is_refused_is_not() {
    with_mail(async |app, mails| {
        mails.refuse_next("451 4.7.1 come back later, <ann@acme.example>");
        let ann = app.sign_up("acme", "Ann").await;
        eventually(async || {
            let error: Option<Option<String>> =
                sqlx::query_scalar("select last_error from jobs where kind = 'send_mail'")
                    .fetch_optional(&app.db)
                    .await
                    .unwrap();
            match error.flatten() {
                Some(error) => {
                    assert!(error.contains("451") && !error.contains("ann@"), "{error}");
                    Ok(())
                }
                None => Err("no failure yet".into()),
            }
        })
        .await;
        confirm(app, &mails.take(&ann.email).await.code("verify")).await.no_content();

        mails.refuse_next("550 5.1.1 no such user");
        let zoe = app.sign_up("zoo", "Zoe").await;
        until_sent(app).await;
        assert!(mails.left().is_empty(), "{:?}", mails.left());
        zoe.call("GET /api/users/me").await.ok();
    })
    .await;
}

#[tokio::test]
async fn without_mail_the_operator_helps() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        app.call_with("POST /api/password/forgot", json!({ "email": ann.email })).await.refused(409, "no_mail");
        ann.call("POST /api/account/verification").await.refused(409, "no_mail");
        let who = || ann.email.clone();
        let list = operator(app, AccountCommand::List { text: Some("ACME".into()) }).await.unwrap();
        assert!(list.contains("claimed") && list.contains("ann@acme.example") && list.contains("acme"), "{list}");

        let told = operator(app, AccountCommand::ResetPassword { who: who() }).await.unwrap();
        let (_, code) = told.rsplit_once("/reset#").unwrap();
        reset(app, code.trim(), NEW_PASSWORD).await.no_content();
        ann.call("GET /api/users/me").await.refused(401, "session_over");
        let ann = Actor::signed_in(app, &sign_in(app, &ann.email, NEW_PASSWORD).await.ok());
        assert_eq!(ann.call("GET /api/account").await.ok()["email_verified"], false, "a link that was handed over proves nothing");

        // Another account claims the same address: only an id says who is meant.
        let form = json!({ "workspace": "evil", "fullname": "Eve", "email": ann.email, "password": "eve has a horse" });
        let eve = Actor::signed_in(app, &app.try_sign_up(form).await.created());
        let error = operator(app, AccountCommand::Verify { who: who() }).await.unwrap_err().to_string();
        assert!(error.contains("several accounts"), "{error}");
        let list = operator(app, AccountCommand::List { text: None }).await.unwrap();
        let anns = list.lines().find(|line| line.contains("acme")).unwrap().split(' ').next().unwrap().to_owned();
        operator(app, AccountCommand::Verify { who: anns.clone() }).await.unwrap();
        assert_eq!(ann.call("GET /api/users/me").await.ok()["email_verified"], true);
        let evil = list.lines().find(|line| line.contains("evil")).unwrap().split(' ').next().unwrap().to_owned();
        let error = operator(app, AccountCommand::Verify { who: evil.clone() }).await.unwrap_err().to_string();
        assert!(error.contains("release that one first"), "{error}");
        operator(app, AccountCommand::Release { who: who() }).await.unwrap();
        operator(app, AccountCommand::Verify { who: evil }).await.unwrap();
        assert_eq!(ann.call("GET /api/users/me").await.ok()["email_verified"], false);
        assert_eq!(eve.call("GET /api/users/me").await.ok()["email_verified"], true);
        let error = operator(app, AccountCommand::Verify { who: "nobody@x.example".into() }).await.unwrap_err();
        assert!(error.to_string().contains("no account"), "{error}");

        // The address changes at once, and is claimed.
        let change = json!({ "email": "ann@new.example", "password": NEW_PASSWORD });
        let account = ann.call_with("POST /api/account/email", change).await.ok();
        assert_eq!((&account["email"], &account["email_verified"]), (&json!("ann@new.example"), &json!(false)));
        sign_in(app, "ann@new.example", NEW_PASSWORD).await.ok();
    })
    .await;
}
