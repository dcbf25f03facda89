//! The faults, by name. Each fault causes a failure, checks that it happened, heals it, and waits
//! until Parlor works again. The oracle then looks for what it broke.

mod client;
mod cursors;
mod database;
mod failover;
mod kill;
mod link;
mod log;
mod machine;
mod recovery;
mod removal;
mod sends;
mod storm;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::ensure;
use futures_util::future::LocalBoxFuture;
use rand::{RngExt as _, rngs::StdRng};

use crate::{
    process::ServerKind,
    tally::Tally,
    world::{Away, Node, World},
};

/// A server that was killed, stopped or cut off must report "not ready" and later recover within
/// this time: the first value for a fault alone, the second in a mixture.
const BACK_WITHIN: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(45));
/// With a higher load average for each processor, the limit grows in proportion.
const WAITING_PER_CPU: f64 = 4.0;

/// Faults of one lane happen one after another, faults of different lanes at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    Servers,
    Database,
    Clients,
    /// Runs without other faults: it needs the whole machine or an undisturbed measurement.
    Alone,
}

/// How a fault ended.
pub enum Outcome {
    Done,
    /// Another fault interfered, so the intended failure did not happen.
    Missed(String),
    /// This machine does not allow it.
    Skipped(String),
}

/// The result of a fault. An error is a violation: the failure did not happen, or did not heal.
pub type Result = anyhow::Result<Outcome>;

/// A fault.
pub struct Fault {
    pub name: &'static str,
    pub about: &'static str,
    pub lane: Lane,
    /// It hits Postgres as a whole.
    pub own_postgres: bool,
    pub run: for<'a> fn(&'a Scene) -> LocalBoxFuture<'a, Result>,
}

/// What a fault acts on.
pub struct Scene {
    pub world: Arc<World>,
    pub tally: Arc<Tally>,
    rng: Mutex<StdRng>,
    /// Sizes are those of the long run, not of a test.
    pub full_size: bool,
    /// Other faults happen at the same time.
    pub is_mixed: bool,
}

impl Scene {
    pub fn new(world: Arc<World>, tally: Arc<Tally>, rng: StdRng, full_size: bool) -> Self {
        Self { world, tally, rng: Mutex::new(rng), full_size, is_mixed: false }
    }

    /// A number below `end`.
    fn pick(&self, end: usize) -> usize {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).random_range(0..end)
    }

    /// A pause of up to `longest` milliseconds.
    async fn pause(&self, longest: usize) {
        let pause = self.pick(longest + 1);
        tokio::time::sleep(std::time::Duration::from_millis(pause as u64)).await;
    }

    /// Waits until people have sent more messages during this fault. In a mixture another fault may
    /// block them too; then a few seconds are enough.
    async fn until_sent_meanwhile(&self, more: usize) -> anyhow::Result<()> {
        let sending = self.world.until_sent(more);
        if !self.is_mixed {
            return sending.await;
        }
        let _ = tokio::time::timeout(std::time::Duration::from_secs(6), sending).await;
        Ok(())
    }

    /// The servers whose connections a fault hits: any one in a mixture, else one of each kind.
    fn nodes_hit(&self) -> Vec<&Node> {
        if self.is_mixed {
            return vec![&self.world.nodes[self.pick(self.world.nodes.len())]];
        }
        [ServerKind::Chat, ServerKind::Notify].map(|kind| self.any(kind)).into()
    }

    /// Waits until a server reports "not ready". It must not report "ready" until the returned
    /// value is dropped.
    async fn until_not_ready<'a>(&self, node: &'a Node) -> anyhow::Result<Away<'a>> {
        let began = Instant::now();
        if self.is_mixed {
            // Another fault may have killed or stopped it; then it answers nothing during this one.
            tokio::select! {
                said = self.world.until_ready(node, false) => said?,
                silent = self.world.until_silent(node) => silent?,
            }
        } else {
            self.world.until_ready(node, false).await?;
        }
        self.in_time(&format!("{} is not ready", node.name()), began.elapsed())?;
        Ok(node.is_away())
    }

    /// The same for a server that cannot answer.
    async fn until_silent<'a>(&self, node: &'a Node) -> anyhow::Result<Away<'a>> {
        let began = Instant::now();
        self.world.until_silent(node).await?;
        self.in_time(&format!("{} is silent", node.name()), began.elapsed())?;
        Ok(node.is_away())
    }

    /// Records how long a recovery took.
    ///
    /// # Errors
    /// It took too long.
    fn recovered(&self, what: &str, after: Duration) -> anyhow::Result<()> {
        self.tally.recovered(what, after);
        self.in_time(what, after)
    }

    fn in_time(&self, what: &str, after: Duration) -> anyhow::Result<()> {
        let within = if self.is_mixed { BACK_WITHIN.1 } else { BACK_WITHIN.0 };
        let within = within.mul_f64((waiting_per_cpu() / WAITING_PER_CPU).max(1.0));
        ensure!(after <= within, "{what}: after {:.1} s only", after.as_secs_f64());
        Ok(())
    }

    fn note(&self, what: impl Into<String>) {
        self.world.history.fault(what);
    }

    /// One of the two servers of a kind.
    fn any(&self, kind: ServerKind) -> &Node {
        match kind {
            ServerKind::Chat => self.world.chat(self.pick(2)),
            ServerKind::Notify => self.world.notify(self.pick(2)),
        }
    }

    /// The size of something: in the long run, and in a test.
    fn size(&self, full: usize, small: usize) -> usize {
        if self.full_size { full } else { small }
    }
}

/// The load average of the last minute for each processor.
fn waiting_per_cpu() -> f64 {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: f64 = load.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default();
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    load / f64::from(u32::try_from(cpus).unwrap_or(1))
}

/// All faults, in the order of the table in README.md.
pub fn all() -> Vec<Fault> {
    let faults = [
        kill::faults(),
        database::faults(),
        link::faults(),
        client::faults(),
        removal::faults(),
        cursors::faults(),
        log::faults(),
        storm::faults(),
        machine::faults(),
        // Last, since the faults of disks and postmasters need the first Postgres.
        failover::faults(),
    ];
    faults.into_iter().flatten().collect()
}

/// A fault by its name.
pub fn find(name: &str) -> Option<Fault> {
    all().into_iter().find(|fault| fault.name == name)
}
