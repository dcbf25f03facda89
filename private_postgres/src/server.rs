//! One run of Postgres: its process, the pipe that ends it with its owner, and its exit.

use std::{
    fmt, fs,
    io::{self, PipeWriter, Write as _},
    net::{Ipv4Addr, TcpListener},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    process::{Child, ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tokio::sync::watch;

use crate::{
    error::{Error, Result, Trying},
    folder::{Folder, PostmasterFile, log_tail},
    options::{Lifetime, Options},
    programs::Programs,
    user,
};

/// How often a start is retried while its port is taken or a dying predecessor holds shared memory.
const START_ATTEMPTS: u32 = 40;

/// The pause between two attempts, and between two polls of a condition.
const POLL: Duration = Duration::from_millis(20);

/// First a fast shutdown with a checkpoint, then an immediate shutdown, then SIGKILL.
const STOP_PATIENCE: [(Signal, Duration); 3] = [
    (Signal::INT, Duration::from_secs(20)),
    (Signal::QUIT, Duration::from_secs(5)),
    (Signal::KILL, Duration::from_secs(5)),
];

/// How a run of Postgres ended.
#[derive(Debug, Clone)]
pub struct Exit(ExitStatus);

impl Exit {
    fn new(status: ExitStatus) -> Self {
        Self(status)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.code(), self.0.signal()) {
            (_, Some(signal)) => write!(f, "it was ended by signal {signal}"),
            (Some(code), _) => write!(f, "it ended with code {code}"),
            (None, None) => write!(f, "it ended"),
        }
    }
}

/// A running Postgres. Its watcher stops it when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pid: Pid,
    pub(crate) port: u16,
    /// Shared with the thread that waits for the exit. `None` after the exit: the process id may
    /// then belong to another process.
    lifeline: Arc<Mutex<Option<PipeWriter>>>,
    exited: watch::Receiver<Option<Exit>>,
}

impl Server {
    /// Starts Postgres on the port of its last run, or on a free one, and waits until it accepts
    /// connections. Blocks.
    pub(crate) fn start(folder: &Folder, programs: &Programs, options: &Options) -> Result<Self> {
        let mut port = folder.port();
        let mut attempts = 0;
        loop {
            attempts += 1;
            let chosen = choose_port(port).trying(|| "no free port on 127.0.0.1".to_owned())?;
            let (log, log_length) = folder.open_log()?;
            let server = Self::spawn(folder, programs, options, chosen, log)?;
            let Err(problem) = server.wait_until_ready(folder, options.start_timeout) else {
                folder.remember_port(chosen)?;
                return Ok(server);
            };
            let log = log_tail(&folder.log(), log_length);
            if attempts < START_ATTEMPTS && log.contains("could not bind") {
                // Another process took the port after it was chosen.
                port = None;
            } else if attempts < START_ATTEMPTS && log.contains("is still in use") {
                // The backends of a killed postmaster end within moments.
                thread::sleep(POLL * 5);
            } else {
                return Err(Error::Start { problem, log });
            }
        }
    }

