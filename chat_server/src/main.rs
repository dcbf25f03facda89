//! The chat_server binary.

use std::{path::PathBuf, process::ExitCode};

use chat_core::{config::Config, lifecycle::Lifecycle, telemetry};
use clap::Parser;

/// Parlor's chat_server: every action over REST.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Configuration; app.yml in the current folder if left out and there.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            #[expect(clippy::print_stderr, reason = "the last word of a program goes to its terminal")]
            {
                eprintln!("chat_server: {e:#}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let config = Config::load(arguments.config.as_deref())?;
    telemetry::init(&config.log)?;
    let lifecycle = Lifecycle::new();
    lifecycle.stop_on_signals()?;
    chat_server::run(config, lifecycle).await
}
