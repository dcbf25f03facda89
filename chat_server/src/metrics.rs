//! The metrics of chat_server in the format of Prometheus. Each server has its own registry; there
//! are no globals.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use chat_core::telemetry;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

/// The labels of a request. Each has few values.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct RequestLabels {
    pub method: &'static str,
    /// The route with its placeholders, never the path itself.
    pub route: String,
    pub status: u16,
}

/// The labels of a duration.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct RouteLabels {
    pub method: &'static str,
    pub route: String,
}

/// The label of a rate limit.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct RateLabels {
    pub limit: &'static str,
}

/// Labels of an attempt at a job.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct JobLabels {
    pub kind: &'static str,
    pub outcome: &'static str,
}

/// Labels of a consumer of the event log.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ConsumerLabels {
    pub consumer: &'static str,
}

/// What happens at the bounds of what one account, address or workspace may take.
#[derive(Clone, Default)]
pub struct Bounds {
    pub connections_refused: Counter,
    pub slow_clients_cut: Counter,
    pub requests_waited: Counter,
    pub responses_refused: Counter,
    pub searches_refused: Counter,
    pub quota_refused: Counter,
    pub chats_refused: Counter,
    pub exports_refused: Counter,
    pub hashing_refused: Counter,
    pub mails_withheld: Counter,
    rate_limited: Family<RateLabels, Counter>,
}

impl Bounds {
    fn register(&self, registry: &mut Registry) {
        let mut count =
            |name: &str, help: &str, counter: &Counter| registry.register(name, help, counter.clone());
        count(
            "connections_refused",
            "Connections closed at once: there were too many",
            &self.connections_refused,
        );
        count(
            "slow_clients_cut",
            "Connections cut since a response was taken too slowly",
            &self.slow_clients_cut,
        );
        count(
            "requests_waited",
            "Requests that waited for others of the same account",
            &self.requests_waited,
        );
        count("responses_refused", "Large responses refused since too many waited", &self.responses_refused);
        count("searches_refused", "Searches that took too long", &self.searches_refused);
        count("quota_refused", "Messages refused since their workspace is full", &self.quota_refused);
        count("chats_refused", "Chats refused since a person has too many", &self.chats_refused);
        count("exports_refused", "Exports refused since too many were running", &self.exports_refused);
        count(
            "hashing_refused",
            "Passwords refused since too many waited to be hashed",
            &self.hashing_refused,
        );
        count(
            "mails_withheld",
            "Mails not sent, or sent later: an address or account had enough",
            &self.mails_withheld,
        );
        registry.register("rate_limited", "Requests above a rate limit", self.rate_limited.clone());
    }

    /// The counter of requests above a rate limit.
    pub fn rate_limited(&self, limit: &'static str) -> Counter {
        self.rate_limited.get_or_create_owned(&RateLabels { limit })
    }
}

