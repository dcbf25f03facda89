//! Logging. Message bodies, secrets, tokens and query strings are never logged.
//!
//! A thread of its own writes the lines. Where nobody reads them (a stopped terminal, a hung
//! collector), further lines are dropped and counted: neither requests nor the end of the process
//! wait for a log.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    io::{IsTerminal as _, stderr},
    panic::{PanicHookInfo, set_hook},
    sync::{OnceLock, mpsc},
    thread,
    time::Duration,
};

use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::config::{LogConfig, LogFormat};

/// Lines that wait to be written.
const WAITING_LINES_MAX: usize = 8192;
/// How long the end of the process waits for the last lines.
const FLUSH_MAX: Duration = Duration::from_secs(2);

static DROPPED: OnceLock<ErrorCounter> = OnceLock::new();

/// Writes the last lines when it is closed.
#[must_use]
pub struct Log(Option<WorkerGuard>);

impl Log {
    /// Waits for the last lines to be written, for a short time.
    pub fn close(self) {
        let Some(guard) = self.0 else { return };
        // Dropping it may print, and so wait for a terminal that takes nothing.
        within(FLUSH_MAX, move || drop(guard));
    }
}

/// Runs `work`, and goes on without it if it takes too long.
pub fn within(limit: Duration, work: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::sync_channel(1);
    thread::spawn(move || {
        work();
        let _ = done.send(()); // nobody waits any more
    });
    let _ = ended.recv_timeout(limit);
}

/// Lines that were dropped since nobody took them.
pub fn dropped_lines() -> u64 {
    DROPPED.get().map_or(0, |counter| counter.dropped_lines() as u64)
}

/// Starts logging to standard error. A second call changes nothing.
///
/// # Errors
/// `log.level` is not a filter.
pub fn init(config: &LogConfig) -> anyhow::Result<Log> {
    let filter = filter(&config.level)?;
    let registry = tracing_subscriber::registry().with(filter);
    let (writer, guard) =
        NonBlockingBuilder::default().buffered_lines_limit(WAITING_LINES_MAX).lossy(true).finish(stderr());
    let counter = writer.error_counter();
    let started = match config.format {
        LogFormat::Pretty => {
            let colours = stderr().is_terminal();
            registry.with(fmt::layer().with_ansi(colours).with_writer(writer)).try_init()
        }
        LogFormat::Json => {
            registry.with(fmt::layer().json().flatten_event(true).with_writer(writer)).try_init()
        }
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
        return Ok(Log(None));
    }
    let _ = DROPPED.set(counter); // set once, as the subscriber is
    set_hook(Box::new(log_panic));
    Ok(Log(Some(guard)))
}

/// The hook of the standard library writes to standard error itself, and would wait for it.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let thread = thread::current();
    let name = thread.name().unwrap_or("unnamed");
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        tracing::error!("thread {name}: {panic}\n{backtrace}");
    } else {
        tracing::error!("thread {name}: {panic}");
    }
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
