//! A complete Parlor of separate processes, with a proxy between each pair, and its people.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, OnceLock, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, bail};
use futures_util::future::try_join_all;
use private_postgres::testing::{TestCluster, TestDatabase};
use reqwest::Client;
use serde_json::json;
use sqlx::{Connection as _, PgConnection};
use tokio::{
    sync::{Mutex, MutexGuard},
    time::{Instant, sleep},
};

use crate::{
    archive::Archive,
    device::{Device, Route},
    history::History,
    person::{Doors, Person, http_client},
    process::{ServerKind, ServerProcess},
    proxy::Proxy,
    small_disk::SmallDisk,
};

/// How long a condition may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(20);
/// How many servers of each kind.
const NODES: usize = 2;

/// Settings of the servers: high limits and short intervals.
const SETTINGS: [(&str, &str); 15] = [
    ("PARLOR_LIMITS__SEND_PER_MINUTE", "1000000"),
    // All clients come from one address.
    ("PARLOR_LIMITS__MAX_CONNECTIONS_PER_ADDRESS", "20000"),
    ("PARLOR_LIMITS__TEXT_KB_PER_MINUTE", "4000000"),
    ("PARLOR_LIMITS__TYPING_PER_MINUTE", "1000000"),
    ("PARLOR_LIMITS__REACTIONS_PER_MINUTE", "1000000"),
    ("PARLOR_LIMITS__REQUESTS_PER_MINUTE", "1000000"),
    ("PARLOR_LIMITS__SIGNIN_PER_MINUTE", "1000000"),
    ("PARLOR_LIMITS__CHAT_CHANGES_PER_MINUTE", "1000000"),
    ("PARLOR_NOTIFY__HEARTBEAT_SECONDS", "2"),
    ("PARLOR_NOTIFY__SLOW_CLIENT_SECONDS", "6"),
    ("PARLOR_NOTIFY__DRAIN_SECONDS", "2"),
    ("PARLOR_NOTIFY__MAX_STREAM_AGE_SECONDS", "40"),
    ("PARLOR_NOTIFY__MAX_STREAMS_PER_ACCOUNT", "20000"),
    ("PARLOR_NOTIFY__STREAM_OPENS_PER_MINUTE", "1000000"),
    ("PARLOR_LOG__LEVEL", "warn,chat_server::server=info,notify_server::server=info"),
];

/// The size of a world.
#[derive(Clone, Debug)]
pub struct Size {
    /// The chaos binary, which also runs as the servers.
    pub program: PathBuf,
    pub workspaces: usize,
    /// People in each workspace.
    pub people: usize,
    /// Devices of each person.
    pub devices: usize,
    /// Uses its own Postgres, which may be killed, instead of a database on the tests' shared one.
    pub own_postgres: bool,
    /// Puts the files of Postgres on a file system of this many megabytes, if this process may
    /// mount one.
    pub small_disk_mb: Option<u32>,
}

/// One server with its two proxies.
pub struct Node {
    pub kind: ServerKind,
    pub index: usize,
    /// The address of the server itself.
    pub address: SocketAddr,
    /// The proxy between the clients and the server.
    pub door: Proxy,
    /// The proxy between the server and Postgres.
    pub database: Proxy,
    process: Mutex<ServerProcess>,
    /// How many current faults have made it report "not ready".
    away: AtomicUsize,
}

/// While this lives, the server must not report "ready".
pub struct Away<'a>(&'a Node);

impl Drop for Away<'_> {
    fn drop(&mut self) {
        self.0.away.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Node {
    pub fn is_away(&self) -> Away<'_> {
        self.away.fetch_add(1, Ordering::SeqCst);
        Away(self)
    }

    pub fn must_not_be_ready(&self) -> bool {
        self.away.load(Ordering::SeqCst) > 0
    }

    pub fn name(&self) -> String {
        format!("{} {}", self.kind.name(), self.index)
    }

    /// Locks the process for one fault.
    pub async fn process(&self) -> MutexGuard<'_, ServerProcess> {
        self.process.lock().await
    }
}

