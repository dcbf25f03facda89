//! The notify_server binary.

use std::{path::PathBuf, process::ExitCode};

use chat_core::process;
use clap::Parser;

/// Parlor's notify_server: everything that happens, as streams.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Configuration; app.yml in the current folder if left out and there.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    process::run("notify_server", arguments.config.as_deref(), notify_server::run)
}
