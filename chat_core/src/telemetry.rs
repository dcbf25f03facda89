//! Logging. Message bodies, secrets, tokens and query strings are never logged.

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::config::{LogConfig, LogFormat};

/// Starts logging to standard error. A second call changes nothing.
///
/// # Errors
/// `log.level` is not a filter.
pub fn init(config: &LogConfig) -> anyhow::Result<()> {
    let filter = filter(&config.level)?;
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

/// Hides the info messages of the database libraries unless `level` asks for them. It always hides
/// the log of queries by tokio_postgres, which shows their parameters: what people write.
fn filter(level: &str) -> anyhow::Result<EnvFilter> {
    EnvFilter::try_new(format!("sqlx=warn,tokio_postgres=warn,{level},tokio_postgres::query=info"))
        .map_err(|e| anyhow::anyhow!("log.level: {level:?} is not a log filter: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_level_shows_the_parameters_of_queries() {
        for (level, shows_others) in
            [("debug", true), ("trace,tokio_postgres::query=trace", true), ("info", false)]
        {
            let registry = tracing_subscriber::registry().with(filter(level).unwrap());
            tracing::subscriber::with_default(registry, || {
                assert!(
                    !tracing::enabled!(target: "tokio_postgres::query", tracing::Level::DEBUG),
                    "{level}"
                );
                assert_eq!(tracing::enabled!(target: "chat_server", tracing::Level::DEBUG), shows_others);
            });
        }
    }
}
