//! A queue with several takers. One takes all that has gathered while it was busy, or before that what is enough, to have it
//! at hand then; the others come in when it is busy for long. Knows nothing of messages or databases.

use std::{
    collections::{HashMap, HashSet, VecDeque, hash_map::Entry},
    future::pending,
    hash::Hash,
    pin::pin,
    sync::{Arc, PoisonError},
    time::Duration,
};

#[cfg(not(feature = "shuttle"))]
use std::sync::{Mutex, MutexGuard};

#[cfg(feature = "shuttle")]
use shuttle::sync::{Mutex, MutexGuard};
use tokio::{
    sync::{Notify, oneshot},
    time::{Instant, timeout},
};

/// Batches that a taker has at once, at most: one that is being stored and one that is at hand when it has been.
pub const DEPTH: usize = 2;

/// What can be put into a queue.
pub trait Item {
    /// Items of the same lane are not under way with two takers at once: the second batch would wait for the first. A lane that has
    /// held up a batch is in none with others until a batch of it alone has come through.
    type Lane: Hash + Eq + Copy;
    /// Items of the same name are not under way together at all.
    type Name: Hash + Eq + Clone;

    fn lane(&self) -> Self::Lane;
    fn name(&self) -> Option<Self::Name>;
}

/// Somebody who waits for what becomes of an item.
pub struct Waiting<T, A> {
    pub item: T,
    since: Instant,
    answer: oneshot::Sender<A>,
}

impl<T, A> Waiting<T, A> {
    /// Whoever has gone away meanwhile misses it.
    pub fn answer(self, answer: A) {
        let _ = self.answer.send(answer);
    }
}

/// Why an item was not taken in.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    Full,
    Closed,
}

/// Clones are the same queue.
pub struct Queue<T: Item, A>(Arc<Shared<T, A>>);

struct Shared<T: Item, A> {
    length: usize,
    head_start: Duration,
    state: Mutex<State<T, A>>,
    /// There may be something for a taker.
    ready: Notify,
}

struct State<T: Item, A> {
    /// Oldest first.
    waiting: VecDeque<Waiting<T, A>>,
    /// Of all batches under way: in how many each is.
    lanes: HashMap<T::Lane, usize>,
    names: HashSet<T::Name>,
    /// When they were taken; the last is the latest.
    batches: Vec<Instant>,
    /// Those that have held up a batch.
    troubled: HashSet<T::Lane>,
    /// Items in all batches under way.
    under_way: usize,
    /// Items that are worth a batch behind another: its share of all that were there when the last batch ended. Two batches of a size cost
    /// less than a large one and some small ones, and whoever is answered may come again.
    enough: usize,
    /// A taker would have a second batch as soon as it is large enough.
    gathering: Option<Gathering<T>>,
    /// A taker looks when the last batch has had its head start.
    is_watched: bool,
    is_closed: bool,
}

/// What a taker waits for while its batch is under way.
struct Gathering<T: Item> {
    lanes: Arc<HashSet<T::Lane>>,
    /// Items until there are enough.
    missing: usize,
    told: Arc<Notify>,
}

/// A batch that is under way, as whoever comes behind it sees it.
pub struct Ahead<T: Item> {
    since: Instant,
    lanes: Arc<HashSet<T::Lane>>,
}

/// What is taken at once.
pub struct Batch<T: Item, A> {
    pub items: Vec<Waiting<T, A>>,
    /// Those that have waited for too long, to be answered so.
    pub late: Vec<Waiting<T, A>>,
    /// The batch is under way until this is dropped.
    pub under_way: UnderWay<T, A>,
}

/// Keeps others of the same lanes and names waiting.
pub struct UnderWay<T: Item, A> {
    queue: Queue<T, A>,
    size: usize,
    since: Instant,
    lanes: Arc<HashSet<T::Lane>>,
    names: Vec<T::Name>,
}

impl<T: Item, A> UnderWay<T, A> {
    /// One of its lanes has held it up, or none has.
    pub fn held_up(&self, is_held_up: bool) {
        let mut state = self.queue.state();
        if is_held_up {
            state.troubled.extend(self.lanes.iter());
        } else {
            state.troubled.retain(|lane| !self.lanes.contains(lane));
        }
    }

    pub fn ahead(&self) -> Ahead<T> {
        Ahead { since: self.since, lanes: Arc::clone(&self.lanes) }
    }
}

impl<T: Item, A> Clone for Queue<T, A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Item, A> Queue<T, A> {
    /// At most `length` items wait. While a batch is under way, the next gathers for at least `head_start`.
    pub fn new(length: usize, head_start: Duration) -> Self {
        let state = State {
            waiting: VecDeque::new(),
            lanes: HashMap::new(),
            names: HashSet::new(),
            batches: Vec::new(),
            troubled: HashSet::new(),
            under_way: 0,
            enough: 1,
            gathering: None,
            is_watched: false,
            is_closed: false,
        };
        Self(Arc::new(Shared { length, head_start, state: Mutex::new(state), ready: Notify::new() }))
    }

