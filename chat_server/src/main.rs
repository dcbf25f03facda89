//! The chat_server binary.

use std::{path::PathBuf, process::ExitCode};

use chat_core::process;
use clap::Parser;

/// Parlor's chat_server: every action over REST.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Configuration; app.yml in the current folder if left out and there.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    process::run("chat_server", arguments.config.as_deref(), chat_server::run)
}
