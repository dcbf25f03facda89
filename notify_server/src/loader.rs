//! Collects the requests to load workspaces into batches: however many clients reconnect at once,
//! the database gets a few queries. The caller of [`run`] decides how a batch is loaded.

use std::collections::HashSet;

use chat_core::WorkspaceId;
use tokio::sync::{mpsc, oneshot};
use tracing::warn;

/// Requests that may wait; further ones fail, and their clients retry.
const WAITING_MAX: usize = 32_768;
/// Requests answered by one query.
const BATCH_MAX: usize = 2000;

type Request = (WorkspaceId, oneshot::Sender<bool>);

/// The sender of requests.
pub struct Loader(mpsc::Sender<Request>);

/// The receiver, for [`run`].
pub struct Requests(mpsc::Receiver<Request>);

pub fn channel() -> (Loader, Requests) {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    (Loader(sender), Requests(receiver))
}

impl Loader {
    /// Waits for the workspace. False: it could not be loaded.
    pub async fn load(&self, id: WorkspaceId) -> bool {
        let (done, answer) = oneshot::channel();
        self.0.try_send((id, done)).is_ok() && answer.await.unwrap_or(false)
    }
}

/// Loads what is requested, by `load`, until every [`Loader`] is dropped.
pub async fn run<F: Future<Output = anyhow::Result<()>>>(
    mut requests: Requests,
    load: impl Fn(Vec<WorkspaceId>) -> F,
) {
    let mut batch = Vec::new();
    while requests.0.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let ids: HashSet<WorkspaceId> = batch.iter().map(|(id, _)| *id).collect();
        let ids: Vec<WorkspaceId> = ids.into_iter().collect();
        let mut outcome = load(ids.clone()).await;
        if outcome.is_err() {
            // The connection was lost, or more events came than the ring holds. One retry at once:
            // clients that are turned away wait for seconds.
            outcome = load(ids).await;
        }
        if let Err(e) = &outcome {
            warn!("workspaces could not be loaded: {e:#}");
        }
        for (_, done) in batch.drain(..) {
            let _ = done.send(outcome.is_ok()); // the client may have gone
        }
    }
}
