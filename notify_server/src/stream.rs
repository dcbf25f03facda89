//! One client's stream: a bounded queue between the hub and a socket.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    sync::{Arc, PoisonError},
    task::Waker,
};

use chat_core::{SessionId, UserId, WorkspaceId};
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::{
    frame::Frame,
    sync::{Mutex, MutexGuard, atomic::AtomicI64},
    write_pacing::WritePacing,
};

/// Frames that wait for a slow socket; beyond either limit they are forgotten and read again from the log.
const QUEUE_FRAMES_MAX: usize = 64;
const QUEUE_BYTES_MAX: usize = 256 * 1024;
/// Room for as many frames is kept while none waits.
const QUEUE_FRAMES_KEPT: usize = 2;
/// Frames that one write hands to a socket.
const WRITE_FRAMES_MAX: usize = 32;

/// A stream, as the hub and its connection share it.
pub struct Stream {
    pub id: u64,
    pub user: UserId,
    pub workspace: WorkspaceId,
    pub session: SessionId,
    /// When it is closed however well it does.
    pub deadline: Instant,
    /// The newest event that the hub knew when a replay last withheld something: see [`crate::resume_point`].
    pub filtered_as_of: AtomicI64,
    pacing: WritePacing,
    queue: Mutex<Queue>,
}

/// What waits to be written. A frame leaves it when the socket has taken all of it.
struct Queue {
    frames: VecDeque<Waiting>,
    /// The first of them, which are about the stream itself: in no log, so never forgotten.
    own: usize,
    /// The first of them, which a write is under way with.
    in_flight: usize,
    /// What the socket has taken of the very first.
    written: usize,
    /// Of those that may be forgotten.
    bytes: usize,
    mode: Mode,
    /// Everything up to here was handed to the socket or was not for this stream; replay goes on after it.
    cursor: i64,
    waker: Option<Waker>,
    /// It is not frames that the connection waits for.
    is_parked: bool,
    /// It was woken for frames and has not come to them yet; `pacing` counts it.
    is_due: bool,
    /// When something first waited for the socket, or the socket last took something.
    waiting_since: Instant,
}

struct Waiting {
    frame: Arc<Frame>,
    /// From the hub, at once, and not from catching up.
    is_live: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Gets what the hub sends.
    Live,
    /// Reads after its cursor until it has caught up.
    Lagging,
    /// Ends when the queue is empty.
    Closing,
    /// Ends now, without a word.
    Cut,
}

/// What a connection is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Call [`Stream::write`].
    Write,
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

/// What a socket has taken.
#[derive(Clone, Copy, Debug, Default)]
pub struct Written {
    /// When the first of the live events among it was written to the log.
    pub oldest: Option<OffsetDateTime>,
}

impl Stream {
    /// `first` is sent before anything else. Live from `cursor`, or lagging behind it.
    pub fn new(
        identity: Identity,
        pacing: WritePacing,
        first: Vec<Frame>,
        cursor: i64,
        is_live: bool,
    ) -> Self {
        let Identity { id, user, workspace, session, deadline } = identity;
        let queue = Queue {
            own: first.len(),
            frames: first
                .into_iter()
                .map(|frame| Waiting { frame: Arc::new(frame), is_live: false })
                .collect(),
            in_flight: 0,
            written: 0,
            bytes: 0,
            mode: if is_live { Mode::Live } else { Mode::Lagging },
            cursor,
            waker: None,
            is_parked: false,
            is_due: false,
            waiting_since: Instant::now(),
        };
        let (filtered_as_of, queue) = (AtomicI64::new(0), Mutex::new(queue));
        Self { id, user, workspace, session, deadline, filtered_as_of, pacing, queue }
    }

