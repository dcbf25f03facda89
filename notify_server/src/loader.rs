//! Brings workspaces into memory, many in one query: however many clients come back at once, the database is asked a few
//! times.

use std::{collections::HashSet, sync::Arc};

use chat_core::WorkspaceId;
use tokio::sync::{mpsc, oneshot};
use tracing::warn;

use crate::hub::Hub;

/// Requests that may wait; further ones are told to come back.
const WAITING_MAX: usize = 32_768;
/// Requests answered by one query.
const BATCH_MAX: usize = 2000;

type Request = (WorkspaceId, oneshot::Sender<bool>);

/// Where workspaces are asked for.
pub struct Loader(mpsc::Sender<Request>);

/// The other end, for [`run`].
pub struct Requests(mpsc::Receiver<Request>);

pub fn channel() -> (Loader, Requests) {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    (Loader(sender), Requests(receiver))
}

impl Loader {
    /// Whether the workspace is in memory now.
    pub async fn load(&self, id: WorkspaceId) -> bool {
        let (done, answer) = oneshot::channel();
        self.0.try_send((id, done)).is_ok() && answer.await.unwrap_or(false)
    }
}

/// Loads what is asked for until the hub is gone.
pub async fn run(hub: Arc<Hub>, mut requests: Requests) -> anyhow::Result<()> {
    let mut batch = Vec::new();
    while requests.0.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let ids: HashSet<WorkspaceId> = batch.iter().map(|(id, _)| *id).collect();
        let ids: Vec<WorkspaceId> = ids.into_iter().collect();
        let mut outcome = hub.load_batch(&ids).await;
        if outcome.is_err() {
            // A connection that was lost, or events that came faster than the ring holds: once more at once, since
            // clients who are turned away come back seconds later.
            outcome = hub.load_batch(&ids).await;
        }
        if let Err(e) = &outcome {
            warn!("workspaces could not be loaded: {e:#}");
        }
        for (_, done) in batch.drain(..) {
            let _ = done.send(outcome.is_ok()); // whoever asked may be gone
        }
    }
    Ok(())
}
