//! One client's stream: a bounded queue between the hub and a socket.

use std::{collections::VecDeque, sync::PoisonError, task::Waker};

use bytes::Bytes;
use chat_core::{SessionId, UserId, WorkspaceId};
use time::OffsetDateTime;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::sync::{Mutex, MutexGuard, atomic::AtomicI64};

/// Frames that wait for a slow socket; beyond either limit they are forgotten and read again from the log.
const QUEUE_FRAMES_MAX: usize = 64;
const QUEUE_BYTES_MAX: usize = 256 * 1024;
/// Room for as many frames is kept while none waits.
const QUEUE_FRAMES_KEPT: usize = 4;

/// A stream, as the hub and its connection share it.
pub struct Stream {
    pub id: u64,
    pub user: UserId,
    pub workspace: WorkspaceId,
    pub session: SessionId,
    /// When it is closed however well it does.
    pub deadline: Instant,
    /// Cuts the connection under it.
    pub connection: CancellationToken,
    /// How far the hub had come when catching up last withheld something; see [`crate::place`].
    pub judged_at: AtomicI64,
    queue: Mutex<Queue>,
}

/// What waits to be written.
struct Queue {
    /// Frames about the stream itself, sent before all others. They are in no log, so they are never forgotten.
    first: VecDeque<Bytes>,
    frames: VecDeque<Waiting>,
    bytes: usize,
    mode: Mode,
    /// Everything up to here was handed to the socket or was not for this stream; replay goes on after it.
    cursor: i64,
    waker: Option<Waker>,
    /// When something first waited for the socket, or the socket last took something.
    waiting_since: Instant,
}

/// A frame that waits, and the event or the position that it carries.
struct Waiting {
    id: i64,
    frame: Bytes,
    written_at: Option<OffsetDateTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Gets what the hub sends.
    Live,
    /// Reads after its cursor until it has caught up.
    Lagging,
    /// Ends when the queue is empty.
    Closing,
}

/// What a socket that can take more is to do.
pub enum Next {
    /// Write this. With it, when the event was written to the log, unless it comes from catching up.
    Frame(Bytes, Option<OffsetDateTime>),
    /// Read the log after this event.
    CatchUp {
        cursor: i64,
    },
    End,
    /// Nothing; the waker is kept.
    Wait,
}

/// What became of a frame that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    Queued,
    /// The queue was full: from now on the stream catches up by itself.
    Overflowed,
    /// Not wanted: it catches up or ends.
    Passed,
}

impl Stream {
    /// `first` is sent before anything else. Live from `cursor`, or lagging behind it.
    pub fn new(identity: Identity, first: Vec<Bytes>, cursor: i64, is_live: bool) -> Self {
        let Identity { id, user, workspace, session, deadline, connection } = identity;
        let queue = Queue {
            first: first.into(),
            frames: VecDeque::new(),
            bytes: 0,
            mode: if is_live { Mode::Live } else { Mode::Lagging },
            cursor,
            waker: None,
            waiting_since: Instant::now(),
        };
        let judged_at = AtomicI64::new(0);
        Self { id, user, workspace, session, deadline, connection, judged_at, queue: Mutex::new(queue) }
    }

    /// A live event and the id of the one before it in the shard, under the lock of the shard.
    pub fn offer(
        &self,
        previous: i64,
        id: i64,
        frame: &Bytes,
        written_at: Option<OffsetDateTime>,
    ) -> Offered {
        let mut queue = self.lock();
        if queue.mode != Mode::Live {
            return Offered::Passed;
        }
        if queue.frames.is_empty() {
            queue.cursor = queue.cursor.max(previous);
        }
        if queue.frames.len() >= QUEUE_FRAMES_MAX || queue.bytes + frame.len() > QUEUE_BYTES_MAX {
            queue.note_waiting();
            queue.forget();
            queue.mode = Mode::Lagging;
            queue.wake();
            return Offered::Overflowed;
        }
        queue.push(id, frame.clone(), written_at);
        queue.wake();
        Offered::Queued
    }

