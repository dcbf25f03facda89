//! The life of a process: who owns its tasks, how it is told to stop, and what happens when a task ends by itself.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, info};

/// Shared by everything that runs in the process. Clones are the same lifecycle.
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

    /// Spawns a task that must run until the process stops. If it returns, fails or panics before that, the whole
    /// process is stopped and [`Lifecycle::finish`] tells why: a server without one of its tasks is not a server.
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

    /// Spawns a task of its own short life, such as a connection. Counted, so that stopping can wait for it; its
    /// ending means nothing to others.
    pub fn spawn_connection<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(task);
    }

    /// Stops everything because of `failure`. The first failure is the one that is reported.
    pub fn fail(&self, failure: anyhow::Error) {
        error!("{failure:#}");
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
        self.stopping.cancel();
    }

    /// Asks everything to stop.
    pub fn stop(&self) {
        self.stopping.cancel();
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Completes when everything is asked to stop.
    pub async fn stopping(&self) {
        self.stopping.cancelled().await;
    }

    /// A token that is cancelled when everything is asked to stop.
    pub fn token(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// A lifecycle within this one: stops when this one stops, may stop before it.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { stopping: self.stopping.child_token(), ..Self::default() }
    }

    /// Waits until asked to stop, then at most `drain` for the tasks to end.
    ///
    /// # Errors
    /// What made it stop, if that was a task's failure.
    pub async fn finish(&self, drain: Duration) -> anyhow::Result<()> {
        self.stopping().await;
        self.tasks.close();
        if tokio::time::timeout(drain, self.tasks.wait()).await.is_err() {
            info!(left = self.tasks.len(), "stopping without waiting any longer");
        }
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
    }

    /// Stops on SIGINT or SIGTERM. A second signal ends the process at once.
    ///
    /// # Errors
    /// The signal handlers cannot be installed.
    pub fn stop_on_signals(&self) -> anyhow::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let this = self.clone();
        #[expect(clippy::disallowed_methods, reason = "must outlive the tasks it stops")]
        tokio::spawn(async move {
            let mut first = true;
            loop {
                tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
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
