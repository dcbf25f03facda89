//! Faults of the event log: partitions are dropped, rows are written by hand, NOTIFY fails.

use anyhow::{Context as _, ensure};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use uuid::Uuid;

use super::{
    Fault, Lane, Outcome, Result, Scene,
    cursors::first_frames,
    recovery::{bring_back, until_working},
};
use crate::{sse::Frame, traffic::send, world::World};

pub fn faults() -> Vec<Fault> {
    vec![
        Fault {
            name: "partition-drop",
            about: "the log's partition is closed and dropped while it is followed; cursors on both sides of the edge",
            lane: Lane::Database,
            own_postgres: false,
            run: |scene| Box::pin(partition_drop(scene)),
        },
        Fault {
            name: "partition-drop-unseen",
            about: "the same while a notify_server is stopped (SIGSTOP), which has not read what is dropped",
            lane: Lane::Alone,
            own_postgres: false,
            run: |scene| Box::pin(partition_drop_unseen(scene)),
        },
        Fault {
            name: "poison-rows",
            about: "rows written by hand: 64 KB, line breaks, NUL, and no JSON at all",
            lane: Lane::Database,
            own_postgres: false,
            run: |scene| Box::pin(poison(scene)),
        },
        Fault {
            name: "doorbell-queue-full",
            about: "every NOTIFY of a writer fails as it does when Postgres's queue of them is full",
            lane: Lane::Database,
            own_postgres: false,
            run: |scene| Box::pin(queue_full(scene)),
        },
    ]
}

