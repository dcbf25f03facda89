//! Parlor's launcher: `cargo run` brings up everything in one process.
//!
//! `launcher` is the order of things, `database` finds or runs Postgres, `demo` fills a workspace to look at,
//! `web_client` sees to it that the page is built.

mod database;
mod demo;
mod launcher;
mod web_client;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use chat_core::{config::Config, lifecycle::Lifecycle, telemetry};
use clap::{CommandFactory as _, Parser, Subcommand, error::ErrorKind};
use tokio::runtime::Runtime;

/// What still runs on a thread of its own when everything has ended (a password being hashed, Postgres being fetched)
/// is not waited for any longer.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// Starts Parlor: Postgres (its own, where none is configured), chat_server and notify_server.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Configuration; app.yml in the current folder if left out and there.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,

    /// Fill a workspace with people and conversations to look at, and say how to sign in.
    #[arg(long)]
    demo: bool,

    #[command(subcommand)]
    server: Option<Server>,
}

/// One server alone, on the configured database.
#[derive(Subcommand)]
enum Server {
    /// Every action over REST.
    #[command(name = "chat_server")]
    Chat,
    /// Everything that happens, as streams.
    #[command(name = "notify_server")]
    Notify,
}

#[expect(clippy::print_stderr, reason = "the last word of a program goes to its terminal")]
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.demo && arguments.server.is_some() {
        Arguments::command().error(ErrorKind::ArgumentConflict, "--demo needs both servers").exit();
    }
    let outcome = Runtime::new().map_err(anyhow::Error::from).and_then(|runtime| {
        let outcome = runtime.block_on(run(arguments));
        runtime.shutdown_timeout(LAST_WAIT);
        outcome
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line, also where somebody else's words are more.
            let words = format!("{error:#}");
            let lines: Vec<&str> = words.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            eprintln!("parlor: {}", lines.join("; "));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let config = Config::load(arguments.config.as_deref())?;
    telemetry::init(&config.log)?;
    let lifecycle = Lifecycle::new();
    lifecycle.stop_on_signals()?;
    match arguments.server {
        None => launcher::run(config, lifecycle, arguments.demo).await,
        Some(Server::Chat) => {
            launcher::run_alone(chat_server::run(config, lifecycle.clone()), lifecycle).await
        }
        Some(Server::Notify) => {
            launcher::run_alone(notify_server::run(config, lifecycle.clone()), lifecycle).await
        }
    }
}
