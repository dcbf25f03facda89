//! How many letters an address gets, and which: strangers do not keep its owner's away.

use serde_json::json;

use super::{NEW_PASSWORD, confirm, forgot, preview, reset, until_sent, with_mail};
use crate::support::{Actor, app::PASSWORD, eventually, smtp};

#[tokio::test]
async fn old_codes_are_void_and_an_address_gets_only_so_many() {
    with_mail(async |app, mails| {
        let ann = app.sign_up("acme", "Ann").await;
        let first = mails.take(&ann.email).await.code("verify");
        let again = async || {
            // The same mail that is still a job is not added again.
            until_sent(app).await;
            let reply = ann.call("POST /api/account/verification").await;
            assert_eq!(reply.status, 202, "{reply}");
            until_sent(app).await;
        };
        again().await;
        let second = mails.take(&ann.email).await.code("verify");
        confirm(app, &first).await.refused(422, "code_invalid");
        // A code for one purpose is none for another.
        reset(app, &second, NEW_PASSWORD).await.refused(422, "code_invalid");
        for _ in 0..3 {
            again().await;
            mails.take(&ann.email).await;
        }
        again().await;
        assert!(mails.left().is_empty(), "{:?}", mails.left());
        // Those that reset a password are counted for themselves.
        for _ in 0..5 {
            forgot(app, &ann.email).await;
            let code = mails.take(&ann.email).await.code("reset");
            self::preview(app, &code).await.refused(422, "code_invalid");
            until_sent(app).await;
        }
        forgot(app, &ann.email).await;
        until_sent(app).await;
        assert!(mails.left().is_empty(), "{:?}", mails.left());
        let metrics = app.client.get(format!("{}/metrics", app.chat.url)).send().await.unwrap();
        let metrics = metrics.text().await.unwrap();
        assert!(metrics.contains("\nparlor_chat_mails_withheld_total 2\n"), "{metrics}");

        sqlx::query("update account_codes set created_at = created_at - interval '1 hour'")
            .execute(&app.db)
            .await
            .unwrap();
        forgot(app, &ann.email).await;
        let late = mails.take(&ann.email).await.code("reset");
        sqlx::query("update account_codes set expires_at = now()").execute(&app.db).await.unwrap();
        reset(app, &late, NEW_PASSWORD).await.refused(422, "code_invalid");
        let stored: i64 = sqlx::query_scalar("select count(*) from account_codes where hash = $1::bytea")
            .bind(late.as_bytes())
            .fetch_one(&app.db)
            .await
            .unwrap();
        assert_eq!(stored, 0, "no code is stored as it is");
        let jobs: i64 = sqlx::query_scalar("select count(*) from jobs where kind = 'send_mail'")
            .fetch_one(&app.db)
            .await
            .unwrap();
        assert_eq!(jobs, 0);
    })
    .await;
}

/// The links of a letter to several accounts: as whom each is known, and its code.
fn links(mail: &smtp::Received) -> Vec<(String, String)> {
    let (text, _html) = mail.text.split_once("<!doctype").unwrap();
    let links = text.split("Confirm the address for ").skip(1).map(|part| {
        let (known_as, rest) = part.split_once(':').unwrap();
        let code = rest.split_once("/verify#").unwrap().1.split_whitespace().next().unwrap();
        (known_as.replace(['\u{201c}', '\u{201d}'], ""), code.to_owned())
    });
    links.collect()
}

#[tokio::test]
async fn strangers_who_name_an_address_do_not_keep_the_letter_of_its_owner_away() {
    with_mail(async |app, mails| {
        let address = "ceo@acme.example";
        let sign_up = async |workspace: &str, name: &str, password: &str| {
            let form = json!({ "workspace": workspace, "fullname": name, "email": address, "password": password });
            let actor = Actor::signed_in(app, &app.try_sign_up(form).await.created());
            // Each letter is counted before the next one.
            eventually(async || {
                let due: i64 = sqlx::query_scalar("select count(*) from jobs where kind = 'send_mail' and run_at <= now()")
                    .fetch_one(&app.db)
                    .await
                    .unwrap();
                if due == 0 { Ok(()) } else { Err(format!("{due} mails")) }
            })
            .await;
            actor
        };
        // One stranger who asks again and again takes one place.
        let eve = sign_up("evil 0", "Eve", "eve has 0 horses").await;
        for _ in 0..4 {
            eve.call("POST /api/account/verification").await;
            until_sent(app).await;
        }
        for n in 1..4 {
            sign_up(&format!("evil {n}"), "Eve", &format!("eve has {n} horses")).await;
        }
        for _ in 0..8 {
            mails.take(address).await;
        }
        let fifth = sign_up("evil 4", "Eve", "eve has 4 horses").await;
        assert!(mails.take(address).await.text.contains("in \u{201c}evil 4\u{201d}"));
        // All places are taken: the owner's letter has a link for each.
        let cleo = sign_up("acme", "Cleo", PASSWORD).await;
        let mail = mails.take(address).await;
        let links = links(&mail);
        let known: Vec<&str> = links.iter().map(|(known_as, _)| known_as.as_str()).collect();
        assert_eq!(
            known,
            ["Cleo in acme", "Eve in evil 4", "Eve in evil 3", "Eve in evil 2", "Eve in evil 1", "Eve in evil 0"]
        );
        // One more is told in an hour, not never.
        sign_up("evil 5", "Eve", "eve has 5 horses").await;
        assert!(mails.left().is_empty(), "{:?}", mails.left());
        let sql = "select extract(epoch from run_at - now())::float8, attempts, last_error from jobs where kind = 'send_mail'";
        let (pause, attempts, error): (f64, i32, Option<String>) =
            sqlx::query_as(sql).fetch_one(&app.db).await.unwrap();
        assert!((3000.0..=3600.0).contains(&pause) && attempts == 0 && error.is_none(), "{pause} {attempts} {error:?}");
        let preview = preview(app, &links[0].1).await.ok();
        assert_eq!(preview["places"], json!([{ "workspace_name": "acme", "fullname": "Cleo" }]));
        confirm(app, &links[0].1).await.no_content();
        assert_eq!(cleo.call("GET /api/users/me").await.ok()["email_verified"], true);
        assert_eq!(fifth.call("GET /api/users/me").await.ok()["email_verified"], false);
        confirm(app, &links[1].1).await.refused(409, "email_taken");
    })
    .await;
}

#[tokio::test]
async fn a_mail_server_that_is_away_uses_up_no_places() {
    with_mail(async |app, mails| {
        for _ in 0..7 {
            mails.refuse_next("451 4.7.1 come back later");
        }
        let ann = app.sign_up("acme", "Ann").await;
        let retried = async || {
            let sql = "update jobs set run_at = now() where kind = 'send_mail' and lease is null";
            sqlx::query(sql).execute(&app.db).await.unwrap();
            let attempts: Option<i32> =
                sqlx::query_scalar("select attempts from jobs where kind = 'send_mail'")
                    .fetch_optional(&app.db)
                    .await
                    .unwrap();
            if attempts.is_none() { Ok(()) } else { Err(format!("{attempts:?} attempts")) }
        };
        eventually(retried).await;
        confirm(app, &mails.take(&ann.email).await.code("verify")).await.no_content();
        let codes: i64 =
            sqlx::query_scalar("select count(*) from account_codes").fetch_one(&app.db).await.unwrap();
        assert_eq!(codes, 1, "what nobody got is not kept");
    })
    .await;
}
