//! Kills a chat_server at a chosen moment of a send and checks the sender's retry. It reaches the
//! moments from outside, by locks of another session and by frozen connections.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use futures_util::future::join_all;
use serde_json::json;
use sqlx::{Connection as _, PgConnection};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::{Outcome, Result, Scene, recovery::bring_back};
use crate::{
    person::Person,
    process::{ServerKind, ServerProcess},
    proxy::LinkMode,
    traffic::send_as,
    world::{Node, PATIENCE, World},
};

/// How often a missed moment is tried again.
const TRIES: usize = 5;
/// Sends that are committed in one batch: too many to NOTIFY within the commit.
const COMPANY: usize = 20;

/// A send by one person through one node.
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

    /// Another of the same person to the same chat.
    fn beside(&self, number: usize) -> Self {
        let client_id = format!("{}-{number}", self.client_id);
        let body = format!("sent as {client_id}");
        Self { person: self.person.clone(), chat: self.chat.clone(), client_id, body }
    }

    /// One attempt, which may fail.
    async fn once(&self, world: &World, node: &Node) -> std::result::Result<u16, String> {
        let history = &world.history;
        history.attempt(&self.client_id, &self.person.id, &self.chat, &self.body, &node.name());
        let message = json!({ "body": self.body, "client_id": self.client_id });
        let operation = format!("POST /api/chat/{}/messages", self.chat);
        let answer = self.person.attempt(node.index, &operation, Some(&message)).await;
        history.answer(&self.client_id, &answer);
        answer.map(|(status, _)| status)
    }

    /// The number of stored messages of this send.
    async fn rows(&self, db: &mut PgConnection) -> sqlx::Result<i64> {
        let sql = "select count(*) from messages where client_id = $1";
        sqlx::query_scalar(sql).bind(&self.client_id).fetch_one(db).await
    }

    /// Retries on any node until it is answered.
    async fn until_answered(&self, world: &World, node: &Node) -> anyhow::Result<()> {
        let Self { person, chat, client_id, body } = self;
        let (id, _) = send_as(&world.history, person, chat, body, client_id, node.index + 1, 2).await;
        id.context("a send to a chat that everybody is in was refused")?;
        Ok(())
    }
}

/// Waits until a connection of this node waits for a lock, and returns the ports of all its
/// connections.
async fn until_blocked(node: &Node, db: &mut PgConnection) -> anyhow::Result<Vec<i32>> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let ports: Vec<i32> = node.database.ports().into_iter().map(i32::from).collect();
        let waiting: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity
             where datname = current_database() and client_port = any($1) and wait_event_type = 'Lock'",
        )
        .bind(&ports)
        .fetch_one(&mut *db)
        .await?;
        if waiting > 0 {
            return Ok(ports);
        }
        sleep(Duration::from_millis(20)).await;
    }
    bail!("no send of {} waits for a lock", node.name())
}

/// Ends the backends of these connections, and waits until they are gone.
async fn end_backends(node: &Node, db: &mut PgConnection, ports: &[i32]) -> anyhow::Result<()> {
    let sql = "select pg_terminate_backend(pid) from pg_stat_activity
               where datname = current_database() and client_port = any($1)";
    sqlx::query(sql).bind(ports).execute(&mut *db).await?;
    until_gone(node, db, ports).await
}

/// Waits until Postgres has ended the backends of a dead node's connections, except those whose end
/// another fault hides from Postgres.
async fn until_gone(node: &Node, db: &mut PgConnection, ports: &[i32]) -> anyhow::Result<()> {
    let end = Instant::now() + PATIENCE;
    let hears = |port: &i32| u16::try_from(*port).is_ok_and(|port| !node.database.is_stopped(port));
    while Instant::now() < end {
        let ports: Vec<i32> = ports.iter().copied().filter(hears).collect();
        let left: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity where datname = current_database() and client_port = any($1)",
        )
        .bind(&ports)
        .fetch_one(&mut *db)
        .await?;
        if left == 0 {
            return Ok(());
        }
        sleep(Duration::from_millis(20)).await;
    }
    bail!("backends of a dead server live on")
}

/// Kills the server before its transaction commits: another session has locked the row of the chat.
pub async fn before_commit(scene: &Scene) -> Result {
    let (node, attempt) = (scene.any(ServerKind::Chat), Attempt::new(scene));
    let mut process = node.process().await;
    let hit = async {
        let world = &scene.world;
        let (mut db, mut watcher) = (world.psql().await?, world.psql().await?);
        let mut held = db.begin().await?;
        let chat: Uuid = attempt.chat.parse()?;
        sqlx::query("select from chats where id = $1 for update").bind(chat).execute(&mut *held).await?;
        let (sent, killed) = tokio::join!(attempt.once(world, node), async {
            let ports = until_blocked(node, &mut watcher).await;
            process.kill();
            scene.note(format!("SIGKILL {} before the commit of {}", node.name(), attempt.client_id));
            ports
        });
        // Otherwise Postgres would finish the statement once the lock is free. So its backends are
        // ended first.
        end_backends(node, &mut watcher, &killed?).await?;
        held.rollback().await?;
        ensure!(!matches!(sent, Ok(200 | 201)), "{} was acknowledged before its commit", attempt.client_id);
        ensure!(attempt.rows(&mut watcher).await? == 0, "{} was committed all the same", attempt.client_id);
        anyhow::Ok(())
    }
    .await;
    end(scene, node, &mut process, &attempt, hit).await
}

