//! One client's stream: a bounded queue between the hub and a socket.
//!
//! A full queue loses no event: the queue is dropped, the stream is `Lagging`, and it reads the
//! events after its cursor from the log again.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    sync::{Arc, PoisonError},
    task::Waker,
};

use chat_core::{
    ChatId, SessionId, UserId, WorkspaceId,
    ephemeral::{Interest, StreamId},
};
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::{
    frame::{Encoding, Frame},
    outgoing::Outgoing,
    sync::{Mutex, MutexGuard, atomic::AtomicI64},
    write_pacing::WritePacing,
};

/// Frames queued for a slow socket. Beyond either limit the queue is dropped and read again from
/// the log.
const QUEUE_FRAMES_MAX: usize = 64;
const QUEUE_BYTES_MAX: usize = 256 * 1024;
/// What is true only now is taken while the events leave this much room, and no more of it than
/// this may wait. It is beside the limits above, so it cannot make a stream lag.
const EPHEMERAL_FRAMES_MAX: usize = 16;
const EPHEMERAL_BELOW_FRAMES: usize = QUEUE_FRAMES_MAX / 2;
const EPHEMERAL_BELOW_BYTES: usize = QUEUE_BYTES_MAX / 2;
/// The capacity that an empty queue keeps.
const QUEUE_FRAMES_KEPT: usize = 2;
/// The most frames in one write to a socket.
const WRITE_FRAMES_MAX: usize = 32;

/// A stream, shared by the hub and its connection.
pub struct Stream {
    pub id: StreamId,
    pub user: UserId,
    pub workspace: WorkspaceId,
    pub session: SessionId,
    /// When it is closed in any case.
    pub deadline: Instant,
    /// In which its frames are.
    pub encoding: Encoding,
    /// The newest event that the hub knew when a replay last withheld something: see
    /// [`crate::resume_point`].
    pub filtered_as_of: AtomicI64,
    pacing: WritePacing,
    queue: Mutex<FrameQueue>,
}

/// Frames to write. A frame leaves the queue when the socket has taken all its bytes.
struct FrameQueue {
    frames: VecDeque<QueuedFrame>,
    /// How many frames at the front are about the stream itself. They are in no log, so they are
    /// never dropped.
    own: usize,
    /// How many frames at the front a write is using.
    in_flight: usize,
    /// Bytes of the first frame that the socket has taken.
    written: usize,
    /// Bytes of the events that may be dropped.
    bytes: usize,
    /// How many frames are about what is true only now.
    ephemeral: usize,
    /// What the client wants to be told of that. None: it has not said, and gets all.
    interest: Option<Box<Interest>>,
    mode: Mode,
    /// Every event up to this id was written to the socket or is not for this stream.
    cursor: i64,
    waker: Option<Waker>,
    /// The connection waits for its socket or the log, so frames do not wake it.
    is_parked: bool,
    /// It was woken for frames and has not come to them yet; `pacing` counts it.
    is_due: bool,
    /// When the queue last became non-empty, or the socket last took bytes.
    waiting_since: Instant,
}

struct QueuedFrame {
    frame: Arc<Frame>,
    origin: Origin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// An event from the hub, whose delivery is measured.
    Live,
    /// From catching up, or about the stream itself.
    Other,
    /// True only now.
    Ephemeral,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Receives events from the hub.
    Live,
    /// Reads the log after its cursor until it has caught up.
    Lagging,
    /// Ends when the queue is empty.
    Closing,
    /// Ends now.
    Cut,
}

/// What the connection does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Call [`Stream::write`].
    Write,
    /// Read the log after this event.
    CatchUp {
        cursor: i64,
    },
    End,
    /// Wait; the waker is kept.
    Wait,
}

/// The outcome of [`Stream::offer`] and [`Stream::offer_ephemeral`]; of each all but one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    Queued,
    /// The queue was full and is dropped; the stream now lags.
    Overflowed,
    /// Ignored: the stream lags or ends, or does not want it.
    Passed,
    /// Dropped, since it is true only now and much waits.
    NoRoom,
}

/// The outcome of a write.
#[derive(Clone, Copy, Debug, Default)]
pub struct Written {
    /// When the oldest live event of this write was written to the log.
    pub oldest: Option<OffsetDateTime>,
}

