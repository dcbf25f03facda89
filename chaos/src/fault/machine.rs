//! What a machine runs out of: disk, file descriptors, the right time.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};
use tokio::{net::TcpStream, time::sleep};

use super::{
    Fault, Lane, Outcome, Result, Scene,
    kill::{until_delivering, until_event},
};
use crate::{
    process::Role,
    world::{Node, World},
};

/// What one server may open, and how many connections then want one: since it lets go of those that say nothing for ten
/// seconds, many times as many.
const DESCRIPTORS: u32 = 96;
const CONNECTIONS: usize = 800;

pub fn faults() -> Vec<Fault> {
    vec![
        Fault {
            name: "disk-full",
            about: "Postgres has no room left, and gets it back",
            lane: Lane::Alone,
            own_postgres: true,
            run: |scene| Box::pin(disk_full(scene)),
        },
        Fault {
            name: "no-descriptors",
            about: "a notify_server has no file descriptor left for a connection, and gets them back",
            lane: Lane::Alone,
            own_postgres: false,
            run: |scene| Box::pin(no_descriptors(scene)),
        },
        Fault {
            name: "clock-jump",
            about: "the clock of a server jumps an hour ahead, then back",
            lane: Lane::Alone,
            own_postgres: false,
            run: |scene| Box::pin(clock_jump(scene)),
        },
    ]
}

async fn disk_full(scene: &Scene) -> Result {
    let world = &scene.world;
    let Some(disk) = world.small_disk() else {
        return Ok(Outcome::Skipped("needs root, to mount a small file system".to_owned()));
    };
    let before = world.history.acknowledged();
    disk.fill()?;
    scene.note("Postgres has no room left");
    // Sends go on for as long as there is room in what is allocated; then none is acknowledged any more.
    world
        .until("nobody can write", async || {
            let then = world.history.acknowledged();
            sleep(Duration::from_secs(2)).await;
            let now = world.history.acknowledged();
            if now == then { Ok(()) } else { Err(format!("{} sent on a full disk", now - before)) }
        })
        .await?;
    scene.note("nobody can write");
    disk.free()?;
    scene.note("there is room again");
    let began = Instant::now();
    if world.cluster()?.postmaster_pid().is_none() {
        // It ends itself where it cannot write its log.
        world.cluster()?.restart().await?;
        world.follow_postgres()?;
        scene.note("Postgres had to be started again");
    }
    for node in &world.nodes {
        world.until_ready(node, true).await?;
    }
    world.until_sent(10).await?;
    scene.tally.recovered("writing after a full disk", began.elapsed());
    Ok(Outcome::Done)
}

async fn no_descriptors(scene: &Scene) -> Result {
    let world = &scene.world;
    let node = world.notify(1);
    let mut process = node.process().await;
    process.terminate().await?;
    process.limit_descriptors(Some(DESCRIPTORS));
    let since = world.history.now();
    process.start().await?;
    until_delivering(world, node, since).await?;
    let held = hold(node.address).await;
    scene.note(format!("{} connections are held open to {}", held.len(), node.name()));
    world.until_ready(node, false).await?;
    scene.note("it takes no more of them");
    // Those that have their stream are served.
    let then = world.history.now();
    until_event(world, node, |seen, asked_at| seen > then && asked_at < then).await?;
    drop(held);
    world.until_ready(node, true).await?;
    scene.note("it does again");
    process.terminate().await?;
    process.limit_descriptors(None);
    let since = world.history.now();
    process.start().await?;
    until_delivering(world, node, since).await?;
    Ok(Outcome::Done)
}

async fn hold(address: SocketAddr) -> Vec<TcpStream> {
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        // The kernel takes them, the server cannot.
        if let Ok(stream) = TcpStream::connect(address).await {
            held.push(stream);
        }
    }
    held
}

/// By libfaketime, which changes what a process is told the time is. Timers run by another clock, which it leaves alone.
async fn clock_jump(scene: &Scene) -> Result {
    let world = &scene.world;
    let Some(library) = find_faketime() else {
        return Ok(Outcome::Skipped("needs libfaketime (apt-get install libfaketime)".to_owned()));
    };
    let file = tempfile::NamedTempFile::new()?;
    let path = file.path().to_str().context("no path")?.to_owned();
    for role in [Role::Notify, Role::Chat] {
        let node = scene.any(role);
        let mut process = node.process().await;
        std::fs::write(&path, "+0")?;
        process.terminate().await?;
        process.set("LD_PRELOAD", &library);
        process.set("FAKETIME_TIMESTAMP_FILE", &path);
        process.set("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        process.set("FAKETIME_CACHE_DURATION", "1");
        let since = world.history.now();
        process.start().await?;
        until_delivering(world, node, since).await?;
        for jump in ["+3600s", "-3600s", "+0"] {
            std::fs::write(&path, jump)?;
            scene.note(format!("the clock of {} is {jump} off", node.name()));
            if jump.starts_with("+3600") {
                until_an_hour_ahead(world, node).await?;
            }
            world.until_sent(30).await?;
            let answer = world.readiness(node).await;
            ensure!(
                matches!(answer, Some((200, _))),
                "{} with its clock {jump} off: {answer:?}",
                node.name()
            );
        }
        process.terminate().await?;
        process.unset("LD_PRELOAD");
        let since = world.history.now();
        process.start().await?;
        until_delivering(world, node, since).await?;
    }
    Ok(Outcome::Done)
}

/// By the `Date:` of an answer, which after a jump back is kept by the HTTP library for as long as the jump.
async fn until_an_hour_ahead(world: &World, node: &Node) -> anyhow::Result<()> {
    world
        .until("the clock has jumped", async || {
            let url = format!("http://{}/health/live", node.address);
            let answer = world.client.get(url).send().await.map_err(|e| e.to_string())?;
            let date = answer.headers().get("date").and_then(|date| date.to_str().ok()).unwrap_or_default();
            let date = OffsetDateTime::parse(date, &Rfc2822).map_err(|e| format!("{date}: {e}"))?;
            let ahead = (date - OffsetDateTime::now_utc()).whole_minutes();
            if ahead >= 55 { Ok(()) } else { Err(format!("{ahead} minutes ahead")) }
        })
        .await
}

/// Where distributions put it.
fn find_faketime() -> Option<String> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    folders
        .map(|folder| folder.join("faketime/libfaketime.so.1"))
        .find(|library| library.exists())
        .and_then(|library| library.to_str().map(str::to_owned))
}
