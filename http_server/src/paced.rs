//! A socket whose client must take what is sent to it. A client that takes a large response a few
//! bytes at a time would otherwise hold the response in memory for hours.

use std::{
    future::Future as _,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

/// A client that takes fewer bytes a second than this is cut in the end.
const LEAST_BYTES_PER_SECOND: u32 = 16 * 1024;

/// A socket that fails with `TimedOut` when its client is too slow.
pub struct Paced<S> {
    stream: S,
    /// How long the server waits for the client in all. Bytes that are taken earn the time back.
    patience: Duration,
    /// How long the server has waited for the client, less what the bytes taken since have earned.
    waited: Duration,
    /// Since when the client has taken nothing, and the end of patience.
    stalled: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<S> Paced<S> {
    pub fn new(stream: S, patience: Duration) -> Self {
        Self { stream, patience, waited: Duration::ZERO, stalled: None }
    }

    pub fn into_inner(self) -> S {
        self.stream
    }

    fn took(&mut self, bytes: usize) {
        if let Some((since, _)) = self.stalled.take() {
            self.waited += since.elapsed();
        }
        if !self.waited.is_zero() {
            let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
            let earned = Duration::from_secs(1).mul_f64(f64::from(bytes) / f64::from(LEAST_BYTES_PER_SECOND));
            self.waited = self.waited.saturating_sub(earned);
        }
    }

    /// Ready when the client has been waited for long enough.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let left = self.patience.saturating_sub(self.waited);
        let (_, end) = self.stalled.get_or_insert_with(|| {
            let now = Instant::now();
            (now, Box::pin(sleep_until(now + left)))
        });
        ready!(end.as_mut().poll(cx));
        Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, "the client takes its response too slowly"))
    }

    fn after_write(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => {
                self.took(bytes);
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.poll_patience(cx).map(Err),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.after_write(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.after_write(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
        time::sleep,
    };

    use super::*;

    /// Sends 64 MB to a client that takes `bytes` after each `pause`.
    async fn send(bytes: usize, pause: Duration) -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let mut paced = Paced::new(stream, Duration::from_millis(300));
        let sending = async {
            paced.write_all(&vec![0; 64_000_000]).await?;
            paced.shutdown().await
        };
        let taking = async {
            let mut taken = vec![0; bytes];
            while client.read(&mut taken).await.unwrap_or(0) > 0 {
                sleep(pause).await;
            }
        };
        tokio::select! { sent = sending => sent, () = taking => Ok(()) }
    }

    #[tokio::test]
    async fn a_client_that_takes_a_little_now_and_then_is_cut() {
        let error = send(100, Duration::from_millis(20)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_client_that_goes_on_taking_is_served_for_as_long_as_it_needs() {
        send(1_000_000, Duration::from_millis(10)).await.unwrap();
    }
}