    /// Never waits for a place. The answer comes when the item's batch is through; an error in its place means that the
    /// taker died.
    ///
    /// # Errors
    /// There is no place, or the queue is closed.
    pub fn put(&self, item: T) -> Result<oneshot::Receiver<A>, Refused> {
        let (answer, answered) = oneshot::channel();
        let mut state = self.state();
        if state.is_closed {
            return Err(Refused::Closed);
        }
        if state.waiting.len() >= self.0.length {
            return Err(Refused::Full);
        }
        let lane = item.lane();
        state.waiting.push_back(Waiting { item, since: Instant::now(), answer });
        let enough = state.gathered(lane);
        let somebody_will_look = state.is_watched && !state.batches.is_empty();
        drop(state);
        if let Some(enough) = enough {
            enough.notify_one();
        } else if !somebody_will_look {
            self.0.ready.notify_one();
        }
        Ok(answered)
    }

    /// Of a batch that is still under way, for another: they come first again and have waited for as long as they have.
    pub fn put_back(&self, items: Vec<Waiting<T, A>>) {
        let mut state = self.state();
        for waiting in items.into_iter().rev() {
            state.waiting.push_front(waiting);
        }
        state.gathering = None; // counted without these
    }

    /// For the taker of `ahead`, while that is under way: waits until enough have gathered, and takes them. Only items of its
    /// lanes, which have to wait for it anyway, and none if others wait too, so that all come first who came first. Not if
    /// `ahead` is held up. Without an end if nothing is to be had; may be dropped at any time.
    pub async fn take_behind(&self, ahead: &Ahead<T>, most: usize, longest_wait: Duration) -> Batch<T, A> {
        let gathers = Gathers { queue: self, told: Arc::new(Notify::new()) };
        let mut is_told = false;
        loop {
            match self.take_behind_now(ahead, most, longest_wait, &gathers.told) {
                Taken::Batch(batch) => return batch,
                Taken::Gathers => gathers.told.notified().await,
                Taken::Later(_) | Taken::Nothing | Taken::Over => {
                    if is_told {
                        self.0.ready.notify_one(); // nobody else was
                    }
                    pending::<()>().await;
                }
            }
            is_told = true;
        }
    }

    fn take_behind_now(
        &self,
        ahead: &Ahead<T>,
        most: usize,
        longest_wait: Duration,
        told: &Arc<Notify>,
    ) -> Taken<T, A> {
        let mut state = self.state();
        let others_may_come = ahead.since.elapsed() >= self.0.head_start;
        if others_may_come
            || ahead.lanes.iter().any(|lane| state.troubled.contains(lane))
            || !state.waiting.iter().all(|waiting| ahead.lanes.contains(&waiting.item.lane()))
        {
            return Taken::Nothing;
        }
        match state.enough.checked_sub(state.waiting.len()) {
            None | Some(0) => self.form(state, most, longest_wait, Some(&ahead.lanes)),
            Some(missing) => {
                let (lanes, told) = (Arc::clone(&ahead.lanes), Arc::clone(told));
                state.gathering = Some(Gathering { lanes, missing, told });
                Taken::Gathers
            }
        }
    }

    /// Nothing is taken in any more; what waits is still given out.
    pub fn close(&self) {
        self.state().is_closed = true;
        self.0.ready.notify_waiters();
    }

    /// Waits until there is something that is not held up by another batch, and takes it: oldest first, at most `most`.
    /// Items that nobody waits for any more are dropped. None: closed, and all is given out.
    pub async fn take(&self, most: usize, longest_wait: Duration) -> Option<Batch<T, A>> {
        loop {
            let mut woken = pin!(self.0.ready.notified());
            // From here on nothing that comes is missed.
            woken.as_mut().enable();
            match self.take_now(most, longest_wait) {
                Taken::Batch(batch) => return Some(batch),
                Taken::Over => return None,
                Taken::Nothing | Taken::Gathers => woken.await,
                Taken::Later(wait) => {
                    let _watch = Watch(self);
                    let _ = timeout(wait, woken).await; // whichever comes first: it looks again
                }
            }
        }
    }

    fn take_now(&self, most: usize, longest_wait: Duration) -> Taken<T, A> {
        let mut state = self.state();
        if state.waiting.is_empty() {
            return if state.is_closed { Taken::Over } else { Taken::Nothing };
        }
        if let Some(last) = state.batches.last()
            && let Some(wait) = self.0.head_start.checked_sub(last.elapsed())
            && !wait.is_zero()
        {
            if state.is_watched {
                return Taken::Nothing;
            }
            state.is_watched = true;
            return Taken::Later(wait);
        }
        self.form(state, most, longest_wait, None)
    }

