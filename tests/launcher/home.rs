//! A folder to run the launcher in, and the running launcher.

use std::{
    fs::{self, File},
    net::TcpListener,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A first start runs initdb, which is slow on a busy machine.
pub const START_TIMEOUT: Duration = Duration::from_secs(90);
/// Longer than the servers' drain and a checkpoint of Postgres.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(20);
pub const POLL_EVERY: Duration = Duration::from_millis(20);

/// A folder to run in.
pub struct Home {
    folder: TempDir,
}

impl Home {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    pub fn create(&self, name: &str) -> File {
        File::create(self.path().join(name)).unwrap()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path().join("log")).unwrap_or_default()
    }

    /// The launcher on free ports, independent of the environment of the tests.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_parlor"));
        command
            .current_dir(self.path())
            .env_remove("DATABASE_URL")
            .env("RUST_BACKTRACE", "1")
            // As in Kubernetes beside a Service called `parlor`.
            .env("PARLOR_SERVICE_HOST", "10.0.0.1")
            .env("PARLOR_SERVICE_PORT_HTTP", "6688")
            .env("PARLOR_PORT", "tcp://10.0.0.1:6688")
            .env("PARLOR_PORT_6688_TCP_ADDR", "10.0.0.1")
            // Of other programs that use Postgres. Each would keep Parlor from its database.
            .env("PGSSLMODE", "verify-full")
            .env("PGOPTIONS", "-c search_path=elsewhere -c no.such=setting -c nonsense=1")
            .env("PGPASSWORD", "wrong")
            .env("PGHOST", "nowhere.invalid")
            .env("PARLOR_SERVER__HOST", "127.0.0.1")
            .env("PARLOR_SERVER__PORT", "0")
            .env("PARLOR_NOTIFY__HOST", "127.0.0.1")
            .env("PARLOR_NOTIFY__PORT", "0")
            .stdin(Stdio::null());
        command
    }

    pub async fn start(&self) -> Parlor {
        self.start_as(self.command()).await
    }

    pub async fn start_as(&self, command: Command) -> Parlor {
        self.start_with(command, self.create("log").into()).await
    }

    pub async fn start_with(&self, mut command: Command, stderr: Stdio) -> Parlor {
        let said = self.path().join("said");
        let child = command.stdout(self.create("said")).stderr(stderr).spawn().unwrap();
        let client = Client::builder().no_proxy().build().unwrap();
        let postmaster = self.data().join("postgres/cluster/postmaster.pid");
        let deadline = Instant::now() + START_TIMEOUT;
        let mut parlor = Parlor {
            child,
            client,
            postmaster,
            said: String::new(),
            api: String::new(),
            events: String::new(),
        };
        while !parlor.said.contains("access_token") {
            let ended = parlor.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "it did not start: {}", self.log());
            tokio::time::sleep(POLL_EVERY).await;
            parlor.said = fs::read_to_string(&said).unwrap();
        }
        let url = |before: &str, after: &str| {
            let rest = parlor.said.split_once(before).unwrap().1;
            rest.split_once(after).unwrap().0.to_owned()
        };
        (parlor.api, parlor.events) = (url("(API: ", "/api/docs"), url("events at ", "/events"));
        parlor
    }

    /// The process id of Postgres, from its own file.
    pub fn postmaster(&self) -> Option<u32> {
        read_pid(&self.data().join("postgres/cluster/postmaster.pid"))
    }
}

/// A running launcher.
pub struct Parlor {
    pub child: Child,
    pub client: Client,
    postmaster: PathBuf,
    /// What it printed.
    pub said: String,
    pub api: String,
    pub events: String,
}

impl Parlor {
    pub async fn post(&self, path: &str, form: Value) -> (StatusCode, Value) {
        let response = self.client.post(format!("{}{path}", self.api)).json(&form).send().await.unwrap();
        (response.status(), response.json().await.unwrap_or_default())
    }

    pub async fn get(&self, path: &str, token: &str) -> Value {
        let request = self.client.get(format!("{}{path}", self.api)).bearer_auth(token);
        request.send().await.unwrap().json().await.unwrap()
    }

    pub async fn sign_up(&self) -> StatusCode {
        self.post("/api/signup", ann()).await.0
    }

    pub async fn sign_in(&self) -> StatusCode {
        let form = json!({ "email": "ann@acme.example", "password": "correct horse" });
        self.post("/api/signin", form).await.0
    }

    pub async fn stop(mut self) -> ExitStatus {
        signal("TERM", self.child.id());
        wait(&mut self.child).await
    }
}

impl Drop for Parlor {
    /// Leaves nothing behind, even after a failed test: Postgres ends with its launcher, and its
    /// folder must not be removed earlier.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let deadline = Instant::now() + STOP_TIMEOUT;
        while read_pid(&self.postmaster).is_some_and(|pid| !is_gone(pid)) && Instant::now() < deadline {
            std::thread::sleep(POLL_EVERY);
        }
    }
}

pub fn ann() -> Value {
    json!({
        "workspace": "acme", "fullname": "Ann Lee", "email": "ann@acme.example", "password": "correct horse",
    })
}

/// Runs a launcher that must not start: it fails and prints one line.
pub async fn refused(mut command: Command) -> String {
    if !command.get_envs().any(|(name, _)| name == "PARLOR_LOG__LEVEL") {
        command.env("PARLOR_LOG__LEVEL", "error");
    }
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let status = wait(&mut child).await;
    let said = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.starts_with("parlor: ") && said.lines().count() == 1, "not one line: {said}");
    said
}

pub async fn wait(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + STOP_TIMEOUT;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            child.wait().unwrap();
            return ExitStatus::from_raw(9);
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
}

pub async fn until(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(POLL_EVERY).await;
    }
}

pub fn signal(name: &str, process: u32) {
    assert!(Command::new("kill").args(["-s", name, &process.to_string()]).status().unwrap().success());
}

/// Whether the process has ended; a zombie counts.
pub fn is_gone(process: u32) -> bool {
    let stat = Command::new("ps").args(["-o", "stat=", "-p", &process.to_string()]).output().unwrap().stdout;
    matches!(stat.first(), None | Some(b'Z'))
}

pub fn read_pid(file: &Path) -> Option<u32> {
    fs::read_to_string(file).ok()?.lines().next()?.trim().parse().ok()
}

pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
