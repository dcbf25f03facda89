//! Servers that are killed, paused or restarted, at random or chosen moments.

use std::time::Instant;

use anyhow::ensure;

use super::{
    Fault, Lane, Outcome, Result, Scene,
    recovery::{bring_back, until_delivering, until_working},
    sends,
};
use crate::{process::ServerKind, world::Node};

pub fn faults() -> Vec<Fault> {
    vec![
        Fault {
            name: "notify-kill",
            about: "SIGKILL of a notify_server under its streams",
            lane: Lane::Servers,
            own_postgres: false,
            run: |scene| Box::pin(kill_any(scene, ServerKind::Notify)),
        },
        Fault {
            name: "chat-kill",
            about: "SIGKILL of a chat_server at any moment of its sends",
            lane: Lane::Servers,
            own_postgres: false,
            run: |scene| Box::pin(kill_any(scene, ServerKind::Chat)),
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
            run: |scene| Box::pin(pause(scene, ServerKind::Notify)),
        },
        Fault {
            name: "chat-pause",
            about: "SIGSTOP of a chat_server, SIGCONT seconds later",
            lane: Lane::Servers,
            own_postgres: false,
            run: |scene| Box::pin(pause(scene, ServerKind::Chat)),
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

async fn kill_any(scene: &Scene, kind: ServerKind) -> Result {
    kill_and_restart(scene, scene.any(kind)).await?;
    Ok(Outcome::Done)
}

async fn pause(scene: &Scene, kind: ServerKind) -> Result {
    let node = scene.any(kind);
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
    scene.recovered(&format!("{} after SIGCONT", node.kind.name()), began.elapsed())?;
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
        scene.recovered(&format!("{} after SIGTERM", node.kind.name()), began.elapsed())?;
    }
    Ok(Outcome::Done)
}

/// Kills the process, restarts it after a pause, and returns when it delivers again.
pub async fn kill_and_restart(scene: &Scene, node: &Node) -> anyhow::Result<()> {
    let mut process = node.process().await;
    scene.note(format!("SIGKILL {}", node.name()));
    process.kill();
    ensure!(scene.world.readiness(node).await.is_none(), "{} answers though it was killed", node.name());
    scene.pause(1500).await;
    bring_back(scene, node, &mut process).await
}