    /// A live event and the id of the one before it in the shard, under the lock of the shard.
    pub fn offer(&self, previous: i64, frame: &Arc<Frame>) -> Offered {
        let mut queue = self.lock();
        if queue.mode != Mode::Live {
            return Offered::Passed;
        }
        let waiting = queue.frames.len() - queue.own;
        if waiting == 0 {
            queue.cursor = queue.cursor.max(previous);
        }
        if waiting >= QUEUE_FRAMES_MAX || queue.bytes + frame.chunk().len() > QUEUE_BYTES_MAX {
            queue.note_waiting();
            queue.forget();
            queue.mode = Mode::Lagging;
            queue.wake();
            return Offered::Overflowed;
        }
        queue.push(frame, true);
        if queue.wake() {
            queue.is_due = true;
            self.pacing.add();
        }
        Offered::Queued
    }

    /// As [`Stream::offer`], if nothing else waits: a heartbeat is of no use to a busy stream.
    pub fn offer_when_idle(&self, frame: &Arc<Frame>) {
        let mut queue = self.lock();
        if queue.mode == Mode::Live && queue.frames.is_empty() {
            queue.push(frame, false);
            queue.wake();
        }
    }

    /// What catching up has found; `live` in the same locked section of the shard in which its end was reached.
    pub fn caught_up(&self, frames: &[Arc<Frame>], reached: i64, live: bool) {
        let mut queue = self.lock();
        if queue.mode != Mode::Lagging {
            return;
        }
        for frame in frames {
            queue.push(frame, false);
        }
        if queue.frames.len() == queue.own {
            queue.cursor = reached;
        }
        if live {
            queue.mode = Mode::Live;
        }
    }

    /// Ends after `last`, without what was queued if `now`. The first call decides.
    pub fn close(&self, last: Option<Frame>, now: bool) {
        let mut queue = self.lock();
        if matches!(queue.mode, Mode::Closing | Mode::Cut) {
            return;
        }
        queue.note_waiting();
        // What lags has a hole behind its queue, which the client's own cursor does not skip.
        if now || queue.mode == Mode::Lagging {
            queue.forget();
        }
        if let Some(last) = last {
            queue.push(&Arc::new(last), false);
        }
        queue.mode = Mode::Closing;
        queue.wake();
    }

    /// Ends at once, whatever waits.
    pub fn cut(&self) {
        let mut queue = self.lock();
        queue.mode = Mode::Cut;
        queue.is_parked = false;
        queue.wake();
    }

    pub fn is_cut(&self) -> bool {
        self.lock().mode == Mode::Cut
    }

    /// What the connection is to do next.
    pub fn poll(&self, waker: &Waker) -> Next {
        let mut queue = self.lock();
        if queue.mode == Mode::Cut {
            return Next::End;
        }
        if !queue.frames.is_empty() {
            return Next::Write;
        }
        queue.waiting_since = Instant::now();
        self.settle(&mut queue);
        match queue.mode {
            Mode::Closing | Mode::Cut => Next::End,
            Mode::Lagging => Next::CatchUp { cursor: queue.cursor },
            Mode::Live => {
                queue.is_parked = false;
                queue.keep(waker);
                Next::Wait
            }
        }
    }

    /// The connection waits for its socket or for the log: until it polls again it is woken to be cut, not for more
    /// frames. Whether it is cut already.
    pub fn park(&self, waker: &Waker) -> bool {
        let mut queue = self.lock();
        self.settle(&mut queue);
        queue.is_parked = true;
        queue.keep(waker);
        queue.mode == Mode::Cut
    }

