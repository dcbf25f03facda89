//! The health and the counters of a tail, shared with readiness checks and metrics. Reading them
//! takes no lock and never waits for the tail.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::Instant;

/// The state of one [`crate::Tail`]. Cheap to clone and to ask.
#[derive(Clone, Debug)]
pub struct TailHealth(Arc<Counters>);

#[derive(Debug)]
struct Counters {
    since: Instant,
    connected: AtomicBool,
    listening: AtomicBool,
    /// Microseconds from `since` to the last read that succeeded; 0: none did.
    last_read: AtomicU64,
    /// Microseconds; 0: not known yet.
    round_trip: AtomicU64,
    rows: AtomicU64,
    notify_rows: AtomicU64,
    found_by_doorbell: AtomicU64,
    found_by_poll: AtomicU64,
    gaps: AtomicU64,
    disconnects: AtomicU64,
}

impl TailHealth {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Counters {
            since: Instant::now(),
            connected: AtomicBool::default(),
            listening: AtomicBool::default(),
            last_read: AtomicU64::default(),
            round_trip: AtomicU64::default(),
            rows: AtomicU64::default(),
            notify_rows: AtomicU64::default(),
            found_by_doorbell: AtomicU64::default(),
            found_by_poll: AtomicU64::default(),
            gaps: AtomicU64::default(),
            disconnects: AtomicU64::default(),
        }))
    }

    /// Whether the log was read within `max_age`, which must be well over the poll of 250 ms. Also
    /// false while the consumer does not call [`crate::Tail::next`].
    pub fn is_fresh(&self, max_age: Duration) -> bool {
        self.is_connected() && self.age().is_some_and(|age| age <= max_age)
    }

    pub fn is_connected(&self) -> bool {
        self.0.connected.load(Relaxed)
    }

    /// Whether the doorbell listens. Without it events are up to 250 ms late, and none is lost.
    pub fn is_listening(&self) -> bool {
        self.0.listening.load(Relaxed)
    }

    /// Time since the last read that succeeded; None before the first.
    pub fn age(&self) -> Option<Duration> {
        match self.0.last_read.load(Relaxed) {
            0 => None,
            micros => Some(self.0.since.elapsed().saturating_sub(Duration::from_micros(micros))),
        }
    }

    /// How long the last NOTIFY took from here to Postgres and back; None before the first.
    pub fn doorbell_round_trip(&self) -> Option<Duration> {
        match self.0.round_trip.load(Relaxed) {
            0 => None,
            micros => Some(Duration::from_micros(micros)),
        }
    }

    /// Rows reported: read from the table, or carried by a NOTIFY.
    pub fn rows(&self) -> u64 {
        self.0.rows.load(Relaxed)
    }

    /// Rows taken from a NOTIFY without a read.
    pub fn notify_rows(&self) -> u64 {
        self.0.notify_rows.load(Relaxed)
    }

    /// Reads that found rows after the doorbell rang.
    pub fn found_by_doorbell(&self) -> u64 {
        self.0.found_by_doorbell.load(Relaxed)
    }

    /// Reads that found rows though the doorbell had not rung.
    pub fn found_by_poll(&self) -> u64 {
        self.0.found_by_poll.load(Relaxed)
    }

    /// Gaps reported, one for each shard concerned.
    pub fn gaps(&self) -> u64 {
        self.0.gaps.load(Relaxed)
    }

    /// Times that the reading connection was lost.
    pub fn disconnects(&self) -> u64 {
        self.0.disconnects.load(Relaxed)
    }

    pub(crate) fn set_connected(&self, connected: bool) {
        if self.0.connected.swap(connected, Relaxed) && !connected {
            self.0.disconnects.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn set_listening(&self, listening: bool) {
        self.0.listening.store(listening, Relaxed);
    }

    pub(crate) fn note_read(&self, rows: usize, by_doorbell: bool) {
        self.0.last_read.store(micros(self.0.since.elapsed()), Relaxed);
        if rows > 0 {
            self.0.rows.fetch_add(rows as u64, Relaxed);
            let found = if by_doorbell { &self.0.found_by_doorbell } else { &self.0.found_by_poll };
            found.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn note_notify_rows(&self, rows: usize) {
        self.0.rows.fetch_add(rows as u64, Relaxed);
        self.0.notify_rows.fetch_add(rows as u64, Relaxed);
    }

    pub(crate) fn note_round_trip(&self, took: Duration) {
        self.0.round_trip.store(micros(took), Relaxed);
    }

    pub(crate) fn note_gap(&self) {
        self.0.gaps.fetch_add(1, Relaxed);
    }
}

/// At least 1: 0 stands for "never".
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX).max(1)
}
