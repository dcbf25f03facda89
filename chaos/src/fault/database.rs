//! Faults of Postgres: it dies, its connections are ended, other sessions hold locks.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::Connection as _;
use tokio::time::timeout;
use uuid::Uuid;

use super::{Fault, Lane, Outcome, Result, Scene};
use crate::{traffic::send, world::PATIENCE};

pub fn faults() -> Vec<Fault> {
    vec![
        Fault {
            name: "postgres-kill",
            about: "SIGKILL of the postmaster",
            lane: Lane::Database,
            own_postgres: true,
            run: |scene| Box::pin(postmaster_ends(scene, Signal::KILL)),
        },
        Fault {
            name: "postgres-immediate",
            about: "an immediate shutdown of Postgres, without a checkpoint",
            lane: Lane::Database,
            own_postgres: true,
            run: |scene| Box::pin(postmaster_ends(scene, Signal::QUIT)),
        },
        Fault {
            name: "backend-kill",
            about: "SIGKILL of one backend, upon which Postgres restarts all of them",
            lane: Lane::Database,
            own_postgres: true,
            run: |scene| Box::pin(backend_kill(scene)),
        },
        Fault {
            name: "terminate-all",
            about: "pg_terminate_backend of every connection",
            lane: Lane::Database,
            own_postgres: false,
            run: |scene| Box::pin(terminate(scene, "%", 8)),
        },
        Fault {
            name: "terminate-listener",
            about: "pg_terminate_backend of the connections that listen for the doorbell",
            lane: Lane::Database,
            own_postgres: false,
            run: |scene| Box::pin(terminate(scene, "parlor doorbell", 4)),
        },
        Fault {
            name: "open-transactions",
            about: "a transaction that has written and idles, and one that keeps an old snapshot",
            lane: Lane::Database,
            own_postgres: false,
            run: |scene| Box::pin(open_transactions(scene)),
        },
    ]
}

async fn postmaster_ends(scene: &Scene, signal: Signal) -> Result {
    let world = &scene.world;
    let cluster = world.cluster()?;
    let name = if signal == Signal::KILL { "SIGKILL" } else { "an immediate shutdown" };
    scene.note(format!("{name} of the postmaster"));
    let pid = cluster.postmaster_pid().context("Postgres does not run")?;
    kill_process(Pid::from_raw(pid.cast_signed()).context("no pid")?, signal)?;
    cluster.exited().await;
    let mut away = Vec::new();
    for node in &world.nodes {
        away.push(scene.until_not_ready(node).await?);
    }
    scene.note("every server has said that it is not ready");
    // It must not appear later either.
    scene.pause(1500).await;
    drop(away);
    let began = Instant::now();
    cluster.restart().await?;
    world.follow_postgres()?;
    scene.note("Postgres is started again");
    until_writing(scene, began, &format!("Postgres after {name}")).await
}

async fn backend_kill(scene: &Scene) -> Result {
    let world = &scene.world;
    let mut db = world.psql().await?;
    let pid: i32 = sqlx::query_scalar(
        "select pid from pg_stat_activity where application_name = 'chat_server' and pid <> pg_backend_pid() limit 1",
    )
    .fetch_one(&mut db)
    .await?;
    scene.note(format!("SIGKILL backend {pid}"));
    let began = Instant::now();
    kill_process(Pid::from_raw(pid).context("no pid")?, Signal::KILL)?;
    world
        .until("Postgres has ended the other backends", async || match db.ping().await {
            Ok(()) => Err("this one still answers".to_owned()),
            Err(_) => Ok(()),
        })
        .await?;
    until_writing(scene, began, "Postgres after SIGKILL of a backend").await
}

/// Waits until every server is ready and writes succeed.
pub async fn until_writing(scene: &Scene, began: Instant, what: &str) -> Result {
    let world = &scene.world;
    for node in &world.nodes {
        world.until_ready(node, true).await?;
    }
    world.until_sent(1).await?;
    scene.recovered(what, began.elapsed())?;
    Ok(Outcome::Done)
}

/// Waits for at least `expected` of them; in a mixture, for any.
async fn terminate(scene: &Scene, application: &str, expected: i64) -> Result {
    let world = &scene.world;
    let mut db = world.psql().await?;
    let expected = if scene.is_mixed { 1 } else { expected };
    world
        .until(&format!("{expected} are connected as {application}"), async || {
            let sql = "select count(*) from pg_stat_activity
                       where datname = current_database() and pid <> pg_backend_pid() and application_name like $1";
            match sqlx::query_scalar::<_, i64>(sql).bind(application).fetch_one(&mut db).await {
                Ok(count) if count >= expected => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await?;
    let ended: i64 = sqlx::query_scalar(
        "select count(*) from (
             select pg_terminate_backend(pid) from pg_stat_activity
             where datname = current_database() and pid <> pg_backend_pid() and application_name like $1) ended",
    )
    .bind(application)
    .fetch_one(&mut db)
    .await?;
    scene.note(format!("terminated {ended} backends like {application}"));
    ensure!(ended >= expected, "{ended} of {expected} were connected as {application}");
    until_writing(scene, Instant::now(), "everybody after pg_terminate_backend").await
}

async fn open_transactions(scene: &Scene) -> Result {
    let world = &scene.world;
    let tenant = &world.tenants[0];
    let idler = tenant.people.last().context("nobody")?;
    let (user, chat): (Uuid, Uuid) = (idler.id.parse()?, tenant.general.parse()?);
    let (message, _) = send(&world.history, idler, &tenant.general, "to be edited by hand", 0, 1).await;
    let message: Uuid = message.context("a send to a chat that everybody is in was refused")?.parse()?;
    let (mut writing, mut reading) = (world.psql().await?, world.psql().await?);
    let mut old = reading.begin_with("begin isolation level repeatable read").await?;
    sqlx::query("select count(*) from event_log").execute(&mut *old).await?;
    let mut idle = writing.begin().await?;
    // One event of each table that raises events in a workspace that continues.
    let sql = "update users set fullname = fullname || ' (idle)' where id = $1";
    sqlx::query(sql).bind(user).execute(&mut *idle).await?;
    let sql = "update chat_members set read_seq = read_seq + 1 where chat_id = $1 and user_id = $2";
    sqlx::query(sql).bind(chat).bind(user).execute(&mut *idle).await?;
    let sql = "update messages set body = body || ', done', edited_at = clock_timestamp() where id = $1";
    sqlx::query(sql).bind(message).execute(&mut *idle).await?;
    scene.note("a transaction has written and idles, another keeps its snapshot");
    // No send is blocked: one session takes the lock of the shard only at its commit, the other
    // never does.
    let others = async {
        for round in 0..10 {
            send(&world.history, &tenant.people[0], &tenant.general, "beside an open transaction", round, 1)
                .await;
        }
    };
    let began = Instant::now();
    timeout(PATIENCE, others)
        .await
        .context("others of the workspace could not send beside an open transaction")?;
    scene.in_time("others of the workspace could not send beside an open transaction", began.elapsed())?;
    world.until_sent(20).await?;
    idle.commit().await?;
    old.commit().await?;
    scene.note("both are over");
    Ok(Outcome::Done)
}
