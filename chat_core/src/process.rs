//! Runs a server program: configuration, logs, signals, and one line if it fails.

use std::{
    io::{Write as _, stderr},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, ExitCode},
    time::Duration,
};

use tokio::runtime::Runtime;

use crate::{
    config::Config,
    lifecycle::Lifecycle,
    telemetry::{self, within},
};

/// How long background tasks may take to end after the servers have ended.
const DRAIN: Duration = Duration::from_secs(3);
/// How long blocking work (a password hash, a download) may take after that.
const BLOCKING_DRAIN: Duration = Duration::from_secs(1);
/// How long the line about a failure may take to be written.
const LAST_WORD_MAX: Duration = Duration::from_secs(1);

/// Loads the configuration and runs `work` until it ends. A failure is printed as one line that
/// begins with the name of the program.
pub fn run<F>(program: &str, config: Option<&Path>, work: impl FnOnce(Config, Lifecycle) -> F) -> ExitCode
where
    F: Future<Output = anyhow::Result<()>>,
{
    let outcome = leave_libpq_variables().and_then(|()| {
        let runtime = Runtime::new()?;
        let outcome = runtime.block_on(run_on_runtime(config, work));
        runtime.shutdown_timeout(BLOCKING_DRAIN);
        outcome
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // In one line, even if the text of a library has several.
            let words = format!("{error:#}");
            let lines: Vec<&str> = words.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            let line = format!("{program}: {}\n", lines.join("; "));
            within(LAST_WORD_MAX, move || {
                let _ = stderr().write_all(line.as_bytes()); // nobody listens
            });
            ExitCode::FAILURE
        }
    }
}

/// Replaces the process by itself without the variables of libpq, if there are any. sqlx would take
/// what a URL does not name from them (PGOPTIONS, PGSSLMODE, PGPASSWORD) and cannot be told not to,
/// and the URL alone counts. The process id stays.
fn leave_libpq_variables() -> anyhow::Result<()> {
    let variables = Config::libpq_variables();
    if variables.is_empty() {
        return Ok(());
    }
    let mut arguments = std::env::args_os();
    let mut command = Command::new(std::env::current_exe()?);
    command.arg0(arguments.next().unwrap_or_default()).args(arguments);
    for variable in variables {
        command.env_remove(variable);
    }
    Err(anyhow::Error::from(command.exec()).context("cannot start without the variables of libpq (PG…)"))
}

async fn run_on_runtime<F>(
    config: Option<&Path>,
    work: impl FnOnce(Config, Lifecycle) -> F,
) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let config = Config::load(config)?;
    let log = telemetry::init(&config.log)?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let lifecycle = Lifecycle::new();
    lifecycle.stop_on_signals()?;
    let outcome = work(config, lifecycle.clone()).await;
    lifecycle.stop();
    // If a background task died, its failure explains why the servers stopped.
    let outcome = lifecycle.finish(DRAIN).await.and(outcome);
    log.close();
    outcome
}
