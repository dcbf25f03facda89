//! Messages that wait to be stored, and which of them make a batch. Plain data: no task, no lock,
//! no clock.
//!
//! The invariant: a message is in exactly one list. If several suspects apply to it, it is in the
//! list of the first one. The newest suspects come first; one that fails again moves to the end.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use chat_core::{ChatId, MessageId, Shard, UserId};
use tokio::{
    sync::{OwnedSemaphorePermit, oneshot},
    time::Instant,
};

use super::Outcome;
use crate::db::messages::NewMessage;

/// The most messages in a batch. In a larger one the first messages would wait longer than the
/// batch saves.
pub const BATCH_MAX: usize = 64;
/// As many messages are not divided into two batches.
const UNDIVIDED_MAX: usize = 8;

/// A message, and the request that waits for its outcome.
pub struct Waiting {
    pub new: Arc<NewMessage>,
    pub since: Instant,
    pub answer: oneshot::Sender<Outcome>,
    /// Its place in the queue, given back when this is dropped.
    pub _room: OwnedSemaphorePermit,
}

impl Waiting {
    /// Answers the request, unless it was cancelled.
    pub fn answer(self, outcome: Outcome) {
        let _ = self.answer.send(outcome);
    }
}

/// What may have made a batch fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspect {
    Shard(Shard),
    Chat(ChatId),
    Sender(UserId),
    Message(MessageId),
}

impl Suspect {
    fn is_of(self, new: &NewMessage) -> bool {
        match self {
            Self::Shard(shard) => shard == Shard::of(new.workspace_id),
            Self::Chat(chat) => chat == new.chat_id,
            Self::Sender(user) => user == new.sender_id,
            Self::Message(id) => id == new.id,
        }
    }
}

#[derive(Default)]
pub struct Queue {
    /// Oldest first, but for messages that were put back.
    healthy: VecDeque<Waiting>,
    /// The next one to be tried is first.
    isolated: VecDeque<Isolated>,
}

/// The messages of a suspect.
struct Isolated {
    suspect: Suspect,
    waiting: VecDeque<Waiting>,
    /// A batch of it is running: another would wait for the same lock.
    is_running: bool,
}

impl Queue {
    pub fn is_empty(&self) -> bool {
        self.healthy.is_empty() && self.isolated.iter().all(|isolated| isolated.waiting.is_empty())
    }

    pub fn push(&mut self, waiting: Waiting) {
        match self.isolated.iter_mut().find(|isolated| isolated.suspect.is_of(&waiting.new)) {
            Some(isolated) => isolated.waiting.push_back(waiting),
            None => self.healthy.push_back(waiting),
        }
    }

    /// Lets messages of `suspect` wait in batches of their own, until [`Queue::release`].
    pub fn isolate(&mut self, suspect: Suspect) {
        if self.isolated.iter().any(|isolated| isolated.suspect == suspect) {
            return;
        }
        let (waiting, healthy) =
            std::mem::take(&mut self.healthy).into_iter().partition(|waiting| suspect.is_of(&waiting.new));
        self.healthy = healthy;
        // Before the others: most of what a failed batch makes suspect is innocent, and released at
        // its first try.
        self.isolated.push_front(Isolated { suspect, waiting, is_running: false });
    }

    /// `suspect` is none any more: its messages go into batches with others again.
    pub fn release(&mut self, suspect: Suspect) {
        if let Some(place) = self.isolated.iter().position(|isolated| isolated.suspect == suspect)
            && let Some(isolated) = self.isolated.remove(place)
        {
            for waiting in isolated.waiting {
                self.push(waiting);
            }
        }
    }

    /// The batch of `suspect` is over and has failed: it is the last one to be tried again.
    pub fn try_later(&mut self, suspect: Suspect) {
        if let Some(place) = self.isolated.iter().position(|isolated| isolated.suspect == suspect)
            && let Some(mut isolated) = self.isolated.remove(place)
        {
            isolated.is_running = false;
            self.isolated.push_back(isolated);
        }
    }

    /// The next batch of messages without a suspect, behind a batch of `running` messages. Each gets
    /// half of all: two equal batches cost less than a large one and many small ones. Empty if none
    /// wait, or too few yet.
    pub fn next_healthy(&mut self, running: usize) -> Vec<Waiting> {
        let waiting = self.healthy.len();
        if waiting < running {
            return Vec::new();
        }
        let half = (running + waiting).div_ceil(2);
        take_batch(&mut self.healthy, half.clamp(UNDIVIDED_MAX, BATCH_MAX))
    }

    /// The next batch of a suspect that has none running.
    pub fn next_isolated(&mut self) -> Option<(Suspect, Vec<Waiting>)> {
        for isolated in self.isolated.iter_mut().filter(|isolated| !isolated.is_running) {
            let batch = take_batch(&mut isolated.waiting, BATCH_MAX);
            if !batch.is_empty() {
                isolated.is_running = true;
                return Some((isolated.suspect, batch));
            }
        }
        // No message waits for the others: forget them.
        self.isolated.retain(|isolated| isolated.is_running);
        None
    }

    /// Takes out the messages that have waited longer than `wait_max`.
    pub fn take_expired(&mut self, wait_max: Duration) -> Vec<Waiting> {
        let lists = self.isolated.iter_mut().map(|isolated| &mut isolated.waiting);
        let mut expired = Vec::new();
        for list in lists.chain([&mut self.healthy]) {
            let (late, rest): (VecDeque<_>, _) =
                std::mem::take(list).into_iter().partition(|waiting| waiting.since.elapsed() > wait_max);
            *list = rest;
            expired.extend(late);
        }
        expired
    }
}

/// Takes up to `max` messages. Those of cancelled requests are dropped. A second message
/// under the same client id stays for a later batch, which finds the first one stored.
fn take_batch(list: &mut VecDeque<Waiting>, max: usize) -> Vec<Waiting> {
    let (mut batch, mut stays) = (Vec::new(), Vec::new());
    let mut client_ids = HashSet::new();
    while batch.len() < max
        && let Some(waiting) = list.pop_front()
    {
        let new = &waiting.new;
        if waiting.answer.is_closed() {
            continue;
        }
        if new.client_id.as_ref().is_none_or(|id| client_ids.insert((new.sender_id, id.clone()))) {
            batch.push(waiting);
        } else {
            stays.push(waiting);
        }
    }
    for waiting in stays.into_iter().rev() {
        list.push_front(waiting);
    }
    batch
}

#[cfg(test)]
mod tests;
