//! The servers as separate processes, which faults kill, stop and restart.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::time::sleep;

/// How long a start or an end may take.
const PATIENCE: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(10);

/// The two kinds of servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServerKind {
    Chat,
    Notify,
}

impl ServerKind {
    /// The name of the binary, and of the hidden subcommand of this binary that runs it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat_server",
            Self::Notify => "notify_server",
        }
    }

    fn section(self) -> &'static str {
        match self {
            Self::Chat => "SERVER",
            Self::Notify => "NOTIFY",
        }
    }
}

/// One server, started again on the same address after it ended.
pub struct ServerProcess {
    kind: ServerKind,
    program: PathBuf,
    settings: BTreeMap<String, String>,
    /// The limit of file descriptors, by `ulimit -n`.
    descriptors_max: Option<u32>,
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

impl ServerProcess {
    /// `program` is the chaos binary. Does not start it yet.
    pub fn new(
        kind: ServerKind,
        program: PathBuf,
        database_url: &str,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("parlor_chaos_").tempdir()?;
        let mut all: BTreeMap<String, String> =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        all.insert("DATABASE_URL".into(), database_url.into());
        all.insert("PARLOR_DATABASE__DATA_DIR".into(), folder.path().display().to_string());
        all.insert(format!("PARLOR_{}__HOST", kind.section()), Ipv4Addr::LOCALHOST.to_string());
        Ok(Self { kind, program, settings: all, descriptors_max: None, folder, port: 0, child: None })
    }

    /// Sets a variable for the next start.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.insert(name.into(), value.into());
    }

    /// Removes a variable for the next start.
    pub fn unset(&mut self, name: &str) {
        self.settings.remove(name);
    }

    /// Limits the descriptors for the next start. None: as many as this process may have.
    pub fn limit_descriptors(&mut self, max: Option<u32>) {
        self.descriptors_max = max;
    }

    /// The address, which is known after the first start.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// The log since the last start.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Starts it and returns when it listens. If it ends at once, since its database is away, it is
    /// started again, as a supervisor would do.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            self.spawn()?;
            if self.listens(end).await? {
                return Ok(());
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    fn spawn(&mut self) -> anyhow::Result<()> {
        let log = File::create(self.folder.path().join("log"))?;
        let port_key = format!("PARLOR_{}__PORT", self.kind.section());
        let mut command = match self.descriptors_max {
            None => Command::new(&self.program),
            Some(max) => {
                let mut shell = Command::new("/bin/sh");
                shell.arg("-c").arg(format!("ulimit -n {max} && exec \"$0\" \"$1\"")).arg(&self.program);
                shell
            }
        };
        let child = command
            .arg(self.kind.name())
            .current_dir(self.folder.path())
            .envs(&self.settings)
            .env(port_key, self.port.to_string())
            // The server ends when the other end of this pipe closes.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        self.child = Some(child);
        Ok(())
    }

    /// False: it ended early.
    async fn listens(&mut self, end: Instant) -> anyhow::Result<bool> {
        loop {
            let said = self.log();
            if let Some((_, rest)) = said.split_once("listening on 127.0.0.1:") {
                let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                // The line may be half written.
                if rest.len() > digits.len() {
                    self.port = digits.parse()?;
                    return Ok(true);
                }
            }
            if Instant::now() > end {
                bail!("{} does not start: {said}", self.kind.name());
            }
            if self.has_ended()? {
                return Ok(false);
            }
            sleep(POLL).await;
        }
    }

    pub fn is_running(&mut self) -> bool {
        self.has_ended().is_ok_and(|ended| !ended)
    }

    fn has_ended(&mut self) -> anyhow::Result<bool> {
        match &mut self.child {
            Some(child) => Ok(child.try_wait()?.is_some()),
            None => Ok(true),
        }
    }

    /// Sends SIGKILL and waits for the end.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Sends SIGTERM and waits for the end.
    pub async fn terminate(&mut self) -> anyhow::Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        let end = Instant::now() + PATIENCE;
        loop {
            let child = self.child.as_mut().context("it does not run")?;
            if let Some(status) = child.try_wait()? {
                self.child = None;
                return Ok(status);
            }
            if Instant::now() > end {
                self.kill();
                bail!("{} did not end after SIGTERM", self.kind.name());
            }
            sleep(POLL).await;
        }
    }

    /// Sends SIGSTOP: the process pauses, and its sockets stay open.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Sends SIGCONT.
    pub fn resume(&self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let child = self.child.as_ref().context("it does not run")?;
        kill_process(Pid::from_child(child), signal)?;
        Ok(())
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.kill();
    }
}
