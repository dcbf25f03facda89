//! The lifecycle of a process: it owns the tasks, tells them to stop, and stops the process if one
//! of them ends early.

use std::{
    fs,
    future::{Future, pending},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, info};

/// Shared by all tasks of the process. Clones are the same lifecycle.
#[derive(Clone, Default)]
pub struct Lifecycle {
    stopping: CancellationToken,
    tasks: TaskTracker,
    failure: Arc<Mutex<Option<anyhow::Error>>>,
}

impl Lifecycle {
    pub fn new() -> Self {
        Self::default()
    }

    /// Spawns a task that must run until the process stops. If it returns, fails or panics earlier,
    /// the process stops and [`Lifecycle::finish`] returns the reason: a server must not run
    /// without one of its tasks.
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        #[expect(clippy::disallowed_methods, reason = "the one place that owns tasks")]
        let handle = tokio::spawn(task);
        let this = self.clone();
        self.tasks.spawn(async move {
            let outcome = handle.await;
            let failure = match outcome {
                Ok(Ok(())) if this.stopping.is_cancelled() => return,
                Ok(Ok(())) => anyhow::anyhow!("task {name} ended"),
                Ok(Err(e)) => e.context(format!("task {name} failed")),
                Err(e) if e.is_panic() => anyhow::anyhow!("task {name} panicked"),
                Err(_) => return,
            };
            this.fail(failure);
        });
    }

    /// Spawns a short-lived task, such as a connection. Stopping waits for it; its end has no
    /// effect.
    pub fn spawn_connection<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(task);
    }

    /// Stops all tasks because of `failure`. Only the first failure is reported.
    pub fn fail(&self, failure: anyhow::Error) {
        error!("{failure:#}");
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
        self.stopping.cancel();
    }

    /// Asks all tasks to stop.
    pub fn stop(&self) {
        self.stopping.cancel();
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Completes when the tasks are asked to stop.
    pub async fn stopping(&self) {
        self.stopping.cancelled().await;
    }

    /// A token that is cancelled when the tasks are asked to stop.
    pub fn token(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// A lifecycle that stops with this one, or before it.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { stopping: self.stopping.child_token(), ..Self::default() }
    }

    /// Waits until asked to stop, then at most `drain` for the tasks to end.
    ///
    /// # Errors
    /// The failure of a task that made the process stop.
    pub async fn finish(&self, drain: Duration) -> anyhow::Result<()> {
        self.stopping().await;
        self.tasks.close();
        if tokio::time::timeout(drain, self.tasks.wait()).await.is_err() {
            info!(left = self.tasks.len(), "stopping without waiting any longer");
        }
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
    }

    /// Stops on SIGINT, SIGTERM or SIGHUP. A second SIGINT or SIGTERM ends the process at once; a
    /// closed terminal sends SIGHUP more than once. Under nohup SIGHUP stays ignored.
    ///
    /// # Errors
    /// The signal handlers cannot be installed.
    pub fn stop_on_signals(&self) -> anyhow::Result<()> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = if ignores_hangup() { None } else { Some(signal(SignalKind::hangup())?) };
        let this = self.clone();
        #[expect(clippy::disallowed_methods, reason = "must outlive the tasks it stops")]
        tokio::spawn(async move {
            let mut first = true;
            loop {
                let is_hangup = tokio::select! {
                    _ = interrupt.recv() => false,
                    _ = terminate.recv() => false,
                    () = hung_up(&mut hangup) => true,
                };
                if is_hangup {
                    this.stop();
                    continue;
                }
                if !first {
                    error!("stopped by a second signal");
                    std::process::exit(130);
                }
                first = false;
                info!("stopping");
                this.stop();
            }
        });
        Ok(())
    }
}

async fn hung_up(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
            info!("stopping, since the terminal is gone");
        }
        None => pending().await,
    }
}

/// Whether the process was started to outlive its terminal. Linux says so; elsewhere it is not known.
fn ignores_hangup() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // Bit 0 is signal 1, SIGHUP.
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_ends_early_stops_the_process() {
        let lifecycle = Lifecycle::new();
        lifecycle.spawn("listener", async { Ok(()) });
        let failure = lifecycle.finish(Duration::from_secs(5)).await.unwrap_err();
        assert_eq!(failure.to_string(), "task listener ended");
    }

    #[tokio::test]
    async fn stopping_is_no_failure() {
        let lifecycle = Lifecycle::new();
        let token = lifecycle.token();
        lifecycle.spawn("server", async move {
            token.cancelled().await;
            Ok(())
        });
        lifecycle.stop();
        lifecycle.finish(Duration::from_secs(5)).await.unwrap();
    }
}