impl Stream {
    /// `first` is sent before anything else. Live from `cursor`, or lagging behind it.
    pub fn new(
        identity: Identity,
        pacing: WritePacing,
        first: Vec<Arc<Frame>>,
        cursor: i64,
        is_live: bool,
    ) -> Self {
        let Identity { id, user, workspace, session, deadline, encoding } = identity;
        let queue = FrameQueue {
            own: first.len(),
            frames: first.into_iter().map(|frame| QueuedFrame { frame, origin: Origin::Other }).collect(),
            in_flight: 0,
            written: 0,
            bytes: 0,
            ephemeral: 0,
            interest: None,
            mode: if is_live { Mode::Live } else { Mode::Lagging },
            cursor,
            waker: None,
            is_parked: false,
            is_due: false,
            waiting_since: Instant::now(),
        };
        let (filtered_as_of, queue) = (AtomicI64::new(0), Mutex::new(queue));
        Self { id, user, workspace, session, deadline, encoding, filtered_as_of, pacing, queue }
    }

    /// Queues a live event. `previous` is the id before it in the shard, whose lock the caller
    /// holds.
    pub fn offer(&self, previous: i64, frame: &Arc<Frame>) -> Offered {
        let mut queue = self.lock();
        if queue.mode != Mode::Live {
            return Offered::Passed;
        }
        let waiting = queue.events_waiting();
        if waiting == 0 {
            queue.cursor = queue.cursor.max(previous);
        }
        if waiting >= QUEUE_FRAMES_MAX || queue.bytes + frame.chunk().len() > QUEUE_BYTES_MAX {
            queue.note_waiting();
            queue.drop_frames();
            queue.mode = Mode::Lagging;
            queue.wake();
            return Offered::Overflowed;
        }
        queue.push(frame, Origin::Live);
        if queue.wake() {
            queue.is_due = true;
            self.pacing.add();
        }
        Offered::Queued
    }

    /// Queues what is true only now about a chat, if there is room to spare and the client wants it.
    /// It has no place in the log, so it neither moves the cursor nor counts as a delivery.
    pub fn offer_ephemeral(&self, chat: ChatId, frame: &Arc<Frame>) -> Offered {
        let mut queue = self.lock();
        if queue.mode != Mode::Live || !queue.wants(chat) {
            return Offered::Passed;
        }
        let has_room = queue.ephemeral < EPHEMERAL_FRAMES_MAX
            && queue.events_waiting() < EPHEMERAL_BELOW_FRAMES
            && queue.bytes < EPHEMERAL_BELOW_BYTES;
        if !has_room {
            return Offered::NoRoom;
        }
        queue.push(frame, Origin::Ephemeral);
        queue.wake();
        Offered::Queued
    }

    /// Replaces what the client wants to be told of what is true only now.
    pub fn set_interest(&self, interest: Interest) {
        self.lock().interest = Some(Box::new(interest));
    }

    /// Queues a heartbeat if the queue is empty: a busy stream needs none.
    pub fn offer_when_idle(&self, frame: &Arc<Frame>) {
        let mut queue = self.lock();
        if queue.mode == Mode::Live && queue.frames.is_empty() {
            queue.push(frame, Origin::Other);
            queue.wake();
        }
    }

    /// Queues a page of catching up. `live` may be true only in the locked section of the shard in
    /// which the page reached the shard's position.
    pub fn caught_up(&self, frames: &[Arc<Frame>], reached: i64, live: bool) {
        let mut queue = self.lock();
        if queue.mode != Mode::Lagging {
            return;
        }
        for frame in frames {
            queue.push(frame, Origin::Other);
        }
        if queue.events_waiting() == 0 {
            queue.cursor = reached;
        }
        if live {
            queue.mode = Mode::Live;
        }
    }

    /// Ends after `last`; `now` drops the queue. Only the first call counts.
    pub fn close(&self, last: Option<&Outgoing<'_>>, now: bool) {
        let mut queue = self.lock();
        if matches!(queue.mode, Mode::Closing | Mode::Cut) {
            return;
        }
        queue.note_waiting();
        // After the queue of a lagging stream events are missing. Dropped with it, they come after
        // the client's cursor at its next connection.
        if now || queue.mode == Mode::Lagging {
            queue.drop_frames();
        }
        if let Some(last) = last {
            queue.push(&last.encode(self.encoding), Origin::Other);
        }
        queue.mode = Mode::Closing;
        queue.wake();
    }

    /// Ends at once and drops the queue.
    pub fn cut(&self) {
        let mut queue = self.lock();
        queue.mode = Mode::Cut;
        queue.is_parked = false;
        queue.wake();
    }

    pub fn is_cut(&self) -> bool {
        self.lock().mode == Mode::Cut
    }

