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
            if left == (3, 0, 0) { Ok(()) } else { Err(format!("{left:?}")) }
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