/// One workspace: its people and chats.
pub struct Tenant {
    pub people: Vec<Person>,
    /// All people are members, and stay.
    pub general: String,
    /// Public; people join and leave.
    pub lobby: String,
    /// Private; the first person adds and removes the others.
    pub back_room: String,
}

enum Postgres {
    Own(TestCluster),
    /// Declared after the cluster, so that it is unmounted last.
    OnSmallDisk(TestCluster, SmallDisk),
    Shared(TestDatabase),
}

impl Postgres {
    async fn start(size: &Size) -> anyhow::Result<Self> {
        let disk = size.small_disk_mb.map(SmallDisk::mount).transpose()?.flatten();
        if let Some(disk) = disk {
            return Ok(Self::OnSmallDisk(TestCluster::start_in(disk.path()).await?, disk));
        }
        if size.own_postgres {
            return Ok(Self::Own(TestCluster::start().await?));
        }
        Ok(Self::Shared(TestDatabase::new().await?))
    }

    async fn database_url(&self) -> anyhow::Result<String> {
        match self {
            Self::Own(cluster) | Self::OnSmallDisk(cluster, _) => {
                Ok(cluster.create_database("parlor").await?)
            }
            Self::Shared(database) => Ok(database.url().to_owned()),
        }
    }
}

/// All running parts.
pub struct World {
    pub history: Arc<History>,
    pub archive: Archive,
    pub devices: Vec<Device>,
    pub tenants: Vec<Arc<Tenant>>,
    pub nodes: Vec<Node>,
    /// The proxy of the last of `devices`, with a small receive buffer.
    pub narrow: Proxy,
    narrow_node: Arc<AtomicUsize>,
    pub doors: Doors,
    pub client: Client,
    /// The URL of Postgres, without a proxy.
    database_url: Arc<RwLock<String>>,
    postgres: Postgres,
    /// The Postgres after a failover.
    promoted: OnceLock<TestCluster>,
}

impl World {
    pub async fn start(size: &Size, history: Arc<History>) -> anyhow::Result<Self> {
        let postgres = Postgres::start(size).await?;
        let database_url = postgres.database_url().await?;
        let kinds = [ServerKind::Chat, ServerKind::Notify]
            .into_iter()
            .flat_map(|kind| (0..NODES).map(move |n| (kind, n)));
        let nodes = try_join_all(kinds.map(|(kind, n)| start_node(size, kind, n, &database_url))).await?;
        let doors_of = |kind| nodes.iter().filter(|n| n.kind == kind).map(|n| n.door.address()).collect();
        let doors = Doors { chat: doors_of(ServerKind::Chat), notify: doors_of(ServerKind::Notify) };
        let client = http_client()?;
        let tenants =
            (0..size.workspaces).map(async |n| tenant(&client, &doors, &format!("w{n}"), size.people).await);
        let tenants = try_join_all(tenants).await?;
        let database_url = Arc::new(RwLock::new(database_url));
        let archive = Archive::start(&database_url, &history);
        let mut devices = Vec::new();
        for person in tenants.iter().flat_map(|tenant| &tenant.people) {
            for n in 0..size.devices {
                let name = format!("{}/{n}", person.name);
                devices.push(Device::start(person, name, Route::Doors(n), &history)?);
            }
        }
        let first_notify =
            nodes.iter().find(|node| node.kind == ServerKind::Notify).context("no notify_server")?;
        let narrow = Proxy::start_narrow(first_notify.address).await?;
        let narrow_node = Arc::new(AtomicUsize::new(first_notify.index));
        let odd = tenants.first().and_then(|tenant| tenant.people.get(1)).context("too few people")?;
        devices.push(Device::start(
            odd,
            format!("{}/narrow", odd.name),
            Route::Own(narrow.address(), Arc::clone(&narrow_node)),
            &history,
        )?);
        let tenants = tenants.into_iter().map(Arc::new).collect();
        let world = Self {
            history,
            archive,
            devices,
            tenants,
            nodes,
            narrow,
            narrow_node,
            doors,
            client,
            database_url,
            postgres,
            promoted: OnceLock::new(),
        };
        world
            .until("every device is let in", async || {
                let waiting = world.devices.iter().find(|device| device.record().connections.is_empty());
                waiting.map_or(Ok(()), |device| Err(device.name.clone()))
            })
            .await?;
        Ok(world)
    }

