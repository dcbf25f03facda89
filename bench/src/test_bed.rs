//! The system under test: a Postgres that flushes as in production, servers as processes, people in
//! chats.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, bail};
use chat_core::{
    AccountId, ChatId, SessionId, UserId, WorkspaceId,
    token::{Claims, Purpose, Signer},
};
use private_postgres::{Cluster, Options};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sqlx::{Connection as _, PgConnection, Row as _};
use tempfile::TempDir;

const START_TIMEOUT: Duration = Duration::from_secs(30);
/// A load comes from few people. Builds that do not know these keys are measured by their own bench.
const UNLIMITED: [(&str, &str); 5] = [
    ("PARLOR_LIMITS__SEND_PER_MINUTE", "100000000"),
    ("PARLOR_LIMITS__TEXT_KB_PER_MINUTE", "4000000"),
    ("PARLOR_LIMITS__REQUESTS_PER_MINUTE", "100000000"),
    ("PARLOR_NOTIFY__MAX_STREAMS_PER_ACCOUNT", "20000"),
    ("PARLOR_NOTIFY__STREAM_OPENS_PER_MINUTE", "1000000"),
];

/// The workspace under test, on its own Postgres.
pub struct TestBed {
    pub url: String,
    pub workspace: WorkspaceId,
    programs: PathBuf,
    // Declared before its folder, so that it is dropped first.
    cluster: Cluster,
    folder: TempDir,
}

/// A person who is signed in.
#[derive(Clone)]
pub struct Person {
    pub id: UserId,
    pub workspace: WorkspaceId,
    pub token: String,
}

impl TestBed {
    /// An empty workspace. `programs` has the subcommands chat_server and notify_server.
    pub async fn start(programs: Option<&Path>) -> anyhow::Result<Self> {
        raise_open_files()?;
        let folder = tempfile::Builder::new().prefix("parlor_bench_").tempdir()?;
        let mut options = Options::kept(folder.path().join("postgres"));
        options.shared_buffers_mib = quarter_of_memory()?;
        let cluster = Cluster::start(options).await?;
        let mut db = PgConnection::connect(&cluster.url("postgres")).await?;
        // A checkpoint would slow one measurement and not the next.
        for statement in [
            "create database parlor",
            "alter system set max_wal_size = '8GB'",
            "alter system set checkpoint_timeout = '60min'",
            "select pg_reload_conf()",
        ] {
            sqlx::raw_sql(statement).execute(&mut db).await?;
        }
        let url = cluster.url("parlor");
        let mut db = PgConnection::connect(&url).await?;
        chat_server::db::MIGRATOR.run(&mut db).await?;
        let programs = programs.map_or_else(std::env::current_exe, fs::canonicalize)?;
        let workspace = WorkspaceId::generate();
        sqlx::query("insert into workspaces (id, name, name_folded) values ($1, 'bench', 'bench')")
            .bind(workspace.0)
            .execute(&mut db)
            .await?;
        Ok(Self { url, workspace, programs, cluster, folder })
    }

    pub async fn connect(&self) -> anyhow::Result<PgConnection> {
        Ok(PgConnection::connect(&self.url).await?)
    }

