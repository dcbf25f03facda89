//! One run of Postgres: the process, its lifeline, and its end.

use std::{
    fs,
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
    cluster::{Exit, Lifetime, Options},
    error::{Error, Result, Trying},
    folder::{Folder, PostmasterFile, log_tail},
    programs::Programs,
    user,
};

/// How often a port or the shared memory of a dying predecessor may be in the way of a start.
const START_ATTEMPTS: u32 = 40;

/// Between two attempts, and between two looks at a condition that only polling can see.
const POLL: Duration = Duration::from_millis(20);

/// Stopping fast rolls back what is open and writes a checkpoint; then it stops at once; then it is killed.
const STOP_PATIENCE: [(Signal, Duration); 3] = [
    (Signal::INT, Duration::from_secs(20)),
    (Signal::QUIT, Duration::from_secs(5)),
    (Signal::KILL, Duration::from_secs(5)),
];

/// A running Postgres. Dropped, it is stopped by its watcher.
#[derive(Debug)]
pub(crate) struct Server {
    pid: Pid,
    pub(crate) port: u16,
    /// Shared with the thread that sees the end. `None` after that: the number may belong to another process then.
    lifeline: Arc<Mutex<Option<PipeWriter>>>,
    exited: watch::Receiver<Option<Exit>>,
}

impl Server {
    /// Starts Postgres on the port of its last run, or on a free one, and waits until it takes connections. Blocks.
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
                // Somebody took it between our look and the start.
                port = None;
            } else if attempts < START_ATTEMPTS && log.contains("is still in use") {
                // The backends of a postmaster that was killed see it in a moment.
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
            // Ctrl-C reaches every process of the terminal's group; the owner decides when Postgres stops.
            .process_group(0)
            .spawn()
            .trying(|| "cannot run /bin/sh".to_owned())?;
        let pid = Pid::from_child(&child);
        let lifeline = Arc::new(Mutex::new(Some(lifeline)));
        let (sender, exited) = watch::channel(None);
        let server = Self { pid, port, lifeline: Arc::clone(&lifeline), exited };
        // Not a task: the server outlives any one runtime (each test has its own).
        thread::Builder::new()
            .name("postgres-exit".to_owned())
            .spawn(move || {
                let status = reap(child, pid, &lifeline);
                sender.send_replace(Some(Exit::new(status)));
            })
            .trying(|| "cannot start a thread".to_owned())?;
        Ok(server)
    }

    /// The error says how it ended, without its log.
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

    /// How it ended; `None` while it runs.
    pub(crate) fn exit(&self) -> Option<Exit> {
        self.exited.borrow().clone()
    }

    /// Sees its end, in any runtime.
    pub(crate) fn exited(&self) -> watch::Receiver<Option<Exit>> {
        self.exited.clone()
    }

    /// Stops it fast, within 30 seconds in the worst case. Blocks.
    pub(crate) fn stop(&self) {
        for (signal, patience) in STOP_PATIENCE {
            self.signal(signal);
            if self.wait(patience) {
                return;
            }
            tracing::warn!(?signal, "Postgres does not stop");
        }
    }

    /// Ends it as a power cut would, as far as processes can: all of them at once. Blocks.
    ///
    /// Were the postmaster killed alone, its backends would see that one after the other, and one that waits for a
    /// standby would end its wait and show what it has committed, and the standby has not, to those that still read.
    pub(crate) fn kill(&self) {
        self.signal(Signal::STOP); // makes no more backends
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

/// Waits for the end of the process, tells its watcher that there is nothing to do, and takes the process's number
/// out of use in the same step.
fn reap(mut child: Child, pid: Pid, lifeline: &Mutex<Option<PipeWriter>>) -> ExitStatus {
    let waited = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
    let mut lifeline = lock(lifeline);
    if waited.is_ok()
        && let Some(mut pipe) = lifeline.take()
    {
        // A watcher that is gone has nothing to be told.
        let _ = pipe.write_all(b"ended\n");
    }
    child.wait().unwrap_or_else(|_| ExitStatus::from_raw(0))
}

/// The processes of Postgres that the postmaster has started; none where the system does not tell. Its watcher is a child of
/// it as well and is none of them.
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

/// `wanted` if nobody listens there, else a free port.
fn choose_port(wanted: Option<u16>) -> io::Result<u16> {
    if let Some(port) = wanted
        && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
    {
        return Ok(port);
    }
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Everything that differs from Postgres's own defaults.
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
        // Statements and the values in them may be what people wrote.
        ("log_min_error_statement", "panic".to_owned()),
        ("log_error_verbosity", "terse".to_owned()),
    ];
    if options.lifetime == Lifetime::Temporary {
        // What a power cut would lose; commits stay synchronous, so that tests take the same paths.
        settings.extend([("fsync", "off".to_owned()), ("full_page_writes", "off".to_owned())]);
    }
    settings
}
