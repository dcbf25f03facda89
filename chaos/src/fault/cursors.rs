//! Clients that resume with a foreign, expired or malformed cursor.

use std::time::Duration;

use anyhow::{Context as _, bail};
use futures_util::future::try_join_all;
use tokio::time::timeout;

use super::{Fault, Lane, Outcome, Result, Scene};
use crate::{
    person::Person,
    sse::{Frame, Frames},
    world::World,
};

const FRAME_TIMEOUT: Duration = Duration::from_secs(60);

pub fn faults() -> Vec<Fault> {
    vec![Fault {
        name: "bad-cursors",
        about: "cursors that are garbage, forged, of another workspace, generation or timeline",
        lane: Lane::Clients,
        own_postgres: false,
        run: |scene| Box::pin(bad_cursors(scene)),
    }]
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
        (format!("{good}~"), "malformed"),
        (format!("{good}~{id}"), "malformed"),
        (format!("{good}~{}", id - 1), "malformed"),
        (format!("{good}~0{}", id + 1), "malformed"),
        (format!("{good}~{}~{}", id + 1, id + 2), "malformed"),
        (format!("{good}~{}", u64::MAX), "malformed"),
        (format!("{generation}.{timeline}.{shard}.{}", u64::MAX), "malformed"),
        (format!("{}.{timeline}.{shard}.{id}", generation + 1), "other_generation"),
        (format!("{generation}.{}.{shard}.{id}", timeline + 1), "unknown"),
        (format!("{generation}.{timeline}.{shard}.{}", id + 1_000_000_000), "unknown"),
        (format!("{generation}.{timeline}.{}.{id}", (shard + 1) % 16), "other_workspace"),
    ];
    for tenant in &world.tenants[1..] {
        let theirs = cursor_of(&tenant.people[0]).await?;
        // Two workspaces may share a shard. Its positions are then valid for both.
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
    // A valid cursor must resume. It is a new one, since another fault may have dropped the old
    // one's partition.
    world
        .until("a good cursor is gone on from", async || {
            let good = cursor_of(&tenant.people[0]).await.map_err(|e| format!("{e:#}"))?;
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
                if !frame.is_ephemeral() {
                    found.push(frame);
                }
            }
        }
        Ok(found)
    };
    timeout(FRAME_TIMEOUT, reading).await.context("no frame")?
}