    /// As [`Stream::offer`], if nothing else waits: a heartbeat is of no use to a busy stream.
    pub fn offer_when_idle(&self, id: i64, frame: &Bytes) {
        let mut queue = self.lock();
        if queue.mode == Mode::Live && queue.is_empty() {
            queue.push(id, frame.clone(), None);
            queue.wake();
        }
    }

    /// What catching up has found; `live` in the same locked section of the shard in which its end was reached.
    pub fn caught_up(&self, frames: Vec<(i64, Bytes)>, reached: i64, live: bool) {
        let mut queue = self.lock();
        if queue.mode != Mode::Lagging {
            return;
        }
        for (id, frame) in frames {
            queue.push(id, frame, None);
        }
        if queue.frames.is_empty() {
            queue.cursor = reached;
        }
        if live {
            queue.mode = Mode::Live;
        }
    }

    /// Ends after `last`, without what was queued if `now`. The first call decides.
    pub fn close(&self, last: Option<Bytes>, now: bool) {
        let mut queue = self.lock();
        if queue.mode == Mode::Closing {
            return;
        }
        queue.note_waiting();
        // What lags has a hole behind its queue, which the client's own cursor does not skip.
        if now || queue.mode == Mode::Lagging {
            queue.forget();
        }
        if let Some(last) = last {
            let cursor = queue.cursor;
            queue.push(cursor, last, None);
        }
        queue.mode = Mode::Closing;
        queue.wake();
    }

    /// Called by the connection when the socket can take more.
    pub fn poll(&self, waker: &Waker) -> Next {
        let mut queue = self.lock();
        queue.waiting_since = Instant::now();
        if let Some(frame) = queue.first.pop_front() {
            if queue.first.is_empty() {
                queue.first.shrink_to_fit();
            }
            return Next::Frame(frame, None);
        }
        if let Some(Waiting { id, frame, written_at }) = queue.frames.pop_front() {
            queue.bytes -= frame.len();
            queue.cursor = queue.cursor.max(id);
            if queue.frames.is_empty() {
                // Most streams are idle most of the time: a burst must not leave its room behind in each.
                queue.frames.shrink_to(QUEUE_FRAMES_KEPT);
            }
            return Next::Frame(frame, written_at);
        }
        match queue.mode {
            Mode::Closing => Next::End,
            Mode::Lagging => Next::CatchUp { cursor: queue.cursor },
            Mode::Live => {
                if !queue.waker.as_ref().is_some_and(|kept| kept.will_wake(waker)) {
                    queue.waker = Some(waker.clone());
                }
                Next::Wait
            }
        }
    }

