//! Runs a server program: configuration, logs, signals, and one line if it fails.

use std::{path::Path, process::ExitCode, time::Duration};

use tokio::runtime::Runtime;

use crate::{config::Config, lifecycle::Lifecycle, telemetry};

/// How long background tasks may take to end after the servers have ended.
const DRAIN: Duration = Duration::from_secs(3);
/// How long blocking work (a password hash, a download) may take after that.
const BLOCKING_DRAIN: Duration = Duration::from_secs(1);

/// Loads the configuration and runs `work` until it ends. A failure is printed as one line that
/// begins with the name of the program.
#[expect(clippy::print_stderr, reason = "the last word of a program goes to its terminal")]
pub fn run<F>(program: &str, config: Option<&Path>, work: impl FnOnce(Config, Lifecycle) -> F) -> ExitCode
where
    F: Future<Output = anyhow::Result<()>>,
{
    let outcome = Runtime::new().map_err(anyhow::Error::from).and_then(|runtime| {
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
            eprintln!("{program}: {}", lines.join("; "));
            ExitCode::FAILURE
        }
    }
}

async fn run_on_runtime<F>(
    config: Option<&Path>,
    work: impl FnOnce(Config, Lifecycle) -> F,
) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let config = Config::load(config)?;
    telemetry::init(&config.log)?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let lifecycle = Lifecycle::new();
    lifecycle.stop_on_signals()?;
    let outcome = work(config, lifecycle.clone()).await;
    lifecycle.stop();
    // If a background task died, its failure explains why the servers stopped.
    lifecycle.finish(DRAIN).await.and(outcome)
}
