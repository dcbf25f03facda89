//! A failover to another Postgres.

use std::time::Instant;

use anyhow::ensure;

use super::{Fault, Lane, Outcome, Result, Scene, database::until_writing};

pub fn faults() -> Vec<Fault> {
    vec![Fault {
        name: "failover",
        about: "the primary is killed and its synchronous standby promoted: nothing is lost, no client needs a new snapshot",
        lane: Lane::Alone,
        own_postgres: true,
        run: |scene| Box::pin(failover(scene)),
    }]
}

async fn failover(scene: &Scene) -> Result {
    let world = &scene.world;
    let primary = world.cluster()?;
    let standby = primary.standby().await?;
    let mut db = world.psql().await?;
    // From now on commits wait for the standby, so that it has everything that was acknowledged or
    // visible.
    sqlx::raw_sql("alter system set synchronous_standby_names = '*'").execute(&mut db).await?;
    sqlx::raw_sql("select pg_reload_conf()").execute(&mut db).await?;
    world
        .until("the standby is a synchronous one", async || {
            let sql =
                "select count(*) from pg_stat_replication where sync_state = 'sync' and state = 'streaming'";
            match sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut db).await {
                Ok(1) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await?;
    world.until_sent(40).await?;
    scene.note("SIGKILL of the primary");
    primary.kill().await?;
    let mut away = Vec::new();
    for node in &world.nodes {
        away.push(scene.until_not_ready(node).await?);
    }
    drop(away);
    let began = Instant::now();
    standby.promote().await?;
    world.fail_over_to(standby)?;
    scene.note("the standby is promoted");
    until_writing(scene, began, "Postgres after a failover").await?;
    world.until_sent(40).await?;
    let mut db = world.psql().await?;
    let timelines: Vec<i32> =
        sqlx::query_scalar("select distinct timeline from event_log order by 1").fetch_all(&mut db).await?;
    ensure!(timelines.len() > 1, "the log was not written on another timeline: {timelines:?}");
    Ok(Outcome::Done)
}