    /// Stops everything and removes its files.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.cluster.stop().await?;
        Ok(())
    }

    /// A connection for writing rows in bulk, without triggers and foreign keys.
    pub async fn connect_for_bulk(&self) -> anyhow::Result<PgConnection> {
        let mut db = self.connect().await?;
        sqlx::raw_sql("set session_replication_role = replica").execute(&mut db).await?;
        Ok(db)
    }

    /// Creates people with sessions. A chat_server must have run before, since it creates the key
    /// that signs their tokens.
    pub async fn people(&self, count: usize) -> anyhow::Result<Vec<Person>> {
        self.people_in(&[self.workspace], count).await
    }

    /// Creates people in each of `workspaces`, one workspace after the other.
    pub async fn people_in(&self, workspaces: &[WorkspaceId], each: usize) -> anyhow::Result<Vec<Person>> {
        let mut db = self.connect_for_bulk().await?;
        let pem = fs::read_to_string(self.folder.path().join("signing_key.pem"))?;
        let signer = Signer::from_pem(&pem)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let count = workspaces.len() * each;
        let accounts: Vec<_> = (0..count).map(|_| AccountId::generate().0).collect();
        let users: Vec<_> = (0..count).map(|_| UserId::generate().0).collect();
        let sessions: Vec<_> = (0..count).map(|_| SessionId::generate().0).collect();
        let of_user: Vec<_> = (0..count).map(|n| workspaces[n / each]).collect();
        sqlx::query(
            "with a as (insert into accounts (id, email, email_folded, password_hash)
                         select id, id || '@bench.example', id || '@bench.example', '' from unnest($1::uuid[]) id),
                  u as (insert into users (id, workspace_id, account_id, fullname, fullname_folded, role)
                        select u, w, a, 'Person ' || n, 'person ' || n, 'member'
                        from unnest($1, $2::uuid[], $4::uuid[]) with ordinality t(a, u, w, n))
             insert into sessions (id, account_id, user_id, user_agent, expires_at)
             select s, a, u, 'bench', now() + interval '1 day' from unnest($1, $2, $3::uuid[]) t(a, u, s)",
        )
        .bind(&accounts)
        .bind(&users)
        .bind(&sessions)
        .bind(of_user.iter().map(|workspace| workspace.0).collect::<Vec<_>>())
        .execute(&mut db)
        .await?;
        let people = users.into_iter().zip(accounts).zip(sessions).zip(of_user).map(
            |(((user, account), session), workspace)| {
                let (id, session) = (UserId(user), SessionId(session));
                let claims = Claims {
                    sub: id,
                    acc: AccountId(account),
                    ws: workspace,
                    sid: session,
                    exp: now + 12 * 3600,
                };
                Ok(Person { id, workspace, token: signer.sign(claims, Purpose::Access, now)? })
            },
        );
        people.collect()
    }

    /// Creates workspaces.
    pub async fn workspaces(&self, count: usize) -> anyhow::Result<Vec<WorkspaceId>> {
        let mut db = self.connect_for_bulk().await?;
        let workspaces: Vec<WorkspaceId> = (0..count).map(|_| WorkspaceId::generate()).collect();
        sqlx::query("insert into workspaces (id, name, name_folded) select id, id::text, id::text from unnest($1::uuid[]) id")
            .bind(workspaces.iter().map(|workspace| workspace.0).collect::<Vec<_>>())
            .execute(&mut db)
            .await?;
        Ok(workspaces)
    }

    /// Creates public channels. `members` has the members of each: at least one, of one workspace.
    pub async fn chats(&self, members: &[Vec<&Person>]) -> anyhow::Result<Vec<ChatId>> {
        let mut db = self.connect_for_bulk().await?;
        let chats: Vec<ChatId> = members.iter().map(|_| ChatId::generate()).collect();
        let ids: Vec<_> = chats.iter().map(|id| id.0).collect();
        let workspaces: Vec<_> = members.iter().map(|people| people[0].workspace.0).collect();
        sqlx::query(
            "insert into chats (id, workspace_id, kind, name, name_folded)
             select id, w, 'public_channel', id::text, id::text from unnest($1::uuid[], $2::uuid[]) t(id, w)",
        )
        .bind(&ids)
        .bind(&workspaces)
        .execute(&mut db)
        .await?;
        let pairs =
            chats.iter().zip(members).flat_map(|(chat, people)| people.iter().map(move |p| (chat.0, p.id.0)));
        let (of_chat, of_user): (Vec<_>, Vec<_>) = pairs.unzip();
        sqlx::query(
            "insert into chat_members (chat_id, user_id, workspace_id, role)
             select c, u, chats.workspace_id, case when row_number() over (partition by c) = 1 then 'owner' else 'member' end
             from unnest($1::uuid[], $2::uuid[]) t(c, u) join chats on chats.id = c",
        )
        .bind(&of_chat)
        .bind(&of_user)
        .execute(&mut db)
        .await?;
        sqlx::raw_sql("analyze").execute(&mut db).await?;
        Ok(chats)
    }

    /// The statements that the database has run since its start; a transaction counts as one.
    pub async fn transactions(&self) -> anyhow::Result<i64> {
        let mut db = self.connect().await?;
        let row =
            sqlx::query("select xact_commit + xact_rollback from pg_stat_database where datname = 'parlor'");
        Ok(row.fetch_one(&mut db).await?.get(0))
    }

    /// A file that is removed with this test bed.
    pub fn scratch(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn start_chat_server(&self) -> anyhow::Result<ServerProcess> {
        ServerProcess::start("chat_server", &self.programs, &self.url, self.folder.path(), 0, &UNLIMITED)
    }

    /// With the limits that it has by default.
    pub fn start_default_chat_server(&self) -> anyhow::Result<ServerProcess> {
        ServerProcess::start("chat_server", &self.programs, &self.url, self.folder.path(), 0, &[])
    }

    /// With the limits that it has by default.
    pub fn start_default_notify_server(&self) -> anyhow::Result<ServerProcess> {
        ServerProcess::start("notify_server", &self.programs, &self.url, self.folder.path(), 0, &[])
    }

    pub fn start_notify_server(&self) -> anyhow::Result<ServerProcess> {
        self.start_notify_server_at(0)
    }

    pub fn start_notify_server_at(&self, port: u16) -> anyhow::Result<ServerProcess> {
        ServerProcess::start("notify_server", &self.programs, &self.url, self.folder.path(), port, &UNLIMITED)
    }
}

