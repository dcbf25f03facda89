//! The folder of a cluster: its lock, its files, and initdb. One process at a time may hold it.
//!
//! ```text
//! <folder>/lock         held by the process that runs the cluster
//! <folder>/password     of the superuser, mode 0600, one line
//! <folder>/port         where it listened last, to listen there again
//! <folder>/server.log   and server.log.1
//! <folder>/cluster/     the data folder of Postgres
//! ```

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    os::{
        fd::OwnedFd,
        unix::fs::{DirBuilderExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::{
    error::{Error, Result, Trying},
    majors::SUPPORTED_MAJORS,
    options::Lifetime,
    programs::Programs,
    user::{self, RunAs},
};

/// The name of the superuser of every cluster.
pub(crate) const SUPERUSER: &str = "parlor";

/// The name of an unfinished cluster starts with this.
const UNFINISHED_PREFIX: &str = "cluster.new-";

/// A longer log is rotated at a start.
const LOG_LIMIT_BYTES: u64 = 16 * 1024 * 1024;

/// An owner that was killed while it started a program leaves the lock to that program for a
/// moment.
const LOCK_PATIENCE: Duration = Duration::from_millis(500);

/// How a leftover postmaster is stopped: a fast shutdown, then an immediate shutdown, then SIGKILL.
const LEFTOVER_PATIENCE: [(Signal, Duration); 3] = [
    (Signal::INT, Duration::from_secs(15)),
    (Signal::QUIT, Duration::from_secs(5)),
    (Signal::KILL, Duration::from_secs(5)),
];

/// The locked folder of a cluster. The lock is held while this value lives.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    run_as: RunAs,
    _lock: File,
}

impl Folder {
    /// Creates the folder if there is none, and locks it.
    ///
    /// Fails with [`Error::InUse`] where another process has it.
    pub(crate) fn open(path: &Path, lifetime: Lifetime) -> Result<Self> {
        // Every user may enter the folder; its files have their own permissions.
        let mode = if lifetime == Lifetime::Temporary { 0o700 } else { 0o711 };
        DirBuilder::new()
            .recursive(true)
            .mode(mode)
            .create(path)
            .trying(|| format!("cannot make {}", path.display()))?;
        let path = fs::canonicalize(path).trying(|| format!("cannot enter {}", path.display()))?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path.join("lock"))
            .trying(|| format!("cannot write in {}", path.display()))?;
        let deadline = Instant::now() + LOCK_PATIENCE;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(10));
                }
                Err(TryLockError::WouldBlock) => return Err(Error::InUse(path)),
                Err(TryLockError::Error(error)) => {
                    return Err(error).trying(|| format!("cannot lock {}", path.display()));
                }
            }
        }
        let run_as = RunAs::choose(&path.join("cluster"))?;
        if lifetime == Lifetime::Temporary {
            // The watcher runs as that user and removes the folder.
            run_as.give(&path)?;
        }
        Ok(Self { path, run_as, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn run_as(&self) -> RunAs {
        self.run_as
    }

    /// The data folder of Postgres.
    pub(crate) fn cluster(&self) -> PathBuf {
        self.path.join("cluster")
    }

    /// The major version that made the data; `None` without data.
    ///
    /// Fails if the folder holds something else, or data of an unsupported version.
    pub(crate) fn major(&self) -> Result<Option<u32>> {
        let cluster = self.cluster();
        let foreign =
            |problem: &str| Error::ForeignFolder { folder: cluster.clone(), problem: problem.to_owned() };
        let version = match fs::read_to_string(cluster.join("PG_VERSION")) {
            Ok(version) => version,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return match fs::remove_dir(&cluster) {
                    Ok(()) => Ok(None),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                    Err(_) => Err(foreign("holds something, but not the data of Postgres")),
                };
            }
            Err(error) => return Err(error).trying(|| format!("cannot read {}", cluster.display())),
        };
        let major = version.trim().parse().map_err(|_| foreign("has an unreadable PG_VERSION"))?;
        if SUPPORTED_MAJORS.contains(&major) {
            Ok(Some(major))
        } else {
            Err(foreign(&format!("was made by Postgres {major}, which is not supported")))
        }
    }

    /// The password of the superuser, created on first use.
    ///
    /// Fails if there is a cluster without its password file.
    pub(crate) fn password(&self) -> Result<String> {
        let path = self.path.join("password");
        match fs::read_to_string(&path) {
            Ok(password) if !password.trim().is_empty() => return Ok(password.trim().to_owned()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).trying(|| format!("cannot read {}", path.display()));
            }
            Ok(_) | Err(_) => {}
        }
        if self.cluster().exists() {
            return Err(Error::ForeignFolder {
                folder: self.cluster(),
                problem: "has lost its password (the file beside it)".to_owned(),
            });
        }
        let password = format!("{:032x}", rand::random::<u128>());
        self.write_whole("password", &password)?;
        Ok(password)
    }

    /// The port of the last run.
    pub(crate) fn port(&self) -> Option<u16> {
        fs::read_to_string(self.path.join("port")).ok()?.trim().parse().ok()
    }

    pub(crate) fn remember_port(&self, port: u16) -> Result<()> {
        self.write_whole("port", &port.to_string())
    }

    /// Replaces a file so that a crash leaves the old or the new text, never half of it.
    fn write_whole(&self, name: &str, text: &str) -> Result<()> {
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(&self.path)?;
            writeln!(file, "{text}")?;
            file.as_file().sync_all()?;
            file.persist(self.path.join(name))?;
            Ok(())
        };
        write().trying(|| format!("cannot write {}", self.path.join(name).display()))
    }

    /// The server's log, open for appending, and its length.
    pub(crate) fn open_log(&self) -> Result<(File, u64)> {
        let path = self.log();
        let open = || {
            if fs::metadata(&path).is_ok_and(|log| log.len() > LOG_LIMIT_BYTES) {
                fs::rename(&path, self.path.join("server.log.1"))?;
            }
            let log = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
            let length = log.metadata()?.len();
            Ok((log, length))
        };
        open().trying(|| format!("cannot open {}", path.display()))
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path.join("server.log")
    }

    /// The path of the data folder for the server's command line, and the open folder.
    pub(crate) fn data_argument(&self, cluster: &Path) -> Result<(PathBuf, OwnedFd)> {
        let open = File::open(cluster).trying(|| format!("cannot open {}", cluster.display()))?;
        // The scripts move it to descriptor 3. Through this link the kernel opens the folder
        // directly, without a check of the folders above it.
        let path = if cfg!(target_os = "linux") && !self.run_as.can_reach(cluster) {
            PathBuf::from("/proc/self/fd/3")
        } else {
            cluster.to_owned()
        };
        Ok((path, open.into()))
    }

    /// Creates the cluster. A crash at any point leaves no `cluster` folder, or a complete one.
    pub(crate) fn initialize(&self, programs: &Programs, lifetime: Lifetime) -> Result<()> {
        self.sweep_unfinished();
        let password = self.password()?;
        let mut problem = String::new();
        for locale in locales(programs.major) {
            let unfinished = self.path.join(format!("{UNFINISHED_PREFIX}{:08x}", rand::random::<u32>()));
            DirBuilder::new()
                .mode(0o700)
                .create(&unfinished)
                .trying(|| format!("cannot make {}", unfinished.display()))?;
            self.run_as.give(&unfinished)?;
            match self.run_initdb(programs, lifetime, locale, &unfinished, &password)? {
                Ok(()) => {
                    let finish = || {
                        fs::rename(&unfinished, self.cluster())?;
                        File::open(&self.path)?.sync_all()
                    };
                    return finish().trying(|| format!("cannot put {} in place", self.cluster().display()));
                }
                Err(said) => problem = said,
            }
            self.sweep_unfinished();
        }
        Err(Error::Initialize(problem))
    }

    /// The inner error is the output of initdb.
    fn run_initdb(
        &self,
        programs: &Programs,
        lifetime: Lifetime,
        locale: &[&str],
        unfinished: &Path,
        password: &str,
    ) -> Result<Result<(), String>> {
        let (argument, open) = self.data_argument(unfinished)?;
        let (password_end, mut our_end) = io::pipe().trying(|| "cannot make a pipe".to_owned())?;
        // The password fits into the pipe's buffer, so this write does not block.
        writeln!(our_end, "{password}").trying(|| "cannot write to a pipe".to_owned())?;
        drop(our_end);
        let mut command = self.run_as.command("/bin/sh");
        command
            .arg("-c")
            .arg(user::without_comments(include_str!("initialize.sh")))
            .arg("parlor-initdb")
            .arg(programs.initdb())
            .arg("-D")
            .arg(argument)
            .args(["--username", SUPERUSER, "--auth=scram-sha-256", "--encoding=UTF8", "--data-checksums"])
            .args(locale);
        if lifetime == Lifetime::Temporary {
            command.arg("--no-sync");
        }
        let output = command
            .stdin(Stdio::from(open))
            .stdout(Stdio::from(password_end))
            .stderr(Stdio::piped())
            .output()
            .trying(|| "cannot run /bin/sh".to_owned())?;
        if output.status.success() {
            return Ok(Ok(()));
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let errors: Vec<&str> =
            said.lines().filter(|line| line.contains("error:") || line.contains("FATAL")).collect();
        Ok(Err(if errors.is_empty() { said.trim().to_owned() } else { errors.join("; ") }))
    }

    /// Removes unfinished clusters of killed first runs. An initdb that still runs in one then
    /// fails.
    fn sweep_unfinished(&self) {
        for entry in fs::read_dir(&self.path).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED_PREFIX)
                && let Err(error) = fs::remove_dir_all(entry.path())
            {
                tracing::warn!(%error, folder = %entry.path().display(), "cannot remove a half-made cluster");
            }
        }
    }

    /// Stops a postmaster that a dead owner left running, and removes a `postmaster.pid` whose
    /// process id now belongs to another program. The lock proves that no living owner uses it.
    pub(crate) fn sweep_postmaster(&self) -> Result<()> {
        let Some(pid) = PostmasterFile::read(&self.cluster()).map(|file| file.pid) else { return Ok(()) };
        if !self.is_postmaster_of_ours(pid) {
            if test_kill_process(pid).is_ok() {
                // Postgres would mistake the other program for a running postmaster and refuse to
                // start.
                let file = self.cluster().join("postmaster.pid");
                fs::remove_file(&file).trying(|| format!("cannot remove {}", file.display()))?;
            }
            return Ok(());
        }
        tracing::warn!(pid = pid.as_raw_nonzero().get(), "stopping a Postgres that was left running");
        let failed = |problem: String| Error::Leftover {
            folder: self.cluster(),
            pid: pid.as_raw_nonzero().get(),
            problem,
        };
        for (signal, patience) in LEFTOVER_PATIENCE {
            match kill_process(pid, signal) {
                Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                Err(error) => return Err(failed(error.to_string())),
            }
            let deadline = Instant::now() + patience;
            while Instant::now() < deadline {
                if !self.is_postmaster_of_ours(pid) {
                    return Ok(());
                }
                thread::sleep(Duration::from_millis(20));
            }
        }
        Err(failed("it does not even react to SIGKILL".to_owned()))
    }

    /// Whether `pid` is a running process whose working folder is this data folder.
    fn is_postmaster_of_ours(&self, pid: Pid) -> bool {
        if test_kill_process(pid) == Err(rustix::io::Errno::SRCH) {
            return false;
        }
        let number = pid.as_raw_nonzero().get();
        if cfg!(target_os = "linux") {
            // A zombie has no working folder, so it does not count.
            return fs::read_link(format!("/proc/{number}/cwd")).is_ok_and(|folder| folder == self.cluster());
        }
        self.run_as
            .command("/bin/ps")
            .args(["-o", "comm=", "-p", &number.to_string()])
            .output()
            .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("postgres"))
    }
}