    fn spawn(
        folder: &Folder,
        programs: &Programs,
        options: &Options,
        port: u16,
        log: fs::File,
    ) -> Result<Self> {
        let (argument, open) = folder.data_argument(&folder.cluster())?;
        let (lifeline_end, lifeline) = io::pipe().trying(|| "cannot make a pipe".to_owned())?;
        let temporary = options.lifetime == Lifetime::Temporary;
        let mut command = folder.run_as().command("/bin/sh");
        command
            .arg("-c")
            .arg(user::without_comments(include_str!("supervise.sh")))
            .arg("parlor-postgres-watcher");
        if temporary {
            command.arg("QUIT").arg(folder.path());
        } else {
            command.args(["INT", ""]);
        }
        command.arg(programs.postgres()).arg("-D").arg(argument);
        for (name, value) in settings(options, port) {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        let child = command
            .stdin(Stdio::from(open))
            .stdout(Stdio::from(lifeline_end))
            .stderr(Stdio::from(log))
            // Ctrl-C signals the whole process group of the terminal, but the owner stops Postgres.
            .process_group(0)
            .spawn()
            .trying(|| "cannot run /bin/sh".to_owned())?;
        let pid = Pid::from_child(&child);
        let lifeline = Arc::new(Mutex::new(Some(lifeline)));
        let (sender, exited) = watch::channel(None);
        let server = Self { pid, port, lifeline: Arc::clone(&lifeline), exited };
        // A thread and no task, since the server outlives the runtime that started it: each test
        // has one.
        thread::Builder::new()
            .name("postgres-exit".to_owned())
            .spawn(move || {
                let status = reap(child, pid, &lifeline);
                sender.send_replace(Some(Exit::new(status)));
            })
            .trying(|| "cannot start a thread".to_owned())?;
        Ok(server)
    }

    /// The error says how Postgres ended, without its log.
    fn wait_until_ready(&self, folder: &Folder, limit: Duration) -> Result<(), String> {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if let Some(exit) = self.exit() {
                return Err(exit.to_string());
            }
            let ready = PostmasterFile::read(&folder.cluster())
                .is_some_and(|file| file.pid == self.pid && file.ready);
            if ready {
                return Ok(());
            }
            thread::sleep(POLL);
        }
        self.stop();
        Err(format!("it was not ready within {} s", limit.as_secs()))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// How Postgres ended; `None` while it runs.
    pub(crate) fn exit(&self) -> Option<Exit> {
        self.exited.borrow().clone()
    }

    /// Receives the exit, in any runtime.
    pub(crate) fn exited(&self) -> watch::Receiver<Option<Exit>> {
        self.exited.clone()
    }

    /// Shuts Postgres down, within 30 seconds at most. Blocks.
    pub(crate) fn stop(&self) {
        for (signal, patience) in STOP_PATIENCE {
            self.signal(signal);
            if self.wait(patience) {
                return;
            }
            tracing::warn!(?signal, "Postgres does not stop");
        }
    }

    /// Kills all processes of Postgres at once, as a power cut would. Blocks.
    ///
    /// If the postmaster alone were killed, its backends would notice one after the other. A
    /// backend that waits for a standby would then stop waiting and make its commit visible, which
    /// the standby lacks.
    pub(crate) fn kill(&self) {
        self.signal(Signal::STOP); // it can start no more backends
        let backends = backends(self.pid);
        for signal in [Signal::STOP, Signal::KILL] {
            for backend in &backends {
                let _ = kill_process(*backend, signal); // it may have ended
            }
        }
        self.signal(Signal::KILL);
        self.wait(Duration::from_secs(5));
    }

    fn signal(&self, signal: Signal) {
        let lifeline = lock(&self.lifeline);
        if lifeline.is_some()
            && let Err(error) = kill_process(self.pid, signal)
        {
            tracing::warn!(%error, ?signal, "cannot signal Postgres");
        }
    }

    /// Whether it ended within `patience`.
    fn wait(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while self.exit().is_none() {
            if Instant::now() > deadline {
                return false;
            }
            thread::sleep(POLL / 4);
        }
        true
    }
}

/// Closes the lifeline: the watcher stops Postgres.
impl Drop for Server {
    fn drop(&mut self) {
        lock(&self.lifeline).take();
    }
}

/// Waits for the end of the process, tells its watcher that there is nothing to do, and takes the
/// process's number out of use in the same step.
fn reap(mut child: Child, pid: Pid, lifeline: &Mutex<Option<PipeWriter>>) -> ExitStatus {
    let waited = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
    let mut lifeline = lock(lifeline);
    if waited.is_ok()
        && let Some(mut pipe) = lifeline.take()
    {
        // Fails if the watcher is gone, which is no problem.
        let _ = pipe.write_all(b"ended\n");
    }
    child.wait().unwrap_or_else(|_| ExitStatus::from_raw(0))
}

/// The child processes of the postmaster, without its watcher. Empty where the system does not
/// tell.
fn backends(postmaster: Pid) -> Vec<Pid> {
    let postmaster = postmaster.as_raw_nonzero();
    let children = fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children"));
    let is_postgres = |pid: &str| {
        fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim_end() == "postgres")
    };
    children
        .unwrap_or_default()
        .split_whitespace()
        .filter(|pid| is_postgres(pid))
        .filter_map(|pid| Pid::from_raw(pid.parse().ok()?))
        .collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `wanted` if that port is free, else a free port.
fn choose_port(wanted: Option<u16>) -> io::Result<u16> {
    if let Some(port) = wanted
        && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
    {
        return Ok(port);
    }
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The settings that differ from the defaults of Postgres.
fn settings(options: &Options, port: u16) -> Vec<(&'static str, String)> {
    let mut settings = vec![
        ("listen_addresses", "127.0.0.1".to_owned()),
        ("port", port.to_string()),
        ("unix_socket_directories", String::new()),
        ("max_connections", options.max_connections.to_string()),
        ("shared_buffers", format!("{}MB", options.shared_buffers_mib)),
        ("timezone", "UTC".to_owned()),
        ("log_timezone", "UTC".to_owned()),
        ("logging_collector", "off".to_owned()),
        ("log_destination", "stderr".to_owned()),
        // Statements may contain what people wrote.
        ("log_min_error_statement", "panic".to_owned()),
        ("log_error_verbosity", "terse".to_owned()),
    ];
    if options.lifetime == Lifetime::Temporary {
        // Not safe against power cuts. Commits stay synchronous, so that tests take the same paths.
        settings.extend([("fsync", "off".to_owned()), ("full_page_writes", "off".to_owned())]);
    }
    settings
}
