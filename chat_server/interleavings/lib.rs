//! Senders that meet in a queue of sends, or apart from it, in thousands of orders. Somebody who would wait for ever is a
//! deadlock, which Shuttle reports.
#![cfg(test)]

#[path = "../src/sends/apart.rs"]
mod apart;
#[path = "../src/sends/queue.rs"]
mod queue;

use std::{
    future::Future as _,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize as Count, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use chat_core::ChatId;
use shuttle::{future::block_on, sync::Mutex, thread};

use crate::{
    apart::Apart,
    queue::{Batch, Queue, Refused, Sent, UnderWay, Waiting},
};

/// Orders tried out by each test. The seeds are Shuttle's: a failure prints how to repeat it.
const ORDERS: usize = 1000;
const LONG: Duration = Duration::from_secs(3600);

/// With a clock for time-outs, none of which comes.
fn try_orders(game: impl Fn() + Send + Sync + Copy + 'static) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _clock = runtime.enter();
    shuttle::check_random(game, ORDERS);
    shuttle::check_pct(game, ORDERS, 3);
}

#[test]
fn whoever_is_apart_is_counted_until_they_go() {
    try_orders(|| {
        let apart = Arc::new(Apart::new(4));
        let chat = ChatId::generate();
        let senders: Vec<_> = (0..3)
            .map(|_| {
                let apart = Arc::clone(&apart);
                thread::spawn(move || {
                    let here = apart.enter(chat);
                    thread::yield_now();
                    // Nothing has come through, so nobody is to join a batch.
                    assert!(apart.has(chat));
                    drop(here);
                })
            })
            .collect();
        for sender in senders {
            sender.join().unwrap();
        }
        assert!(!apart.has(chat), "somebody was left behind");
        // As if nobody had been here before.
        let here = apart.enter(chat);
        assert!(apart.has(chat));
        here.came_through();
        assert!(!apart.has(chat));
    });
}

#[test]
fn a_locked_chat_takes_one_place_and_everybody_gets_it_in_turn() {
    static MET: Count = Count::new(0);
    try_orders(|| {
        // Two places, three chats, of which one is asked for twice.
        let apart = Arc::new(Apart::new(4));
        let chats = [ChatId::generate(), ChatId::generate(), ChatId::generate()];
        let (all, of_first) = (Arc::new(Count::new(0)), Arc::new(Count::new(0)));
        let senders: Vec<_> = [0, 0, 1, 2]
            .into_iter()
            .map(|n| {
                let (apart, chat) = (Arc::clone(&apart), chats[n]);
                let (all, of_first) = (Arc::clone(&all), Arc::clone(&of_first));
                thread::spawn(move || {
                    let here = apart.enter(chat);
                    let place = block_on(here.place(LONG)).unwrap();
                    assert!(all.fetch_add(1, Relaxed) < 2, "more have a place than there are");
                    assert!(n > 0 || of_first.fetch_add(1, Relaxed) == 0, "a chat has two places");
                    thread::yield_now();
                    MET.fetch_add(usize::from(all.load(Relaxed) > 1), Relaxed);
                    if n == 0 {
                        of_first.fetch_sub(1, Relaxed);
                    }
                    all.fetch_sub(1, Relaxed);
                    here.came_through();
                    drop(place);
                })
            })
            .collect();
        for sender in senders {
            sender.join().unwrap();
        }
        assert!(chats.iter().all(|chat| !apart.has(*chat)));
    });
    assert!(MET.load(Relaxed) > 0, "one order alone was tried");
}

/// What is under way in all batches.
type All = Arc<Mutex<Vec<Sent>>>;

/// What is to be had behind a batch now, as for somebody who waits for several things and goes on with another.
fn take_behind(queue: &Queue<Sent, u32>, under_way: &UnderWay<Sent, u32>) -> Option<Batch<Sent, u32>> {
    let ahead = under_way.ahead();
    let mut behind = pin!(queue.take_behind(&ahead, 2, LONG));
    let now = behind.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    thread::yield_now();
    match now {
        Poll::Ready(batch) => Some(batch),
        Poll::Pending => None,
    }
}

fn answer(items: Vec<Waiting<Sent, u32>>) {
    for waiting in items {
        let (_, _, number) = waiting.item;
        waiting.answer(number);
    }
}

/// Notes what is under way with a taker who is busy with `mine`.
fn begin(all: &All, mine: &[Sent], items: &[Waiting<Sent, u32>]) -> Vec<Sent> {
    let begun: Vec<Sent> = items.iter().map(|waiting| waiting.item).collect();
    let mut all = all.lock().unwrap();
    for (lane, name, _) in &begun {
        let clashes = |other: &Sent| {
            (other.0 == *lane && !mine.contains(other)) || (name.is_some() && other.1 == *name)
        };
        assert!(!all.iter().any(clashes), "{begun:?} beside {all:?}");
    }
    all.extend(&begun);
    begun
}

/// Takes and answers until the queue is over; its first batch is held up and goes back. How often it was not the only one, and
/// how many it took behind another batch.
fn take(queue: &Queue<Sent, u32>, all: &All) -> (usize, usize) {
    let (mut met, mut behind) = (0, 0);
    let mut is_first = true;
    while let Some(Batch { items, late, under_way }) = block_on(queue.take(2, LONG)) {
        assert!(late.is_empty());
        met += usize::from(!all.lock().unwrap().is_empty());
        let mine = begin(all, &[], &items);
        thread::yield_now();
        let next = take_behind(queue, &under_way);
        let of_next = next.as_ref().map_or_else(Vec::new, |next| begin(all, &mine, &next.items));
        behind += of_next.len();
        all.lock().unwrap().retain(|other| !mine.contains(other));
        under_way.held_up(is_first);
        if is_first {
            queue.put_back(items);
        } else {
            answer(items);
        }
        is_first = false;
        drop(under_way);
        thread::yield_now();
        all.lock().unwrap().retain(|other| !of_next.contains(other));
        if let Some(next) = next {
            answer(next.items);
        }
    }
    (met, behind)
}

#[test]
fn what_is_taken_in_is_answered_though_the_queue_closes_meanwhile() {
    static ANSWERED: Count = Count::new(0);
    static CLOSED: Count = Count::new(0);
    static FULL: Count = Count::new(0);
    static MET: Count = Count::new(0);
    static BEHIND: Count = Count::new(0);
    let game = |head_start: Duration| {
        let queue = Queue::<Sent, u32>::new(3, head_start);
        // The first two share a lane, the last two a name.
        let senders: Vec<_> = [(1, None), (1, None), (2, Some(1)), (3, Some(1))]
            .into_iter()
            .zip(0..)
            .map(|((lane, name), number)| {
                let queue = queue.clone();
                thread::spawn(move || {
                    thread::yield_now();
                    match queue.put((lane, name, number)) {
                        Ok(answer) => {
                            assert_eq!(block_on(answer), Ok(number), "taken in and not answered");
                            ANSWERED.fetch_add(1, Relaxed);
                        }
                        Err(Refused::Closed) => drop(CLOSED.fetch_add(1, Relaxed)),
                        Err(Refused::Full) => drop(FULL.fetch_add(1, Relaxed)),
                    }
                })
            })
            .collect();
        let closer = thread::spawn({
            let queue = queue.clone();
            move || {
                thread::yield_now();
                queue.close();
            }
        });
        let all = All::default();
        let takers: Vec<_> = (0..2)
            .map(|_| {
                let (queue, all) = (queue.clone(), Arc::clone(&all));
                thread::spawn(move || {
                    let (met, behind) = take(&queue, &all);
                    // With a head start that is never over there is one batch at a time.
                    assert!(met == 0 || head_start.is_zero());
                    MET.fetch_add(met, Relaxed);
                    BEHIND.fetch_add(behind, Relaxed);
                })
            })
            .collect();
        for thread in senders.into_iter().chain(takers).chain([closer]) {
            thread.join().unwrap();
        }
        assert_eq!(queue.put((9, None, 9)).err(), Some(Refused::Closed));
    };
    try_orders(move || game(Duration::ZERO));
    try_orders(move || game(LONG));
    let tried = [&ANSWERED, &CLOSED, &FULL, &MET, &BEHIND].map(|count| count.load(Relaxed));
    assert!(!tried.contains(&0), "one of these never happened: {tried:?}");
}

#[test]
fn what_gathers_behind_a_batch_is_taken_by_whoever_has_it() {
    static BEHIND: Count = Count::new(0);
    try_orders(|| {
        // A head start that is never over: nobody else may take.
        let queue = Queue::<Sent, u32>::new(3, LONG);
        let senders: Vec<_> = (0..2)
            .map(|number| {
                let queue = queue.clone();
                thread::spawn(move || {
                    let answer = queue.put((1, None, number)).unwrap();
                    assert_eq!(block_on(answer), Ok(number));
                })
            })
            .collect();
        let first = block_on(queue.take(2, LONG)).unwrap();
        if first.items.len() == 1 {
            let behind = block_on(queue.take_behind(&first.under_way.ahead(), 2, LONG));
            assert_eq!(behind.items.len(), 1);
            answer(behind.items);
            BEHIND.fetch_add(1, Relaxed);
        }
        answer(first.items);
        for sender in senders {
            sender.join().unwrap();
        }
    });
    assert!(BEHIND.load(Relaxed) > 0, "both always came at once");
}
