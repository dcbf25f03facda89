//! Waits until a server works again after a fault: events arrive through a notify_server, writes
//! succeed at a chat_server.

use std::time::Instant;

use super::Scene;
use crate::{
    process::{ServerKind, ServerProcess},
    world::{Node, World},
};

/// Starts a killed process again and waits until it delivers.
pub async fn bring_back(scene: &Scene, node: &Node, process: &mut ServerProcess) -> anyhow::Result<()> {
    let began = Instant::now();
    let began_at = scene.world.history.now();
    process.start().await?;
    scene.note(format!("{} is started again", node.name()));
    until_delivering(&scene.world, node, began_at).await?;
    scene.recovered(&format!("{} after SIGKILL", node.kind.name()), began.elapsed())
}

/// Waits until a server works on a connection that was made after `since`.
pub async fn until_delivering(world: &World, node: &Node, since: u64) -> anyhow::Result<()> {
    world.until_ready(node, true).await?;
    match node.kind {
        ServerKind::Notify => {
            until_event(world, node, |seen, asked_at| seen > since && asked_at > since).await
        }
        ServerKind::Chat => {
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

/// Waits until a server works again, on old or new connections.
pub async fn until_working(world: &World, node: &Node) -> anyhow::Result<()> {
    let since = world.history.now();
    match node.kind {
        ServerKind::Notify => {
            world.until_ready(node, true).await?;
            until_event(world, node, |seen, _| seen > since).await
        }
        ServerKind::Chat => until_delivering(world, node, since).await,
    }
}

/// Waits until a device received its newest event through a notify_server and `is` holds for the
/// time of the event and the time at which its connection was requested.
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