/// Kills the server during its COMMIT, while Postgres waits for the lock of the shard. Then the
/// transaction commits, and no client is told.
pub async fn during_commit(scene: &Scene) -> Result {
    for _ in 0..TRIES {
        match die_during_commit(scene).await? {
            Outcome::Missed(why) => scene.note(format!("missed: {why}")),
            done => return Ok(done),
        }
    }
    Ok(Outcome::Missed(format!("{TRIES} times over")))
}

async fn die_during_commit(scene: &Scene) -> Result {
    let (node, attempt) = (scene.any(ServerKind::Chat), Attempt::new(scene));
    let mut process = node.process().await;
    let hit = async {
        let world = &scene.world;
        let (mut db, mut watcher) = (world.psql().await?, world.psql().await?);
        let workspace: Uuid = attempt.person.workspace_id.parse()?;
        // The key is that of `log_lock`, held by a session instead of a transaction.
        let sql = "select pg_advisory_lock(1347570770, workspace_shard($1)::int)";
        sqlx::query(sql).bind(workspace).execute(&mut db).await?;
        let (sent, killed) = tokio::join!(attempt.once(world, node), async {
            let blocked = until_blocked(node, &mut watcher).await;
            // Other sends of this node may be the waiting ones, but this one has had time to reach
            // the lock.
            sleep(Duration::from_millis(100)).await;
            process.kill();
            scene.note(format!("SIGKILL {} during the commit of {}", node.name(), attempt.client_id));
            blocked
        });
        let ports = killed?;
        ensure!(attempt.rows(&mut watcher).await? == 0, "{} is committed already", attempt.client_id);
        db.close().await?;
        ensure!(!matches!(sent, Ok(200 | 201)), "{} was acknowledged before its commit", attempt.client_id);
        // The server is gone, but Postgres finishes what it has received.
        until_gone(node, &mut watcher, &ports).await?;
        let is_committed = attempt.rows(&mut watcher).await? == 1;
        Ok(if is_committed {
            None
        } else {
            Some("it had not come to Postgres when its server died".to_owned())
        })
    }
    .await;
    let hit = match hit {
        Ok(None) => Ok(()),
        Ok(Some(why)) => return missed(scene, node, &mut process, &attempt, why).await,
        Err(e) => Err(e),
    };
    end(scene, node, &mut process, &attempt, hit).await
}

/// Kills the server after the commit; the proxy holds back its answer.
pub async fn before_answer(scene: &Scene) -> Result {
    let (node, attempt) = (scene.any(ServerKind::Chat), Attempt::new(scene));
    let mut process = node.process().await;
    let hit = async {
        let mut db = scene.world.psql().await?;
        node.door.set_mode(LinkMode::FreezeAnswers);
        let (sent, committed) = tokio::join!(attempt.once(&scene.world, node), async {
            let committed = is_committed(&attempt, &mut db).await;
            process.kill();
            scene.note(format!("SIGKILL {} before the answer to {}", node.name(), attempt.client_id));
            // The bytes held by the proxy must not arrive either.
            node.door.cut();
            committed
        });
        anyhow::Ok((committed?, sent))
    }
    .await;
    node.door.heal();
    let hit = match hit {
        Ok((true, Err(_))) => Ok(()),
        // Another fault healed the proxy, or killed Postgres.
        Ok(answered) => return missed(scene, node, &mut process, &attempt, format!("{answered:?}")).await,
        Err(e) => Err(e),
    };
    end(scene, node, &mut process, &attempt, hit).await
}

/// Waits longer than the timeout of a request.
async fn is_committed(attempt: &Attempt, db: &mut PgConnection) -> sqlx::Result<bool> {
    let end = Instant::now() + Duration::from_secs(10);
    while Instant::now() < end {
        if attempt.rows(db).await? > 0 {
            return Ok(true);
        }
        sleep(Duration::from_millis(5)).await;
    }
    Ok(false)
}

