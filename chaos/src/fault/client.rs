//! Faults of clients: slow reading, stopping, and sending everything sixteen times.

use anyhow::{Context as _, ensure};
use futures_util::future::join_all;

use super::{Fault, Lane, Outcome, Result, Scene, removal::private_channel};
use crate::{
    proxy::LinkMode,
    traffic::{send, send_as},
    world::World,
};

/// Bytes a second of a slow client.
const SLOW_CLIENT: u64 = 100;
/// The limit of a client's queue, and one frame more.
const QUEUE_MAX_BYTES: f64 = 512.0 * 1024.0;

pub fn faults() -> Vec<Fault> {
    vec![
        Fault {
            name: "slow-client",
            about: "one client takes 100 bytes a second and no more",
            lane: Lane::Clients,
            own_postgres: false,
            run: |scene| Box::pin(slow(scene, LinkMode::Slow(SLOW_CLIENT))),
        },
        Fault {
            name: "stopped-client",
            about: "one client reads nothing any more: its window is zero, as after SIGSTOP",
            lane: Lane::Clients,
            own_postgres: false,
            run: |scene| Box::pin(slow(scene, LinkMode::FreezeAnswers)),
        },
        Fault {
            name: "same-send-16-times",
            about: "one send is made 16 times at once, at both nodes",
            lane: Lane::Clients,
            own_postgres: false,
            run: |scene| Box::pin(same_send(scene)),
        },
        Fault {
            name: "same-id-two-chats",
            about: "one client id is used for two chats at once, at both nodes: one of them has it",
            lane: Lane::Clients,
            own_postgres: false,
            run: |scene| Box::pin(same_id(scene)),
        },
    ]
}

/// Reads a metric of the notify_server behind the narrow proxy.
async fn metric(world: &World, name: &str) -> anyhow::Result<f64> {
    let url = format!("http://{}/metrics", world.notify(0).address);
    let text = world.client.get(url).send().await?.text().await?;
    let line = text.lines().find(|line| line.split([' ', '{']).next() == Some(name));
    let value = line.and_then(|line| line.rsplit(' ').next()).with_context(|| format!("no metric {name}"))?;
    Ok(value.parse()?)
}

/// A client that reads slowly must not fill the server's memory and must not lose events: its queue
/// is bounded, and the rest is read again from the log. A client that reads nothing for too long is
/// disconnected.
async fn slow(scene: &Scene, mode: LinkMode) -> Result {
    const OVERFLOWS: &str = "parlor_notify_queue_overflows_total";
    const LARGEST: &str = "parlor_notify_largest_queue_bytes";
    const CUT: &str = "parlor_notify_slow_clients_cut_total";
    /// The number of messages of the largest size: more than a socket buffer and a queue hold.
    const AT_ONCE: usize = 100;
    let world = &scene.world;
    let tenant = &world.tenants[0];
    let device = world.devices.last().context("no devices")?;
    let words = "界".repeat(16_000);
    let figure = async |name| metric(world, name).await.map_err(|e| format!("{e:#}"));
    let outcome = world
        .until("the queue of one client overflows", async || {
            // It was cut as too slow before, and had to reconnect first.
            world.narrow.heal();
            let (before, events) = (figure(OVERFLOWS).await?, device.record().events());
            send(&world.history, &tenant.people[0], &tenant.general, "few", 0, 1).await;
            world
                .until("the client is there", async || {
                    let now = device.record().events();
                    if now > events { Ok(()) } else { Err(format!("{now} events")) }
                })
                .await
                .map_err(|e| format!("{e:#}"))?;
            world.narrow.set_mode(mode);
            scene.note(format!("one client: {mode:?}"));
            for part in 0..4 {
                let sends = (0..AT_ONCE / 4)
                    .map(|n| send(&world.history, &tenant.people[0], &tenant.general, &words, part + n, 1));
                join_all(sends).await;
                let (largest, now) = (figure(LARGEST).await?, figure(OVERFLOWS).await?);
                // A restart by another fault resets the counter.
                if largest > QUEUE_MAX_BYTES || now.total_cmp(&before).is_ne() {
                    return Ok(largest);
                }
            }
            Err(format!("{before} overflows as before"))
        })
        .await;
    let outcome = match outcome {
        Ok(largest) => until_let_go(scene, CUT).await.map(|()| largest),
        Err(e) => Err(e),
    };
    world.narrow.heal();
    scene.note("it reads again");
    let largest = outcome?;
    ensure!(largest <= QUEUE_MAX_BYTES, "{largest} bytes wait for one client");
    Ok(Outcome::Done)
}

/// Continues until the server disconnects the client. In a mixture another fault may have
/// disconnected it.
async fn until_let_go(scene: &Scene, counter: &str) -> anyhow::Result<()> {
    if scene.is_mixed {
        return Ok(());
    }
    let world = &scene.world;
    world
        .until("the client is let go", async || {
            let cut = metric(world, counter).await.map_err(|e| format!("{e:#}"))?;
            if cut > 0.0 { Ok(()) } else { Err("not yet".to_owned()) }
        })
        .await?;
    scene.note("it is let go as too slow");
    Ok(())
}

async fn same_send(scene: &Scene) -> Result {
    let world = &scene.world;
    for round in 0..5 {
        let tenant = &world.tenants[scene.pick(world.tenants.len())];
        let person = &tenant.people[scene.pick(tenant.people.len())];
        let (id, _) =
            send(&world.history, person, &tenant.general, &format!("16 times, {round}"), round, 16).await;
        ensure!(id.is_some(), "a send to a chat that everybody is in was refused");
    }
    Ok(Outcome::Done)
}

/// The first message that arrives gets the client id. The others are refused at every retry,
/// whichever answers were lost.
async fn same_id(scene: &Scene) -> Result {
    const ROUNDS: usize = 40;
    let world = &scene.world;
    let owner = &world.tenants[scene.pick(world.tenants.len())].people[0];
    let chats = [private_channel(scene, owner, &[]).await?, private_channel(scene, owner, &[]).await?];
    for round in 0..ROUNDS {
        let client_id = format!("{}-in-two-chats-{}", owner.name, world.history.now());
        let body = format!("in one of two chats, {round}");
        let sends = chats
            .iter()
            .enumerate()
            .map(|(node, chat)| send_as(&world.history, owner, chat, &body, &client_id, node + round, 1));
        // The oracle checks that exactly one was stored.
        join_all(sends).await;
    }
    Ok(Outcome::Done)
}
