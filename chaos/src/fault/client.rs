//! Clients that are slow, stop, ask for what they may not have, or say everything sixteen times.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use futures_util::future::{join_all, try_join_all};
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::{Fault, Lane, Outcome, Result, Scene};
use crate::{
    device::Device,
    person::Person,
    proxy::Mode,
    sse::{Frame, Frames},
    traffic::send,
    world::{Node, World},
};

/// Bytes a second of a client that is slow.
const SLOW_CLIENT: u64 = 100;
/// Bytes a second at which a replay takes a while.
const SLOW_REPLAY: u64 = 20_000;
const FRAME_TIMEOUT: Duration = Duration::from_secs(60);

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
            name: "removed-while-away",
            about: "a member is removed while their device is away, and it comes back with an old cursor",
            lane: Lane::Clients,
            own_postgres: false,
            run: |scene| Box::pin(removed(scene, false)),
        },
        Fault {
            name: "removed-during-replay",
            about: "a member is removed while their device is catching up",
            lane: Lane::Clients,
            own_postgres: false,
            run: |scene| Box::pin(removed(scene, true)),
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
        Fault {
            name: "bad-cursors",
            about: "cursors that are garbage, forged, of another workspace, generation or timeline",
            lane: Lane::Clients,
            own_postgres: false,
            run: |scene| Box::pin(bad_cursors(scene)),
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
/// and what does not fit is read again from the log.
async fn slow(scene: &Scene, mode: Mode) -> Result {
    const OVERFLOWS: &str = "parlor_notify_queue_overflows_total";
    /// More than a queue and what lies before it hold.
    const AT_ONCE: usize = 80;
    let world = &scene.world;
    let tenant = &world.tenants[0];
    let device = world.devices.last().context("no devices")?;
    let words = "much ".repeat(400);
    let overflows = async || metric(world, OVERFLOWS).await.map_err(|e| format!("{e:#}"));
    let outcome = world
        .until("the queue of one client overflows", async || {
            // Cut off as too slow before that, it had to come back first.
            world.narrow.heal();
            let (before, events) = (overflows().await?, device.record().events());
            let sends = (0..AT_ONCE / 8)
                .map(|_| send(&world.history, &tenant.people[0], &tenant.general, "few", 0, 1));
            join_all(sends).await;
            world
                .until("the client is there", async || {
                    let now = device.record().events();
                    if now > events { Ok(()) } else { Err(format!("{now} events")) }
                })
                .await
                .map_err(|e| format!("{e:#}"))?;
            world.narrow.set_mode(mode);
            scene.note(format!("one client: {mode:?}"));
            for _ in 0..3 {
                let sends = (0..AT_ONCE)
                    .map(|_| send(&world.history, &tenant.people[0], &tenant.general, words.trim(), 0, 1));
                join_all(sends).await;
                let now = overflows().await?;
                // Restarted by another fault, it counts from zero.
                if now.total_cmp(&before).is_ne() {
                    return Ok(());
                }
            }
            Err(format!("{before} overflows as before"))
        })
        .await;
    world.narrow.heal();
    scene.note("it reads again");
    outcome?;
    Ok(Outcome::Done)
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

async fn removed(scene: &Scene, during_replay: bool) -> Result {
    let world = &scene.world;
    let tenant = &world.tenants[0];
    let (owner, member) = (&tenant.people[0], &tenant.people[1]);
    let device = world.devices.last().context("no devices")?;
    let room = private_channel(scene, owner, &[member]).await?;
    let say = async |count: usize, what: &str| {
        let words = "confidential ".repeat(30);
        for _ in 0..count {
            send(&world.history, owner, &room, &format!("{what} {words}"), 0, 1).await;
        }
    };
    say(3, "all together").await;
    world.narrow.refuse(true);
    scene.note("one device is away");
    say(40, "while they are away").await;
    let connects = device.record().connections.len();
    if during_replay {
        world.narrow.set_mode(Mode::Slow(SLOW_REPLAY));
        world.narrow.refuse(false);
        world
            .until("the device is let in", async || {
                let now = device.record().connections.len();
                if now > connects { Ok(()) } else { Err(format!("{now} connects")) }
            })
            .await?;
    }
    remove(owner, &room, member).await?;
    scene.note("they are removed");
    say(10, "after their removal").await;
    world.narrow.heal();
    scene.note("the device is back");
    let cursor =
        owner.sync().await?["cursor"].as_str().and_then(crate::sse::position).context("no cursor")?;
    until_reached(world, device, cursor).await?;
    Ok(Outcome::Done)
}

/// The device comes to a place in the log at which its person was in the chat, when they have left it: nothing of that stay
/// is sent. Then it goes on from there when they are in it once more: nor is the rest of it now.
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
    let position = async || {
        let cursor = owner.sync().await?;
        cursor["cursor"].as_str().and_then(crate::sse::position).context("no cursor")
    };
    let much = "much ".repeat(400);
    world.narrow.refuse(true);
    scene.note("one device is away");
    write(&room, 1, "before").await;
    add().await?;
    write(&room, 3, "confidential").await;
    let stay = position().await?;
    // Enough for the device to be cut off in the middle of it.
    write(&tenant.general, 60, &much).await;
    write(&room, 3, "confidential, too").await;
    let stay_ends = position().await?;
    let (first, other) = (world.notify(0), world.notify(1));
    if elsewhere {
        world
            .until(&format!("{} knows of the stay", other.name()), async || {
                let newest = newest_through(world, other);
                if newest >= Some(stay_ends) { Ok(()) } else { Err(format!("{newest:?} of {stay_ends}")) }
            })
            .await?;
        other.database.set_mode(Mode::Freeze);
        scene.note(format!("no byte passes between {} and Postgres", other.name()));
    }
    remove(owner, &room, member).await?;
    world.narrow.set_mode(Mode::Slow(SLOW_REPLAY));
    world.narrow.refuse(false);
    until_reached(world, device, stay).await?;
    world.narrow.refuse(true);
    let reached = device.record().reached();
    scene.note(format!("cut off at {reached}, of a stay from {stay} to {stay_ends}"));
    if elsewhere {
        // As to where it is known of the stay, and not of its end.
        world.narrow.set_upstream(other.address);
        world.narrow.heal();
        scene.note(format!("the device is sent to {}", other.name()));
        sleep(Duration::from_secs(3)).await;
        world.narrow.refuse(true);
        world.narrow.set_upstream(first.address);
        other.database.heal();
    }
    add().await?;
    write(&room, 3, "in again").await;
    let end = position().await?;
    world.narrow.heal();
    scene.note("the device is back");
    until_reached(world, device, end).await?;
    if reached >= stay_ends {
        return Ok(Outcome::Missed(format!("it was cut off at {reached}, behind {stay_ends}")));
    }
    Ok(Outcome::Done)
}

async fn until_reached(world: &World, device: &Device, position: i64) -> anyhow::Result<()> {
    let has_come = async || {
        let reached = device.record().reached();
        if reached >= position { Ok(()) } else { Err(format!("{reached} of {position}")) }
    };
    world.until("the device has come as far", has_come).await
}

/// The newest event that a device of the first workspace has got through a notify_server.
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

/// A new one. Where an answer was lost, the next attempt finds the name taken: then by another name.
async fn private_channel(scene: &Scene, owner: &Person, members: &[&Person]) -> anyhow::Result<String> {
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
        // A repeated attempt finds that the first was enough.
        Err(e) if !format!("{e:#}").contains("404") => Err(e),
        _ => Ok(()),
    }
}

async fn bad_cursors(scene: &Scene) -> Result {
    let world = &scene.world;
    let tenant = &world.tenants[0];
    let good = cursor_of(&tenant.people[0]).await?;
    let [generation, timeline, shard, id] = parts(&good)?;
    let mut cases = vec![
        ("nonsense".to_owned(), "malformed"),
        ("1.1.99.1".to_owned(), "malformed"),
        (format!("{generation}.{timeline}.{shard}.-{id}"), "malformed"),
        (format!("{generation}.{timeline}.{shard}.{}", u64::MAX), "malformed"),
        (format!("{}.{timeline}.{shard}.{id}", generation + 1), "other_generation"),
        (format!("{generation}.{}.{shard}.{id}", timeline + 1), "unknown"),
        (format!("{generation}.{timeline}.{shard}.{}", id + 1_000_000_000), "unknown"),
        (format!("{generation}.{timeline}.{}.{id}", (shard + 1) % 16), "other_workspace"),
    ];
    for tenant in &world.tenants[1..] {
        let theirs = cursor_of(&tenant.people[0]).await?;
        // Two workspaces may share a shard; then its positions are good for both, and it is no secret of theirs.
        if parts(&theirs)?[2] != shard {
            cases.push((theirs, "other_workspace"));
        }
    }
    let asked = cases.iter().map(async |(cursor, reason)| {
        world
            .until(&format!("the cursor {cursor} is answered with {reason}"), async || {
                match first_frames(world, &tenant.people[0], cursor, 2).await {
                    Ok(frames) if frames.iter().any(|f| f.event == "reset" && f.data.contains(reason)) => {
                        Ok(())
                    }
                    other => Err(format!("{other:?}")),
                }
            })
            .await
    });
    try_join_all(asked).await?;
    // And one that is good is gone on from.
    world
        .until("a good cursor is gone on from", async || {
            match first_frames(world, &tenant.people[0], &good, 1).await {
                Ok(frames) if frames.iter().any(|f| f.data.contains("\"resumed\":true")) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await?;
    Ok(Outcome::Done)
}

async fn cursor_of(person: &Person) -> anyhow::Result<String> {
    let snapshot = person.sync().await?;
    Ok(snapshot["cursor"].as_str().context("no cursor")?.to_owned())
}

fn parts(cursor: &str) -> anyhow::Result<[i64; 4]> {
    let parts: Vec<i64> = cursor.split('.').map(str::parse).collect::<std::result::Result<_, _>>()?;
    parts.try_into().map_err(|parts| anyhow::anyhow!("{parts:?}"))
}

/// The first frames of a stream after a cursor.
pub async fn first_frames(
    world: &World,
    person: &Person,
    cursor: &str,
    count: usize,
) -> anyhow::Result<Vec<Frame>> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("http://{}/events", world.notify(0).address);
    let request = client.get(url).bearer_auth(person.token()).header("Last-Event-ID", cursor);
    let reading = async {
        let mut response = request.send().await?;
        let mut frames = Frames::default();
        let mut found = Vec::new();
        while found.len() < count {
            let Some(bytes) = response.chunk().await? else { bail!("ended after {found:?}") };
            frames.push(&bytes);
            while let Some(frame) = frames.next_frame()? {
                found.push(frame);
            }
        }
        Ok(found)
    };
    timeout(FRAME_TIMEOUT, reading).await.context("no frame")?
}
