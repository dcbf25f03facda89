//! A chat_server that dies at a chosen moment of a send, and what its sender is told when they ask again. The moments are
//! reached without a hook in it: by locks that another session holds, and by connections that are frozen.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::json;
use sqlx::{Connection as _, PgConnection};
use tokio::time::sleep;
use uuid::Uuid;

use super::{Outcome, Result, Scene, kill::bring_back};
use crate::{
    person::Person,
    process::Role,
    proxy::Mode,
    traffic::send_as,
    world::{Node, World},
};

/// A send by somebody, to one node.
struct Attempt {
    person: Person,
    chat: String,
    client_id: String,
    body: String,
}

impl Attempt {
    fn new(scene: &Scene) -> Self {
        let tenant = &scene.world.tenants[scene.pick(scene.world.tenants.len())];
        let person = tenant.people[scene.pick(tenant.people.len())].clone();
        let client_id = format!("{}-at-a-chosen-moment-{}", person.name, scene.world.history.now());
        let body = format!("sent as {client_id}");
        Self { person, chat: tenant.general.clone(), client_id, body }
    }

    /// One attempt, which may come to nothing.
    async fn once(&self, world: &World, node: &Node) -> std::result::Result<u16, String> {
        let history = &world.history;
        history.attempt(&self.client_id, &self.person.id, &self.chat, &self.body, &node.name());
        let message = json!({ "body": self.body, "client_id": self.client_id });
        let operation = format!("POST /api/chat/{}/messages", self.chat);
        let answer = self.person.attempt(node.index, &operation, Some(&message)).await;
        history.answer(&self.client_id, &answer);
        answer.map(|(status, _)| status)
    }

    /// Until it is answered, at whichever node.
    async fn until_answered(&self, world: &World, node: &Node) -> anyhow::Result<()> {
        let Self { person, chat, client_id, body } = self;
        let (id, _) = send_as(&world.history, person, chat, body, client_id, node.index + 1, 2).await;
        id.context("a send to a chat that everybody is in was refused")?;
        Ok(())
    }

    async fn is_stored(&self, db: &mut PgConnection) -> std::result::Result<(), String> {
        let count: i64 = sqlx::query_scalar("select count(*) from messages where client_id = $1")
            .bind(&self.client_id)
            .fetch_one(db)
            .await
            .map_err(|e| e.to_string())?;
        if count == 1 { Ok(()) } else { Err(format!("{count} rows")) }
    }
}

/// Waits until a connection of this node waits for a lock that somebody holds.
async fn until_blocked(world: &World, node: &Node, db: &mut PgConnection) -> anyhow::Result<()> {
    world
        .until("the send waits for a lock", async || {
            let ports: Vec<i32> = node.database.ports().into_iter().map(i32::from).collect();
            let waiting: i64 = sqlx::query_scalar(
                "select count(*) from pg_stat_activity
                 where datname = current_database() and client_port = any($1) and wait_event_type = 'Lock'",
            )
            .bind(&ports)
            .fetch_one(&mut *db)
            .await
            .map_err(|e| e.to_string())?;
            if waiting > 0 { Ok(()) } else { Err("it does not wait".to_owned()) }
        })
        .await
}

/// Its transaction has not come to its end: the row of the chat is locked by another session.
pub async fn before_commit(scene: &Scene) -> Result {
    let world = &scene.world;
    let node = scene.any(Role::Chat);
    let mut process = node.process().await;
    let attempt = Attempt::new(scene);
    let (mut db, mut watcher) = (world.psql().await?, world.psql().await?);
    let mut held = db.begin().await?;
    let chat: Uuid = attempt.chat.parse()?;
    sqlx::query("select from chats where id = $1 for update").bind(chat).execute(&mut *held).await?;
    let (sent, killed) = tokio::join!(attempt.once(world, node), async {
        until_blocked(world, node, &mut watcher).await?;
        process.kill();
        scene.note(format!("SIGKILL {} before the commit of {}", node.name(), attempt.client_id));
        anyhow::Ok(())
    });
    held.rollback().await?;
    killed?;
    ensure!(
        !matches!(sent, Ok(200 | 201)),
        "{} was acknowledged by a server that was killed before",
        attempt.client_id
    );
    attempt.until_answered(world, node).await?;
    bring_back(scene, node, &mut process).await?;
    Ok(Outcome::Done)
}

/// Its COMMIT is under way: Postgres waits for the lock of the shard in a deferred trigger. The server dies, then the
/// transaction commits, and nobody hears of it.
pub async fn before_answer(scene: &Scene) -> Result {
    let world = &scene.world;
    let node = scene.any(Role::Chat);
    let mut process = node.process().await;
    let attempt = Attempt::new(scene);
    let (mut db, mut watcher) = (world.psql().await?, world.psql().await?);
    let workspace: Uuid = attempt.person.workspace_id.parse()?;
    // The key is that of `log_lock`, held by a session instead of a transaction.
    let sql = "select pg_advisory_lock(1347570770, workspace_shard($1)::int)";
    sqlx::query(sql).bind(workspace).execute(&mut db).await?;
    let (sent, killed) = tokio::join!(attempt.once(world, node), async {
        until_blocked(world, node, &mut watcher).await?;
        // Others of this node may be the ones that wait: ours has had the time to come as far.
        sleep(Duration::from_millis(100)).await;
        process.kill();
        scene.note(format!("SIGKILL {} before the answer to {}", node.name(), attempt.client_id));
        anyhow::Ok(())
    });
    db.close().await?;
    killed?;
    ensure!(
        !matches!(sent, Ok(200 | 201)),
        "{} was acknowledged by a server that was killed before",
        attempt.client_id
    );
    // Where it was committed, asking again must find it; where it was not, must send it.
    attempt.until_answered(world, node).await?;
    world.until("the send is stored", async || attempt.is_stored(&mut watcher).await).await?;
    bring_back(scene, node, &mut process).await?;
    Ok(Outcome::Done)
}

/// It is committed and answered, and the connection of the doorbell is frozen: nobody is told to look.
pub async fn before_doorbell(scene: &Scene) -> Result {
    let world = &scene.world;
    let node = scene.any(Role::Chat);
    let mut process = node.process().await;
    let attempt = Attempt::new(scene);
    let mut db = world.psql().await?;
    let bell = world
        .until("the node has rung before", async || {
            let ports: Vec<i32> = node.database.ports().into_iter().map(i32::from).collect();
            let found: Option<i32> = sqlx::query_scalar(
                "select client_port from pg_stat_activity
                 where datname = current_database() and client_port = any($1) and query ilike '%pg_notify(%' limit 1",
            )
            .bind(&ports)
            .fetch_optional(&mut db)
            .await
            .map_err(|e| e.to_string())?;
            let port = found.and_then(|port| u16::try_from(port).ok());
            port.filter(|port| node.database.set_mode_of(*port, Mode::FreezeRequests)).ok_or_else(|| "no".to_owned())
        })
        .await?;
    let sent = world
        .until("it is acknowledged", async || match attempt.once(world, node).await {
            Ok(200 | 201) => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
    process.kill();
    scene.note(format!("SIGKILL {} before it rang for {} (port {bell})", node.name(), attempt.client_id));
    sent?;
    bring_back(scene, node, &mut process).await?;
    Ok(Outcome::Done)
}
