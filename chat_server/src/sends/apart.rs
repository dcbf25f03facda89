//! Sends that would hold up a batch: to chats that somebody else keeps locked. Each waits for itself, on the pool of
//! requests.
//!
//! A chat has one place, so that it takes one connection however many send to it, and those who were in a batch with it
//! by accident soon have theirs. With more locked chats than places, the others wait as well, up to the usual limit.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
    time::Duration,
};

#[cfg(not(feature = "shuttle"))]
use std::sync::{Mutex, MutexGuard};

use chat_core::ChatId;
#[cfg(feature = "shuttle")]
use shuttle::sync::{Mutex, MutexGuard};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit},
    time::timeout,
};

/// Most places, and the share of the pool that they may take.
const PLACES_MAX: u32 = 8;
const POOL_SHARE: u32 = 2;

/// Who is apart.
pub struct Apart {
    chats: Mutex<HashMap<ChatId, Waiting>>,
    places: Semaphore,
}

/// Those who send to one chat.
struct Waiting {
    count: usize,
    place: Arc<Semaphore>,
    /// Nothing has come through since a batch was held up: further sends come here at once.
    is_stuck: bool,
}

impl Apart {
    /// `connections`: of the pool.
    pub fn new(connections: u32) -> Self {
        let places = (connections / POOL_SHARE).clamp(1, PLACES_MAX);
        Self { chats: Mutex::default(), places: Semaphore::new(places as usize) }
    }

    /// Whether sends to this chat are to come here rather than into a batch.
    pub fn has(&self, chat: ChatId) -> bool {
        self.chats().get(&chat).is_some_and(|waiting| waiting.is_stuck)
    }

    /// Says that a batch was held up, perhaps by this chat, and that somebody waits for it here.
    pub fn enter(&self, chat: ChatId) -> Here<'_> {
        let mut chats = self.chats();
        let waiting = chats.entry(chat).or_insert_with(|| Waiting {
            count: 0,
            place: Arc::new(Semaphore::new(1)),
            is_stuck: true,
        });
        waiting.count += 1;
        Here { apart: self, chat, place: Arc::clone(&waiting.place) }
    }

    fn chats(&self) -> MutexGuard<'_, HashMap<ChatId, Waiting>> {
        self.chats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who waits for one chat, for as long as this is kept.
pub struct Here<'a> {
    apart: &'a Apart,
    chat: ChatId,
    place: Arc<Semaphore>,
}

/// May send now.
pub struct Place<'a> {
    // The chat's is given back last.
    _any: SemaphorePermit<'a>,
    _of_chat: OwnedSemaphorePermit,
}

impl Here<'_> {
    /// None: it takes too long.
    pub async fn place(&self, wait_max: Duration) -> Option<Place<'_>> {
        let places = async {
            // First the chat's: whoever waits for it takes nobody else's place.
            let of_chat = Arc::clone(&self.place).acquire_owned().await.ok()?;
            Some(Place { _any: self.apart.places.acquire().await.ok()?, _of_chat: of_chat })
        };
        timeout(wait_max, places).await.ok().flatten()
    }

    /// The chat is not locked any more: further sends go into batches again.
    pub fn came_through(&self) {
        if let Some(waiting) = self.apart.chats().get_mut(&self.chat) {
            waiting.is_stuck = false;
        }
    }
}

impl Drop for Here<'_> {
    fn drop(&mut self) {
        let mut chats = self.apart.chats();
        if let Some(waiting) = chats.get_mut(&self.chat) {
            waiting.count -= 1;
            if waiting.count == 0 {
                chats.remove(&self.chat);
            }
        }
    }
}

#[cfg(all(test, not(feature = "shuttle")))]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_millis(1);

    #[tokio::test]
    async fn a_locked_chat_takes_one_place_whoever_sends_to_it() {
        let apart = Apart::new(4);
        let (locked, other) = (ChatId::generate(), ChatId::generate());
        let senders: Vec<_> = (0..10).map(|_| apart.enter(locked)).collect();
        let first = senders[0].place(NOW).await;
        assert!(first.is_some());
        for waiting in &senders[1..] {
            assert!(waiting.place(NOW).await.is_none());
        }
        let bystander = apart.enter(other);
        assert!(bystander.place(NOW).await.is_some());
        drop(first);
        assert!(senders[1].place(NOW).await.is_some());
    }

    #[tokio::test]
    async fn once_a_send_came_through_new_ones_go_into_batches_again() {
        let apart = Apart::new(4);
        let chat = ChatId::generate();
        assert!(!apart.has(chat));
        let (first, second) = (apart.enter(chat), apart.enter(chat));
        assert!(apart.has(chat));
        first.came_through();
        assert!(!apart.has(chat), "the second one waits on, and nobody joins it");
        drop((first, second));
        assert!(!apart.has(chat) && apart.chats().is_empty());
        let _held_up_again = apart.enter(chat);
        assert!(apart.has(chat));
    }
}
