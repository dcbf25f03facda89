//! A queue with several takers. One takes all that has gathered while it was busy; the others come in when it is busy for long.
//! Knows nothing of messages or databases.

use std::{
    collections::{HashSet, VecDeque},
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

/// What can be put into a queue.
pub trait Item {
    /// Items of the same lane are not under way in two batches at once: the second batch would wait for the first. A lane that has
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
    /// Of all batches under way.
    lanes: HashSet<T::Lane>,
    names: HashSet<T::Name>,
    /// When they were taken; the last is the latest.
    batches: Vec<Instant>,
    /// Those that have held up a batch.
    troubled: HashSet<T::Lane>,
    /// A taker looks when the last batch has had its head start.
    is_watched: bool,
    is_closed: bool,
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
    since: Instant,
    lanes: HashSet<T::Lane>,
    names: Vec<T::Name>,
}

impl<T: Item, A> UnderWay<T, A> {
    /// One of its lanes has held it up, or none has.
    pub fn held_up(&self, is_held_up: bool) {
        let mut state = self.queue.state();
        if is_held_up {
            state.troubled.extend(&self.lanes);
        } else {
            state.troubled.retain(|lane| !self.lanes.contains(lane));
        }
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
            lanes: HashSet::new(),
            names: HashSet::new(),
            batches: Vec::new(),
            troubled: HashSet::new(),
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
        state.waiting.push_back(Waiting { item, since: Instant::now(), answer });
        let somebody_will_look = state.is_watched && !state.batches.is_empty();
        drop(state);
        if !somebody_will_look {
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
                Taken::Nothing => woken.await,
                Taken::Later(wait) => {
                    let _watch = Watch(self);
                    let _ = timeout(wait, woken).await; // whichever comes first: it looks again
                }
            }
        }
    }

    fn take_now(&self, most: usize, longest_wait: Duration) -> Taken<T, A> {
        let mut guard = self.state();
        let state = &mut *guard;
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
            let is_under_way =
                state.lanes.contains(&lane) || name.as_ref().is_some_and(|name| state.names.contains(name));
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
        state.lanes.extend(&lanes);
        let since = Instant::now();
        state.batches.push(since);
        let is_more = !state.waiting.is_empty() && !state.is_watched;
        drop(guard);
        if is_more {
            self.0.ready.notify_one();
        }
        let under_way = UnderWay { queue: self.clone(), since, lanes, names };
        Taken::Batch(Batch { items, late: overdue, under_way })
    }

    fn state(&self) -> MutexGuard<'_, State<T, A>> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Taken<T: Item, A> {
    Batch(Batch<T, A>),
    /// Not before the last batch has had its head start, or is over.
    Later(Duration),
    Nothing,
    Over,
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
        for lane in &self.lanes {
            state.lanes.remove(lane);
        }
        for name in &self.names {
            state.names.remove(name);
        }
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
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    const LONG: Duration = Duration::from_secs(5);

    /// None: nothing is to be had now. The batch is over at once.
    fn take(queue: &Queue<Sent, ()>, most: usize, longest_wait: Duration) -> Option<(Vec<u32>, Vec<u32>)> {
        let batch = queue.take(most, longest_wait).now_or_never()??;
        let numbers = |waiting: &[Waiting<Sent, ()>]| waiting.iter().map(|w| w.item.2).collect();
        Some((numbers(&batch.items), numbers(&batch.late)))
    }

    #[tokio::test]
    async fn what_gathers_is_taken_at_once_up_to_the_limit() {
        let queue = Queue::new(10, Duration::ZERO);
        let _answers: Vec<_> = (0..5).map(|n| queue.put((n, None, n)).unwrap()).collect();
        assert_eq!(take(&queue, 3, LONG), Some((vec![0, 1, 2], vec![])));
        assert_eq!(take(&queue, 3, LONG), Some((vec![3, 4], vec![])));
        assert_eq!(take(&queue, 3, LONG), None);
    }

    #[tokio::test]
    async fn a_full_queue_refuses() {
        let queue = Queue::new(2, Duration::ZERO);
        let _answers = (queue.put((1, None, 1)).unwrap(), queue.put((1, None, 2)).unwrap());
        assert_eq!(queue.put((1, None, 3)).unwrap_err(), Refused::Full);
        take(&queue, 1, LONG).unwrap();
        assert!(queue.put((1, None, 3)).is_ok());
    }

    #[tokio::test]
    async fn the_same_name_comes_in_a_later_batch_and_keeps_its_order() {
        let queue = Queue::new(10, Duration::ZERO);
        let _answers: Vec<_> = [10, 11, 20, 12, 21].map(|n| queue.put((1, Some(n / 10), n)).unwrap()).into();
        let batches: Vec<_> = (0..3).map(|_| take(&queue, 8, LONG).unwrap().0).collect();
        assert_eq!(batches, [vec![10, 20], vec![11, 21], vec![12]]);
    }

    #[tokio::test]
    async fn a_lane_or_a_name_that_is_under_way_is_left_to_wait_and_others_pass() {
        let queue = Queue::new(10, Duration::ZERO);
        let put = |send| queue.put(send).unwrap();
        let _first = (put((1, Some(5), 1)), put((1, None, 2)));
        let first = queue.take(8, LONG).now_or_never().unwrap().unwrap();
        assert_eq!(first.items.len(), 2, "a lane may be in a batch twice");
        let _more = (put((1, None, 3)), put((2, Some(5), 4)), put((2, None, 5)));
        assert_eq!(take(&queue, 8, LONG), Some((vec![5], vec![])));
        assert_eq!(take(&queue, 8, LONG), None);
        let mut waiting = pin!(queue.take(8, LONG));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(first);
        assert_eq!(waiting.await.unwrap().items.len(), 2);
    }

    #[tokio::test]
    async fn a_lane_that_has_held_up_a_batch_is_in_one_by_itself_until_it_comes_through() {
        let queue = Queue::<Sent, ()>::new(10, Duration::ZERO);
        let put = |lane| queue.put((lane, None, lane)).unwrap();
        let batch = || queue.take(8, LONG).now_or_never().flatten().unwrap();
        let numbers = |batch: &Batch<Sent, ()>| batch.items.iter().map(|w| w.item.2).collect::<Vec<_>>();
        let _first = (put(1), put(2));
        let first = batch();
        let _next = (put(3), put(1), put(4));
        first.under_way.held_up(true);
        queue.put_back(first.items);
        drop(first.under_way);
        let (one, two, others) = (batch(), batch(), batch());
        assert_eq!([numbers(&one), numbers(&two), numbers(&others)], [vec![1, 1], vec![2], vec![3, 4]]);
        one.under_way.held_up(false);
        two.under_way.held_up(true);
        drop((one, two, others));
        let _last = (put(1), put(3), put(2));
        assert_eq!([numbers(&batch()), numbers(&batch())], [vec![1, 3], vec![2]]);
    }

    #[tokio::test]
    async fn what_comes_beside_a_batch_gathers_until_it_is_over_or_has_had_its_head_start() {
        for head_start in [LONG, Duration::from_millis(1)] {
            let queue = Queue::<Sent, ()>::new(10, head_start);
            let _first = queue.put((1, None, 1)).unwrap();
            let first = queue.take(8, LONG).await.unwrap();
            let _next = (queue.put((2, None, 2)).unwrap(), queue.put((3, None, 3)).unwrap());
            let taken = if head_start == LONG {
                let mut next = pin!(queue.take(8, LONG));
                assert!(next.as_mut().now_or_never().is_none());
                drop(first);
                next.await.unwrap().items.len()
            } else {
                let next = queue.take(8, LONG).await.unwrap().items.len();
                drop(first);
                next
            };
            assert_eq!(taken, 2);
        }
    }

    #[tokio::test]
    async fn who_has_gone_is_left_out() {
        let queue = Queue::new(10, Duration::ZERO);
        drop(queue.put((1, None, 1)).unwrap());
        let _here = queue.put((2, None, 2)).unwrap();
        assert_eq!(take(&queue, 8, LONG), Some((vec![2], vec![])));
    }

    #[tokio::test]
    async fn who_has_waited_too_long_is_told_apart() {
        let queue = Queue::new(10, Duration::ZERO);
        let _answer = queue.put((1, None, 1)).unwrap();
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(take(&queue, 8, Duration::from_millis(1)), Some((vec![], vec![1])));
        let _answer = queue.put((2, None, 2)).unwrap();
        assert_eq!(take(&queue, 8, LONG), Some((vec![2], vec![])));
    }

    #[tokio::test]
    async fn closing_lets_out_what_is_in_and_nothing_more_in() {
        let queue = Queue::<Sent, ()>::new(10, Duration::ZERO);
        let _answers = (queue.put((1, None, 1)).unwrap(), queue.put((1, None, 2)).unwrap());
        let first = queue.take(1, LONG).await.unwrap();
        queue.close();
        assert_eq!(queue.put((2, None, 3)).unwrap_err(), Refused::Closed);
        drop(first);
        let last = queue.take(8, LONG).await.unwrap();
        let mut over = pin!(queue.take(8, LONG));
        assert_eq!((last.items.len(), over.as_mut().now_or_never().is_none()), (1, false));
        drop(last);
        assert!(queue.take(8, LONG).await.is_none());
    }
}