    /// Since when something has waited that the socket did not take. None: nothing waits.
    pub fn stuck_since(&self) -> Option<Instant> {
        let queue = self.lock();
        let waiting = !queue.is_empty() || queue.mode != Mode::Live;
        waiting.then_some(queue.waiting_since)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who a stream belongs to, and its limits.
pub struct Identity {
    pub id: u64,
    pub user: UserId,
    pub workspace: WorkspaceId,
    pub session: SessionId,
    pub deadline: Instant,
    pub connection: CancellationToken,
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.first.is_empty() && self.frames.is_empty()
    }

    /// To be called before something is made to wait.
    fn note_waiting(&mut self) {
        if self.is_empty() && self.mode == Mode::Live {
            self.waiting_since = Instant::now();
        }
    }

    fn push(&mut self, id: i64, frame: Bytes, written_at: Option<OffsetDateTime>) {
        self.note_waiting();
        self.bytes += frame.len();
        self.frames.push_back(Waiting { id, frame, written_at });
    }

    fn forget(&mut self) {
        self.frames.clear();
        self.frames.shrink_to_fit();
        self.bytes = 0;
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
#[cfg(not(feature = "shuttle"))]
mod tests {
    use std::time::Duration;

    use super::*;

    fn stream(first: &[&'static str]) -> Stream {
        let identity = Identity {
            id: 1,
            user: UserId::generate(),
            workspace: WorkspaceId::generate(),
            session: SessionId::generate(),
            deadline: Instant::now() + Duration::from_secs(900),
            connection: CancellationToken::new(),
        };
        let first = first.iter().map(|text| Bytes::from_static(text.as_bytes())).collect();
        Stream::new(identity, first, 10, true)
    }

    fn poll(stream: &Stream) -> String {
        match stream.poll(Waker::noop()) {
            Next::Frame(frame, _) => String::from_utf8_lossy(&frame).into_owned(),
            Next::CatchUp { cursor } => format!("catch up after {cursor}"),
            Next::End => "end".into(),
            Next::Wait => "wait".into(),
        }
    }

    /// Ids from 11 on; returns the one that did not fit.
    fn overflow(stream: &Stream) -> i64 {
        (11..1000).find(|id| stream.offer(id - 1, *id, &"event".into(), None) == Offered::Overflowed).unwrap()
    }

    #[tokio::test]
    async fn what_says_where_the_stream_begins_survives_an_overflow() {
        let stream = stream(&["connected", "reset"]);
        assert_eq!(overflow(&stream), 11 + 64);
        assert_eq!(poll(&stream), "connected");
        assert_eq!(poll(&stream), "reset");
        assert_eq!(poll(&stream), "catch up after 10");
    }

    #[tokio::test]
    async fn an_overflow_goes_on_after_what_the_socket_took() {
        let stream = stream(&[]);
        stream.offer(40, 41, &"taken".into(), None);
        assert_eq!(poll(&stream), "taken");
        stream.offer(60, 61, &Bytes::from(vec![b'x'; QUEUE_BYTES_MAX]), None);
        assert_eq!(stream.offer(61, 62, &"too much".into(), None), Offered::Overflowed);
        // Not after 41: what lies between was not for this stream.
        assert_eq!(poll(&stream), "catch up after 60");
        assert_eq!(stream.offer(62, 63, &"e".into(), None), Offered::Passed);
    }

    #[tokio::test]
    async fn an_overflow_sends_nothing_twice() {
        let stream = stream(&[]);
        stream.offer(40, 41, &"taken".into(), None);
        stream.offer(41, 42, &"taken".into(), None);
        stream.offer(42, 43, &"waiting".into(), None);
        assert_eq!([poll(&stream), poll(&stream)], ["taken", "taken"]);
        stream.offer(43, 44, &Bytes::from(vec![b'x'; QUEUE_BYTES_MAX]), None);
        assert_eq!(poll(&stream), "catch up after 42");
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_quiet_stream_is_not_stuck_when_something_comes() {
        let stream = stream(&[]);
        assert_eq!(poll(&stream), "wait");
        tokio::time::advance(Duration::from_secs(100)).await;
        assert_eq!(stream.stuck_since(), None);
        stream.offer(10, 11, &"event".into(), None);
        assert_eq!(stream.stuck_since(), Some(Instant::now()));
        tokio::time::advance(Duration::from_secs(7)).await;
        stream.offer(11, 12, &"event".into(), None);
        assert_eq!(stream.stuck_since().unwrap().elapsed(), Duration::from_secs(7));
        overflow(&stream);
        assert_eq!(stream.stuck_since().unwrap().elapsed(), Duration::from_secs(7));
        poll(&stream);
        assert_eq!(stream.stuck_since().unwrap().elapsed(), Duration::ZERO);
    }

    #[tokio::test]
    async fn closing_sends_the_last_word_once_and_never_skips() {
        let live = stream(&[]);
        live.offer(10, 11, &"event".into(), None);
        live.close(Some("bye".into()), false);
        live.close(Some("bye again".into()), false);
        assert_eq!([poll(&live), poll(&live), poll(&live)], ["event", "bye", "end"]);

        let lagging = stream(&[]);
        overflow(&lagging);
        lagging.caught_up(vec![(11, "page".into())], 11, false);
        lagging.close(Some("bye".into()), false);
        assert_eq!([poll(&lagging), poll(&lagging)], ["bye", "end"]);
    }
}