    /// Hands what waits to `socket`, which says how many bytes it took. The queue is not locked meanwhile.
    ///
    /// # Errors
    /// Those of `socket`.
    pub fn write(
        &self,
        is_chunked: bool,
        socket: impl FnOnce(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> io::Result<Written> {
        let mut frames: [Option<Arc<Frame>>; WRITE_FRAMES_MAX] = [const { None }; WRITE_FRAMES_MAX];
        let mut queue = self.lock();
        let count = queue.frames.len().min(WRITE_FRAMES_MAX);
        if count == 0 {
            // Forgotten since it was polled.
            return Ok(Written::default());
        }
        for (slot, waiting) in frames.iter_mut().zip(&queue.frames) {
            *slot = Some(Arc::clone(&waiting.frame));
        }
        queue.in_flight = count;
        let mut skip = queue.written;
        drop(queue);
        let mut slices = [IoSlice::new(&[]); WRITE_FRAMES_MAX];
        for (slice, frame) in slices.iter_mut().zip(frames.iter().flatten()) {
            *slice = IoSlice::new(&frame.bytes(is_chunked)[std::mem::take(&mut skip)..]);
        }
        let outcome = socket(&slices[..count]);
        let mut queue = self.lock();
        queue.in_flight = 0;
        Ok(queue.take(outcome?, is_chunked))
    }

    /// Of the frames that wait and may be forgotten.
    pub fn queued_bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Since when something has waited that the socket did not take. None: nothing waits.
    pub fn stuck_since(&self) -> Option<Instant> {
        let queue = self.lock();
        let waiting = !queue.frames.is_empty() || queue.mode != Mode::Live;
        waiting.then_some(queue.waiting_since)
    }

    /// The connection has come to what it was woken for, and has written it or cannot.
    fn settle(&self, queue: &mut Queue) {
        if std::mem::take(&mut queue.is_due) {
            self.pacing.remove();
        }
    }

    /// One frame, as a socket with no more room takes it.
    #[cfg(test)]
    pub fn write_one(&self) -> String {
        let mut taken = Vec::new();
        let socket = |slices: &[IoSlice<'_>]| {
            taken.extend_from_slice(&slices[0]);
            Ok(taken.len())
        };
        self.write(false, socket).unwrap_or_else(|e| panic!("{e}"));
        String::from_utf8_lossy(&taken).into_owned()
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut queue = self.lock();
        self.settle(&mut queue);
    }
}

/// Who a stream belongs to, and its limits.
#[derive(Clone, Copy)]
pub struct Identity {
    pub id: u64,
    pub user: UserId,
    pub workspace: WorkspaceId,
    pub session: SessionId,
    pub deadline: Instant,
}

impl Queue {
    /// To be called before something is made to wait.
    fn note_waiting(&mut self) {
        if self.frames.is_empty() && self.mode == Mode::Live {
            self.waiting_since = Instant::now();
        }
    }

    fn push(&mut self, frame: &Arc<Frame>, is_live: bool) {
        self.note_waiting();
        self.bytes += frame.chunk().len();
        self.frames.push_back(Waiting { frame: Arc::clone(frame), is_live });
    }

    /// All but what must be sent, or is half sent.
    fn forget(&mut self) {
        let kept = self.own.max(self.in_flight).max(usize::from(self.written > 0));
        self.frames.truncate(kept);
        self.frames.shrink_to_fit();
        self.bytes = self.frames.iter().skip(self.own).map(|waiting| waiting.frame.chunk().len()).sum();
    }

    /// Lets go of the frames that `bytes` are the rest of, and notes how far the next one is.
    fn take(&mut self, bytes: usize, is_chunked: bool) -> Written {
        let mut written = Written::default();
        self.waiting_since = Instant::now();
        self.written += bytes;
        while let Some(Waiting { frame, is_live }) = self.frames.front() {
            let length = frame.bytes(is_chunked).len();
            if self.written < length {
                break;
            }
            self.written -= length;
            self.cursor = self.cursor.max(frame.id);
            if *is_live && written.oldest.is_none() {
                written.oldest = frame.written_at;
            }
            if self.own > 0 {
                self.own -= 1;
            } else {
                self.bytes -= frame.chunk().len();
            }
            self.frames.pop_front();
        }
        if self.frames.is_empty() {
            // Most streams are idle most of the time: a burst must not leave its room behind in each.
            self.frames.shrink_to(QUEUE_FRAMES_KEPT);
        }
        written
    }

    fn keep(&mut self, waker: &Waker) {
        if !self.waker.as_ref().is_some_and(|kept| kept.will_wake(waker)) {
            self.waker = Some(waker.clone());
        }
    }

    /// Whether there was somebody to be woken.
    fn wake(&mut self) -> bool {
        if self.is_parked {
            return false;
        }
        let waker = self.waker.take();
        let is_waiting = waker.is_some();
        waker.into_iter().for_each(Waker::wake);
        is_waiting
    }
}

#[cfg(test)]
#[cfg(not(feature = "shuttle"))]
mod tests;
