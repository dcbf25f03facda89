//! Members are removed from a chat while their device is still catching up on it.

use std::time::Duration;

use anyhow::Context as _;
use futures_util::future::join_all;
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::{Fault, Lane, Outcome, Result, Scene};
use crate::{
    device::Device,
    person::Person,
    proxy::LinkMode,
    traffic::send,
    world::{Node, World},
};

/// Bytes a second that make a replay slow.
const SLOW_REPLAY: u64 = 20_000;
/// Messages of 48 KB. Together they exceed what the kernel buffers for one socket plus the oracle's
/// tolerance.
const LONG_STAY: usize = 220;
/// How many of them are sent at once.
const AT_ONCE: usize = 20;
/// The longest time for which a server is cut off from Postgres while the device reaches the right
/// position. A fault of Postgres may wait for that server at the same time, for up to 45 s.
const HELD_AT_MOST: Duration = Duration::from_secs(20);

pub fn faults() -> Vec<Fault> {
    vec![
        Fault {
            name: "removed-while-away",
            about: "a member is removed while their device is away, and it comes back with an old cursor",
            lane: Lane::Clients,
            own_postgres: false,
            run: |scene| Box::pin(removed_while_away(scene)),
        },
        Fault {
            name: "removed-during-replay",
            about: "a member is removed while their device is catching up with 10 MB of the chat",
            lane: Lane::Clients,
            own_postgres: false,
            run: |scene| Box::pin(removed_during_replay(scene)),
        },
        Fault {
            name: "removed-and-back",
            about: "a member is added, removed and added again, each unseen by a device that comes back twice meanwhile",
            lane: Lane::Clients,
            own_postgres: false,
            run: |scene| Box::pin(removed_and_back(scene, false)),
        },
        Fault {
            name: "removed-and-elsewhere",
            about: "the same, and the device comes back to a server that does not know yet of what the first has judged by",
            lane: Lane::Clients,
            own_postgres: false,
            run: |scene| Box::pin(removed_and_back(scene, true)),
        },
    ]
}

/// Members are removed while their device is away. The messages from before must not reach it.
async fn removed_while_away(scene: &Scene) -> Result {
    let world = &scene.world;
    let tenant = &world.tenants[0];
    let (owner, member) = (&tenant.people[0], &tenant.people[1]);
    let device = world.devices.last().context("no devices")?;
    let room = private_channel(scene, owner, &[member]).await?;
    let words = "confidential ".repeat(30);
    let say = async |count: usize| {
        for _ in 0..count {
            send(&world.history, owner, &room, words.trim(), 0, 1).await;
        }
    };
    say(3).await;
    world.narrow.refuse(true);
    scene.note("one device is away");
    say(40).await;
    remove(owner, &room, member).await?;
    scene.note("they are removed");
    say(10).await;
    world.narrow.heal();
    scene.note("the device is back");
    until_reached(world, device, position(owner).await?).await?;
    Ok(Outcome::Done)
}

/// A member is removed while the first pages of a replay are being sent and the rest is not
/// filtered yet. The rest must not be sent, although the person was a member when the replay began.
async fn removed_during_replay(scene: &Scene) -> Result {
    let world = &scene.world;
    let tenant = &world.tenants[0];
    let (owner, member) = (&tenant.people[0], &tenant.people[1]);
    let device = world.devices.last().context("no devices")?;
    let node = world.notify(0);
    let room = private_channel(scene, owner, &[member]).await?;
    world.narrow.refuse(true);
    scene.note("one device is away");
    let words = "界".repeat(16_000);
    for part in 0..LONG_STAY / AT_ONCE {
        let sends = (0..AT_ONCE).map(|n| send(&world.history, owner, &room, &words, part + n, 1));
        join_all(sends).await;
    }
    let stay_ends = position(owner).await?;
    let connects = device.record().connections.len();
    world.narrow.set_mode(LinkMode::Slow(SLOW_REPLAY));
    world.narrow.refuse(false);
    world
        .until("the device is let in", async || {
            let now = device.record().connections.len();
            if now > connects { Ok(()) } else { Err(format!("{now} connects")) }
        })
        .await?;
    remove(owner, &room, member).await?;
    let removed = position(owner).await?;
    scene.note(format!("they are removed, at {}", device.record().reached()));
    world
        .until(&format!("{} knows of the removal", node.name()), async || {
            let newest = newest_through(world, node);
            if newest >= Some(removed) { Ok(()) } else { Err(format!("{newest:?} of {removed}")) }
        })
        .await?;
    let (reached, now) = {
        let record = device.record();
        (record.reached(), record.connections.len())
    };
    world.narrow.heal();
    scene.note(format!("it was at {reached} of {stay_ends} when that was known, and goes on fast"));
    until_reached(world, device, removed).await?;
    if reached >= stay_ends || now > connects + 1 {
        return Ok(Outcome::Missed(format!("at {reached} of {stay_ends}, on connection {now}")));
    }
    Ok(Outcome::Done)
}

