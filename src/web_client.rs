//! Builds the web client with npm, if its sources are beside the served folder: on the first run
//! and after each change. The previous build is served until the new one is complete, and a failed
//! build never stops Parlor.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context as _, bail};
use chat_core::{config::Config, lifecycle::Lifecycle};
use rustix::process::{Pid, Signal, geteuid, kill_process_group};
use tokio::{
    process::{Child, Command},
    time::{sleep, timeout},
};

use crate::terminal::say;

/// Enough to fetch the packages over a slow line, or to build on a slow machine.
const STEP_TIMEOUT: Duration = Duration::from_mins(10);

/// How often the sources are checked for changes.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A build starts once no file has changed for this long: an editor or git may write several.
const QUIET: Duration = Duration::from_millis(500);

/// Runs a program and kills it with all its children when standard input closes, which happens even
/// if this process is killed.
const GUARD: &str = r#"
exec 3<&0 </dev/null
"$@" 3<&- & work=$!
{ cat <&3; kill -KILL 0; } >/dev/null 2>&1 & guard=$!
wait $work; code=$?
kill $guard
exit $code
"#;

/// The version that vite needs. With an older one its errors explain nothing.
const NODE: (u32, u32) = (20, 19);

/// The sources of the client, in its folder.
const SOURCES: [&str; 7] =
    ["src", "public", "index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts"];

/// Keeps the client up to date, in the background. A failure is told in one line and stops nothing.
pub fn keep_current(config: &Config, lifecycle: &Lifecycle) {
    let Some(sources) = Sources::beside(&config.server.web_dir) else { return };
    let token = lifecycle.token();
    lifecycle.spawn("build of the web client", async move {
        token.run_until_cancelled(sources.follow()).await;
        Ok(())
    });
}

struct Sources {
    /// The folder of package.json.
    folder: PathBuf,
    /// Where the built client goes.
    target: PathBuf,
}

impl Sources {
    /// None if there are no sources. Only a folder named `dist` is ever replaced by a build.
    fn beside(target: &Path) -> Option<Self> {
        let folder = target.parent()?.to_owned();
        let has_all = folder.join("package.json").is_file() && folder.join("vite.config.ts").is_file();
        (has_all && target.file_name()? == "dist").then(|| Self { folder, target: target.to_owned() })
    }

    /// A build runs programs of this folder, so it must belong to the current user.
    fn check_owner(&self) -> anyhow::Result<()> {
        for name in ["", "package.json", "vite.config.ts"] {
            let path = self.folder.join(name);
            if path.metadata()?.uid() != geteuid().as_raw() {
                bail!("{} belongs to another user, so it is not built", path.display());
            }
        }
        Ok(())
    }

    /// Builds, and again after each change. A failed build is retried after the next change.
    async fn follow(&self) {
        let mut tried = None;
        loop {
            let changed = SOURCES.iter().filter_map(|name| newest(&self.folder.join(name))).max();
            let is_changing = changed.and_then(|at| at.elapsed().ok()).is_some_and(|age| age < QUIET);
            if changed > self.built_at() && changed != tried && !is_changing {
                tried = changed;
                match self.build().await {
                    Ok(took) => say(&format!("Web client: built in {} s.", took.as_secs().max(1))),
                    Err(problem) => say(&format!("Web client: {problem:#}. REST and SSE run without it.")),
                }
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Builds the client and returns how long that took.
    async fn build(&self) -> anyhow::Result<Duration> {
        let (started, started_at) = (Instant::now(), SystemTime::now());
        self.check_owner()?;
        check_node().await?;
        let Some(_lock) = self.lock()? else {
            bail!("another Parlor is building it just now");
        };
        if self.packages_are_stale() {
            say("Web client: fetching what it is built with (npm ci) …");
            self.npm(&["ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"]).await?;
        }
        say("Web client: building …");
        let next = self.folder.join("dist.next");
        let out = format!("--outDir={}", next.file_name().unwrap_or_default().display());
        self.npm(&["exec", "--no", "--", "vite", "build", &out, "--emptyOutDir", "--logLevel=error"]).await?;
        // A file that changed during the build is newer than this time.
        File::options().write(true).open(next.join("index.html"))?.set_modified(started_at)?;
        self.put_in_place(&next).context("cannot put it in place")?;
        Ok(started.elapsed())
    }

    fn built_at(&self) -> Option<SystemTime> {
        modified(&self.target.join("index.html"))
    }

    fn packages_are_stale(&self) -> bool {
        let wanted = modified(&self.folder.join("package-lock.json"));
        // With NODE_ENV=production, vite may be missing.
        modified(&self.folder.join("node_modules/.package-lock.json")) < wanted
            || !self.folder.join("node_modules/.bin/vite").exists()
    }

    /// None while another process holds it.
    fn lock(&self) -> anyhow::Result<Option<File>> {
        let path = self.folder.join(".build.lock");
        let lock = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(lock.try_lock().is_ok().then_some(lock))
    }

    async fn npm(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let log_path = self.folder.join("build.log");
        let log = File::create(&log_path).with_context(|| format!("cannot write {}", log_path.display()))?;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", GUARD, "guard", "npm"]).args(arguments).current_dir(&self.folder);
        command.stdin(Stdio::piped());
        command.stdout(log.try_clone()?).stderr(log).process_group(0);
        let mut running = Group(command.spawn().context("npm cannot be started")?);
        // Taken, since waiting for the process would close it and so end the program.
        let _lifeline = running.0.stdin.take();
        let status = timeout(STEP_TIMEOUT, running.0.wait()).await.context("npm does not end")??;
        if !status.success() {
            let said = fs::read_to_string(&log_path).unwrap_or_default();
            let why = said.lines().map(str::trim).find(|line| line.to_lowercase().contains("error"));
            let why = why.or(said.lines().last()).unwrap_or("it gives no reason");
            bail!("`npm {}` failed: {why} (all of it: {})", arguments.join(" "), log_path.display());
        }
        Ok(())
    }

    fn put_in_place(&self, next: &Path) -> io::Result<()> {
        let old = self.folder.join("dist.old");
        remove(&old)?;
        if self.target.exists() {
            fs::rename(&self.target, &old)?;
        }
        if let Err(problem) = fs::rename(next, &self.target) {
            let _ = fs::rename(&old, &self.target);
            return Err(problem);
        }
        remove(&old)
    }
}

/// The process group of npm, killed when this is dropped.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        let id = self.0.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(id) = id {
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}

async fn check_node() -> anyhow::Result<()> {
    let needed = format!("install Node {}.{} or later with npm, then start Parlor again", NODE.0, NODE.1);
    let version =
        |program: &'static str| Command::new(program).arg("--version").stdin(Stdio::null()).output();
    if version("npm").await.is_err() {
        bail!("npm is not there to build it: {needed}");
    }
    let node = version("node").await.with_context(|| format!("node is not there to build it: {needed}"))?;
    let said = String::from_utf8_lossy(&node.stdout).trim().to_owned();
    let mut parts = said.trim_start_matches('v').split('.').map_while(|part| part.parse::<u32>().ok());
    if (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) < NODE {
        bail!("node is {said}, too old to build it: {needed}");
    }
    Ok(())
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|metadata| metadata.modified()).ok()
}

/// The newest modification time in a file or folder. That of the folder itself changes with removed
/// files.
fn newest(path: &Path) -> Option<SystemTime> {
    let own = modified(path);
    let inside = path.read_dir().into_iter().flatten().flatten().filter_map(|entry| newest(&entry.path()));
    inside.chain(own).max()
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
