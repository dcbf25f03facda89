//! Takers and what they get, one step after the other. `chat_server/interleavings` has them at once.

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

#[tokio::test]
async fn as_many_as_are_enough_are_taken_behind_a_batch_and_not_before() {
    let queue = Queue::<Sent, ()>::new(10, LONG);
    let put = |lane, name, number| queue.put((lane, name, number)).unwrap();
    // Four are there when a batch ends: half of them are enough.
    let _before = [1, 2, 3, 4].map(|number| put(1, None, number));
    drop(queue.take(3, LONG).await.unwrap());
    let _first = (put(1, Some(7), 5), put(2, None, 6));
    let first = queue.take(8, LONG).await.unwrap();
    assert_eq!((first.items.len(), queue.state().enough), (3, 2));
    let ahead = first.under_way.ahead();
    let _next = (put(1, None, 3), put(1, Some(7), 4));
    let numbers = |batch: Batch<Sent, ()>| batch.items.iter().map(|w| w.item.2).collect::<Vec<_>>();
    assert_eq!(numbers(queue.take_behind(&ahead, 8, LONG).await), [3], "a name is under way once");
    let mut behind = pin!(queue.take_behind(&ahead, 8, LONG));
    assert!(behind.as_mut().now_or_never().is_none());
    let _more = put(2, None, 5);
    assert_eq!(numbers(behind.await), [5]);
    drop(first);
    assert_eq!(numbers(queue.take(8, LONG).await.unwrap()), [4]);
}

#[tokio::test]
async fn nothing_is_taken_behind_a_batch_that_others_need_not_wait_for() {
    let put = |queue: &Queue<Sent, ()>, lane| queue.put((lane, None, lane)).unwrap();
    for (head_start, is_troubled, next) in [(LONG, false, 2), (LONG, true, 1), (Duration::ZERO, false, 1)] {
        let queue = Queue::new(10, head_start);
        let _first = put(&queue, 1);
        let first = queue.take(8, LONG).await.unwrap();
        first.under_way.held_up(is_troubled);
        let ahead = first.under_way.ahead();
        let mut behind = pin!(queue.take_behind(&ahead, 8, LONG));
        assert!(behind.as_mut().now_or_never().is_none());
        let _next = put(&queue, next);
        assert!(behind.as_mut().now_or_never().is_none(), "lane {next}");
        drop(first);
        assert_eq!(queue.take(8, LONG).await.unwrap().items.len(), 1);
    }
}

#[tokio::test]
async fn who_was_told_that_enough_has_gathered_and_goes_tells_another() {
    let queue = Queue::<Sent, ()>::new(10, LONG);
    let _first = queue.put((1, None, 1)).unwrap();
    let first = queue.take(8, LONG).await.unwrap();
    let mut other = pin!(queue.take(8, LONG));
    assert!(other.as_mut().now_or_never().is_none());
    {
        let ahead = first.under_way.ahead();
        let mut behind = pin!(queue.take_behind(&ahead, 8, LONG));
        assert!(behind.as_mut().now_or_never().is_none());
        let _next = queue.put((1, None, 2)).unwrap();
        assert!(other.as_mut().now_or_never().is_none());
        assert!(!queue.state().is_watched, "the other was told");
    }
    assert!(other.as_mut().now_or_never().is_none());
    assert!(queue.state().is_watched, "nobody was told");
}

#[tokio::test]
async fn who_is_told_too_late_to_take_tells_another() {
    let queue = Queue::<Sent, ()>::new(10, LONG);
    let _first = queue.put((1, None, 1)).unwrap();
    let first = queue.take(8, LONG).await.unwrap();
    let mut other = pin!(queue.take(8, LONG));
    assert!(other.as_mut().now_or_never().is_none());
    let ahead = first.under_way.ahead();
    let mut behind = pin!(queue.take_behind(&ahead, 8, LONG));
    assert!(behind.as_mut().now_or_never().is_none());
    let _next = queue.put((1, None, 2)).unwrap();
    first.under_way.held_up(true);
    assert!(behind.as_mut().now_or_never().is_none());
    assert!(other.as_mut().now_or_never().is_none());
    assert!(queue.state().is_watched, "nobody was told");
}
