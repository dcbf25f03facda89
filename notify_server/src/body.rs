//! A stream as the body of an HTTP answer: pulled by the socket, so that a slow one slows nobody else.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body::Frame;

use crate::{
    hub::{CaughtUp, Hub},
    replay::Replay,
    stream::{Next, Stream},
};

/// Leaves the hub when it is dropped, that is, when the connection is over.
pub struct StreamBody {
    hub: Arc<Hub>,
    stream: Arc<Stream>,
    /// Where catching up has come to, between its pages.
    replay: Option<Replay>,
    catching_up: Option<BoxFuture<'static, (Option<Replay>, CaughtUp)>>,
}

impl StreamBody {
    pub fn new(hub: Arc<Hub>, stream: Arc<Stream>) -> Self {
        Self { hub, stream, replay: None, catching_up: None }
    }
}

impl Drop for StreamBody {
    fn drop(&mut self) {
        self.hub.leave(&self.stream);
    }
}

impl http_body::Body for StreamBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        loop {
            if let Some(catching_up) = &mut self.catching_up {
                let Poll::Ready((replay, outcome)) = catching_up.as_mut().poll(cx) else {
                    return Poll::Pending;
                };
                self.catching_up = None;
                // Live: should it lag again, it will be from another place.
                self.replay = if matches!(outcome, CaughtUp::Live) { None } else { replay };
            }
            match self.stream.poll(cx.waker()) {
                Next::Frame(bytes, written_at) => {
                    if let Some(written_at) = written_at {
                        self.hub.metrics.observe_delivery(written_at);
                    }
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Next::End => return Poll::Ready(None),
                Next::Wait => return Poll::Pending,
                Next::CatchUp { cursor } => {
                    let (hub, stream) = (Arc::clone(&self.hub), Arc::clone(&self.stream));
                    let mut replay = self.replay.take();
                    self.catching_up = Some(Box::pin(async move {
                        let outcome = hub.catch_up(&stream, &mut replay, cursor).await;
                        (replay, outcome)
                    }));
                }
            }
        }
    }
}