    /// A batch of what waits and is not held up by another; its taker may be busy with `mine`.
    fn form(
        &self,
        mut guard: MutexGuard<'_, State<T, A>>,
        most: usize,
        longest_wait: Duration,
        mine: Option<&HashSet<T::Lane>>,
    ) -> Taken<T, A> {
        let state = &mut *guard;
        let (mut items, mut overdue) = (Vec::new(), Vec::new());
        let (mut lanes, mut names) = (HashSet::new(), Vec::new());
        let mut held = VecDeque::new();
        let mut waiting = std::mem::take(&mut state.waiting).into_iter();
        while items.len() < most {
            let Some(next) = waiting.next() else { break };
            if next.answer.is_closed() {
                continue;
            }
            if next.since.elapsed() > longest_wait {
                overdue.push(next);
                continue;
            }
            let (lane, name) = (next.item.lane(), next.item.name());
            let is_with_another =
                state.lanes.contains_key(&lane) && mine.is_none_or(|mine| !mine.contains(&lane));
            let is_under_way =
                is_with_another || name.as_ref().is_some_and(|name| state.names.contains(name));
            // A troubled lane begins a batch or waits, and its batch has no other lane.
            let is_alone =
                state.troubled.contains(&lane) || lanes.iter().any(|lane| state.troubled.contains(lane));
            let has_others = lanes.iter().any(|other| *other != lane);
            if is_under_way || (is_alone && has_others) {
                held.push_back(next);
                continue;
            }
            lanes.insert(lane);
            if let Some(name) = name {
                state.names.insert(name.clone());
                names.push(name);
            }
            items.push(next);
        }
        held.extend(waiting);
        state.waiting = held;
        if items.is_empty() && overdue.is_empty() {
            // What is held is looked at again when its batch is over.
            return if state.is_closed && state.waiting.is_empty() { Taken::Over } else { Taken::Nothing };
        }
        for lane in &lanes {
            *state.lanes.entry(*lane).or_default() += 1;
        }
        let since = Instant::now();
        state.batches.push(since);
        state.under_way += items.len();
        let is_more = !state.waiting.is_empty() && !state.is_watched;
        drop(guard);
        if is_more {
            self.0.ready.notify_one();
        }
        let (size, lanes) = (items.len(), Arc::new(lanes));
        let under_way = UnderWay { queue: self.clone(), size, since, lanes, names };
        Taken::Batch(Batch { items, late: overdue, under_way })
    }

    fn state(&self) -> MutexGuard<'_, State<T, A>> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Item, A> State<T, A> {
    /// Who is to be told that with one more item of `lane` there are enough.
    fn gathered(&mut self, lane: T::Lane) -> Option<Arc<Notify>> {
        let gathering = self.gathering.as_mut()?;
        if gathering.lanes.contains(&lane) {
            gathering.missing -= 1;
            if gathering.missing > 0 {
                return None;
            }
            return self.gathering.take().map(|gathering| gathering.told);
        }
        self.gathering = None; // others wait: all are taken together
        None
    }
}

enum Taken<T: Item, A> {
    Batch(Batch<T, A>),
    /// Not before the last batch has had its head start, or is over.
    Later(Duration),
    /// Not before enough has gathered.
    Gathers,
    Nothing,
    Over,
}

/// Somebody waits until enough has gathered.
struct Gathers<'a, T: Item, A> {
    queue: &'a Queue<T, A>,
    told: Arc<Notify>,
}

impl<T: Item, A> Drop for Gathers<'_, T, A> {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        if state.gathering.as_ref().is_some_and(|gathering| Arc::ptr_eq(&gathering.told, &self.told)) {
            state.gathering = None;
            return;
        }
        let is_more = !state.waiting.is_empty();
        drop(state);
        if is_more {
            // Whoever put in the last of it has told this taker alone.
            self.queue.0.ready.notify_one();
        }
    }
}

/// Somebody waits for the end of a head start.
struct Watch<'a, T: Item, A>(&'a Queue<T, A>);

impl<T: Item, A> Drop for Watch<'_, T, A> {
    fn drop(&mut self) {
        self.0.state().is_watched = false;
    }
}

impl<T: Item, A> Drop for UnderWay<T, A> {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        for lane in &*self.lanes {
            if let Entry::Occupied(mut count) = state.lanes.entry(*lane) {
                *count.get_mut() -= 1;
                if *count.get() == 0 {
                    count.remove();
                }
            }
        }
        for name in &self.names {
            state.names.remove(name);
        }
        state.enough = ((state.under_way + state.waiting.len()) / DEPTH).max(1);
        state.under_way -= self.size;
        if let Some(mine) = state.batches.iter().position(|since| *since == self.since) {
            state.batches.remove(mine);
        }
        let (is_more, is_closed) = (!state.waiting.is_empty(), state.is_closed);
        drop(state);
        if is_closed {
            // Whoever waits for the last of it as well.
            self.queue.0.ready.notify_waiters();
        }
        if is_more {
            self.queue.0.ready.notify_one();
        }
    }
}

/// What tests put in: its lane, its name and a number.
#[cfg(test)]
pub type Sent = (u32, Option<u32>, u32);

#[cfg(test)]
impl Item for Sent {
    type Lane = u32;
    type Name = u32;

    fn lane(&self) -> u32 {
        self.0
    }

    fn name(&self) -> Option<u32> {
        self.1
    }
}

#[cfg(all(test, not(feature = "shuttle")))]
mod tests;
