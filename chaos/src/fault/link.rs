//! Faults of connections between two parts: cut, frozen, slow.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::{
    Fault, Lane, Outcome, Result, Scene,
    recovery::{until_delivering, until_working},
};
use crate::{
    process::ServerKind,
    proxy::LinkMode,
    traffic::send,
    world::{Node, World},
};

/// Bytes a second of a slow connection to Postgres.
const SLOW_DATABASE: u64 = 40_000;
/// Bytes a second of all clients' connections when slow.
const SLOW_DOOR: u64 = 4_000;

pub fn faults() -> Vec<Fault> {
    vec![
        Fault {
            name: "cut-clients",
            about: "every connection between people and one server is reset, several times",
            lane: Lane::Clients,
            own_postgres: false,
            run: |scene| Box::pin(cut_clients(scene)),
        },
        Fault {
            name: "freeze-clients",
            about: "bytes between people and one server stop, without a reset",
            lane: Lane::Clients,
            own_postgres: false,
            run: |scene| Box::pin(freeze_clients(scene)),
        },
        Fault {
            name: "half-open-clients",
            about: "the clients of a notify_server are gone and it is not told",
            lane: Lane::Clients,
            own_postgres: false,
            run: |scene| Box::pin(half_open(scene)),
        },
        Fault {
            name: "slow-clients",
            about: "everybody reaches one server over a slow line",
            lane: Lane::Clients,
            own_postgres: false,
            run: |scene| Box::pin(slow_clients(scene)),
        },
        Fault {
            name: "cut-postgres",
            about: "a server's connections to Postgres are reset, and new ones too for a while",
            lane: Lane::Database,
            own_postgres: false,
            run: |scene| Box::pin(away(scene, |node| node.database.refuse(true), "cut off from Postgres")),
        },
        Fault {
            name: "freeze-postgres",
            about: "bytes between a server and Postgres stop, without a reset",
            lane: Lane::Database,
            own_postgres: false,
            run: |scene| {
                Box::pin(away(
                    scene,
                    |node| node.database.set_mode(LinkMode::Freeze),
                    "without a byte from Postgres",
                ))
            },
        },
        Fault {
            name: "slow-postgres",
            about: "a server reaches Postgres over a slow line",
            lane: Lane::Database,
            own_postgres: false,
            run: |scene| Box::pin(slow_postgres(scene)),
        },
        Fault {
            name: "silent-listener",
            about: "the connection that listens for the doorbell is dead without a word",
            lane: Lane::Database,
            own_postgres: false,
            run: |scene| Box::pin(silent_listener(scene)),
        },
    ]
}

async fn cut_clients(scene: &Scene) -> Result {
    // Alone, each kind of server twice.
    let nodes = (0..if scene.is_mixed { 4 } else { 2 }).flat_map(|_| scene.nodes_hit());
    for node in nodes {
        scene.note(format!("clients of {} are cut off", node.name()));
        node.door.cut();
        scene.pause(600).await;
    }
    Ok(Outcome::Done)
}

async fn freeze_clients(scene: &Scene) -> Result {
    for node in scene.nodes_hit() {
        freeze_clients_of(scene, node).await?;
    }
    Ok(Outcome::Done)
}

async fn freeze_clients_of(scene: &Scene, node: &Node) -> anyhow::Result<()> {
    scene.note(format!("no byte passes between clients and {}", node.name()));
    node.door.set_mode(LinkMode::Freeze);
    let seen = async {
        scene.until_sent_meanwhile(5).await?;
        // Longer than the timeout of requests, and sometimes of streams.
        sleep(Duration::from_secs(4)).await;
        scene.pause(scene.size(6000, 1000)).await;
        anyhow::Ok(())
    };
    let seen = seen.await;
    node.door.heal();
    scene.note("they pass again");
    seen?;
    let began = Instant::now();
    until_working(&scene.world, node).await?;
    scene.recovered(&format!("{} after a frozen line", node.kind.name()), began.elapsed())
}

async fn half_open(scene: &Scene) -> Result {
    for node in scene.nodes_hit() {
        let before = node.door.ports().len();
        let since = scene.world.history.now();
        let began = Instant::now();
        node.door.forget_clients();
        scene.note(format!("{before} clients of {} are gone without a word", node.name()));
        scene.until_sent_meanwhile(20).await?;
        until_delivering(&scene.world, node, since).await?;
        scene.recovered(&format!("{} with half-open clients", node.kind.name()), began.elapsed())?;
        node.door.heal();
    }
    Ok(Outcome::Done)
}

async fn slow_clients(scene: &Scene) -> Result {
    for node in scene.nodes_hit() {
        scene.note(format!("{} is reached at {SLOW_DOOR} bytes a second", node.name()));
        node.door.set_mode(LinkMode::Slow(SLOW_DOOR));
        sleep(Duration::from_secs(3)).await;
        scene.pause(scene.size(5000, 500)).await;
        node.door.heal();
        scene.note("the line is fast again");
        scene.world.until_sent(5).await?;
    }
    Ok(Outcome::Done)
}

