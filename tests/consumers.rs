//! Consumers of the event log: the effect of each event is in the database once, also when processes
//! die. The usage of workspaces stands for all of them: its sums must equal a recount.

use std::time::Duration;

use chaos::oracle::effects::WRONG_USAGE;
use futures_util::future::join_all;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool};

use crate::support::{Actor, App, Chat, eventually, process::ServerProcess, with_app};

/// The tables that the consumer and its jobs write, in the order in which a transaction does.
const STEPS: [&str; 3] = ["log_consumers", "workspace_usage", "jobs"];

async fn until_usage_is_right(db: &PgPool) {
    eventually(async || {
        let wrong: Vec<String> =
            sqlx::query_scalar(WRONG_USAGE).fetch_all(db).await.map_err(|e| e.to_string())?;
        let jobs: Vec<String> =
            sqlx::query_scalar("select kind || ' ' || coalesce(last_error, '') from jobs")
                .fetch_all(db)
                .await
                .map_err(|e| e.to_string())?;
        if wrong.is_empty() && jobs.is_empty() { Ok(()) } else { Err(format!("{wrong:?}, jobs: {jobs:?}")) }
    })
    .await;
}

async fn connect(app: &App) -> PgConnection {
    PgConnection::connect(app.config.database.url.as_ref().unwrap().expose()).await.unwrap()
}

async fn run(db: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(db).await.unwrap();
}

/// Sends, edits and deletes, a random number of times.
async fn write(actor: Actor, chat: Chat, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut sent: Vec<String> = Vec::new();
    for n in 0..rng.random_range(5..15) {
        let body = "é".repeat(rng.random_range(1..40));
        // A server may be killed in the middle: the same send again is the same message.
        let message = json!({ "body": body, "client_id": format!("{seed}-{n}") });
        for _ in 0..50 {
            let reply = actor.try_post(&chat, message.clone()).await;
            if reply.status == 201 || reply.status == 200 {
                sent.push(reply.body["id"].as_str().unwrap().to_owned());
                break;
            }
        }
        let path = |id: &str| format!("/api/chat/{chat}/messages/{id}");
        let Some(id) = sent.get(rng.random_range(0..sent.len().max(1))) else { continue };
        match rng.random_range(0..4) {
            0 => drop(
                actor
                    .call_with(&format!("PATCH {}", path(id)), json!({ "body": format!("edited {n}") }))
                    .await,
            ),
            1 => drop(actor.call(&format!("DELETE {}", path(id))).await),
            _ => {}
        }
    }
}

/// Lets a third of all transactions lose their connection when they write to `table`, or when they
/// commit that.
async fn break_connections_at(db: &mut PgConnection, table: &str) {
    run(
        db,
        &format!(
            "create or replace function fall() returns trigger language plpgsql as $$ begin
                 if random() < 0.33 then perform pg_terminate_backend(pg_backend_pid()); end if;
                 return coalesce(new, old);
             end $$;
             create trigger fall_before before insert or update or delete on {table} for each row execute function fall();
             create constraint trigger fall_at_commit after insert or update or delete on {table}
                 deferrable initially deferred for each row execute function fall()"
        ),
    )
    .await;
}

async fn mend_connections_at(db: &mut PgConnection, table: &str) {
    run(db, &format!("drop trigger fall_before on {table}; drop trigger fall_at_commit on {table}")).await;
}

#[tokio::test]
async fn each_event_takes_effect_once_though_every_step_fails() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.sign_up("other", "Bob").await;
        let second = app.start_chat_server().await;
        let mut psql = connect(app).await;
        let chats = [ann.public_channel("general", &[]).await, ann.private_channel("design", &[]).await];
        let theirs = bob.public_channel("general", &[]).await;
        for (round, table) in STEPS.into_iter().enumerate() {
            let seed = 100 * round as u64;
            break_connections_at(&mut psql, table).await;
            // Jobs too: those that remove the messages of a chat, and those that count all anew.
            let gone = ann.public_channel(&format!("gone {round}"), &[]).await;
            write(ann.clone(), gone.clone(), seed).await;
            ann.call(&format!("DELETE /api/chat/{gone}")).await;
            run(&mut psql, "update log_meta set generation = generation + 1").await;
            join_all([
                write(ann.clone(), chats[0].clone(), seed + 1),
                write(ann.at(&second), chats[0].clone(), seed + 2),
                write(ann.at(&second), chats[1].clone(), seed + 3),
                write(bob.clone(), theirs.clone(), seed + 4),
            ])
            .await;
            // Another node leads, while the last leader may still be at work.
            run(&mut psql, "update leases set held_until = now()").await;
            mend_connections_at(&mut psql, table).await;
            let deleted = ann.call(&format!("DELETE /api/chat/{gone}")).await;
            assert!(deleted.status == 204 || deleted.status == 404, "{deleted}");
        }
        until_usage_is_right(&app.db).await;
        let left: i64 = sqlx::query_scalar(
            "select count(*) from messages m join chats c on c.id = m.chat_id where c.deleted_at is not null",
        )
        .fetch_one(&app.db)
        .await
        .unwrap();
        assert_eq!(left, 0, "messages of deleted chats");
    })
    .await;
}

