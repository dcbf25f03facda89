//! Starts everything in order (the lock of the data folder, Postgres, the servers) and stops it in
//! reverse.

use std::{
    fs::{DirBuilder, File, Permissions, TryLockError},
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, bail};
use chat_core::{config::Config, lifecycle::Lifecycle};
use chat_server::ChatServer;
use notify_server::NotifyServer;

use crate::{demo, postgres::Postgres, terminal::say, web_client};

/// Time beyond the servers' drain limits: for closing pools and writing the last log lines.
const DRAIN_SLACK: Duration = Duration::from_secs(3);

/// Runs everything until a signal, or until a task fails.
pub async fn run(mut config: Config, lifecycle: Lifecycle, with_demo: bool) -> anyhow::Result<()> {
    let _ours = lock_data_folder(&config.database.data_dir)?;
    let token = lifecycle.token();
    web_client::keep_current(&config, &lifecycle);
    let Some(postgres) = token.run_until_cancelled(Postgres::open(&config)).await else { return Ok(()) };
    let postgres = postgres?;
    config.database.url = Some(postgres.url());
    postgres.keep_alive(&lifecycle);

    if !with_demo && demo::removal::is_there(&postgres.url()).await.unwrap_or(false) {
        say(demo::removal::HINT);
    }
    let started = token.run_until_cancelled(start_servers(&config, &lifecycle, with_demo)).await;
    let started = started.unwrap_or(Ok(()));
    if started.is_err() {
        lifecycle.stop();
    }
    let drain = Duration::from_secs(config.server.drain_seconds.max(config.notify.drain_seconds));
    let ran = lifecycle.finish(drain + DRAIN_SLACK).await;
    // Also after a failure, so that Postgres shuts down cleanly.
    let stopped = postgres.stop().await;
    // The first failure explains the others.
    ran.and(started).and(stopped)
}

/// Removes the demo, which the servers need not run for.
pub async fn remove_demo(config: Config, _: Lifecycle) -> anyhow::Result<()> {
    let ours = match &config.database.url {
        None => Some(lock_data_folder(&config.database.data_dir)?),
        Some(_) => None,
    };
    let postgres = Postgres::open(&config).await?;
    let removed = demo::removal::remove(&postgres.url()).await;
    let stopped = postgres.stop().await;
    drop(ours);
    say(if removed? { "The demo is removed." } else { "There is no demo." });
    stopped
}

/// Locks the data folder, since two launchers cannot share its key and its Postgres.
fn lock_data_folder(folder: &Path) -> anyhow::Result<File> {
    let shown = folder.display();
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("database.data_dir: cannot make {shown}"))?;
    // A user who can open the file can hold its lock, which would keep Parlor from starting.
    let file = folder.join("launcher.lock");
    let cannot_write = || format!("database.data_dir: cannot write in {shown}");
    let lock = File::options().write(true).create(true).truncate(true).mode(0o600).open(&file);
    let lock = lock.with_context(cannot_write)?;
    lock.set_permissions(Permissions::from_mode(0o600)).with_context(cannot_write)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            bail!("database.data_dir: another Parlor runs on {shown}: stop it, or choose another folder")
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {shown}")),
    }
}

async fn start_servers(config: &Config, lifecycle: &Lifecycle, with_demo: bool) -> anyhow::Result<()> {
    // It migrates the database, so it starts first.
    let chat = ChatServer::start(config.clone(), lifecycle).await?;
    let api = base_url(chat.address());
    lifecycle.spawn("chat_server", chat.serve(lifecycle.clone()));
    let notify = NotifyServer::start(config.clone(), lifecycle).await?;
    let events = base_url(notify.address());
    lifecycle.spawn("notify_server", notify.serve(lifecycle.clone()));
    if with_demo {
        say(&demo::seed(&api).await.context("--demo")?);
    }
    let default = Config::default();
    let shown = |public: &str, default: &str, local: String| {
        if public == default { local } else { public.to_owned() }
    };
    say(&welcome(
        &shown(&config.server.public_url, &default.server.public_url, api),
        &shown(&config.notify.public_url, &default.notify.public_url, events),
    ));
    if !with_demo {
        say("Or look at a workspace full of people: start it with --demo.\n");
    }
    Ok(())
}

/// The URL of a server that listens on `address`, for a person on this machine.
fn base_url(address: SocketAddr) -> String {
    // Also for 127.0.0.1, so that it is the origin that the servers know by default.
    if address.ip().is_unspecified() || address.ip().is_loopback() {
        format!("http://localhost:{}", address.port())
    } else {
        format!("http://{address}")
    }
}

fn welcome(address: &str, events: &str) -> String {
    format!(
        r#"
Parlor runs at {address} (API: {address}/api/docs), with events at {events}/events. Ctrl-C stops it.

Make a workspace:
  curl -s {address}/api/signup -H 'content-type: application/json' \
    -d '{{"workspace": "acme", "fullname": "Ada Lovelace", "email": "ada@acme.example", "password": "correct horse"}}'
Follow what happens in it, with the access_token from the answer:
  curl -N {events}/events -H "authorization: Bearer $TOKEN"
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_one_that_a_browser_takes() {
        assert_eq!(base_url(([0, 0, 0, 0], 6688).into()), "http://localhost:6688");
        assert_eq!(base_url(([127, 0, 0, 1], 1).into()), "http://localhost:1");
        assert_eq!(base_url(([10, 0, 0, 1], 1).into()), "http://10.0.0.1:1");
        assert_eq!(base_url("[::]:6688".parse().unwrap()), "http://localhost:6688");
    }
}