async fn partition_drop(scene: &Scene) -> Result {
    let world = &scene.world;
    let person = &world.tenants[0].people[0];
    let old = person.sync().await?["cursor"].as_str().context("no cursor")?.to_owned();
    let (before, edge) = drop_partition(scene, false).await?;
    world.until_sent(20).await?;
    let is_resumed = |frame: &Frame| frame.data.contains("\"resumed\":true");
    world
        .until("a cursor from behind the edge is gone on from", async || {
            match first_frames(world, person, &edge, 1).await {
                Ok(frames) if frames.iter().any(is_resumed) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await?;
    // Until a restart, clients may resume from events in memory. Others must get a reset.
    world
        .until("a cursor from before the edge is gone on from or refused", async || {
            match first_frames(world, person, &old, 2).await {
                Ok(frames) if frames.iter().any(|frame| frame.event == "reset" || is_resumed(frame)) => {
                    Ok(())
                }
                other => Err(format!("{other:?}")),
            }
        })
        .await?;
    if scene.is_mixed {
        return Ok(Outcome::Done);
    }
    // After a restart nothing is in memory, so the answers are exact.
    let node = world.notify(0);
    let mut process = node.process().await;
    process.kill();
    bring_back(scene, node, &mut process).await?;
    let (start, _) = before.rsplit_once('.').context("no cursor of ours")?;
    let first = format!("{start}.0");
    for (cursor, answer) in [
        (&old, "\"reason\":\"unknown\""),
        (&before, "\"reason\":\"unknown\""),
        (&first, "\"reason\":\"expired\""),
        (&edge, "\"resumed\":true"),
    ] {
        let frames = first_frames(world, person, cursor, 2).await?;
        let is_so = frames.iter().any(|frame| frame.data.contains(answer));
        ensure!(is_so, "the cursor {cursor} is to be answered by {answer}: {frames:?}");
    }
    Ok(Outcome::Done)
}

/// The server continues after the dropped rows. Only `prev_id` shows the gap, and its clients must
/// get a reset.
async fn partition_drop_unseen(scene: &Scene) -> Result {
    let world = &scene.world;
    let node = world.notify(1);
    let process = node.process().await;
    process.pause()?;
    scene.note(format!("SIGSTOP {}", node.name()));
    let dropped = async {
        world.until_sent(20).await?;
        drop_partition(scene, true).await
    };
    let dropped = dropped.await;
    process.resume()?;
    scene.note(format!("SIGCONT {}", node.name()));
    dropped?;
    until_working(world, node).await?;
    Ok(Outcome::Done)
}

/// Closes the current partition and drops it. Returns a cursor of its last row, and one just after
/// its end.
async fn drop_partition(scene: &Scene, is_unseen: bool) -> anyhow::Result<(String, String)> {
    let world = &scene.world;
    let mut db = world.psql().await?;
    // The first call notes that the partition is in use, the second closes it.
    roll(&mut db).await?;
    world.until_sent(5).await?;
    roll(&mut db).await?;
    let closed: Option<(i64, i64)> = sqlx::query_as(
        "select start_id, end_id from event_log_partitions where closed_at is not null order by start_id limit 1",
    )
    .fetch_optional(&mut db)
    .await?;
    let (closed, end) = closed.context("no partition was closed")?;
    // In production each shard gets thousands of ticks during retention, so no shard is ever
    // without a row.
    for shard in 0..16_i16 {
        sqlx::query("select log_tick($1)").bind(shard).execute(&mut db).await?;
    }
    world.until_sent(5).await?;
    let edge = world.tenants[0].people[0].sync().await?["cursor"].as_str().context("no cursor")?.to_owned();
    let sql = format!(
        "select concat_ws('.', generation, timeline, shard, id) from event_log_p{closed}, log_meta
         where shard = workspace_shard($1) order by id desc limit 1"
    );
    let workspace: Uuid = world.tenants[0].people[0].workspace_id.parse()?;
    let last = sqlx::query_scalar(AssertSqlSafe(sql)).bind(workspace).fetch_one(&mut db).await?;
    // No more rows are written into it, so the archive has them all.
    world.archive.catch_up().await?;
    let may_be_unseen = is_unseen || scene.is_mixed;
    world.archive.drops(end, may_be_unseen);
    scene.note(format!("partition {closed} is dropped"));
    for statement in [
        format!("alter table event_log detach partition event_log_p{closed} concurrently"),
        format!("drop table event_log_p{closed}"),
        format!("delete from event_log_partitions where start_id = {closed}"),
    ] {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut db).await?;
    }
    Ok((last, edge))
}

async fn roll(db: &mut PgConnection) -> anyhow::Result<()> {
    sqlx::query("select event_log_roll(interval '0')").execute(db).await?;
    Ok(())
}

/// Writes rows by hand: correct ones, and one that is no JSON, whose audience must get a reset.
async fn poison(scene: &Scene) -> Result {
    let world = &scene.world;
    let tenant = &world.tenants[scene.pick(world.tenants.len())];
    let workspace: Uuid = tenant.people[0].workspace_id.parse()?;
    let mut db = world.psql().await?;
    let truth = "workspace_json((select w from workspaces w where w.id = $1))::text";
    let whole =
        |extra: &str| format!("'{{\"type\":\"workspace.updated\",\"workspace\":' || {truth} || ',{extra}}}'");
    let long = whole("\"long\":\"' || repeat('x', 65536) || '\"");
    let lines = whole("' || E'\\n\\n\\r\\n' || '\"lines\":1");
    let nul = whole("\"nul\":\"\\u0000\"");
    for payload in [long, lines, nul] {
        insert_row(&mut db, workspace, &payload).await?;
    }
    let unreadable = insert_row(&mut db, workspace, "'{\"type\": \"workspace.updated\", nonsense'").await?;
    scene.note("four rows are written by hand");
    big_message(&mut db, &tenant.general, &tenant.people[0].id).await?;
    let devices = world.devices.iter().filter(|device| device.person.workspace_id == workspace.to_string());
    for device in devices {
        let what = format!("{} is told that something cannot be shown", device.name);
        world
            .until(&what, async || {
                let record = device.record();
                let told = record.resets.iter().any(|reset| reset.position == unreadable);
                // Or it took a newer snapshot for another reason.
                let position = record.segments.last().map_or(0, |segment| segment.snapshot_position);
                if told || position >= unreadable { Ok(()) } else { Err(format!("it is at {position}")) }
            })
            .await?;
    }
    world.until_sent(10).await?;
    Ok(Outcome::Done)
}

/// Inserts a row and returns its id. `payload` is an SQL expression in which `$1` is the workspace.
async fn insert_row(db: &mut PgConnection, workspace: Uuid, payload: &str) -> anyhow::Result<i64> {
    let mut tx = db.begin().await?;
    sqlx::query("select log_lock(workspace_shard($1))").bind(workspace).execute(&mut *tx).await?;
    let sql = format!(
        "insert into event_log (shard, id, prev_id, timeline, at, workspace_id, kind, audience, payload)
         select workspace_shard($1), nextval('event_log_id'),
                coalesce((select max(id) from event_log where shard = workspace_shard($1)), 0),
                ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int, clock_timestamp(), $1,
                'workspace.updated', 'workspace', {payload}
         returning id"
    );
    let id = sqlx::query_scalar(AssertSqlSafe(sql)).bind(workspace).fetch_one(&mut *tx).await?;
    tx.commit().await?;
    Ok(id)
}

/// Inserts a message of 64 KB with line breaks, above every limit of the API. It is delivered like
/// others.
async fn big_message(db: &mut PgConnection, chat: &str, sender: &str) -> anyhow::Result<()> {
    sqlx::query(
        "with chat as (update chats set last_seq = last_seq + 1, last_root_no = last_root_no + 1 where id = $1 returning *),
              sender as (update chat_members m set sent_seq = chat.last_seq from chat
                         where m.chat_id = chat.id and m.user_id = $2)
         insert into messages (id, workspace_id, chat_id, seq, root_no, sender_id, body)
         select gen_random_uuid(), workspace_id, id, last_seq, last_root_no, $2, E'\\n\\r\\n' || repeat('y', 65536) from chat",
    )
    .bind(chat.parse::<Uuid>()?)
    .bind(sender.parse::<Uuid>()?)
    .execute(db)
    .await?;
    Ok(())
}

/// NOTIFY fails as if Postgres's queue of 8 GB were full. Sends continue without it, and the poll
/// finds them.
async fn queue_full(scene: &Scene) -> Result {
    let world = &scene.world;
    let mut db = world.psql().await?;
    replace_notify(
        &mut db,
        "alter function pg_catalog.pg_notify(text, text) rename to pg_notify_of_old;
         create function public.pg_notify(text, text) returns void language plpgsql as $f$ begin
             raise exception 'too many notifications in the NOTIFY queue' using errcode = '54000'; end $f$",
    )
    .await?;
    scene.note("no NOTIFY can be queued");
    let outcome = without_doorbell(scene, world).await;
    replace_notify(
        &mut db,
        "drop function public.pg_notify(text, text);
         alter function pg_catalog.pg_notify_of_old(text, text) rename to pg_notify",
    )
    .await?;
    scene.note("they can again");
    outcome?;
    // Sends that NOTIFY within their transaction work again.
    let person = &world.tenants[0].people[0];
    person.certainly("PATCH /api/users/me", Some(&json!({ "fullname": "after the queue was full" }))).await?;
    Ok(Outcome::Done)
}

async fn without_doorbell(scene: &Scene, world: &World) -> anyhow::Result<()> {
    let tenant = &world.tenants[scene.pick(world.tenants.len())];
    let (id, _) = send(&world.history, &tenant.people[0], &tenant.general, "while NOTIFY fails", 0, 1).await;
    let id: Uuid = id.context("a send was refused while NOTIFY failed")?.parse()?;
    let mut db = world.psql().await?;
    let sql = "select id from event_log where message_id = $1 and kind = 'message.new'";
    let position: i64 = sqlx::query_scalar(sql).bind(id).fetch_one(&mut db).await?;
    // Except the device behind the narrow proxy, which other faults cut off.
    let devices = world.devices.split_last().map_or(&[][..], |(_, devices)| devices);
    let theirs = devices.iter().filter(|device| device.person.workspace_id == tenant.people[0].workspace_id);
    for device in theirs {
        let what = format!("{} gets an event without a NOTIFY", device.name);
        world
            .until(&what, async || {
                let reached = device.record().reached();
                if reached >= position { Ok(()) } else { Err(format!("{reached} of {position}")) }
            })
            .await?;
    }
    Ok(())
}

/// Only in this database: each has its own catalog.
async fn replace_notify(db: &mut PgConnection, statements: &'static str) -> anyhow::Result<()> {
    sqlx::raw_sql("set allow_system_table_mods = on").execute(&mut *db).await?;
    sqlx::raw_sql(statements).execute(&mut *db).await?;
    // Cached plans keep the old function.
    sqlx::query(
        "select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid() and application_name like 'chat_server%'",
    )
    .execute(db)
    .await?;
    Ok(())
}
