//! Drives one stream: waits for frames, and catches up from the log while the stream lags. The
//! owner of the socket polls it.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;

use crate::{
    hub::{CaughtUp, Hub},
    replay::Replay,
    stream::{Next, Stream, Written},
};

/// A stream and its registration at the hub, which ends when this is dropped.
pub struct Subscription {
    hub: Arc<Hub>,
    pub stream: Arc<Stream>,
    /// None while the stream is live, as most are.
    catching_up: Option<Box<CatchingUp>>,
}

struct CatchingUp {
    /// The state between two pages.
    replay: Option<Replay>,
    page: Option<BoxFuture<'static, (Option<Replay>, CaughtUp)>>,
}

impl Subscription {
    pub fn new(hub: Arc<Hub>, stream: Arc<Stream>) -> Self {
        Self { hub, stream, catching_up: None }
    }

    /// Ready with true when there is something to write, with false when the stream is over.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        loop {
            if let Some(page) = self.catching_up.as_mut().and_then(|catching_up| catching_up.page.as_mut()) {
                let Poll::Ready((replay, outcome)) = page.as_mut().poll(cx) else {
                    return if self.stream.park(cx.waker()) { Poll::Ready(false) } else { Poll::Pending };
                };
                // Once live, the stream would lag from another cursor.
                let lags = !matches!(outcome, CaughtUp::Live);
                self.catching_up = lags.then(|| Box::new(CatchingUp { replay, page: None }));
            }
            match self.stream.poll(cx.waker()) {
                Next::Write => return Poll::Ready(true),
                Next::End => return Poll::Ready(false),
                Next::Wait => return Poll::Pending,
                Next::CatchUp { cursor } => {
                    let (hub, stream) = (Arc::clone(&self.hub), Arc::clone(&self.stream));
                    let mut replay = self.catching_up.take().and_then(|catching_up| catching_up.replay);
                    let page = Box::pin(async move {
                        let outcome = hub.catch_up(&stream, &mut replay, cursor).await;
                        (replay, outcome)
                    });
                    self.catching_up = Some(Box::new(CatchingUp { replay: None, page: Some(page) }));
                }
            }
        }
    }

    /// Records the delivery lag of a write.
    pub fn observe(&self, written: &Written) {
        if let Some(written_at) = written.oldest {
            self.hub.metrics.observe_delivery(written_at);
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.leave(&self.stream);
    }
}
