//! The metrics of notify_server in the format of Prometheus. Each server has its own registry;
//! there are no globals.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use chat_core::{event::control::ResetReason, telemetry};
use event_log::TailHealth;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};
use time::OffsetDateTime;

/// How a stream began, or began again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// Without a cursor.
    Fresh,
    /// After a cursor, from memory.
    Ring,
    /// After a cursor, from the database.
    Database,
    /// Not after the cursor that the client sent, or not any more.
    Reset(ResetReason),
}

impl Resume {
    /// The label of the metric.
    fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Ring => "ring",
            Self::Database => "database",
            Self::Reset(reason) => reason.as_str(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResumeLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    status: u16,
}

/// Handles to all metrics. Clones share them.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    pub streams: Gauge,
    pub connections: Gauge,
    pub connections_refused: Counter,
    pub delivered: Counter,
    pub replayed: Counter,
    pub overflows: Counter,
    pub largest_queue: Gauge,
    pub slow_cut: Counter,
    pub unreadable: Counter,
    pub refused: Counter,
    pub account_refused: Counter,
    pub ephemeral_delivered: Counter,
    pub ephemeral_dropped: Counter,
    pub ephemeral_malformed: Counter,
    resumes: Family<ResumeLabels, Counter>,
    requests: Family<RequestLabels, Counter>,
    delivery_lag: Histogram,
    tail_fresh: Gauge,
    listening: Gauge,
    notify_rows: Counter,
    doorbell_reads: Counter,
    poll_rescues: Counter,
    gaps: Counter,
    disconnects: Counter,
    round_trip: Gauge<f64, AtomicU64>,
    log_lines_dropped: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("parlor_notify");
        let this = Self {
            registry: Arc::default(),
            streams: Gauge::default(),
            connections: Gauge::default(),
            connections_refused: Counter::default(),
            delivered: Counter::default(),
            replayed: Counter::default(),
            overflows: Counter::default(),
            largest_queue: Gauge::default(),
            slow_cut: Counter::default(),
            unreadable: Counter::default(),
            refused: Counter::default(),
            account_refused: Counter::default(),
            ephemeral_delivered: Counter::default(),
            ephemeral_dropped: Counter::default(),
            ephemeral_malformed: Counter::default(),
            resumes: Family::default(),
            requests: Family::default(),
            // 0.25 ms to 8 s, doubling.
            delivery_lag: Histogram::new(exponential_buckets(0.00025, 2.0, 16)),
            tail_fresh: Gauge::default(),
            listening: Gauge::default(),
            notify_rows: Counter::default(),
            doorbell_reads: Counter::default(),
            poll_rescues: Counter::default(),
            gaps: Counter::default(),
            disconnects: Counter::default(),
            round_trip: Gauge::default(),
            log_lines_dropped: Counter::default(),
        };
        let mut add =
            |name: &str, help: &str, metric: &dyn Registered| metric.register(&mut registry, name, help);
        add("streams", "Open streams", &this.streams);
        add("connections", "Open client connections", &this.connections);
        add(
            "connections_refused",
            "Connections closed at once: there were too many",
            &this.connections_refused,
        );
        add("events_delivered", "Events put into the queue of a live stream", &this.delivered);
        add("events_replayed", "Events put into the queue of a stream that catches up", &this.replayed);
        add("queue_overflows", "Streams that fell behind and caught up from the log", &this.overflows);
        add("largest_queue_bytes", "Bytes that wait for the slowest client", &this.largest_queue);
        add("slow_clients_cut", "Connections cut because nothing was taken for too long", &this.slow_cut);
        add("events_unreadable", "Events whose payload was no JSON", &this.unreadable);
        add("streams_refused", "Streams refused: the client must retry later", &this.refused);
        add(
            "account_streams_refused",
            "Streams refused: their account has too many, or opens them too often",
            &this.account_refused,
        );
        add(
            "ephemeral_delivered",
            "Ephemeral events put into the queue of a stream",
            &this.ephemeral_delivered,
        );
        add("ephemeral_dropped", "Ephemeral events that found no room in a queue", &this.ephemeral_dropped);
        add("ephemeral_malformed", "Notices that could not be read", &this.ephemeral_malformed);
        add("log_lines_dropped", "Lines of the log that nobody took", &this.log_lines_dropped);
        add("resumes", "Streams by how they began", &this.resumes);
        add("requests", "Requests answered", &this.requests);
        add("tail_fresh", "1 while the event log is being followed", &this.tail_fresh);
        add("doorbell_heard", "1 while the server listens for NOTIFY", &this.listening);
        add("doorbell_events", "Events that a NOTIFY carried and that needed no read", &this.notify_rows);
        add("doorbell_reads", "Reads of the log that found events after a NOTIFY", &this.doorbell_reads);
        add("poll_rescues", "Reads of the log that found events without a NOTIFY", &this.poll_rescues);
        add("gaps", "Gaps: times that rows of the log could be missing", &this.gaps);
        add("tail_disconnects", "Times that the connection to the log was lost", &this.disconnects);
        this.register_times(&mut registry);
        Self { registry: Arc::new(registry), ..this }
    }
}

impl Metrics {
    fn register_times(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "doorbell_round_trip",
            "The last measured time from a NOTIFY to its arrival",
            Unit::Seconds,
            self.round_trip.clone(),
        );
        registry.register_with_unit(
            "delivery_lag",
            "From the commit of an event to its write to a client's socket",
            Unit::Seconds,
            self.delivery_lag.clone(),
        );
    }

    pub fn resumed(&self, outcome: Resume) {
        self.resumes.get_or_create(&ResumeLabels { outcome: outcome.as_str() }).inc();
    }

    pub fn requested(&self, route: &'static str, status: u16) {
        self.requests.get_or_create(&RequestLabels { route, status }).inc();
    }

    /// Observes that a live event was written to a socket. `written_at` is the database's clock;
    /// where it runs ahead of this machine's, the lag counts as zero.
    pub fn observe_delivery(&self, written_at: OffsetDateTime) {
        let lag = OffsetDateTime::now_utc() - written_at;
        self.delivery_lag.observe(lag.as_seconds_f64().max(0.0));
    }

    /// The text format of OpenMetrics.
    ///
    /// # Errors
    /// Formatting failed; writing into a string never does.
    pub fn render(&self, tail: &TailHealth, is_fresh: bool) -> Result<String, std::fmt::Error> {
        self.log_lines_dropped.inner().store(telemetry::dropped_lines(), Relaxed);
        self.tail_fresh.set(i64::from(is_fresh));
        self.listening.set(i64::from(tail.is_listening()));
        self.notify_rows.inner().store(tail.notify_rows(), Relaxed);
        self.doorbell_reads.inner().store(tail.found_by_doorbell(), Relaxed);
        self.poll_rescues.inner().store(tail.found_by_poll(), Relaxed);
        self.gaps.inner().store(tail.gaps(), Relaxed);
        self.disconnects.inner().store(tail.disconnects(), Relaxed);
        self.round_trip.set(tail.doorbell_round_trip().unwrap_or_default().as_secs_f64());
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// A metric that the registry takes by name.
trait Registered {
    fn register(&self, registry: &mut Registry, name: &str, help: &str);
}

impl<M: prometheus_client::registry::Metric + Clone> Registered for M {
    fn register(&self, registry: &mut Registry, name: &str, help: &str) {
        registry.register(name, help, self.clone());
    }
}