#[tokio::test]
async fn each_event_takes_effect_once_though_servers_are_killed() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let chat = ann.public_channel("general", &[]).await;
        let url = app.config.database.url.as_ref().unwrap().expose();
        let mut nodes = [ServerProcess::start("chat_server", url), ServerProcess::start("chat_server", url)];
        let mut psql = connect(app).await;
        for round in 0..6 {
            // Any node may lead next: the one that is killed, too.
            run(&mut psql, "update leases set held_until = now(), holder = gen_random_uuid()").await;
            let writers = nodes.iter().enumerate().map(|(n, node)| {
                write(ann.reconnected(&node.url()), chat.clone(), 1000 + 10 * round + n as u64)
            });
            let node = usize::try_from(round).unwrap() % 2;
            let writers = join_all(writers);
            let killed = async {
                tokio::time::sleep(Duration::from_millis(20 * round)).await;
            };
            let mut writers = Box::pin(writers);
            tokio::select! { _ = &mut writers => {} () = killed => {} }
            nodes[node].kill();
            drop(writers);
            nodes[node].restart();
        }
        write(ann.clone(), chat, 9).await;
        until_usage_is_right(&app.db).await;
    })
    .await;
}

#[tokio::test]
async fn a_consumer_that_events_were_lost_to_derives_all_from_the_tables_again() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let chat = ann.public_channel("general", &[]).await;
        write(ann.clone(), chat.clone(), 1).await;
        until_usage_is_right(&app.db).await;
        let mut psql = connect(app).await;
        for lost in [
            // The row at the position is not the one that was read: a failover lost it.
            "update log_consumers set timeline = timeline + 1",
            // The rows after the position are gone.
            "delete from event_log where prev_id = 0; update log_consumers set position = 0",
            // Restored from a backup.
            "update log_meta set generation = generation + 1",
            // A consumer that is new in this version.
            "delete from log_consumers; delete from workspace_usage",
        ] {
            run(&mut psql, "update log_consumers set broken_at = null").await;
            run(&mut psql, lost).await;
            // The timeline is compared when a node begins to lead.
            run(
                &mut psql,
                "select pg_terminate_backend(pid) from pg_stat_activity
                 where application_name = 'parlor workspace_usage' and datname = current_database()",
            )
            .await;
            write(ann.clone(), chat.clone(), 2 + lost.len() as u64).await;
            let began_anew = if lost.starts_with("delete from log_consumers") {
                "select count(*) = 16 from log_consumers"
            } else {
                "select count(*) > 0 from log_consumers where broken_at is not null"
            };
            eventually(async || {
                let has: bool = sqlx::query_scalar(began_anew).fetch_one(&app.db).await.unwrap();
                if has { Ok(()) } else { Err(lost.to_owned()) }
            })
            .await;
            until_usage_is_right(&app.db).await;
        }
        let broken: i64 =
            sqlx::query_scalar("select count(*) from log_consumers where broken_at is not null")
                .fetch_one(&app.db)
                .await
                .unwrap();
        assert_eq!(broken, 0, "it is new, not broken");
    })
    .await;
}

#[tokio::test]
async fn a_backfill_that_comes_after_the_log_is_gone_begins_anew() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let chat = ann.public_channel("general", &[]).await;
        write(ann.clone(), chat.clone(), 1).await;
        until_usage_is_right(&app.db).await;
        // The consumer began at event 0 with this job, which no node took until the first events,
        // which it must subtract, were removed.
        run(
            &mut connect(app).await,
            "begin;
             delete from event_log where prev_id = 0;
             update log_consumers set began_after = 0;
             insert into jobs (kind, key, payload)
                 select 'backfill_usage', id::text, jsonb_build_object(
                     'workspace_id', id, 'shard', workspace_shard(id), 'began_after', 0) from workspaces;
             commit",
        )
        .await;
        until_usage_is_right(&app.db).await;
        let began_anew: bool = sqlx::query_scalar("select bool_or(began_after > 0) from log_consumers")
            .fetch_one(&app.db)
            .await
            .unwrap();
        assert!(began_anew);
        write(ann.clone(), chat, 2).await;
        until_usage_is_right(&app.db).await;
    })
    .await;
}
