//! The scenarios of the bench.

mod deliver;
mod fairness;
mod growth;
mod peers;
pub mod reads;
mod send;
mod start;
mod streams;

use anyhow::bail;

use crate::{Arguments, report::say};

const ALL: [&str; 12] = [
    "send", "deliver", "idle", "fanout", "sustain", "storm", "list", "page", "start", "growth", "fairness",
    "peers",
];

pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let chosen: Vec<&str> = match arguments.scenario.as_str() {
        "all" => ALL.to_vec(),
        one if ALL.contains(&one) => vec![one],
        other => bail!("there is no scenario {other}: take one of {}, or all", ALL.join(", ")),
    };
    let mut results = Vec::new();
    for scenario in chosen {
        let report = match scenario {
            "send" => send::run(&arguments).await?,
            "deliver" => deliver::run(&arguments).await?,
            "idle" => streams::idle(&arguments).await?,
            "fanout" => streams::fanout(&arguments).await?,
            "sustain" => streams::sustain(&arguments).await?,
            "storm" => streams::storm(&arguments).await?,
            "list" => reads::list(&arguments).await?,
            "start" => start::run(&arguments).await?,
            "peers" => peers::run(&arguments).await?,
            "fairness" => fairness::run(&arguments).await?,
            "growth" => growth::run(&arguments).await?,
            _ => reads::page(&arguments).await?,
        };
        report.print();
        results.push(report.to_json());
    }
    if let Some(file) = &arguments.json {
        std::fs::write(file, serde_json::to_string_pretty(&results)?)?;
        say(&format!("\nwritten to {}", file.display()));
    }
    Ok(())
}