/// Handles to all metrics. Clones share them.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram, fn() -> Histogram>,
    pub messages_sent: Counter,
    pub messages_replayed: Counter,
    pub send_batches: Counter,
    pub sends_refused: Counter,
    pub sends_under_way: Gauge,
    pub ephemeral_sent: Counter,
    pub ephemeral_dropped: Counter,
    log_lines_dropped: Counter,
    pub connections: Gauge,
    pub bounds: Bounds,
    pub pool_connections: Gauge,
    pub pool_idle: Gauge,
    pub tail_fresh: Gauge,
    pub jobs_parked: Gauge,
    jobs: Family<JobLabels, Counter>,
    consumer_lag: Family<ConsumerLabels, Gauge<f64, AtomicU64>>,
    consumers_broken: Family<ConsumerLabels, Counter>,
    consumer_events_skipped: Family<ConsumerLabels, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("parlor_chat");
        let durations = Family::new_with_constructor(latency as fn() -> Histogram);
        let this = Self {
            registry: Arc::default(),
            requests: Family::default(),
            durations,
            messages_sent: Counter::default(),
            messages_replayed: Counter::default(),
            send_batches: Counter::default(),
            sends_refused: Counter::default(),
            sends_under_way: Gauge::default(),
            ephemeral_sent: Counter::default(),
            ephemeral_dropped: Counter::default(),
            log_lines_dropped: Counter::default(),
            connections: Gauge::default(),
            bounds: Bounds::default(),
            pool_connections: Gauge::default(),
            pool_idle: Gauge::default(),
            tail_fresh: Gauge::default(),
            jobs_parked: Gauge::default(),
            jobs: Family::default(),
            consumer_lag: Family::default(),
            consumers_broken: Family::default(),
            consumer_events_skipped: Family::default(),
        };
        registry.register("requests", "Requests answered", this.requests.clone());
        registry.register_with_unit(
            "request_duration",
            "Time from a request's head to its answer's",
            Unit::Seconds,
            this.durations.clone(),
        );
        let mut count =
            |name: &str, help: &str, counter: &Counter| registry.register(name, help, counter.clone());
        count("messages_sent", "Messages stored", &this.messages_sent);
        count("messages_replayed", "Sends answered with a message stored before", &this.messages_replayed);
        count("send_batches", "Batches that messages were stored in", &this.send_batches);
        count("sends_refused", "Sends refused since too many waited", &this.sends_refused);
        count("ephemeral_sent", "Notices that the notify_servers were told", &this.ephemeral_sent);
        count("ephemeral_dropped", "Notices that were dropped", &this.ephemeral_dropped);
        count("log_lines_dropped", "Lines of the log that nobody took", &this.log_lines_dropped);
        registry.register("sends_under_way", "Sends that are not answered yet", this.sends_under_way.clone());
        registry.register("connections", "Open client connections", this.connections.clone());
        registry.register("pool_connections", "Open database connections", this.pool_connections.clone());
        registry.register("pool_idle_connections", "Database connections not in use", this.pool_idle.clone());
        registry.register(
            "tail_fresh",
            "1 while this server follows the event log, so that what it remembers may be used",
            this.tail_fresh.clone(),
        );
        this.bounds.register(&mut registry);
        registry.register("jobs", "Attempts to do a job, by how they ended", this.jobs.clone());
        registry.register("jobs_parked", "Jobs given up after too many attempts", this.jobs_parked.clone());
        registry.register_with_unit(
            "consumer_lag",
            "Age of the oldest event that a consumer led by this server took last",
            Unit::Seconds,
            this.consumer_lag.clone(),
        );
        registry.register(
            "consumers_broken",
            "Times that events were lost to a consumer, which then began anew",
            this.consumers_broken.clone(),
        );
        registry.register(
            "consumer_events_skipped",
            "Events left out by a consumer since their effect failed",
            this.consumer_events_skipped.clone(),
        );
        Self { registry: Arc::new(registry), ..this }
    }
}

impl Metrics {
    /// Counts a request and observes its duration.
    pub fn observe_request(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let route = route.to_owned();
        self.requests.get_or_create(&RequestLabels { method, route: route.clone(), status }).inc();
        self.durations.get_or_create(&RouteLabels { method, route }).observe(took.as_secs_f64());
    }

    /// Counts an attempt at a job, which is `done` or `failed`.
    pub fn job_ended(&self, kind: &'static str, outcome: &'static str) {
        self.jobs.get_or_create(&JobLabels { kind, outcome }).inc();
    }

    pub fn consumer_lag(&self, consumer: &'static str, seconds: f64) {
        self.consumer_lag.get_or_create(&ConsumerLabels { consumer }).set(seconds);
    }

    pub fn consumer_broke(&self, consumer: &'static str) {
        self.consumers_broken.get_or_create(&ConsumerLabels { consumer }).inc();
    }

    pub fn consumer_skipped(&self, consumer: &'static str) {
        self.consumer_events_skipped.get_or_create(&ConsumerLabels { consumer }).inc();
    }

    /// The text format of OpenMetrics.
    ///
    /// # Errors
    /// Formatting failed; writing into a string never does.
    pub fn render(&self) -> Result<String, std::fmt::Error> {
        self.log_lines_dropped.inner().store(telemetry::dropped_lines(), Relaxed);
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// 0.5 ms to 8 s, doubling.
fn latency() -> Histogram {
    Histogram::new(prometheus_client::metrics::histogram::exponential_buckets(0.0005, 2.0, 15))
}