/// A member has left when their device reaches a position at which they still were a member: no
/// event of that stay may be sent. Then they join again and the device continues from there: the
/// rest of the first stay must not be sent either.
async fn removed_and_back(scene: &Scene, elsewhere: bool) -> Result {
    let world = &scene.world;
    let tenant = &world.tenants[0];
    let (owner, member) = (&tenant.people[0], &tenant.people[1]);
    let device = world.devices.last().context("no devices")?;
    let room = private_channel(scene, owner, &[]).await?;
    let add = async || {
        let operation = format!("POST /api/chat/{room}/members");
        owner.certainly(&operation, Some(&json!({ "user_ids": [member.id] }))).await
    };
    let write = async |chat: &str, count: usize, words: &str| {
        for _ in 0..count {
            send(&world.history, owner, chat, words.trim(), 0, 1).await;
        }
    };
    let much = "much ".repeat(400);
    world.narrow.refuse(true);
    scene.note("one device is away");
    write(&room, 1, "before").await;
    add().await?;
    write(&room, 3, "confidential").await;
    let stay = position(owner).await?;
    // Long enough for the device to be cut off in the middle.
    write(&tenant.general, 60, &much).await;
    write(&room, 3, "confidential, too").await;
    let stay_ends = position(owner).await?;
    let (first, other) = (world.notify(0), world.notify(1));
    if elsewhere {
        world
            .until(&format!("{} knows of the stay", other.name()), async || {
                let newest = newest_through(world, other);
                if newest >= Some(stay_ends) { Ok(()) } else { Err(format!("{newest:?} of {stay_ends}")) }
            })
            .await?;
        other.database.set_mode(LinkMode::Freeze);
        scene.note(format!("no byte passes between {} and Postgres", other.name()));
    }
    let comes = async {
        remove(owner, &room, member).await?;
        world.narrow.set_mode(LinkMode::Slow(SLOW_REPLAY));
        world.narrow.refuse(false);
        until_reached(world, device, stay).await
    };
    if !elsewhere {
        comes.await?;
    } else if !comes_in_time(world, other, comes).await? {
        return Ok(Outcome::Missed(format!("it was not at {stay} after {} s", HELD_AT_MOST.as_secs())));
    }
    world.narrow.refuse(true);
    let reached = device.record().reached();
    scene.note(format!("cut off at {reached}, of a stay from {stay} to {stay_ends}"));
    if elsewhere {
        // The other server knows of the stay but not of its end.
        world.lead_narrow_to(other);
        world.narrow.heal();
        scene.note(format!("the device is sent to {}", other.name()));
        sleep(Duration::from_secs(3)).await;
        world.narrow.refuse(true);
        world.lead_narrow_to(first);
        other.database.heal();
    }
    add().await?;
    write(&room, 3, "in again").await;
    let end = position(owner).await?;
    world.narrow.heal();
    scene.note("the device is back");
    until_reached(world, device, end).await?;
    if reached >= stay_ends {
        return Ok(Outcome::Missed(format!("it was cut off at {reached}, behind {stay_ends}")));
    }
    Ok(Outcome::Done)
}

/// Waits for a condition while a server is cut off from Postgres. After the time limit, the server
/// is connected again.
async fn comes_in_time(
    world: &World,
    held: &Node,
    comes: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<bool> {
    let came = timeout(HELD_AT_MOST, comes).await;
    if !matches!(came, Ok(Ok(()))) {
        held.database.heal();
        world.narrow.heal();
    }
    came.map_or(Ok(false), |came| came.map(|()| true))
}

/// The position of the log's end.
async fn position(person: &Person) -> anyhow::Result<i64> {
    person.sync().await?["cursor"].as_str().and_then(crate::sse::position).context("no cursor")
}

async fn until_reached(world: &World, device: &Device, position: i64) -> anyhow::Result<()> {
    let has_come = async || {
        let reached = device.record().reached();
        if reached >= position { Ok(()) } else { Err(format!("{reached} of {position}")) }
    };
    world.until("the device has come as far", has_come).await
}

/// The newest event that a device of the first workspace received through a notify_server.
fn newest_through(world: &World, node: &Node) -> Option<i64> {
    let people = &world.tenants[0].people;
    let devices = world.devices.iter().filter(|device| people.iter().any(|p| p.id == device.person.id));
    let newest = devices.filter_map(|device| {
        let record = device.record();
        let seen = record.segments.last()?.seen.last().copied()?;
        let is_by_it = record.connections.get(seen.connection).is_some_and(|c| c.node == node.index);
        is_by_it.then_some(seen.position)
    });
    newest.max()
}

/// Creates a private channel. If an answer was lost, the retry finds the name taken and uses
/// another name.
pub async fn private_channel(scene: &Scene, owner: &Person, members: &[&Person]) -> anyhow::Result<String> {
    let members: Vec<&str> = members.iter().map(|person| person.id.as_str()).collect();
    loop {
        let name = format!("secret {}", scene.world.history.now());
        let channel = json!({ "kind": "private_channel", "name": name, "members": members });
        match owner.create_chat(channel).await {
            Err(e) if format!("{e:#}").contains("chat_name_taken") => {}
            outcome => return outcome,
        }
    }
}

async fn remove(owner: &Person, room: &str, member: &Person) -> anyhow::Result<()> {
    let outcome = owner.certainly(&format!("DELETE /api/chat/{room}/members/{}", member.id), None).await;
    match outcome {
        // A retry finds that the first attempt succeeded.
        Err(e) if !format!("{e:#}").contains("404") => Err(e),
        _ => Ok(()),
    }
}
