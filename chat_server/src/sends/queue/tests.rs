//! Which messages make a batch.

use chat_core::{
    UserId, WorkspaceId,
    text::{ClientId, MessageBody},
};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::*;

const LONG: Duration = Duration::from_secs(5);

struct Desk {
    queue: Queue,
    room: Arc<Semaphore>,
    requests: Vec<oneshot::Receiver<Outcome>>,
}

impl Desk {
    fn new() -> Self {
        Self { queue: Queue::default(), room: Arc::new(Semaphore::new(1000)), requests: Vec::new() }
    }

    fn put(&mut self, shard: u8, chat: u128, client_id: Option<&str>) -> MessageId {
        let new = NewMessage {
            id: MessageId::generate(),
            workspace_id: WorkspaceId(Uuid::from_u128(u128::from(shard))),
            chat_id: ChatId(Uuid::from_u128(chat)),
            sender_id: UserId(Uuid::from_u128(7)),
            body: MessageBody::parse("hello").unwrap(),
            client_id: client_id.map(|id| ClientId::parse(id).unwrap()),
            request_hash: None,
            reply_to: None,
            thread: None,
        };
        let (answer, outcome) = oneshot::channel();
        let (id, room) = (new.id, Arc::clone(&self.room).try_acquire_owned().unwrap());
        self.requests.push(outcome);
        self.queue.push(Waiting { new: Arc::new(new), since: Instant::now(), answer, _room: room });
        id
    }

    fn healthy(&mut self) -> Vec<MessageId> {
        ids(&self.queue.next_healthy(0))
    }

    fn isolated(&mut self) -> Option<(Suspect, Vec<MessageId>)> {
        self.queue.next_isolated().map(|(suspect, batch)| (suspect, ids(&batch)))
    }
}

fn ids(batch: &[Waiting]) -> Vec<MessageId> {
    batch.iter().map(|waiting| waiting.new.id).collect()
}

fn shard(workspace: u128) -> Suspect {
    Suspect::Shard(Shard::of(WorkspaceId(Uuid::from_u128(workspace))))
}

fn chat(chat: u128) -> Suspect {
    Suspect::Chat(ChatId(Uuid::from_u128(chat)))
}

#[test]
fn a_batch_is_half_of_all_up_to_its_limit() {
    let mut desk = Desk::new();
    let put: Vec<_> = (0..3 * BATCH_MAX).map(|_| desk.put(1, 1, None)).collect();
    let (first, rest) = put.split_at(BATCH_MAX);
    assert_eq!(ids(&desk.queue.next_healthy(0)), first);
    assert_eq!(ids(&desk.queue.next_healthy(BATCH_MAX)), rest[..BATCH_MAX]);
    assert_eq!(ids(&desk.queue.next_healthy(BATCH_MAX)), rest[BATCH_MAX..]);
    let put: Vec<_> = (0..UNDIVIDED_MAX).map(|_| desk.put(1, 1, None)).collect();
    assert_eq!(ids(&desk.queue.next_healthy(0)), put, "a few are not divided");
    assert!(desk.queue.is_empty());
    let put: Vec<_> = (0..30).map(|_| desk.put(1, 1, None)).collect();
    assert_eq!(desk.queue.next_healthy(31).len(), 0, "too few for a batch behind that one");
    assert_eq!(ids(&desk.queue.next_healthy(10)), put[..20]);
}

#[test]
fn the_same_client_id_comes_in_a_later_batch_and_keeps_its_order() {
    let mut desk = Desk::new();
    let put = ["a", "a", "b", "a", "b"].map(|id| desk.put(1, 1, Some(id)));
    let batches = [desk.healthy(), desk.healthy(), desk.healthy()];
    assert_eq!(batches, [vec![put[0], put[2]], vec![put[1], put[4]], vec![put[3]]]);
}

#[test]
fn a_suspect_is_in_batches_of_its_own_until_it_is_released() {
    for suspect in [chat(1), shard(1)] {
        let mut desk = Desk::new();
        let before = desk.put(1, 1, None);
        let other = desk.put(2, 2, None);
        desk.queue.isolate(suspect);
        desk.queue.isolate(suspect);
        let after = desk.put(1, 1, None);
        assert_eq!(desk.healthy(), [other]);
        assert_eq!(desk.isolated(), Some((suspect, vec![before, after])));
        let next = desk.put(1, 1, None);
        assert_eq!((desk.healthy(), desk.isolated()), (vec![], None), "one batch of it runs at a time");
        desk.queue.release(suspect);
        assert_eq!(desk.healthy(), [next]);
    }
}

#[test]
fn a_suspect_that_fails_again_comes_after_the_others() {
    let mut desk = Desk::new();
    for number in [1, 2] {
        desk.queue.isolate(chat(number));
        desk.put(1, number, None);
        desk.put(1, number, None);
    }
    let (first, batch) = desk.queue.next_isolated().unwrap();
    assert_eq!(first, chat(2), "the newest suspect is tried first");
    desk.queue.try_later(first);
    for waiting in batch {
        desk.queue.push(waiting);
    }
    assert_eq!(desk.isolated().unwrap().0, chat(1));
    assert_eq!(desk.isolated().unwrap().0, chat(2));
    assert!(desk.isolated().is_none());
}

#[test]
fn a_suspect_without_messages_is_forgotten() {
    let mut desk = Desk::new();
    let id = desk.put(1, 1, None);
    desk.queue.isolate(Suspect::Message(id));
    assert_eq!(desk.isolated(), Some((Suspect::Message(id), vec![id])));
    desk.queue.try_later(Suspect::Message(id));
    assert!(desk.isolated().is_none() && desk.queue.isolated.is_empty() && desk.queue.is_empty());
}

#[test]
fn messages_of_cancelled_requests_are_dropped_and_leave_their_room() {
    let mut desk = Desk::new();
    desk.put(1, 1, None);
    desk.requests.clear();
    let here = desk.put(1, 1, None);
    assert_eq!(desk.healthy(), [here]);
    assert_eq!(desk.room.available_permits(), 1000);
}

#[test]
fn what_has_waited_too_long_is_taken_out_wherever_it_waits() {
    let mut desk = Desk::new();
    desk.queue.isolate(chat(2));
    let put = [desk.put(1, 1, None), desk.put(1, 2, None)];
    assert!(desk.queue.take_expired(LONG).is_empty());
    std::thread::sleep(Duration::from_millis(2));
    let mut expired = ids(&desk.queue.take_expired(Duration::from_millis(1)));
    expired.sort_unstable();
    assert_eq!((expired, desk.queue.is_empty()), (put.to_vec(), true));
}
