//! Faults of the machine: a full disk, no file descriptors, a wrong clock.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::StatusCode;
use serde_json::Value;
use time::{
    OffsetDateTime,
    format_description::well_known::{Rfc2822, Rfc3339},
};
use tokio::{net::TcpStream, time::sleep};

use super::{
    Fault, Lane, Outcome, Result, Scene,
    recovery::{until_delivering, until_event, until_working},
};
use crate::{
    process::ServerKind,
    sse::Frames,
    world::{Node, World},
};

/// The limit of file descriptors of one server, and how many connections are opened: many more,
/// since the server closes idle ones after ten seconds.
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
            about: "a server has no file descriptor left for a connection, and gets them back",
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
    // Sends succeed while allocated space is left; then none is acknowledged.
    world
        .until("no write succeeds", async || {
            let then = world.history.acknowledged();
            sleep(Duration::from_secs(2)).await;
            let now = world.history.acknowledged();
            if now == then { Ok(()) } else { Err(format!("{} sent on a full disk", now - before)) }
        })
        .await?;
    scene.note("no write succeeds");
    for node in &world.nodes {
        until_true(world, node).await?;
    }
    disk.free()?;
    scene.note("there is room again");
    let began = Instant::now();
    if world.cluster()?.postmaster_pid().is_none() {
        // Postgres ends itself if it cannot write its log.
        world.cluster()?.restart().await?;
        world.follow_postgres()?;
        scene.note("Postgres had to be started again");
    }
    for node in &world.nodes {
        world.until_ready(node, true).await?;
    }
    world.until_sent(10).await?;
    scene.recovered("writing after a full disk", began.elapsed())?;
    Ok(Outcome::Done)
}

/// Waits until a server's readiness is right: with a full disk reads work, unless Postgres ends.
async fn until_true(world: &World, node: &Node) -> anyhow::Result<()> {
    let reader = &world.tenants[0].people[0];
    world
        .until(&format!("{} says whether it is ready", node.name()), async || {
            let chat_server = if node.kind == ServerKind::Chat { node.index } else { 0 };
            let read = reader.attempt(chat_server, "GET /api/users", None).await;
            let (said, read) = (world.readiness(node).await, matches!(read, Ok((200, _))));
            match &said {
                Some((200, _)) if read => Ok(()),
                Some((503, _)) if !read => Ok(()),
                _ => Err(format!("{said:?}, and one can{} read", if read { "" } else { "not" })),
            }
        })
        .await
}

async fn no_descriptors(scene: &Scene) -> Result {
    for node in scene.nodes_hit() {
        no_descriptors_of(scene, node).await?;
    }
    Ok(Outcome::Done)
}

async fn no_descriptors_of(scene: &Scene, node: &Node) -> anyhow::Result<()> {
    let world = &scene.world;
    let mut process = node.process().await;
    process.terminate().await?;
    process.limit_descriptors(Some(DESCRIPTORS));
    let since = world.history.now();
    process.start().await?;
    until_delivering(world, node, since).await?;
    let held = hold(node.address).await;
    scene.note(format!("{} connections are held open to {}", held.len(), node.name()));
    world.until_silent(node).await?;
    scene.note("it takes no more of them");
    if node.kind == ServerKind::Notify {
        // Open streams still work.
        let then = world.history.now();
        until_event(world, node, |seen, asked_at| seen > then && asked_at < then).await?;
    }
    world.until_sent(5).await?;
    drop(held);
    let began = Instant::now();
    world.until_ready(node, true).await?;
    until_working(world, node).await?;
    scene.note("it does again");
    scene.recovered(&format!("{} with descriptors again", node.kind.name()), began.elapsed())?;
    process.terminate().await?;
    process.limit_descriptors(None);
    let since = world.history.now();
    process.start().await?;
    until_delivering(world, node, since).await
}

async fn hold(address: SocketAddr) -> Vec<TcpStream> {
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        // The kernel accepts these connections, but the server cannot.
        if let Ok(stream) = TcpStream::connect(address).await {
            held.push(stream);
        }
    }
    held
}

/// Uses libfaketime, which changes the wall clock of a process and not the clock of its timers.
async fn clock_jump(scene: &Scene) -> Result {
    let world = &scene.world;
    let Some(library) = find_faketime() else {
        return Ok(Outcome::Skipped("needs libfaketime (apt-get install libfaketime)".to_owned()));
    };
    let file = tempfile::NamedTempFile::new()?;
    let path = file.path().to_str().context("no path")?.to_owned();
    for kind in [ServerKind::Notify, ServerKind::Chat] {
        let node = scene.any(kind);
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
        for (jump, minutes) in [("+3600s", 60), ("-3600s", -60), ("+0", 0)] {
            std::fs::write(&path, jump)?;
            scene.note(format!("the clock of {} is {jump} off", node.name()));
            until_clock(world, node, minutes).await?;
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

/// Waits until a server's clock is this many minutes off.
async fn until_clock(world: &World, node: &Node, minutes: i64) -> anyhow::Result<()> {
    let what = format!("the clock of {} is {minutes} minutes off", node.name());
    world
        .until(&what, async || {
            let now = clock(world, node).await.map_err(|e| format!("{e:#}"))?;
            let off = (now - OffsetDateTime::now_utc()).whole_seconds() - minutes * 60;
            if off.abs() < 120 { Ok(()) } else { Err(format!("{off} seconds from that")) }
        })
        .await
}

/// The time of a server, from a ticket or a `connected` frame. `Date:` is no use: after a jump
/// back, the HTTP library keeps the old time for as long as the jump.
async fn clock(world: &World, node: &Node) -> anyhow::Result<OffsetDateTime> {
    let person = &world.tenants[0].people[0];
    if node.kind == ServerKind::Chat {
        let (status, answer) =
            person.attempt(node.index, "POST /api/events/ticket", None).await.map_err(anyhow::Error::msg)?;
        let payload = answer["ticket"].as_str().and_then(|ticket| ticket.split('.').nth(1));
        let payload = payload.with_context(|| format!("no ticket: {status} {answer}"))?;
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?;
        return Ok(OffsetDateTime::from_unix_timestamp(claims["iat"].as_i64().context("no iat")?)?);
    }
    // On a server whose clock is ahead every token has expired; the refusal has a date.
    let url = format!("http://{}/events", node.address);
    let mut response = world.client.get(url).bearer_auth(person.token()).send().await?;
    if response.status() == StatusCode::UNAUTHORIZED {
        let date = response.headers().get("date").context("no date")?.to_str()?;
        return Ok(OffsetDateTime::parse(date, &Rfc2822)?);
    }
    let mut frames = Frames::default();
    loop {
        frames.push(&response.chunk().await?.context("ended before it began")?);
        while let Some(frame) = frames.next_frame()? {
            if frame.event == "connected" {
                let data: Value = serde_json::from_str(&frame.data)?;
                return Ok(OffsetDateTime::parse(data["at"].as_str().unwrap_or_default(), &Rfc3339)?);
            }
        }
    }
}

/// The folders of distributions.
fn find_faketime() -> Option<String> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    folders
        .map(|folder| folder.join("faketime/libfaketime.so.1"))
        .find(|library| library.exists())
        .and_then(|library| library.to_str().map(str::to_owned))
}
