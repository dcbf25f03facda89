//! How long a connection may wait for a request's head. Hyper makes a timer for each request; here a connection has one, which is put
//! off only when it has run out.

use std::{
    future::Future as _,
    pin::{Pin, pin},
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    task::unconstrained,
    time::{Instant, Sleep, sleep},
};

/// What a connection waits for, and since when.
#[derive(Debug)]
pub struct Waiting(Mutex<State>);

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// For a request: since it was opened, or since the last bytes were written. An answer's body may not pause for longer either.
    ForRequest(Instant),
    /// For an answer.
    Answering,
    /// For the client to take an answer. If it does not, the kernel ends the connection.
    Writing,
}

impl Waiting {
    pub fn new() -> Self {
        Self(Mutex::new(State::ForRequest(Instant::now())))
    }

    /// A request's head is complete. Before that its bytes change nothing: a client may not keep a connection by sending one now and then.
    pub fn asked(&self) {
        *self.state() = State::Answering;
    }

    /// The answer is there, to be written.
    pub fn answered(&self) {
        *self.state() = State::Writing;
    }

    /// Bytes were written, or could not be now.
    pub fn written(&self, is_taken: bool) {
        let mut state = self.state();
        if *state != State::Answering {
            *state = if is_taken { State::ForRequest(Instant::now()) } else { State::Writing };
        }
    }

    /// Since when a request is waited for; `now` if it is for something else.
    pub fn since(&self, now: Instant) -> Instant {
        match *self.state() {
            State::ForRequest(since) => since,
            State::Answering | State::Writing => now,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of a connection that waits for too long.
pub struct Patience {
    longest: Duration,
    timer: Pin<Box<Sleep>>,
}

impl Patience {
    pub fn new(longest: Duration) -> Self {
        Self { longest, timer: Box::pin(sleep(longest)) }
    }

    /// There may be an end of it, so it is to be polled.
    pub fn is_due(&self) -> bool {
        self.timer.is_elapsed()
    }

    /// Ready when the connection has waited for a request for too long.
    pub fn poll_over(&mut self, waiting: &Waiting, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            // A task that has used up its budget would be told to wait, and the timer would not know whom to wake.
            ready!(pin!(unconstrained(self.timer.as_mut())).poll(cx));
            let now = Instant::now();
            let since = waiting.since(now);
            if since + self.longest <= now {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(since + self.longest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[test]
    fn a_request_is_waited_for_from_the_last_bytes_on_unless_there_is_something_to_do() {
        let waiting = Waiting::new();
        let later = || Instant::now() + Duration::from_secs(3600);
        let is_waiting = || {
            let later = later();
            waiting.since(later) != later
        };
        assert!(is_waiting(), "for the first");
        waiting.asked();
        assert!(!is_waiting());
        waiting.written(true);
        assert!(!is_waiting(), "100 Continue is no answer");
        waiting.answered();
        assert!(!is_waiting(), "the answer is not written yet");
        let before = Instant::now();
        waiting.written(true);
        assert!(is_waiting() && waiting.since(later()) >= before);
        waiting.written(false);
        assert!(!is_waiting(), "the kernel knows whether the client is there");
        waiting.written(true);
        assert!(is_waiting());
    }

    #[tokio::test]
    async fn who_waits_for_too_long_is_let_go_and_not_before() {
        let (longest, began) = (Duration::from_millis(20), Instant::now());
        let (waiting, mut patience) = (Waiting::new(), Patience::new(longest));
        // The timer runs out while there is something to do.
        waiting.asked();
        let mut turns = 0;
        let over = poll_fn(|cx| {
            turns += 1;
            if began.elapsed() > longest * 3 && waiting.since(began) == began {
                waiting.answered();
                waiting.written(true);
            }
            patience.poll_over(&waiting, cx)
        });
        over.await;
        assert!(began.elapsed() > longest * 4 && turns > 3, "{:?}, {turns}", began.elapsed());
    }
}
