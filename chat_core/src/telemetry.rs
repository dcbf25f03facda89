//! Logs. Message bodies, secrets, tokens and query strings never go there.

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::config::{LogConfig, LogFormat};

/// Starts logging to standard error. A second call changes nothing.
///
/// # Errors
/// `log.level` is no filter.
pub fn init(config: &LogConfig) -> anyhow::Result<()> {
    // What the libraries below say at info is for those who work on them; `log.level` can ask for it.
    let filter = EnvFilter::try_new(format!("sqlx=warn,{}", config.level))
        .map_err(|e| anyhow::anyhow!("log.level: {:?} is not a log filter: {e}", config.level))?;
    let registry = tracing_subscriber::registry().with(filter);
    let started = match config.format {
        LogFormat::Pretty => {
            let colours = std::io::stderr().is_terminal();
            registry.with(fmt::layer().with_ansi(colours).with_writer(std::io::stderr)).try_init()
        }
        LogFormat::Json => {
            registry.with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr)).try_init()
        }
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
    Ok(())
}