/// The arguments of initdb that choose the locale, best first. All sort by bytes; the better ones
/// also know upper and lower case beyond ASCII, for searches that ignore case.
fn locales(major: u32) -> &'static [&'static [&'static str]] {
    if major >= 17 {
        &[&["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]]
    } else {
        // Not every system has C.UTF-8.
        &[&["--locale=C", "--lc-ctype=C.UTF-8"], &["--locale=C", "--lc-ctype=en_US.UTF-8"], &["--locale=C"]]
    }
}

/// The URL of `database`, as the superuser, in the cluster of this folder, if another process runs
/// it now.
pub fn url_of_running(folder: &Path, database: &str) -> Option<String> {
    let postmaster = PostmasterFile::read(&folder.join("cluster")).filter(|file| file.ready)?;
    test_kill_process(postmaster.pid).ok()?;
    let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
    let (password, port) = (read("password")?, read("port")?.trim().parse::<u16>().ok()?);
    Some(format!("postgres://{SUPERUSER}:{}@127.0.0.1:{port}/{database}", password.trim()))
}

/// The file `postmaster.pid` of a running postmaster.
#[derive(Debug)]
pub(crate) struct PostmasterFile {
    pub(crate) pid: Pid,
    /// It accepts connections.
    pub(crate) ready: bool,
}

impl PostmasterFile {
    /// `None` if there is no file, or it is incomplete.
    pub(crate) fn read(cluster: &Path) -> Option<Self> {
        let text = fs::read_to_string(cluster.join("postmaster.pid")).ok()?;
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        Some(Self {
            pid: Pid::from_raw(lines.first()?.parse().ok()?)?,
            ready: lines.get(7).is_some_and(|status| *status == "ready"),
        })
    }
}

/// How much of the end of a log is read.
const LOG_TAIL_BYTES: u64 = 16 * 1024;

/// How many of its lines are shown.
const LOG_TAIL_LINES: usize = 12;

/// The last lines of a log after the offset `from`, indented; empty if there are none.
pub(crate) fn log_tail(log: &Path, from: u64) -> String {
    let read = || {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        io::Seek::seek(&mut file, io::SeekFrom::Start(from.max(length.saturating_sub(LOG_TAIL_BYTES))))?;
        let mut bytes = Vec::new();
        file.take(LOG_TAIL_BYTES).read_to_end(&mut bytes)?;
        io::Result::Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let shown = &lines[lines.len().saturating_sub(LOG_TAIL_LINES)..];
    shown.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
