//! Measures Parlor beside its limits and its peers, in the same run: `cargo run --release -p bench
//! -- <scenario>`. RESULTS.md has the figures; `chart` draws the picture of docs/performance.md
//! from them.

mod chart;
mod http;
mod load;
mod nchan;
mod process;
mod report;
mod scenarios;
mod streams;
mod synapse;
mod test_bed;

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;

/// Measures Parlor. Starts a Postgres, the servers and the load by itself, on this machine alone.
#[derive(Parser)]
struct Arguments {
    /// What to measure: send, deliver, idle, fanout, sustain, storm, list, page, start, growth,
    /// fairness, peers, or all.
    scenario: String,
    /// The number of rounds; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds of each measurement under load.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Streams in idle, fanout and storm.
    #[arg(long, default_value_t = 10_000)]
    streams: usize,
    /// Messages in the large database of page.
    #[arg(long, default_value_t = 10_000_000)]
    messages: i64,
    /// The program whose subcommands chat_server and notify_server are measured, such as another
    /// build's `parlor`. This program's own if left out.
    #[arg(long, value_name = "FILE")]
    servers: Option<PathBuf>,
    /// A Python with Matrix Synapse, for peers (`pip install matrix-synapse psycopg2-binary`).
    #[arg(long, value_name = "FILE")]
    synapse: Option<PathBuf>,
    /// Also writes the results here as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    let outcome = match std::env::args().nth(1).as_deref() {
        // One build is enough; `parlor` has the same subcommands.
        Some("chat_server") => return chat_core::process::run("chat_server", None, chat_server::run),
        Some("notify_server") => return chat_core::process::run("notify_server", None, notify_server::run),
        Some("chart") => chart::draw(),
        Some("from_memory") => run(scenarios::reads::serve_from_memory()),
        _ => run(scenarios::run(Arguments::parse())),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            report::say(&format!("bench: {e:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}
