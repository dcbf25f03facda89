//! Measures how long the launcher takes to be ready, and what both servers use while idle.

use std::{
    fs::File,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    Arguments,
    report::Report,
    test_bed::{TestBed, cpu, is_ready, memory},
};

const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// A pause for work that follows a start.
const SETTLE: Duration = Duration::from_secs(3);
/// Long enough to measure processor time, which is counted in hundredths of a second.
const IDLE: Duration = Duration::from_secs(20);
const MEGABYTE: f64 = 1e6;

pub async fn run(arguments: &Arguments) -> anyhow::Result<Report> {
    let mut report = Report::new("start");
    let program = match &arguments.servers {
        Some(program) => std::fs::canonicalize(program)?,
        None => build_launcher()?,
    };
    let folder = tempfile::Builder::new().prefix("parlor_bench_start_").tempdir()?;
    for round in 0..=arguments.rounds {
        let began = Instant::now();
        let launcher = Launcher::start(&program, folder.path())?;
        let seconds = began.elapsed().as_secs_f64();
        if round == 0 {
            report.add("first start, which makes the cluster", "s", seconds);
        } else {
            report.add("launcher with a cluster, until ready", "s", seconds);
        }
        if round == arguments.rounds {
            idle(&mut report, "in the launcher", &[launcher.child.id()]).await?;
        }
        launcher.stop()?;
    }
    report.bound("launcher with a cluster, until ready", 2.0);

    let test_bed = TestBed::start(Some(&program)).await?;
    let (chat, notify) = (test_bed.start_chat_server()?, test_bed.start_notify_server()?);
    idle(&mut report, "as two processes", &[chat.pid(), notify.pid()]).await?;
    drop((chat, notify));
    test_bed.stop().await?;
    for how in ["in the launcher", "as two processes"] {
        report.bound(&format!("idle memory of both servers, {how}"), 50.0);
        report.bound(&format!("idle processor time of both servers, {how}"), 1.0);
    }
    let bytes = std::fs::metadata(&program)?.len();
    report.note(format!("The program has {:.1} MB.", f64::from(u32::try_from(bytes / 1000)?) / 1000.0));
    Ok(report)
}

async fn idle(report: &mut Report, how: &str, pids: &[u32]) -> anyhow::Result<()> {
    tokio::time::sleep(SETTLE).await;
    let (before, began) = (cpu(pids)?, Instant::now());
    tokio::time::sleep(IDLE).await;
    let share = (cpu(pids)? - before) / began.elapsed().as_secs_f64();
    report.add(&format!("idle memory of both servers, {how}"), "MB", memory(pids)? / MEGABYTE);
    report.add(&format!("idle processor time of both servers, {how}"), "% of a core", share * 100.0);
    Ok(())
}

/// `cargo run -p bench` does not build the launcher.
fn build_launcher() -> anyhow::Result<PathBuf> {
    let workspace =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the bench is a part of a workspace")?;
    let built = Command::new("cargo")
        .args(["build", "--release", "--bin", "parlor"])
        .current_dir(workspace)
        .status()
        .context("cargo cannot be started: name the launcher with --servers")?;
    ensure!(built.success(), "the launcher cannot be built");
    let beside = std::env::current_exe()?.with_file_name("parlor");
    ensure!(beside.exists(), "{} is not there: name the launcher with --servers", beside.display());
    Ok(beside)
}

/// A running launcher, killed when this is dropped; its Postgres then stops.
struct Launcher {
    child: Child,
}

impl Launcher {
    /// Starts it and waits until both servers are ready.
    fn start(program: &Path, folder: &Path) -> anyhow::Result<Self> {
        let free_port = || anyhow::Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port());
        let ports = [free_port()?, free_port()?];
        let log = folder.join("launcher.log");
        let child = Command::new(program)
            .current_dir(folder)
            .env_remove("DATABASE_URL")
            .env("PARLOR_DATABASE__DATA_DIR", folder)
            .env("PARLOR_LOG__LEVEL", "warn")
            .env("PARLOR_SERVER__HOST", "127.0.0.1")
            .env("PARLOR_NOTIFY__HOST", "127.0.0.1")
            .env("PARLOR_SERVER__PORT", ports[0].to_string())
            .env("PARLOR_NOTIFY__PORT", ports[1].to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()?;
        let mut launcher = Self { child };
        let deadline = Instant::now() + READY_TIMEOUT;
        for port in ports {
            while !is_ready(SocketAddr::from(([127, 0, 0, 1], port))) {
                if launcher.child.try_wait()?.is_some() || Instant::now() > deadline {
                    bail!("the launcher did not start: {}", std::fs::read_to_string(&log)?);
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        Ok(launcher)
    }

    /// Sends SIGINT.
    fn stop(mut self) -> anyhow::Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::INT)?;
        ensure!(self.child.wait()?.success(), "the launcher did not stop cleanly");
        Ok(())
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