    /// Tells the connection what to do next.
    pub fn poll(&self, waker: &Waker) -> Next {
        let mut queue = self.lock();
        if queue.mode == Mode::Cut {
            return Next::End;
        }
        if !queue.frames.is_empty() {
            return Next::Write;
        }
        queue.waiting_since = Instant::now();
        self.note_written(&mut queue);
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

    /// The connection waits for its socket or the log: until it polls again only a cut wakes it.
    /// Returns whether it is cut already.
    pub fn park(&self, waker: &Waker) -> bool {
        let mut queue = self.lock();
        self.note_written(&mut queue);
        queue.is_parked = true;
        queue.keep(waker);
        queue.mode == Mode::Cut
    }

    /// Writes queued frames to `socket`, which returns how many bytes it took. The queue is not
    /// locked while `socket` runs.
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
            // Dropped since it was polled.
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

    /// Bytes of the queued events that may be dropped.
    pub fn queued_bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Since when the socket has taken nothing though something waits. None: nothing waits.
    pub fn stuck_since(&self) -> Option<Instant> {
        let queue = self.lock();
        let waiting = !queue.frames.is_empty() || queue.mode != Mode::Live;
        waiting.then_some(queue.waiting_since)
    }

    /// Tells the pacing that the woken connection has written, or cannot.
    fn note_written(&self, queue: &mut FrameQueue) {
        if std::mem::take(&mut queue.is_due) {
            self.pacing.remove();
        }
    }

    /// One frame, written to a socket with room for no more.
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

    fn lock(&self) -> MutexGuard<'_, FrameQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut queue = self.lock();
        self.note_written(&mut queue);
    }
}

/// The owner of a stream, its deadline and its encoding.
#[derive(Clone, Copy)]
pub struct Identity {
    pub id: StreamId,
    pub user: UserId,
    pub workspace: WorkspaceId,
    pub session: SessionId,
    pub deadline: Instant,
    pub encoding: Encoding,
}

impl FrameQueue {
    /// Call this before a frame is queued.
    fn note_waiting(&mut self) {
        if self.frames.is_empty() && self.mode == Mode::Live {
            self.waiting_since = Instant::now();
        }
    }

    /// How many frames wait besides those about the stream itself and those that are true only now.
    fn events_waiting(&self) -> usize {
        self.frames.len() - self.own - self.ephemeral
    }

    fn wants(&self, chat: ChatId) -> bool {
        let chats = self.interest.as_ref().and_then(|interest| interest.chats.as_ref());
        chats.is_none_or(|chats| chats.contains(&chat))
    }

    fn push(&mut self, frame: &Arc<Frame>, origin: Origin) {
        self.note_waiting();
        match origin {
            Origin::Live | Origin::Other => self.bytes += frame.chunk().len(),
            Origin::Ephemeral => self.ephemeral += 1,
        }
        self.frames.push_back(QueuedFrame { frame: Arc::clone(frame), origin });
    }

    /// Drops all frames except the stream's own and those that are partly written.
    fn drop_frames(&mut self) {
        let kept = self.own.max(self.in_flight).max(usize::from(self.written > 0));
        self.frames.truncate(kept);
        self.frames.shrink_to_fit();
        let is_event = |waiting: &&QueuedFrame| waiting.origin != Origin::Ephemeral;
        let events = self.frames.iter().skip(self.own).filter(is_event);
        self.bytes = events.clone().map(|waiting| waiting.frame.chunk().len()).sum();
        self.ephemeral = self.frames.len() - self.frames.len().min(self.own) - events.count();
    }

    /// Removes the frames that these written `bytes` complete.
    fn take(&mut self, bytes: usize, is_chunked: bool) -> Written {
        let mut written = Written::default();
        self.waiting_since = Instant::now();
        self.written += bytes;
        while let Some(QueuedFrame { frame, origin }) = self.frames.front() {
            let length = frame.bytes(is_chunked).len();
            if self.written < length {
                break;
            }
            self.written -= length;
            self.cursor = self.cursor.max(frame.id);
            if *origin == Origin::Live && written.oldest.is_none() {
                written.oldest = frame.written_at;
            }
            if self.own > 0 {
                self.own -= 1;
            } else if *origin == Origin::Ephemeral {
                self.ephemeral -= 1;
            } else {
                self.bytes -= frame.chunk().len();
            }
            self.frames.pop_front();
        }
        if self.frames.is_empty() {
            // Most streams are idle most of the time, so a burst must not leave its capacity
            // behind.
            self.frames.shrink_to(QUEUE_FRAMES_KEPT);
        }
        written
    }

    fn keep(&mut self, waker: &Waker) {
        if !self.waker.as_ref().is_some_and(|kept| kept.will_wake(waker)) {
            self.waker = Some(waker.clone());
        }
    }

    /// Wakes the connection. False: it was not waiting for frames.
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