/// One server loses Postgres, reports "not ready" and recovers; the others keep working.
async fn away(scene: &Scene, how: fn(&Node), what: &str) -> Result {
    for node in scene.nodes_hit() {
        how(node);
        scene.note(format!("{} is {what}", node.name()));
        let seen = async {
            let _away = scene.until_not_ready(node).await?;
            scene.note(format!("{} has said that it is not ready", node.name()));
            scene.until_sent_meanwhile(10).await
        };
        let seen = seen.await;
        node.database.heal();
        seen?;
        let began = Instant::now();
        until_working(&scene.world, node).await?;
        scene.recovered(&format!("{} after it was {what}", node.kind.name()), began.elapsed())?;
    }
    Ok(Outcome::Done)
}

async fn slow_postgres(scene: &Scene) -> Result {
    for node in scene.nodes_hit() {
        scene.note(format!("{} reaches Postgres at {SLOW_DATABASE} bytes a second", node.name()));
        node.database.set_mode(LinkMode::Slow(SLOW_DATABASE));
        sleep(Duration::from_secs(3)).await;
        scene.pause(scene.size(5000, 500)).await;
        node.database.heal();
        scene.note("the line is fast again");
        scene.world.until_ready(node, true).await?;
        scene.world.until_sent(5).await?;
    }
    Ok(Outcome::Done)
}

/// The ports of a node's LISTEN connections.
async fn listeners(world: &World, node: &Node) -> anyhow::Result<Vec<u16>> {
    let ports: Vec<i32> = node.database.ports().into_iter().map(i32::from).collect();
    let mut db = world.psql().await?;
    let found: Vec<i32> = sqlx::query_scalar(
        "select client_port from pg_stat_activity
         where datname = current_database() and client_port = any($1) and application_name = 'parlor doorbell'",
    )
    .bind(&ports)
    .fetch_all(&mut db)
    .await?;
    Ok(found.into_iter().filter_map(|port| u16::try_from(port).ok()).collect())
}

/// Events still arrive by the poll, and the server notices and listens again.
async fn silent_listener(scene: &Scene) -> Result {
    for node in scene.nodes_hit() {
        if let Outcome::Missed(why) = silent_listener_of(scene, node).await? {
            return Ok(Outcome::Missed(why));
        }
    }
    Ok(Outcome::Done)
}

async fn silent_listener_of(scene: &Scene, node: &Node) -> Result {
    let world = &scene.world;
    let freeze = async || {
        let ports = listeners(world, node).await.map_err(|e| format!("{e:#}"))?;
        let frozen = ports.iter().filter(|port| node.database.set_mode_of(**port, LinkMode::Freeze)).count();
        if frozen > 0 { Ok(ports) } else { Err("no connection listens".to_owned()) }
    };
    let ports = match world.until("there is a listener to be frozen", freeze).await {
        Ok(ports) => ports,
        Err(e) => return Ok(Outcome::Missed(format!("{e:#}"))),
    };
    scene.note(format!("the listener of {} is silently dead", node.name()));
    let began = Instant::now();
    until_working(world, node).await?;
    if node.kind == ServerKind::Chat {
        until_told(world, node).await?;
    }
    scene.recovered(&format!("{} without its doorbell", node.kind.name()), began.elapsed())?;
    world
        .until(&format!("{} listens again", node.name()), async || {
            let now = listeners(world, node).await.map_err(|e| format!("{e:#}"))?;
            if now.iter().any(|port| !ports.contains(port)) { Ok(()) } else { Err(format!("{now:?}")) }
        })
        .await?;
    node.database.heal();
    scene.note("it listens again");
    world.until_ready(node, true).await?;
    Ok(Outcome::Done)
}

/// Waits until a write through the other chat_server is in a list that this one has cached.
async fn until_told(world: &World, node: &Node) -> anyhow::Result<()> {
    let tenant = &world.tenants[0];
    let (owner, other) = (&tenant.people[0], &tenant.people[1]);
    // This caches the list.
    let list = async || owner.attempt(node.index, "GET /api/chat?limit=200", None).await;
    let _ = list().await;
    let (_, sent) =
        send(&world.history, other, &tenant.general, "told without a doorbell", node.index + 1, 1).await;
    world
        .until(&format!("{} knows what was written at the other", node.name()), async || {
            let (_, list) = list().await?;
            let chats = list["items"].as_array().into_iter().flatten();
            let general = chats.map(|item| &item["chat"]).find(|chat| chat["id"] == tenant.general.as_str());
            let newest = general.and_then(|chat| chat["last_seq"].as_i64());
            if newest >= Some(sent) { Ok(()) } else { Err(format!("{newest:?} of {sent}")) }
        })
        .await
}
