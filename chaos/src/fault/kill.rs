//! Processes that die, at any moment and at chosen ones.

use std::time::Instant;

use anyhow::ensure;

use super::{Fault, Lane, Outcome, Result, Scene, sends};
use crate::{
    process::{Role, ServerProcess},
    world::{Node, World},
};

pub fn faults() -> Vec<Fault> {
    vec![
        Fault {
            name: "notify-kill",
            about: "SIGKILL of a notify_server under its streams",
            lane: Lane::Servers,
            own_postgres: false,
            run: |scene| Box::pin(kill_any(scene, Role::Notify)),
        },
        Fault {
            name: "chat-kill",
            about: "SIGKILL of a chat_server at any moment of its sends",
            lane: Lane::Servers,
            own_postgres: false,
            run: |scene| Box::pin(kill_any(scene, Role::Chat)),
        },
        Fault {
            name: "chat-kill-before-commit",
            about: "SIGKILL of a chat_server whose send waits in an open transaction",
            lane: Lane::Servers,
            own_postgres: false,
            run: |scene| Box::pin(sends::before_commit(scene)),
        },
        Fault {
            name: "chat-kill-during-commit",
            about: "SIGKILL of a chat_server whose send is being committed, which goes on without it",
            lane: Lane::Servers,
            own_postgres: false,
            run: |scene| Box::pin(sends::during_commit(scene)),
        },
        Fault {
            name: "chat-kill-before-answer",
            about: "SIGKILL of a chat_server whose send is committed and not answered",
            lane: Lane::Servers,
            own_postgres: false,
            run: |scene| Box::pin(sends::before_answer(scene)),
        },
        Fault {
            name: "chat-kill-before-doorbell",
            about: "SIGKILL of a chat_server whose send is answered and for which it has not rung",
            lane: Lane::Servers,
            own_postgres: false,
            run: |scene| Box::pin(sends::before_doorbell(scene)),
        },
        Fault {
            name: "notify-pause",
            about: "SIGSTOP of a notify_server, SIGCONT seconds later",
            lane: Lane::Servers,
            own_postgres: false,
            run: |scene| Box::pin(pause(scene, Role::Notify)),
        },
        Fault {
            name: "chat-pause",
            about: "SIGSTOP of a chat_server, SIGCONT seconds later",
            lane: Lane::Servers,
            own_postgres: false,
            run: |scene| Box::pin(pause(scene, Role::Chat)),
        },
        Fault {
            name: "rolling-restart",
            about: "SIGTERM and start of each server in turn",
            lane: Lane::Servers,
            own_postgres: false,
            run: |scene| Box::pin(rolling_restart(scene)),
        },
    ]
}

async fn kill_any(scene: &Scene, role: Role) -> Result {
    kill_and_restart(scene, scene.any(role)).await?;
    Ok(Outcome::Done)
}

async fn pause(scene: &Scene, role: Role) -> Result {
    let node = scene.any(role);
    let process = node.process().await;
    process.pause()?;
    scene.note(format!("SIGSTOP {}", node.name()));
    let away = scene.until_silent(node).await?;
    scene.pause(3000).await;
    drop(away);
    process.resume()?;
    scene.note(format!("SIGCONT {}", node.name()));
    let began = Instant::now();
    until_working(&scene.world, node).await?;
    scene.recovered(&format!("{} after SIGCONT", node.role.name()), began.elapsed())?;
    Ok(Outcome::Done)
}

async fn rolling_restart(scene: &Scene) -> Result {
    for node in &scene.world.nodes {
        let mut process = node.process().await;
        let since = scene.world.history.now();
        scene.note(format!("SIGTERM {}", node.name()));
        process.terminate().await?;
        let began = Instant::now();
        process.start().await?;
        until_delivering(&scene.world, node, since).await?;
        scene.note(format!("{} is back", node.name()));
        scene.recovered(&format!("{} after SIGTERM", node.role.name()), began.elapsed())?;
    }
    Ok(Outcome::Done)
}

/// The process is gone for a moment, and delivers again when this returns.
pub async fn kill_and_restart(scene: &Scene, node: &Node) -> anyhow::Result<()> {
    let mut process = node.process().await;
    scene.note(format!("SIGKILL {}", node.name()));
    process.kill();
    ensure!(scene.world.readiness(node).await.is_none(), "{} answers though it was killed", node.name());
    scene.pause(1500).await;
    bring_back(scene, node, &mut process).await
}

/// Starts a killed process again and waits until it delivers.
pub async fn bring_back(scene: &Scene, node: &Node, process: &mut ServerProcess) -> anyhow::Result<()> {
    let began = Instant::now();
    let began_at = scene.world.history.now();
    process.start().await?;
    scene.note(format!("{} is started again", node.name()));
    until_delivering(&scene.world, node, began_at).await?;
    scene.recovered(&format!("{} after SIGKILL", node.role.name()), began.elapsed())
}

/// Waits until something came through a server by way of a connection made after a time.
pub async fn until_delivering(world: &World, node: &Node, since: u64) -> anyhow::Result<()> {
    world.until_ready(node, true).await?;
    match node.role {
        Role::Notify => until_event(world, node, |seen, asked_at| seen > since && asked_at > since).await,
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

/// Waits until something comes through a server again, on connections that it kept or on new ones.
pub async fn until_working(world: &World, node: &Node) -> anyhow::Result<()> {
    let since = world.history.now();
    match node.role {
        Role::Notify => {
            world.until_ready(node, true).await?;
            until_event(world, node, |seen, _| seen > since).await
        }
        Role::Chat => until_delivering(world, node, since).await,
    }
}

/// Waits until some device has got its newest event through a notify_server, at a time and by a connection asked for at a
/// time for which `is` holds.
pub async fn until_event(world: &World, node: &Node, is: impl Fn(u64, u64) -> bool) -> anyhow::Result<()> {
    let what = format!("an event comes through {}", node.name());
    world
        .until(&what, async || {
            let comes = world.devices.iter().any(|device| {
                let record = device.record();
                let seen = record.segments.last().and_then(|segment| segment.seen.last());
                seen.is_some_and(|seen| {
                    let connection = record.connections.get(seen.connection);
                    connection.is_some_and(|c| c.node == node.index && is(seen.at, c.asked_at))
                })
            });
            if comes { Ok(()) } else { Err("none yet".to_owned()) }
        })
        .await
}
