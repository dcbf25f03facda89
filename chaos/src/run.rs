//! A run: starts a world and its people, runs faults, and lets the oracle check the outcome.

use std::{ops::Range, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use futures_util::future::join_all;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use tokio::time::{Instant, sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    fault::{Fault, Lane, Outcome, Scene},
    figures::Verdict,
    history::History,
    oracle::{self, Findings, Violation},
    tally::Tally,
    traffic::Traffic,
    world::{Size, World},
};

/// A mixture of this length contains each fault.
const LONG: Duration = Duration::from_secs(5 * 60);
const SAMPLE_EVERY: Duration = Duration::from_millis(250);

/// When faults happen.
pub enum Schedule {
    /// Each fault once, alone, in this order.
    Each(Vec<Fault>),
    /// Random faults for this long, the lanes at the same time. At full size the faults that run
    /// alone follow.
    Mixed(Vec<Fault>, Duration),
}

/// What to run.
pub struct Plan {
    pub seed: u64,
    pub schedule: Schedule,
    /// The chaos binary.
    pub program: PathBuf,
    /// Workspaces, people in each, devices of each.
    pub people: (usize, usize, usize),
    /// The pause between two actions of a person, in milliseconds.
    pub pause: Range<u64>,
    /// Uses the sizes of a long run, not of a test.
    pub full_size: bool,
    /// The folder of the history.
    pub history: PathBuf,
    /// Cancelled, the run ends early.
    pub stop: CancellationToken,
}

/// Runs the plan, and cleans up in any case.
///
/// # Errors
/// The world could not be built or examined, or the run was stopped.
pub async fn run(plan: Plan) -> anyhow::Result<Verdict> {
    let stop = plan.stop.clone();
    let running = run_to_end(plan);
    // Dropping it ends everything that it started.
    stop.run_until_cancelled(running).await.context("stopped")?
}

async fn run_to_end(plan: Plan) -> anyhow::Result<Verdict> {
    let history = Arc::new(History::begin(plan.history.clone())?);
    let (workspaces, people, devices) = plan.people;
    let faults = match &plan.schedule {
        Schedule::Each(faults) | Schedule::Mixed(faults, _) => faults,
    };
    let size = Size {
        program: plan.program.clone(),
        workspaces,
        people,
        devices,
        own_postgres: faults.iter().any(|fault| fault.own_postgres),
        small_disk_mb: faults.iter().any(|fault| fault.name == "disk-full").then_some(if plan.full_size {
            1024
        } else {
            192
        }),
    };
    let world = Arc::new(World::start(&size, history).await.context("the world could not be built")?);
    let tally = Arc::new(Tally::default());
    let sampling = CancellationToken::new();
    let _guard = sampling.clone().drop_guard();
    let samples = sample_readiness(Arc::clone(&world), Arc::clone(&tally));
    TaskTracker::new().spawn(sampling.clone().run_until_cancelled_owned(samples));

    let traffic = Traffic::start(&world, plan.seed, &plan.pause);
    let mut violations = happen(&plan, &world, &tally).await;
    heal(&world).await;
    if let Err(e) = until_all_ready(&world).await {
        violations.push(failure("healing", &e));
    }
    if let Err(e) = traffic.stop().await {
        violations.push(failure("the end", &e));
    }
    let mut findings = match oracle::examine(&world).await {
        Ok(findings) => findings,
        Err(e) => Findings { violations: vec![failure("the examination", &e)], ..Findings::default() },
    };
    sampling.cancel();
    findings.violations.append(&mut violations);
    findings
        .violations
        .extend(tally.lies().iter().map(|lie| failure("readiness", &anyhow::anyhow!("{lie}"))));
    Ok(Verdict::new(plan.seed, &world, &tally, faults, findings))
}

/// Check (h): a fault did not happen, or did not heal.
fn failure(name: &str, error: &anyhow::Error) -> Violation {
    Violation { check: 'h', what: format!("{name}: {error:#}"), at: None, traces: Vec::new() }
}

async fn happen(plan: &Plan, world: &Arc<World>, tally: &Arc<Tally>) -> Vec<Violation> {
    let scene = |stream: u64| {
        let rng = StdRng::seed_from_u64(plan.seed ^ (stream << 56));
        Scene::new(Arc::clone(world), Arc::clone(tally), rng, plan.full_size)
    };
    let mut violations = Vec::new();
    match &plan.schedule {
        Schedule::Each(faults) => {
            let scene = scene(1);
            for fault in faults {
                violations.extend(world.until_sent(40).await.err().map(|e| failure("before", &e)));
                violations.extend(bring_about(fault, &scene).await);
            }
            violations.extend(world.until_sent(40).await.err().map(|e| failure("after", &e)));
        }
        Schedule::Mixed(faults, time) => {
            let end = Instant::now() + *time;
            let lanes = [Lane::Servers, Lane::Database, Lane::Clients];
            let lanes = lanes.into_iter().zip(1..).map(async |(lane, stream)| {
                let mut mine: Vec<&Fault> = faults.iter().filter(|fault| fault.lane == lane).collect();
                let mut rng = StdRng::seed_from_u64(plan.seed ^ (stream << 48));
                let mut scene = scene(stream);
                scene.is_mixed = true;
                let mut violations = Vec::new();
                // Each once, then at random.
                mine.shuffle(&mut rng);
                let mut next = 0;
                while !mine.is_empty() && Instant::now() < end {
                    sleep(Duration::from_millis(rng.random_range(100..1500))).await;
                    let fault = mine.get(next).unwrap_or(&mine[rng.random_range(0..mine.len())]);
                    next += 1;
                    violations.extend(bring_about(fault, &scene).await);
                }
                violations
            });
            violations.extend(join_all(lanes).await.into_iter().flatten());
            let scene = scene(9);
            for fault in faults.iter().filter(|fault| fault.lane == Lane::Alone && plan.full_size) {
                violations.extend(bring_about(fault, &scene).await);
            }
            if *time >= LONG {
                // These were missed each time, or there was no time. Now no other fault interferes.
                let never = tally.never(faults.iter().map(|fault| fault.name));
                for fault in faults.iter().filter(|fault| never.contains(&fault.name)) {
                    violations.extend(bring_about(fault, &scene).await);
                }
                for name in tally.never(faults.iter().map(|fault| fault.name)) {
                    violations.push(failure(name, &anyhow::anyhow!("it never happened")));
                }
            }
        }
    }
    violations
}

async fn bring_about(fault: &Fault, scene: &Scene) -> Option<Violation> {
    scene.world.history.fault(format!("{} begins", fault.name));
    let said_before = scene.tally.readiness_said();
    let outcome = (fault.run)(scene).await;
    if fault.lane == Lane::Clients && !scene.is_mixed {
        // Such a fault does not affect the servers, so they must mostly stay ready on a shared
        // machine.
        let (ready, not_ready) = scene.tally.readiness_said();
        let (ready, not_ready) = (ready - said_before.0, not_ready - said_before.1);
        if not_ready > ready {
            let what = anyhow::anyhow!(
                "servers said {not_ready} times that they were not ready, {ready} that they were"
            );
            return Some(failure(fault.name, &what));
        }
    }
    match outcome {
        Ok(Outcome::Done) => {
            scene.tally.fault(fault.name);
            scene.world.history.fault(format!("{} is over", fault.name));
            None
        }
        Ok(Outcome::Missed(why)) => {
            scene.world.history.fault(format!("{} was missed: {why}", fault.name));
            scene.tally.missed(fault.name);
            // No other fault ran that could have interfered.
            (!scene.is_mixed)
                .then(|| failure(fault.name, &anyhow::anyhow!("it was not brought about: {why}")))
        }
        Ok(Outcome::Skipped(why)) => {
            scene.tally.skipped(fault.name, &why);
            None
        }
        Err(e) => {
            scene.world.history.fault(format!("{} went wrong: {e:#}", fault.name));
            Some(failure(fault.name, &e))
        }
    }
}

/// Undoes what a failed fault may have left.
async fn heal(world: &World) {
    for node in &world.nodes {
        node.door.heal();
        node.database.heal();
        let mut process = node.process().await;
        // SIGCONT has no effect on a running process.
        let _ = process.resume();
        if !process.is_running() {
            let _ = process.start().await;
        }
    }
}

async fn until_all_ready(world: &World) -> anyhow::Result<()> {
    for node in &world.nodes {
        world.until_ready(node, true).await?;
    }
    Ok(())
}

async fn sample_readiness(world: Arc<World>, tally: Arc<Tally>) {
    let mut last = vec![String::new(); world.nodes.len()];
    loop {
        for (node, last) in world.nodes.iter().zip(&mut last) {
            let was_away = node.must_not_be_ready();
            let answer = world.readiness(node).await;
            // The server was away before and after the answer.
            if was_away && node.must_not_be_ready() && matches!(answer, Some((200, _))) {
                tally.lie(format!("{} says that it is ready while it is not", node.name()));
            }
            let name = match &answer {
                Some((200, _)) => "ready",
                Some((503, _)) => "not ready",
                Some(_) => "something else",
                None => "no answer",
            };
            tally.readiness(name);
            if *last != name {
                name.clone_into(last);
                world.history.note(serde_json::json!({ "node": node.name(), "readiness": name }));
            }
        }
        sleep(SAMPLE_EVERY).await;
    }
}
