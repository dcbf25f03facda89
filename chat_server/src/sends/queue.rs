//! A queue whose consumer takes all that has gathered while it was busy. Knows nothing of messages or databases.

use std::{collections::HashSet, hash::Hash, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

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

/// The end that is put into. Clones put into the same queue.
pub struct Producer<T, A>(mpsc::Sender<Waiting<T, A>>);

/// Why an item was not taken in.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    Full,
    Closed,
}

impl<T, A> Producer<T, A> {
    /// Never waits for a place. The answer comes when the item's batch is through; an error in its place means that the
    /// consumer died.
    pub fn put(&self, item: T) -> Result<oneshot::Receiver<A>, Refused> {
        let (answer, answered) = oneshot::channel();
        self.0.try_send(Waiting { item, since: Instant::now(), answer }).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => Refused::Full,
            mpsc::error::TrySendError::Closed(_) => Refused::Closed,
        })?;
        Ok(answered)
    }
}

/// The end that is taken from.
pub struct Consumer<T, A> {
    queue: mpsc::Receiver<Waiting<T, A>>,
    /// Taken out of the queue and not yet in a batch.
    held: Vec<Waiting<T, A>>,
    closing: CancellationToken,
}

/// What is taken at once.
pub struct Batch<T, A> {
    pub items: Vec<Waiting<T, A>>,
    /// Those that have waited for too long, to be answered so.
    pub late: Vec<Waiting<T, A>>,
}

/// At most `length` items wait. Once `closing` is cancelled nothing is taken in any more; what waits is still given out.
pub fn queue<T, A>(length: usize, closing: CancellationToken) -> (Producer<T, A>, Consumer<T, A>) {
    let (sender, receiver) = mpsc::channel(length);
    (Producer(sender), Consumer { queue: receiver, held: Vec::new(), closing })
}

impl<T, A> Consumer<T, A> {
    /// Waits until there is something to take. False: closed, and all is given out.
    pub async fn ready(&mut self) -> bool {
        while self.held.is_empty() {
            let received = tokio::select! {
                biased;
                () = self.closing.cancelled(), if !self.queue.is_closed() => {
                    self.queue.close();
                    continue;
                }
                received = self.queue.recv() => received,
            };
            match received {
                Some(waiting) => self.held.push(waiting),
                None => return false,
            }
        }
        true
    }

    /// Takes what is there, oldest first, at most `most` items. Of items with the same key one is taken, the others wait
    /// for a batch of their own. Items that nobody waits for any more are dropped.
    pub fn take<K: Hash + Eq>(
        &mut self,
        most: usize,
        longest_wait: Duration,
        key: impl Fn(&T) -> Option<K>,
    ) -> Batch<T, A> {
        let mut batch = Batch { items: Vec::new(), late: Vec::new() };
        let mut keys = HashSet::new();
        let mut held = std::mem::take(&mut self.held).into_iter();
        while batch.items.len() < most {
            let Some(waiting) = held.next().or_else(|| self.queue.try_recv().ok()) else { break };
            if waiting.answer.is_closed() {
                continue;
            }
            if waiting.since.elapsed() > longest_wait {
                batch.late.push(waiting);
            } else if key(&waiting.item).is_some_and(|key| !keys.insert(key)) {
                self.held.push(waiting);
                // Repeats of one item could fill the queue: they stay in order, and the batch goes.
                if self.held.len() >= most {
                    break;
                }
            } else {
                batch.items.push(waiting);
            }
        }
        self.held.extend(held);
        batch
    }
}

#[cfg(all(test, not(feature = "shuttle")))]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(5);

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "what take asks for")]
    fn no_key(_: &u32) -> Option<u32> {
        None
    }

    fn items<A>(batch: Batch<u32, A>) -> (Vec<u32>, Vec<u32>) {
        let items = |waiting: Vec<Waiting<u32, A>>| waiting.into_iter().map(|w| w.item).collect();
        (items(batch.items), items(batch.late))
    }

    #[tokio::test]
    async fn what_gathers_is_taken_at_once_up_to_the_limit() {
        let (producer, mut consumer) = queue::<u32, ()>(10, CancellationToken::new());
        let _answers: Vec<_> = (0..5).map(|n| producer.put(n).unwrap()).collect();
        assert!(consumer.ready().await);
        assert_eq!(items(consumer.take(3, LONG, no_key)).0, [0, 1, 2]);
        assert!(consumer.ready().await);
        assert_eq!(items(consumer.take(3, LONG, no_key)).0, [3, 4]);
    }

    #[tokio::test]
    async fn a_full_queue_refuses() {
        let (producer, mut consumer) = queue::<u32, ()>(2, CancellationToken::new());
        let _answers = (producer.put(1).unwrap(), producer.put(2).unwrap());
        assert_eq!(producer.put(3).unwrap_err(), Refused::Full);
        assert!(consumer.ready().await);
        consumer.take(1, LONG, no_key);
        assert!(producer.put(3).is_ok());
    }

    #[tokio::test]
    async fn the_same_key_comes_in_a_later_batch_and_keeps_its_order() {
        let (producer, mut consumer) = queue::<u32, ()>(10, CancellationToken::new());
        let _answers: Vec<_> = [10, 11, 20, 12, 21].map(|n| producer.put(n).unwrap()).into();
        let tens = |n: &u32| Some(n / 10);
        let mut batches = Vec::new();
        for _ in 0..3 {
            assert!(consumer.ready().await);
            batches.push(items(consumer.take(8, LONG, tens)).0);
        }
        assert_eq!(batches, [vec![10, 20], vec![11, 21], vec![12]]);
    }

    #[tokio::test]
    async fn who_has_gone_is_left_out() {
        let (producer, mut consumer) = queue::<u32, ()>(10, CancellationToken::new());
        drop(producer.put(1).unwrap());
        let _here = producer.put(2).unwrap();
        assert!(consumer.ready().await);
        assert_eq!(items(consumer.take(8, LONG, no_key)).0, [2]);
    }

    #[tokio::test]
    async fn who_has_waited_too_long_is_told_apart() {
        let (producer, mut consumer) = queue::<u32, ()>(10, CancellationToken::new());
        let _answer = producer.put(1).unwrap();
        assert!(consumer.ready().await);
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(items(consumer.take(8, Duration::from_millis(1), no_key)), (vec![], vec![1]));
        let _answer = producer.put(2).unwrap();
        assert!(consumer.ready().await);
        assert_eq!(items(consumer.take(8, LONG, no_key)), (vec![2], vec![]));
    }

    #[tokio::test]
    async fn closing_lets_out_what_is_in_and_nothing_more_in() {
        let closing = CancellationToken::new();
        let (producer, mut consumer) = queue::<u32, ()>(10, closing.clone());
        let _answer = producer.put(1).unwrap();
        closing.cancel();
        assert!(consumer.ready().await);
        assert_eq!(items(consumer.take(8, LONG, no_key)).0, [1]);
        assert!(!consumer.ready().await);
        assert_eq!(producer.put(2).unwrap_err(), Refused::Closed);
    }
}
