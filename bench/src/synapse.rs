//! Matrix Synapse on the same Postgres, the chat server that Parlor is compared with. Optional: any
//! Python with `pip install matrix-synapse psycopg2-binary`.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_postgres::config::Host;
use uuid::Uuid;

use crate::{
    http::{self, HttpConnection},
    test_bed::TestBed,
};

const DATABASE: &str = "synapse";
const START_TIMEOUT: Duration = Duration::from_secs(120);
/// Rate limits that are never reached.
const UNLIMITED: f64 = 1e9;

/// A running Synapse: one process with default settings, but without rate limits and presence.
/// Killed when this is dropped.
pub struct Synapse {
    child: Child,
    pub address: SocketAddr,
    _folder: TempDir,
}

/// A person in one room.
#[derive(Clone)]
pub struct Guest {
    pub token: String,
    pub room: String,
}

impl Synapse {
    /// `python` has Synapse installed.
    pub async fn start(python: &Path, test_bed: &TestBed) -> anyhow::Result<Self> {
        let mut db = test_bed.connect().await?;
        sqlx::raw_sql(
            "create database synapse template template0 lc_collate 'C' lc_ctype 'C' encoding 'UTF8'",
        )
        .execute(&mut db)
        .await?;
        let folder = tempfile::Builder::new().prefix("parlor_bench_synapse_").tempdir()?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let config = folder.path().join("homeserver.yaml");
        // JSON is YAML.
        fs::write(folder.path().join("log.yaml"), r#"{"version": 1, "root": {"level": "CRITICAL"}}"#)?;
        fs::write(&config, configuration(folder.path(), address, &test_bed.url)?.to_string())?;
        let synapse = || {
            let mut command = Command::new(python);
            command.args(["-m", "synapse.app.homeserver", "-c"]).arg(&config).current_dir(folder.path());
            command.stdin(Stdio::null()).stdout(Stdio::null());
            command
        };
        let made_keys = synapse().arg("--generate-keys").status();
        ensure!(made_keys.is_ok_and(|status| status.success()), "{} has no Synapse", python.display());
        let child = synapse().stderr(Stdio::null()).spawn()?;
        let mut started = Self { child, address, _folder: folder };
        let deadline = Instant::now() + START_TIMEOUT;
        while HttpConnection::connect(address).await.is_err() {
            ensure!(
                started.child.try_wait()?.is_none() && Instant::now() < deadline,
                "Synapse did not start"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(started)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// New people in rooms of this size, one room after the other.
    pub async fn rooms(&self, count: usize, members: usize) -> anyhow::Result<Vec<Guest>> {
        let mut client = HttpConnection::connect(self.address).await?;
        let mut guests = Vec::new();
        for _ in 0..count {
            let owner = register(&mut client).await?;
            let room =
                call(&mut client, "POST", "createRoom", &owner, &json!({ "preset": "public_chat" })).await?;
            let room = room["room_id"].as_str().context("no room")?.to_owned();
            guests.push(Guest { token: owner, room: room.clone() });
            for _ in 1..members {
                let token = register(&mut client).await?;
                call(&mut client, "POST", &format!("rooms/{room}/join"), &token, &json!({})).await?;
                guests.push(Guest { token, room: room.clone() });
            }
        }
        Ok(guests)
    }
}

impl Drop for Synapse {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A request that sends a message with a new transaction id.
pub fn send_request(guest: &Guest, body: &str) -> Vec<u8> {
    let path =
        format!("/_matrix/client/v3/rooms/{}/send/m.room.message/{}", guest.room, Uuid::now_v7().simple());
    http::request("PUT", &path, &guest.token, &json!({ "msgtype": "m.text", "body": body }).to_string())
}

/// A long poll for events since `since`.
pub fn sync_request(guest: &Guest, since: Option<&str>) -> Vec<u8> {
    let since = since.map_or_else(String::new, |since| format!("&since={since}"));
    http::request("GET", &format!("/_matrix/client/v3/sync?timeout=30000{since}"), &guest.token, "")
}

async fn register(client: &mut HttpConnection) -> anyhow::Result<String> {
    let name = format!("p{}", Uuid::now_v7().simple());
    let person = json!({ "username": name, "password": name, "auth": { "type": "m.login.dummy" } });
    let registered = call(client, "POST", "register", "", &person).await?;
    Ok(registered["access_token"].as_str().context("no token")?.to_owned())
}

async fn call(
    client: &mut HttpConnection,
    method: &str,
    path: &str,
    token: &str,
    body: &Value,
) -> anyhow::Result<Value> {
    let path = format!("/_matrix/client/v3/{path}");
    let answer = client.call(&http::request(method, &path, token, &body.to_string())).await?;
    ensure!(
        answer.status == 200,
        "Synapse: {path}: {} {}",
        answer.status,
        String::from_utf8_lossy(&answer.body)
    );
    Ok(serde_json::from_slice(&answer.body)?)
}

fn configuration(folder: &Path, address: SocketAddr, url: &str) -> anyhow::Result<Value> {
    let database: tokio_postgres::Config = url.parse()?;
    let Some(Host::Tcp(host)) = database.get_hosts().first() else {
        anyhow::bail!("a database without a host")
    };
    let password = String::from_utf8_lossy(database.get_password().unwrap_or_default()).into_owned();
    let rate = json!({ "per_second": UNLIMITED, "burst_count": 1_000_000 });
    Ok(json!({
        "server_name": "bench",
        "report_stats": false,
        "pid_file": folder.join("pid"),
        "signing_key_path": folder.join("signing.key"),
        "media_store_path": folder.join("media"),
        "log_config": folder.join("log.yaml"),
        "trusted_key_servers": [],
        "suppress_key_server_warning": true,
        "enable_registration": true,
        "enable_registration_without_verification": true,
        "macaroon_secret_key": "bench",
        "form_secret": "bench",
        "bcrypt_rounds": 4,
        "presence": { "enabled": false },
        "listeners": [{
            "port": address.port(), "bind_addresses": ["127.0.0.1"], "type": "http",
            "resources": [{ "names": ["client"], "compress": false }],
        }],
        "database": { "name": "psycopg2", "args": {
            "user": database.get_user(), "password": password, "dbname": DATABASE, "host": host,
            "port": database.get_ports().first(), "cp_min": 5, "cp_max": 10,
        } },
        "rc_message": rate.clone(),
        "rc_registration": rate.clone(),
        "rc_joins": { "local": rate.clone(), "remote": rate.clone() },
        "rc_login": { "address": rate.clone(), "account": rate.clone(), "failed_attempts": rate.clone() },
    }))
}