    /// Moves the device behind the narrow proxy to this notify_server at its next connection.
    pub fn lead_narrow_to(&self, node: &Node) {
        self.narrow_node.store(node.index, Ordering::SeqCst);
        self.narrow.set_upstream(node.address);
    }

    pub fn chat(&self, index: usize) -> &Node {
        self.of(ServerKind::Chat, index)
    }

    pub fn notify(&self, index: usize) -> &Node {
        self.of(ServerKind::Notify, index)
    }

    fn of(&self, kind: ServerKind, index: usize) -> &Node {
        let first = self.nodes.iter().position(|node| node.kind == kind).unwrap_or(0);
        &self.nodes[first + index % NODES]
    }

    /// The Postgres, if it is this world's own.
    ///
    /// # Errors
    /// It is shared with other tests.
    pub fn cluster(&self) -> anyhow::Result<&TestCluster> {
        if let Some(promoted) = self.promoted.get() {
            return Ok(promoted);
        }
        match &self.postgres {
            Postgres::Own(cluster) | Postgres::OnSmallDisk(cluster, _) => Ok(cluster),
            Postgres::Shared(_) => bail!("this Postgres is not ours to kill"),
        }
    }

    /// The file system of Postgres, if it can be filled.
    pub fn small_disk(&self) -> Option<&SmallDisk> {
        match &self.postgres {
            Postgres::OnSmallDisk(_, disk) => Some(disk),
            Postgres::Own(_) | Postgres::Shared(_) => None,
        }
    }

    /// A new workspace without traffic and devices.
    pub async fn another_tenant(&self, workspace: &str, people: usize) -> anyhow::Result<Tenant> {
        tenant(&self.client, &self.doors, workspace, people).await
    }

    /// A connection to Postgres, without a proxy.
    pub async fn psql(&self) -> anyhow::Result<PgConnection> {
        let url = self.database_url.read().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(PgConnection::connect(&url).await?)
    }

    /// Leads all connections to this Postgres. Once in a run.
    pub fn fail_over_to(&self, standby: TestCluster) -> anyhow::Result<()> {
        self.promoted.set(standby).map_err(|_| anyhow::anyhow!("there was a failover before"))?;
        self.follow_postgres()
    }

    /// Postgres may have come back on another port.
    pub fn follow_postgres(&self) -> anyhow::Result<()> {
        let url = self.cluster()?.url("parlor");
        let address = address_of(&url)?;
        self.nodes.iter().for_each(|node| node.database.set_upstream(address));
        *self.database_url.write().unwrap_or_else(PoisonError::into_inner) = url;
        Ok(())
    }

    /// Retries until the answer is `Ok`.
    ///
    /// # Errors
    /// It was not `Ok` within [`PATIENCE`]; the error has the last answer.
    pub async fn until<T>(
        &self,
        what: &str,
        mut ask: impl AsyncFnMut() -> Result<T, String>,
    ) -> anyhow::Result<T> {
        let end = Instant::now() + PATIENCE;
        loop {
            match ask().await {
                Ok(answer) => return Ok(answer),
                Err(last) if Instant::now() > end => {
                    bail!("not within {} s: {what}: {last}", PATIENCE.as_secs())
                }
                Err(_) => sleep(POLL).await,
            }
        }
    }

    /// Waits until this many more sends are acknowledged.
    pub async fn until_sent(&self, more: usize) -> anyhow::Result<()> {
        let enough = self.history.acknowledged() + more;
        self.until("people go on sending", async || {
            let now = self.history.acknowledged();
            if now >= enough { Ok(()) } else { Err(format!("{now} of {enough} sent")) }
        })
        .await
    }

