//! Runs each fault alone and a mixture by a fixed seed, on a small world. The long run is `cargo
//! run -p chaos`.
#![expect(clippy::unwrap_used, reason = "in a test an unexpected error is a failure")]
#![expect(clippy::print_stdout, reason = "figures, and where the history of a failure is")]

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::ensure;
use chaos::{
    Plan, Schedule, Verdict,
    fault::{self, Fault, Lane, Outcome, Scene},
};
use tokio_util::sync::CancellationToken;

/// The seed of the mixture.
const SEED: u64 = 1;
const MIXED_FOR: Duration = Duration::from_secs(20);

async fn alone(name: &str) {
    happens(name, Schedule::Each(vec![fault::find(name).unwrap()])).await;
}

async fn happens(name: &str, schedule: Schedule) {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan {
        seed: SEED,
        schedule,
        program: env!("CARGO_BIN_EXE_chaos").into(),
        people: (2, 3, 2),
        pause: 30..150,
        full_size: false,
        history: folder.path().join("history.jsonl"),
        stop: CancellationToken::new(),
    };
    let verdict = chaos::run(plan).await.unwrap();
    if !verdict.passed() {
        keep(name, &verdict, folder);
    }
    assert!(verdict.passed(), "{name}:\n{verdict}");
    println!("{name}:\n{verdict}");
    for (fault, why) in &verdict.skipped {
        // The test harness hides the output of tests that pass, so this is written past it.
        let line = format!("SKIPPED: {fault}: {why}\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
}

/// Keeps the history of a failed run.
fn keep(name: &str, verdict: &Verdict, folder: tempfile::TempDir) {
    let kept: PathBuf = folder.keep();
    println!("{name}: seed {}, history in {}", verdict.seed, kept.display());
}

macro_rules! each_alone {
    ($($test:ident: $name:literal,)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            alone($name).await;
        })*

        #[test]
        fn every_fault_has_its_test() {
            let tested = [$($name),*];
            let all: Vec<&str> = fault::all().iter().map(|fault| fault.name).collect();
            assert_eq!(all, tested);
        }
    };
}

each_alone! {
    notify_kill: "notify-kill",
    chat_kill: "chat-kill",
    chat_kill_before_commit: "chat-kill-before-commit",
    chat_kill_during_commit: "chat-kill-during-commit",
    chat_kill_before_answer: "chat-kill-before-answer",
    chat_kill_before_doorbell: "chat-kill-before-doorbell",
    notify_pause: "notify-pause",
    chat_pause: "chat-pause",
    rolling_restart: "rolling-restart",
    postgres_kill: "postgres-kill",
    postgres_immediate: "postgres-immediate",
    backend_kill: "backend-kill",
    terminate_all: "terminate-all",
    terminate_listener: "terminate-listener",
    open_transactions: "open-transactions",
    cut_clients: "cut-clients",
    freeze_clients: "freeze-clients",
    half_open_clients: "half-open-clients",
    slow_clients: "slow-clients",
    cut_postgres: "cut-postgres",
    freeze_postgres: "freeze-postgres",
    slow_postgres: "slow-postgres",
    silent_listener: "silent-listener",
    slow_client: "slow-client",
    stopped_client: "stopped-client",
    same_send_16_times: "same-send-16-times",
    same_id_two_chats: "same-id-two-chats",
    removed_while_away: "removed-while-away",
    removed_during_replay: "removed-during-replay",
    removed_and_back: "removed-and-back",
    removed_and_elsewhere: "removed-and-elsewhere",
    bad_cursors: "bad-cursors",
    partition_drop: "partition-drop",
    partition_drop_unseen: "partition-drop-unseen",
    poison_rows: "poison-rows",
    doorbell_queue_full: "doorbell-queue-full",
    reconnect_storm: "reconnect-storm",
    connect_cycles: "connect-cycles",
    disk_full: "disk-full",
    no_descriptors: "no-descriptors",
    clock_jump: "clock-jump",
    failover: "failover",
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mixture_by_a_fixed_seed() {
    happens("mixed", Schedule::Mixed(fault::all(), MIXED_FOR)).await;
}

/// In a mixture the awaited condition may never come true. The server that is cut off from Postgres
/// must be connected again long before another fault gives up waiting for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removed_and_elsewhere_holds_a_server_for_a_bounded_time() {
    async fn condition_never_comes(scene: &Scene) -> fault::Result {
        let elsewhere = fault::find("removed-and-elsewhere").unwrap();
        let (first, other) = (scene.world.notify(0), scene.world.notify(1));
        // A device gets nothing more from a stopped server.
        let process = first.process().await;
        process.pause()?;
        let began = Instant::now();
        let outcome = (elsewhere.run)(scene).await;
        let took = began.elapsed();
        process.resume()?;
        ensure!(matches!(outcome, Ok(Outcome::Missed(_))), "it was to be missed: {:?}", outcome.err());
        ensure!(took < Duration::from_secs(45), "it took {:.1} s", took.as_secs_f64());
        scene.world.until_ready(other, true).await?;
        Ok(Outcome::Done)
    }
    let fault = Fault {
        name: "removed-and-elsewhere, late",
        about: "the server that the device is on is stopped all the time",
        lane: Lane::Servers,
        own_postgres: false,
        run: |scene| Box::pin(condition_never_comes(scene)),
    };
    happens("late", Schedule::Each(vec![fault])).await;
}

#[test]
fn the_tables_of_faults_and_guards_are_whole() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_to_string(folder.join("README.md")).unwrap();
    // The first column under a heading, without the rows of titles and dashes.
    let names = |heading: &str| -> Vec<String> {
        let section = docs.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
        rows.skip(1).map(|name| name.trim_matches('`').to_owned()).collect()
    };
    let faults: Vec<&str> = fault::all().iter().map(|fault| fault.name).collect();
    assert_eq!(names("Faults"), faults);
    let patches = std::fs::read_dir(folder.join("guards")).unwrap().map(|entry| entry.unwrap().path());
    let patches = patches.filter(|path| path.extension().is_some_and(|end| end == "patch"));
    let mut patches: Vec<String> =
        patches.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    let mut guards = names("Guards");
    patches.sort_unstable();
    guards.sort_unstable();
    assert_eq!(guards, patches);
}
