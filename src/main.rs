//! Parlor's launcher: `cargo run` brings up everything in one process.
//!
//! `launcher` starts and stops everything in order, `accounts` is for the operator, `postgres` finds or runs Postgres, `demo` fills
//! a workspace with examples, `web_client` builds the web client, `terminal` prints messages for
//! people.

mod accounts;
mod demo;
mod launcher;
mod postgres;
mod terminal;
mod web_client;

use std::{path::PathBuf, process::ExitCode};

use chat_core::process;
use clap::{CommandFactory as _, Parser, Subcommand, error::ErrorKind};

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
    command: Option<Command>,
}

/// One server alone on the configured database, or a task.
#[derive(Subcommand)]
enum Command {
    /// One server alone, on the configured database: every action over REST.
    #[command(name = "chat_server")]
    Chat,
    /// One server alone, on the configured database: everything that happens, as streams.
    #[command(name = "notify_server")]
    Notify,
    /// Look at accounts and help people who cannot sign in, while Parlor runs or not.
    #[command(subcommand)]
    Account(accounts::Accounts),
    /// The people and conversations that --demo made.
    #[command(subcommand)]
    Demo(Demo),
}

#[derive(Subcommand)]
enum Demo {
    /// Remove them: their accounts, sessions and chats.
    Remove,
}

fn main() -> ExitCode {
    let Arguments { config, demo, command } = Arguments::parse();
    if demo && command.is_some() {
        Arguments::command().error(ErrorKind::ArgumentConflict, "--demo needs both servers").exit();
    }
    process::run("parlor", config.as_deref(), async |config, lifecycle| match command {
        None => launcher::run(config, lifecycle, demo).await,
        Some(Command::Chat) => chat_server::run(config, lifecycle).await,
        Some(Command::Notify) => notify_server::run(config, lifecycle).await,
        Some(Command::Account(command)) => accounts::run(config, command).await,
        Some(Command::Demo(Demo::Remove)) => launcher::remove_demo(config, lifecycle).await,
    })
}
