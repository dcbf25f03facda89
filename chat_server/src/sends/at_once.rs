//! A task that wakes itself.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::task::AtomicWaker;

/// After so many times others have their turn.
const TIMES: usize = 16;

/// Polls a future again when it has woken itself, as one does whose parts tell each other something. tokio would put its task into
/// a queue and wake another thread for it, which costs more than all that the parts of a send have to say.
pub async fn at_once<F: Future>(future: F) -> F::Output {
    AtOnce { future: Box::pin(future), bell: Arc::default() }.await
}

struct AtOnce<F> {
    future: Pin<Box<F>>,
    bell: Arc<Bell>,
}

#[derive(Default)]
struct Bell {
    is_polled: AtomicBool,
    has_rung: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Swapped, not stored, here and in `poll`: whoever takes the ring back sees all that was done before it.
        self.has_rung.swap(true, SeqCst);
        // Whoever polls looks at `has_rung` after it has said that it polls no more.
        if !self.is_polled.load(SeqCst) {
            self.task.wake();
        }
    }
}

impl<F: Future> Future for AtOnce<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let bell = Arc::clone(&self.bell);
        bell.task.register(context.waker());
        let waker = Waker::from(Arc::clone(&bell));
        for _ in 0..TIMES {
            bell.is_polled.store(true, SeqCst);
            bell.has_rung.swap(false, SeqCst);
            let poll = self.future.as_mut().poll(&mut Context::from_waker(&waker));
            bell.is_polled.store(false, SeqCst);
            if poll.is_ready() || !bell.has_rung.load(SeqCst) {
                return poll;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, sync::atomic::AtomicUsize, task::Poll};

    use futures_util::FutureExt as _;

    use super::*;

    /// How often it was woken.
    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    #[test]
    fn who_wakes_itself_is_polled_again_and_its_task_is_not_woken() {
        let mut left = 5;
        let counts_down = poll_fn(|context| {
            left -= 1;
            context.waker().wake_by_ref();
            if left == 0 { Poll::Ready(()) } else { Poll::Pending }
        });
        assert_eq!(at_once(counts_down).now_or_never(), Some(()));
    }

    #[test]
    fn who_never_stops_lets_others_have_their_turn() {
        let task = Arc::new(Task::default());
        let waker = Waker::from(Arc::clone(&task));
        let mut restless = Box::pin(at_once(poll_fn(|context| {
            context.waker().wake_by_ref();
            Poll::<()>::Pending
        })));
        assert!(restless.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(task.0.load(SeqCst), 1);
    }

    #[test]
    fn who_is_woken_by_another_wakes_its_task() {
        let task = Arc::new(Task::default());
        let waker = Waker::from(Arc::clone(&task));
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let mut waits = Box::pin(at_once(receiver));
        assert!(waits.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(task.0.load(SeqCst), 0);
        sender.send(7).unwrap();
        assert_eq!(task.0.load(SeqCst), 1);
        assert_eq!(waits.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Ready(Ok(7)));
    }
}
