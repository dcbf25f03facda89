//! Processes that die, at any moment and at chosen ones.

use std::time::Instant;

use anyhow::ensure;

use super::{Fault, Lane, Outcome, Result, Scene};
use crate::{
    process::Role,
    world::{Node, World},
};

pub fn faults() -> Vec<Fault> {
    vec![
        Fault {
            name: "notify-kill",
            about: "SIGKILL of a notify_server under its streams; started again",
            lane: Lane::Servers,
            own_postgres: false,
            run: |scene| Box::pin(notify_kill(scene)),
        },
        Fault {
            name: "chat-kill",
            about: "SIGKILL of a chat_server at any moment of its sends; started again",
            lane: Lane::Servers,
            own_postgres: false,
            run: |scene| Box::pin(chat_kill(scene)),
        },
        Fault {
            name: "postgres-kill",
            about: "SIGKILL of the postmaster; started again, which recovers from the write-ahead log",
            lane: Lane::Database,
            own_postgres: true,
            run: |scene| Box::pin(postgres_kill(scene)),
        },
    ]
}

async fn notify_kill(scene: &Scene) -> Result {
    let node = scene.any_notify();
    kill_and_restart(scene, node).await?;
    Ok(Outcome::Done)
}

async fn chat_kill(scene: &Scene) -> Result {
    let node = scene.any_chat();
    kill_and_restart(scene, node).await?;
    Ok(Outcome::Done)
}

/// The process is gone for a moment, and delivers again when this returns.
pub async fn kill_and_restart(scene: &Scene, node: &Node) -> anyhow::Result<()> {
    let mut process = node.process().await;
    scene.note(format!("SIGKILL {}", node.name()));
    process.kill();
    ensure!(scene.world.readiness(node).await.is_none(), "{} answers though it was killed", node.name());
    scene.pause(1500).await;
    let began = Instant::now();
    let began_at = scene.world.history.now();
    process.start().await?;
    scene.note(format!("{} is started again", node.name()));
    until_delivering(&scene.world, node, began_at).await?;
    scene.tally.recovered(&format!("{} after SIGKILL", node.role.name()), began.elapsed());
    Ok(())
}

/// Waits until something came through a server by way of a connection made after a time.
pub async fn until_delivering(world: &World, node: &Node, since: u64) -> anyhow::Result<()> {
    world.until_ready(node, true).await?;
    match node.role {
        Role::Notify => {
            let what = format!("an event comes through {}", node.name());
            world
                .until(&what, async || {
                    let delivers = world.devices.iter().any(|device| {
                        let record = device.record();
                        let seen = record.segments.last().and_then(|segment| segment.seen.last());
                        let connection = seen.and_then(|seen| record.connections.get(seen.connection));
                        connection.is_some_and(|c| c.node == Some(node.index) && c.asked_at > since)
                    });
                    if delivers { Ok(()) } else { Err("none yet".to_owned()) }
                })
                .await
        }
        Role::Chat => {
            let owner = &world.tenants[0].people[0];
            let what = format!("{} writes", node.name());
            world
                .until(&what, async || {
                    let body = serde_json::json!({ "seq": 1 });
                    let operation = format!("POST /api/chat/{}/read", world.tenants[0].general);
                    match owner.attempt(node.index, &operation, Some(&body)).await {
                        Ok((200, _)) => Ok(()),
                        other => Err(format!("{other:?}")),
                    }
                })
                .await
        }
    }
}

async fn postgres_kill(scene: &Scene) -> Result {
    scene.note("SIGKILL postmaster");
    scene.world.cluster()?.kill().await?;
    postgres_back(scene, "postmaster after SIGKILL").await
}

/// Every server must say that the database is away; then it comes back.
async fn postgres_back(scene: &Scene, what: &str) -> Result {
    let world = &scene.world;
    for node in &world.nodes {
        world.until_ready(node, false).await?;
    }
    scene.note("every server has said that it is not ready");
    let began = Instant::now();
    world.cluster()?.restart().await?;
    world.follow_postgres()?;
    scene.note("Postgres is started again");
    for node in &world.nodes {
        world.until_ready(node, true).await?;
    }
    world.until_sent(1).await?;
    scene.tally.recovered(what, began.elapsed());
    Ok(Outcome::Done)
}