    /// A server's readiness, without its proxy. None: it does not answer.
    pub async fn readiness(&self, node: &Node) -> Option<(u16, String)> {
        // A new connection, since an open one may work when new ones do not.
        let request =
            self.client.get(format!("http://{}/health/ready", node.address)).header("Connection", "close");
        let response = request.timeout(Duration::from_secs(5)).send().await.ok()?;
        let status = response.status().as_u16();
        Some((status, response.text().await.unwrap_or_default()))
    }

    /// Waits until a server reports "ready", or "not ready".
    pub async fn until_ready(&self, node: &Node, wanted: bool) -> anyhow::Result<()> {
        let what = format!("{} is {}ready", node.name(), if wanted { "" } else { "not " });
        let status = if wanted { 200 } else { 503 };
        self.until(&what, async || match self.readiness(node).await {
            Some((said, _)) if said == status => Ok(()),
            answer => Err(format!("{answer:?}")),
        })
        .await
    }

    /// Waits until a server does not answer twice in a row.
    pub async fn until_silent(&self, node: &Node) -> anyhow::Result<()> {
        self.until(&format!("{} is silent", node.name()), async || {
            for _ in 0..2 {
                if let Some(answer) = self.readiness(node).await {
                    return Err(format!("{answer:?}"));
                }
            }
            Ok(())
        })
        .await
    }
}

async fn start_node(size: &Size, kind: ServerKind, index: usize, database_url: &str) -> anyhow::Result<Node> {
    let database = Proxy::start(address_of(database_url)?).await?;
    let url = through(database_url, database.address())?;
    let mut process = ServerProcess::new(kind, size.program.clone(), &url, &SETTINGS)?;
    process.start().await?;
    let address = process.address();
    let door = Proxy::start(address).await?;
    Ok(Node { kind, index, address, door, database, process: Mutex::new(process), away: AtomicUsize::new(0) })
}

/// `host:port` of a Postgres URL.
fn address_of(url: &str) -> anyhow::Result<SocketAddr> {
    let after = url.rsplit_once('@').context("no user in the URL")?.1;
    let host_port = after.split(['/', '?']).next().unwrap_or_default();
    let host_port = host_port.replace("localhost", "127.0.0.1");
    let host_port = if host_port.contains(':') { host_port } else { format!("{host_port}:5432") };
    host_port.parse().with_context(|| format!("{host_port}: an IP address and a port are needed"))
}

/// The same URL through a proxy.
fn through(url: &str, proxy: SocketAddr) -> anyhow::Result<String> {
    let (user, after) = url.rsplit_once('@').context("no user in the URL")?;
    let rest = after.find('/').map_or("", |slash| &after[slash..]);
    Ok(format!("{user}@{proxy}{rest}"))
}

async fn tenant(client: &Client, doors: &Doors, workspace: &str, people: usize) -> anyhow::Result<Tenant> {
    let owner = Person::sign_up(client, doors, workspace, &format!("{workspace}p0"), None).await?;
    let invite = owner.certainly("POST /api/invites", Some(&json!({ "max_uses": people }))).await?;
    let code = invite["code"].as_str().context("no code")?;
    let others = (1..people).map(async |n| {
        Person::sign_up(client, doors, workspace, &format!("{workspace}p{n}"), Some(code)).await
    });
    let mut everybody = vec![owner.clone()];
    everybody.extend(try_join_all(others).await?);
    let ids: Vec<&str> = everybody.iter().map(|person| person.id.as_str()).collect();
    let channel = async |kind: &str, name: &str, members: &[&str]| {
        owner.create_chat(json!({ "kind": kind, "name": name, "members": members })).await
    };
    // The workspace began with it, and everybody is in it.
    let chats = owner.certainly("GET /api/chat", None).await?;
    let general = chats["items"][0]["chat"]["id"].as_str().context("no first channel")?.to_owned();
    let lobby = channel("public_channel", "lobby", &ids).await?;
    let back_room = channel("private_channel", "back room", &ids[..ids.len().min(2)]).await?;
    if let Some(other) = ids.get(1) {
        owner.create_chat(json!({ "kind": "single", "members": [other] })).await?;
    }
    Ok(Tenant { people: everybody, general, lobby, back_room })
}
