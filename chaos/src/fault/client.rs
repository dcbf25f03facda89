//! Clients that are slow, stop, or say everything sixteen times.

use anyhow::{Context as _, ensure};
use futures_util::future::join_all;

use super::{Fault, Lane, Outcome, Result, Scene, removal::private_channel};
use crate::{
    proxy::Mode,
    traffic::{send, send_as},
    world::World,
};

/// Bytes a second of a client that is slow.
const SLOW_CLIENT: u64 = 100;
/// What one client's queue may hold, and a frame on top of it.
const QUEUE_MAX_BYTES: f64 = 512.0 * 1024.0;

pub fn faults() -> Vec<Fault> {
    vec![
        Fault {
            name: "slow-client",
            about: "one client takes 100 bytes a second and no more",
            lane: Lane::Clients,
            own_postgres: false,
            run: |scene| Box::pin(slow(scene, Mode::Slow(SLOW_CLIENT))),
        },
        Fault {
            name: "stopped-client",
            about: "one client reads nothing any more: its window is zero, as after SIGSTOP",
            lane: Lane::Clients,
            own_postgres: false,
            run: |scene| Box::pin(slow(scene, Mode::FreezeAnswers)),
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

/// A figure of the notify_server that the narrow line leads to.
async fn metric(world: &World, name: &str) -> anyhow::Result<f64> {
    let url = format!("http://{}/metrics", world.notify(0).address);
    let text = world.client.get(url).send().await?.text().await?;
    let line = text.lines().find(|line| line.split([' ', '{']).next() == Some(name));
    let value = line.and_then(|line| line.rsplit(' ').next()).with_context(|| format!("no metric {name}"))?;
    Ok(value.parse()?)
}

/// What a client at the end of a narrow line does not take must neither fill the server nor be lost: its queue has a bound,
/// and what does not fit is read again from the log. Nothing taken at all for too long, it is let go.
async fn slow(scene: &Scene, mode: Mode) -> Result {
    const OVERFLOWS: &str = "parlor_notify_queue_overflows_total";
    const LARGEST: &str = "parlor_notify_largest_queue_bytes";
    const CUT: &str = "parlor_notify_slow_clients_cut_total";
    /// Of the largest messages: more than the kernel takes for one socket, and a queue.
    const AT_ONCE: usize = 100;
    let world = &scene.world;
    let tenant = &world.tenants[0];
    let device = world.devices.last().context("no devices")?;
    let words = "界".repeat(16_000);
    let figure = async |name| metric(world, name).await.map_err(|e| format!("{e:#}"));
    let outcome = world
        .until("the queue of one client overflows", async || {
            // Cut off as too slow before that, it had to come back first.
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
                // Restarted by another fault, it counts from zero.
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

/// Goes on until the server has had enough of the client. Beside other faults it may have lost it otherwise.
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

/// Whichever comes first has the id; the other is told that it was used, however often they ask and whichever answer is
/// lost.
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
        // That it was one of them, and not none, is for the oracle.
        join_all(sends).await;
    }
    Ok(Outcome::Done)
}