/// A server process, killed when this is dropped.
pub struct ServerProcess {
    child: Child,
    pub address: SocketAddr,
}

impl ServerProcess {
    fn start(
        name: &str,
        program: &Path,
        url: &str,
        folder: &Path,
        port: u16,
        limits: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let section = if name == "chat_server" { "SERVER" } else { "NOTIFY" };
        let child = Command::new(program)
            .arg(name)
            .current_dir(folder)
            .env("DATABASE_URL", url)
            .env("PARLOR_DATABASE__DATA_DIR", folder)
            .env("PARLOR_LOG__LEVEL", "warn,chat_server::server=info,notify_server::server=info")
            .envs(limits.iter().copied())
            .env(format!("PARLOR_{section}__HOST"), "127.0.0.1")
            .env(format!("PARLOR_{section}__PORT"), port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .with_context(|| format!("{} {name} cannot be started", program.display()))?;
        let mut server = Self { child, address: SocketAddr::from(([127, 0, 0, 1], port)) };
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            let said = fs::read_to_string(&log)?;
            if let Some((_, rest)) = said.split_once("listening on 127.0.0.1:") {
                let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                // The line may be half written.
                if rest.len() > digits.len() {
                    server.address.set_port(digits.parse()?);
                    if is_ready(server.address) {
                        return Ok(server);
                    }
                }
            }
            if server.child.try_wait()?.is_some() || Instant::now() > deadline {
                bail!("{name} did not start: {said}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn is_ready(address: SocketAddr) -> bool {
    let ask = || {
        let mut stream = std::net::TcpStream::connect(address)?;
        stream.write_all(b"GET /health/ready HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        std::io::Result::Ok(answer.starts_with("HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}

/// The proportional set size of processes, in bytes.
pub fn memory(pids: &[u32]) -> anyhow::Result<f64> {
    let mut kilobytes = 0;
    for pid in pids {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).context("no Pss")?;
        kilobytes += line.trim().trim_end_matches(" kB").parse::<u32>()?;
    }
    Ok(f64::from(kilobytes) * 1024.0)
}

/// The processor time that processes have used, in seconds.
pub fn cpu(pids: &[u32]) -> anyhow::Result<f64> {
    let mut ticks = 0;
    for pid in pids {
        let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let fields: Vec<&str> = text.rsplit_once(") ").context("no fields")?.1.split(' ').collect();
        ticks += fields[11].parse::<u32>()? + fields[12].parse::<u32>()?;
    }
    Ok(f64::from(ticks) / 100.0)
}

/// A quarter of the memory in MiB, as docs/operations.md advises for Postgres.
fn quarter_of_memory() -> anyhow::Result<u32> {
    let text = fs::read_to_string("/proc/meminfo")?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:")).context("no MemTotal")?;
    let kilobytes: u32 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes / 4096)
}

/// Raises the limit of open files, which servers inherit: each stream takes one here and one in the
/// server.
fn raise_open_files() -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    Ok(())
}
