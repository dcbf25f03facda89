//! Jobs: what is to happen later happens once, or stays where an operator sees it.

use serde_json::json;
use sqlx::AssertSqlSafe;

use crate::support::{App, eventually, with_app};

async fn run(app: &App, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&app.db).await.unwrap();
}

#[tokio::test]
async fn the_messages_of_a_deleted_chat_are_removed_from_the_tables_and_the_log() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let chat = ann.public_channel("general", &[]).await;
        let kept = ann.public_channel("kept", &[]).await;
        for n in 0..3 {
            ann.post(&chat, &format!("secret {n}")).await;
            ann.post(&kept, "stays").await;
        }
        ann.call(&format!("DELETE /api/chat/{chat}")).await.no_content();
        eventually(async || {
            let left: (i64, i64, i64) = sqlx::query_as(
                "select (select count(*) from messages), (select count(*) from jobs),
                        (select count(*) from event_log where payload like '%secret%')",
            )
            .fetch_one(&app.db)
            .await
            .unwrap();
            // Those of the other chat: the line that it was made, and three.
            if left == (4, 0, 0) { Ok(()) } else { Err(format!("{left:?}")) }
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_job_that_fails_is_retried_later_and_parked_in_the_end() {
    with_app(async |app| {
        let state = async || {
            let row: (i32, bool, bool, Option<String>) = sqlx::query_as(
                "select attempts, run_at > now(), parked_at is not null, last_error from jobs where kind = 'delete_messages'",
            )
            .fetch_one(&app.db)
            .await
            .unwrap();
            row
        };
        run(app, "select job_add('delete_messages', 'bad', '{}'); insert into jobs (kind, key) values ('from a newer version', '')").await;
        eventually(async || match state().await {
            (1, true, false, Some(error)) if error.contains("payload") => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
        let ready = eventually(async || match app.call("GET /health/ready").await {
            ready if ready.status == 200 => Ok(ready.body),
            other => Err(other.to_string()),
        });
        assert_eq!(ready.await, json!({ "status": "ok" }));
        run(app, "update jobs set attempts = 15, run_at = now()").await;
        eventually(async || match state().await {
            (16, _, true, Some(_)) => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
        let notes = app.call("GET /health/ready").await.ok()["notes"].clone();
        assert_eq!(notes, json!(["jobs: 1 are given up, see the table jobs"]));
        let metrics = app.call("GET /metrics").await.body;
        assert!(metrics.as_str().unwrap().contains("parlor_chat_jobs_parked 1\n"), "{metrics}");
        // What an operator does about it.
        run(app, "update jobs set parked_at = null, attempts = 0, run_at = now(), payload = '{\"chat_id\": \"00000000-0000-0000-0000-000000000000\"}' where kind = 'delete_messages'").await;
        eventually(async || {
            let kinds: Vec<String> = sqlx::query_scalar("select kind from jobs").fetch_all(&app.db).await.unwrap();
            if kinds == ["from a newer version"] { Ok(()) } else { Err(format!("{kinds:?}")) }
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_failure_after_a_part_is_the_first_of_its_kind() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let chat = ann.public_channel("general", &[]).await;
        // With the line that the channel was made there are 201.
        for n in 0..200 {
            ann.post(&chat, &format!("m{n}")).await;
        }
        // The first part removes 200, and the second one fails. It had failed 15 times before.
        run(
            app,
            "create function fail_at_the_last() returns trigger language plpgsql as $$ begin
                 if (select count(*) from messages where chat_id = old.chat_id) = 1 then raise 'the last one stays'; end if;
                 return old;
             end $$;
             create trigger fail_at_the_last before delete on messages for each row execute function fail_at_the_last();
             create function fail_fifteen_times() returns trigger language plpgsql as $$ begin
                 new.attempts := 15;
                 return new;
             end $$;
             create trigger fail_fifteen_times before insert on jobs for each row execute function fail_fifteen_times()",
        )
        .await;
        ann.call(&format!("DELETE /api/chat/{chat}")).await.no_content();
        eventually(async || {
            let row: (i32, bool, Option<String>, i64) = sqlx::query_as(
                "select attempts, parked_at is not null, last_error, (select count(*) from messages) from jobs",
            )
            .fetch_one(&app.db)
            .await
            .unwrap();
            match row {
                (attempts, false, Some(error), 1) if attempts <= 3 && error.contains("stays") => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    })
    .await;
}
