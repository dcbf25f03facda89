//! `cargo run -p chaos -- --minutes 5`: a long run with faults.

use std::{io::Read as _, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context as _;
use chaos::{Plan, Schedule, fault};
use chat_core::{config::Config, lifecycle::Lifecycle, telemetry};
use clap::{Parser, Subcommand};

/// Kills, cuts and slows everything under a real Parlor, then proves that no client missed an
/// event.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// How long faults happen.
    #[arg(long, default_value_t = 5.0, value_name = "MINUTES")]
    minutes: f64,
    /// Decides which faults happen and what people do; another one each time if left out.
    #[arg(long)]
    seed: Option<u64>,
    /// These faults alone; may be given again.
    #[arg(long, value_name = "NAME")]
    fault: Vec<String>,
    /// Each fault once and by itself, instead of a mixture.
    #[arg(long)]
    each: bool,
    /// Names the faults there are.
    #[arg(long)]
    list: bool,
    #[command(subcommand)]
    role: Option<ServerCommand>,
}

/// What a run starts this program as.
#[derive(Subcommand)]
enum ServerCommand {
    #[command(name = "chat_server", hide = true)]
    ChatServer,
    #[command(name = "notify_server", hide = true)]
    NotifyServer,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.role {
        Some(ServerCommand::ChatServer) => serve(chat_server::run).await,
        Some(ServerCommand::NotifyServer) => serve(notify_server::run).await,
        None if arguments.list => {
            list();
            Ok(true)
        }
        None => run(arguments).await,
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            #[expect(clippy::print_stderr, reason = "the last word of a program goes to its terminal")]
            {
                eprintln!("chaos: {e:#}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Runs a server as its own binary does. It ends when the run that started it ends, even by a kill.
async fn serve<F>(server: impl FnOnce(Config, Lifecycle) -> F) -> anyhow::Result<bool>
where
    F: Future<Output = anyhow::Result<()>>,
{
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(1);
    });
    let config = Config::load(None)?;
    let _log = telemetry::init(&config.log)?;
    let lifecycle = Lifecycle::new();
    lifecycle.stop_on_signals()?;
    server(config, lifecycle).await?;
    Ok(true)
}

#[expect(clippy::print_stdout, reason = "what was asked for")]
fn list() {
    for fault in fault::all() {
        println!("{:<26}{}", fault.name, fault.about);
    }
}

/// Whether nothing was violated.
#[expect(clippy::print_stdout, reason = "the verdict is what the program is for")]
async fn run(arguments: Arguments) -> anyhow::Result<bool> {
    let seed = arguments.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let named = arguments
        .fault
        .iter()
        .map(|name| fault::find(name).with_context(|| format!("no fault {name}: see --list")));
    let named: Vec<_> = named.collect::<Result<_, _>>()?;
    let faults = if named.is_empty() { fault::all() } else { named };
    let schedule = if arguments.each {
        Schedule::Each(faults)
    } else {
        Schedule::Mixed(faults, Duration::from_secs_f64(arguments.minutes.clamp(0.0, 24.0 * 60.0) * 60.0))
    };
    let history: PathBuf =
        std::env::temp_dir().join(format!("parlor_chaos_{seed}_{}.jsonl", std::process::id()));
    let lifecycle = Lifecycle::new();
    lifecycle.stop_on_signals()?;
    println!("seed               {seed}");
    let plan = Plan {
        seed,
        schedule,
        program: std::env::current_exe()?,
        people: (3, 4, 2),
        pause: 20..120,
        full_size: true,
        history: history.clone(),
        stop: lifecycle.token(),
    };
    let outcome = chaos::run(plan).await;
    if !matches!(&outcome, Ok(verdict) if !verdict.passed()) {
        let _ = std::fs::remove_file(&history);
    }
    let verdict = outcome?;
    print!("{verdict}");
    Ok(verdict.passed())
}
