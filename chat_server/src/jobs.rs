//! Does what is to happen later. Every node takes jobs that are due from the table `jobs`; a file
//! under `jobs/` for each kind.
//!
//! The invariant: what a job does to the database commits in one transaction with its completion,
//! which fails if the lease has been lost. So it happens once, though an attempt may be cut off at
//! any moment and begin again on another node. What it does to the outside, such as a mail, comes
//! before that transaction and may happen twice.

mod backfill_usage;
mod delete_account;
mod delete_messages;
mod send_mail;

use std::time::Duration;

use serde_json::Value;
use sqlx::PgConnection;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, interval, sleep, timeout},
};
use tracing::{error, warn};

use crate::{
    consumers::Consumer,
    db::{self, jobs::TakenJob},
    state::AppState,
};

/// NOTIFY channel: a job is due now. Lost ones are found by the poll.
pub const CHANNEL: &str = "parlor_jobs";

const POLL_EVERY: Duration = Duration::from_secs(1);
/// Jobs that one node does at the same time.
const AT_ONCE: usize = 4;
/// An attempt ends before its lease does, so that two nodes seldom do the same.
const LEASE: Duration = Duration::from_secs(60);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(45);
/// The pause after the first failure, which doubles up to the longest.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_LONGEST: Duration = Duration::from_secs(3600);
/// Tries to note a failure. The database may have been the cause of it.
const FAIL_TRIES: u32 = 5;
/// After so many failures in a row a job is parked. With the pauses above that is five hours.
const ATTEMPTS_MAX: i32 = 16;

/// What can be done later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobKind {
    /// Removes the messages of a deleted chat, from the event log too.
    DeleteMessages,
    /// Counts what was written in a workspace before the consumer of usage began.
    BackfillUsage,
    /// Takes a deleted account out of its workspaces.
    DeleteAccount,
    SendMail,
}

impl JobKind {
    pub const ALL: [Self; 4] =
        [Self::DeleteMessages, Self::BackfillUsage, Self::DeleteAccount, Self::SendMail];