/// Kills the server after commit and answer but before its NOTIFY, whose connection is frozen.
/// Small batches NOTIFY within their commit, so this is one of many sends in one batch.
pub async fn before_doorbell(scene: &Scene) -> Result {
    let node = scene.any(ServerKind::Chat);
    let attempt = Attempt::new(scene);
    let company: Vec<Attempt> = (0..COMPANY).map(|n| attempt.beside(n)).collect();
    let mut process = node.process().await;
    let hit = async {
        let world = &scene.world;
        let (mut db, mut watcher) = (world.psql().await?, world.psql().await?);
        // Opens the connection for NOTIFY.
        let before: Vec<Attempt> = (COMPANY..2 * COMPANY).map(|n| attempt.beside(n)).collect();
        let _answer = together(world, node, &mut db, &mut watcher, before.iter().collect()).await?;
        for attempt in &before {
            attempt.until_answered(world, node).await?;
        }
        let bell = freeze_doorbell(node, &mut db).await?;
        let all = company.iter().chain([&attempt]).collect();
        let sent = together(world, node, &mut db, &mut watcher, all).await?;
        process.kill();
        scene.note(format!("SIGKILL {} before it rang for {} (port {bell})", node.name(), attempt.client_id));
        if matches!(sent, Ok(200 | 201)) {
            ensure!(attempt.rows(&mut db).await? == 1, "{} is not committed", attempt.client_id);
        }
        anyhow::Ok(sent)
    }
    .await;
    // Without success, another fault hit it, and this was another moment.
    let hit = match hit {
        Ok(Ok(200 | 201)) => Ok(()),
        Ok(other) => Err(format!("{other:?}")),
        Err(e) if e.downcast_ref::<sqlx::Error>().is_some() => Err(format!("{e:#}")),
        Err(e) => {
            missed(scene, node, &mut process, &attempt, format!("{e:#}")).await?;
            return Err(e);
        }
    };
    let outcome = match hit {
        Ok(()) => end(scene, node, &mut process, &attempt, Ok(())).await,
        Err(why) => missed(scene, node, &mut process, &attempt, why).await,
    };
    for attempt in &company {
        timeout(PATIENCE, attempt.until_answered(&scene.world, node)).await.context("no answer")??;
    }
    outcome
}

/// Sends all at once while another session locks the shard, so that most are committed in one
/// batch. Returns the answer to the last.
async fn together(
    world: &World,
    node: &Node,
    db: &mut PgConnection,
    watcher: &mut PgConnection,
    attempts: Vec<&Attempt>,
) -> anyhow::Result<std::result::Result<u16, String>> {
    let workspace: Uuid = attempts[0].person.workspace_id.parse()?;
    let lock = "select pg_advisory_lock(1347570770, workspace_shard($1)::int)";
    sqlx::query(lock).bind(workspace).execute(&mut *db).await?;
    let sends = join_all(attempts.iter().map(|attempt| attempt.once(world, node)));
    let (mut answers, released) = tokio::join!(sends, async {
        let blocked = until_blocked(node, watcher).await;
        sleep(Duration::from_millis(100)).await;
        let unlock = "select pg_advisory_unlock(1347570770, workspace_shard($1)::int)";
        sqlx::query(unlock).bind(workspace).execute(&mut *db).await?;
        blocked
    });
    released?;
    answers.pop().context("nothing was sent")
}

/// The port of the connection by which this node sends NOTIFY.
async fn freeze_doorbell(node: &Node, db: &mut PgConnection) -> anyhow::Result<u16> {
    let ports = async |db: &mut PgConnection| -> sqlx::Result<Option<i32>> {
        let ports: Vec<i32> = node.database.ports().into_iter().map(i32::from).collect();
        sqlx::query_scalar(
            "select client_port from pg_stat_activity
             where datname = current_database() and client_port = any($1) and query ilike '%pg_notify(%' limit 1",
        )
        .bind(&ports)
        .fetch_optional(db)
        .await
    };
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let port = ports(db).await?.and_then(|port| u16::try_from(port).ok());
        if let Some(port) = port.filter(|port| node.database.set_mode_of(*port, LinkMode::FreezeRequests)) {
            return Ok(port);
        }
        sleep(Duration::from_millis(20)).await;
    }
    bail!("{} does not ring", node.name())
}

/// Retries the send on the other node until it is answered, and restarts the server, whether or not
/// the moment was hit.
async fn end(
    scene: &Scene,
    node: &Node,
    process: &mut ServerProcess,
    attempt: &Attempt,
    hit: anyhow::Result<()>,
) -> Result {
    match hit {
        Ok(()) => {}
        // The session that should hold the lock lost Postgres.
        Err(e) if e.downcast_ref::<sqlx::Error>().is_some() => {
            return missed(scene, node, process, attempt, format!("{e:#}")).await;
        }
        Err(e) => {
            missed(scene, node, process, attempt, format!("{e:#}")).await?;
            return Err(e);
        }
    }
    // A retry must find a committed send, and must send it otherwise.
    let answered = timeout(PATIENCE, attempt.until_answered(&scene.world, node)).await;
    process.kill();
    bring_back(scene, node, process).await?;
    answered.context("the other node did not answer")??;
    Ok(Outcome::Done)
}

async fn missed(
    scene: &Scene,
    node: &Node,
    process: &mut ServerProcess,
    attempt: &Attempt,
    why: String,
) -> Result {
    process.kill();
    bring_back(scene, node, process).await?;
    timeout(PATIENCE, attempt.until_answered(&scene.world, node)).await.context("no answer")??;
    Ok(Outcome::Missed(why))
}
