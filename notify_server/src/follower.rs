//! What drives one stream: waits for frames, and catches up where the stream lags. Whoever owns the socket polls it.

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

/// A stream and its place in the hub, which it leaves when it is dropped.
pub struct Follower {
    hub: Arc<Hub>,
    pub stream: Arc<Stream>,
    /// Most streams are live, and need none of it.
    catching_up: Option<Box<CatchingUp>>,
}

struct CatchingUp {
    /// Where it has come to, between its pages.
    replay: Option<Replay>,
    page: Option<BoxFuture<'static, (Option<Replay>, CaughtUp)>>,
}

impl Follower {
    pub fn new(hub: Arc<Hub>, stream: Arc<Stream>) -> Self {
        Self { hub, stream, catching_up: None }
    }

    /// Until there is something to write, which is true, or the stream is over.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        loop {
            if let Some(page) = self.catching_up.as_mut().and_then(|catching_up| catching_up.page.as_mut()) {
                let Poll::Ready((replay, outcome)) = page.as_mut().poll(cx) else {
                    return if self.stream.park(cx.waker()) { Poll::Ready(false) } else { Poll::Pending };
                };
                // Live: should it lag again, it will be from another place.
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

    /// Something was handed to the socket.
    pub fn observe(&self, written: &Written) {
        if let Some(written_at) = written.oldest {
            self.hub.metrics.observe_delivery(written_at);
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.hub.leave(&self.stream);
    }
}