    /// As in the column `kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DeleteMessages => "delete_messages",
            Self::BackfillUsage => "backfill_usage",
            Self::DeleteAccount => "delete_account",
            Self::SendMail => "send_mail",
        }
    }

    /// The jobs that derive from the tables what was before a consumer began.
    pub fn backfill(consumer: Consumer) -> Self {
        match consumer {
            Consumer::WorkspaceUsage => Self::BackfillUsage,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Does what a job does outside the database, before its transaction begins. It may happen again
    /// in another attempt.
    async fn reach_out(self, state: &AppState, job: &TakenJob) -> anyhow::Result<()> {
        match self {
            Self::SendMail => send_mail::send(state, job).await,
            Self::DeleteMessages | Self::BackfillUsage | Self::DeleteAccount => Ok(()),
        }
    }

    /// Does one part of a job in a transaction, which commits with the answer.
    async fn run(self, db: &mut PgConnection, job: &TakenJob) -> anyhow::Result<Progress> {
        match self {
            Self::DeleteMessages => delete_messages::run(db, job).await,
            Self::BackfillUsage => backfill_usage::run(db, job).await,
            Self::DeleteAccount => delete_account::run(db, job).await,
            // It is sent: what remains is that the job goes.
            Self::SendMail => Ok(Progress::Done),
        }
    }
}

/// An attempt that finds nothing wrong but comes too early. It does not count as a failure.
#[derive(Debug, thiserror::Error)]
#[error("too early by {0:?}")]
struct TooEarly(Duration);

/// How far a job has come after a part of it.
#[derive(Debug)]
enum Progress {
    Done,
    /// There is more to do, from this payload on.
    Part(Value),
    /// This part deleted the job, and added others in its place.
    Replaced,
}

/// Takes jobs and does them, until dropped. `notified` receives what came over [`CHANNEL`].
pub async fn run(state: AppState, mut notified: mpsc::Receiver<String>) -> anyhow::Result<()> {
    let kinds: Vec<String> = JobKind::ALL.into_iter().map(|kind| kind.as_str().to_owned()).collect();
    let mut polls = interval(POLL_EVERY);
    let mut running = JoinSet::new();
    loop {
        tokio::select! {
            _ = polls.tick() => {}
            // The channel is never closed: its sender lives as long as the listener.
            Some(_) = notified.recv() => {}
            Some(ended) = running.join_next() => {
                if let Err(e) = ended {
                    error!("a job ended its task; it is retried once its lease has ended: {e}");
                }
            }
        }
        let room = AT_ONCE - running.len();
        if room == 0 {
            continue;
        }
        let limit = i64::try_from(room).unwrap_or(1);
        match db::jobs::take(&state.background, &kinds, limit, LEASE.as_secs_f64()).await {
            Ok(taken) => {
                for job in taken {
                    let state = state.clone();
                    running.spawn(async move { attempt(&state, job).await });
                }
            }
            Err(e) => warn!("jobs could not be taken: {e}"),
        }
    }
}

/// Does a job as far as it comes in one attempt.
async fn attempt(state: &AppState, mut job: TakenJob) {
    let Some(kind) = JobKind::parse(&job.kind) else { return };
    let outcome = if job.attempts > ATTEMPTS_MAX {
        Ok(Err(anyhow::anyhow!("the process ended in the middle of each attempt")))
    } else {
        timeout(ATTEMPT_TIMEOUT, do_parts(state, kind, &mut job)).await
    };
    let failure = match outcome {
        Ok(Ok(Ending::Done)) => {
            state.metrics.job_ended(kind.as_str(), "done");
            return;
        }
        Ok(Ok(Ending::LeaseLost)) => return,
        Ok(Ok(Ending::OutOfTime)) => {
            if let Err(e) = db::jobs::release(&state.background, &job).await {
                warn!("a job goes on once its lease has ended: {e}");
            }
            return;
        }
        Ok(Err(e)) => match e.downcast_ref() {
            Some(TooEarly(pause)) => {
                if let Err(e) = db::jobs::postpone(&state.background, &job, pause.as_secs_f64()).await {
                    warn!("a job is tried again once its lease has ended: {e}");
                }
                return;
            }
            None => format!("{e:#}"),
        },
        Err(_) => format!("not done within {ATTEMPT_TIMEOUT:?}"),
    };
    state.metrics.job_ended(kind.as_str(), "failed");
    let pause = (job.attempts < ATTEMPTS_MAX).then(|| pause_after(job.attempts));
    if pause.is_none() {
        error!(kind = kind.as_str(), id = job.id, "a job is parked after {ATTEMPTS_MAX} attempts: {failure}");
    } else {
        warn!(kind = kind.as_str(), id = job.id, "a job failed, it will be retried: {failure}");
    }
    let pause = pause.map(|pause| pause.as_secs_f64());
    for _ in 0..FAIL_TRIES {
        match db::jobs::fail(&state.background, &job, &failure, pause).await {
            Ok(()) => return,
            Err(e) => warn!(kind = kind.as_str(), id = job.id, "the failure of a job is not noted yet: {e}"),
        }
        sleep(RETRY_FIRST).await;
    }
    // The job is retried once its lease has ended.
}

/// How an attempt ended that did not fail.
enum Ending {
    Done,
    /// Another attempt has begun, or an operator has deleted the job.
    LeaseLost,
    /// There is more to do.
    OutOfTime,
}

async fn do_parts(state: &AppState, kind: JobKind, job: &mut TakenJob) -> anyhow::Result<Ending> {
    let began = Instant::now();
    while began.elapsed() < ATTEMPT_TIMEOUT / 2 {
        kind.reach_out(state, job).await?;
        let mut tx = state.background.begin().await?;
        let progress = kind.run(&mut tx, job).await?;
        let is_held = match &progress {
            Progress::Done => db::jobs::complete(&mut *tx, job).await?,
            Progress::Part(payload) => db::jobs::advance(&mut *tx, job, payload, LEASE.as_secs_f64()).await?,
            Progress::Replaced => true,
        };
        if !is_held {
            return Ok(Ending::LeaseLost); // dropping the transaction undoes this part
        }
        tx.commit().await?;
        match progress {
            Progress::Done | Progress::Replaced => return Ok(Ending::Done),
            Progress::Part(payload) => {
                job.payload = payload;
                job.attempts = 1;
            }
        }
    }
    Ok(Ending::OutOfTime)
}

/// Doubles with each failure, with a random part so that jobs that failed together spread out.
fn pause_after(attempts: i32) -> Duration {
    let doubled = RETRY_FIRST.saturating_mul(1 << (attempts - 1).clamp(0, 20));
    doubled.min(RETRY_LONGEST).mul_f64(rand::random_range(0.5..1.0))
}
