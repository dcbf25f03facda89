//! What this node remembers of the database, so that chat lists and tokens cost no query: right on every node, because
//! whatever changes it is in the event log. This node's own writes are forgotten before they are answered, everybody
//! else's when the tail of the log brings them; while the tail is behind, nothing remembered is used.

mod lists;

use std::{
    collections::HashMap,
    future::Future,
    hash::{BuildHasher as _, Hash, RandomState},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use chat_core::{ChatId, SessionId, UserId, WorkspaceId, event::Cached};
use event_log::{LogRow, TailHealth};
use moka::sync::Cache;
use sqlx::PgPool;

pub use self::lists::{KeptList, ListKey};
use self::lists::{Lists, Sources};
use crate::{
    conditional::Tagged,
    db::{
        self,
        chats::ChatWithLast,
        members::Membership,
        sessions::{self, Bearer},
    },
    error::Result,
};

/// A bound on how long anything is remembered; not what makes it right.
const TIME_TO_LIVE: Duration = Duration::from_secs(600);
/// How long the tail of the log may have been silent; it reads several times a second.
pub const TAIL_FRESH: Duration = Duration::from_secs(2);
const CHATS_MAX: u64 = 50_000;
const USERS_MAX: u64 = 20_000;
const SESSIONS_MAX: u64 = 50_000;
/// A changed key spoils the loads under way, and what was made, of the keys that share its stripe.
const STRIPES: usize = 4096;

/// Values by key, with a guard against a slow read that would put back what has changed since it began.
struct Remembered<K, V> {
    values: Cache<K, V>,
    changes: Vec<AtomicU64>,
    hasher: RandomState,
}

impl<K, V> Remembered<K, V>
where
    K: Hash + Eq + Copy + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn new(capacity: u64) -> Self {
        Self {
            values: Cache::builder().max_capacity(capacity).time_to_live(TIME_TO_LIVE).build(),
            changes: (0..STRIPES).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::new(),
        }
    }

    fn stripe(&self, key: &K) -> usize {
        usize::try_from(self.hasher.hash_one(key) % STRIPES as u64).unwrap_or(0)
    }

    /// To be taken before the read whose result is offered to [`Remembered::keep`].
    fn mark(&self, key: &K) -> u64 {
        self.mark_of(self.stripe(key))
    }

    fn mark_of(&self, stripe: usize) -> u64 {
        self.changes[stripe].load(Ordering::SeqCst)
    }

    fn keep(&self, key: K, value: V, mark: u64) {
        if self.mark(&key) == mark {
            self.values.insert(key, value);
            // The change may have come between the check and the insert.
            if self.mark(&key) != mark {
                self.forget(&key);
            }
        }
    }

    fn forget(&self, key: &K) {
        let _change = Change::begin(std::slice::from_ref(&self.changes[self.stripe(key)]));
        self.values.invalidate(key);
    }

    fn forget_all(&self) {
        let _change = Change::begin(&self.changes);
        self.values.invalidate_all();
    }

    /// The load is boxed, since it is rare and would make the future of each request larger by itself.
    async fn get_or_load<F: Future<Output = Result<V>>>(
        &self,
        usable: bool,
        key: K,
        load: impl FnOnce() -> F,
    ) -> Result<V> {
        if !usable {
            return Box::pin(load()).await;
        }
        if let Some(value) = self.values.get(&key) {
            return Ok(value);
        }
        let mark = self.mark(&key);
        let value = Box::pin(load()).await?;
        self.keep(key, value.clone(), mark);
        Ok(value)
    }
}

/// Moves the marks before a value goes and once more after it has gone: until then somebody may have got the old value
/// and a mark that was moved already, and made something of it. Also if whoever forgets panics in between.
struct Change<'a>(&'a [AtomicU64]);

impl<'a> Change<'a> {
    fn begin(marks: &'a [AtomicU64]) -> Self {
        let this = Self(marks);
        this.move_marks();
        this
    }

    fn move_marks(&self) {
        for mark in self.0 {
            mark.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        self.move_marks();
    }
}

/// A moment in what is known of a session.
#[derive(Clone, Copy, Debug)]
pub struct SessionMark {
    stripe: usize,
    mark: u64,
}

/// Everything that is remembered.
pub struct Caches {
    chats: Remembered<ChatId, Arc<ChatWithLast>>,
    memberships: Remembered<UserId, Arc<Vec<Membership>>>,
    sessions: Remembered<(SessionId, UserId), Option<Bearer>>,
    lists: Lists,
    /// Whether the tail of the log is being followed.
    current: AtomicBool,
    /// How well it is: a read that hangs is noticed here first.
    tail: TailHealth,
}

impl Caches {
    pub fn new(tail: TailHealth) -> Self {
        Self {
            chats: Remembered::new(CHATS_MAX),
            memberships: Remembered::new(USERS_MAX),
            sessions: Remembered::new(SESSIONS_MAX),
            lists: Lists::new(),
            current: AtomicBool::new(false),
            tail,
        }
    }

    /// Says whether the tail is following the log. When it begins to again, what was remembered before is forgotten.
    pub fn set_current(&self, current: bool) {
        if current && !self.current.load(Ordering::SeqCst) {
            self.forget_all(); // before any of it is used again
        }
        self.current.store(current, Ordering::SeqCst);
    }

    fn is_usable(&self) -> bool {
        self.current.load(Ordering::SeqCst) && self.tail.is_fresh(TAIL_FRESH)
    }

    pub fn forget_all(&self) {
        self.chats.forget_all();
        self.memberships.forget_all();
        self.sessions.forget_all();
    }

    /// A chat's shape, newest message or members changed, and with the members the chat lists of `users`.
    pub fn forget_chat(&self, chat: ChatId, users: &[UserId]) {
        self.chats.forget(&chat);
        for user in users {
            self.memberships.forget(user);
        }
    }

    pub fn forget_session(&self, session: SessionId, user: UserId) {
        self.sessions.forget(&(session, user));
    }

    /// A user's role or activity changed, which each of their sessions remembers.
    pub fn forget_users(&self) {
        self.sessions.forget_all();
    }

    /// Forgets what an event of the log has changed.
    pub fn apply(&self, row: &LogRow) {
        for cached in row.effect().invalidates {
            match cached {
                Cached::Chat => row.chat_id.iter().for_each(|chat| self.chats.forget(chat)),
                Cached::Memberships => {
                    row.user_id.iter().chain(&row.users).for_each(|user| self.memberships.forget(user));
                }
                Cached::Session => {
                    if let (Some(session), Some(user)) = (row.session_id, row.user_id) {
                        self.forget_session(session, user);
                    }
                }
                Cached::SessionsOfUser => self.forget_users(),
                Cached::Everything => self.forget_all(),
            }
        }
    }

    /// What tells whether a bearer is what they were. To be taken before [`Caches::bearer`].
    pub fn session_mark(&self, session: SessionId, user: UserId) -> SessionMark {
        let stripe = self.sessions.stripe(&(session, user));
        SessionMark { stripe, mark: self.sessions.mark_of(stripe) }
    }

    /// Whether what was known of a bearer counts still.
    pub fn is_unchanged(&self, session: SessionMark) -> bool {
        self.is_usable() && self.sessions.mark_of(session.stripe) == session.mark
    }

    /// What the bearer of a token may do, None if nothing any more.
    pub async fn bearer(
        &self,
        db: &PgPool,
        session: SessionId,
        user: UserId,
        workspace: WorkspaceId,
    ) -> Result<Option<Bearer>> {
        let load = async || Ok(sessions::find_bearer(db, session, user, workspace).await?);
        self.sessions.get_or_load(self.is_usable(), (session, user), load).await
    }

    /// A user's memberships, newest chat first.
    pub async fn memberships(&self, db: &PgPool, user: UserId) -> Result<Arc<Vec<Membership>>> {
        let load = async || Ok(Arc::new(db::members::list_of_user(db, user, db::chats::PER_USER_MAX).await?));
        self.memberships.get_or_load(self.is_usable(), user, load).await
    }

    /// A page of a chat list as it was sent before, if nothing that it was made of has changed.
    pub fn list(&self, key: &ListKey) -> Option<Arc<KeptList>> {
        if self.is_usable() { self.lists.find(key, |sources| self.stamp(sources)) } else { None }
    }

    /// What a page of a user's list will be made of. To be taken before their memberships are read.
    pub fn sources_of(&self, user: UserId) -> Sources {
        let member = self.memberships.stripe(&user);
        Sources { member, chats: Vec::new(), stamp: self.memberships.mark_of(member) }
    }

    /// These as well. To be called before the chats are read.
    pub fn add_sources(&self, sources: &mut Sources, chats: &[ChatId]) {
        sources.chats = chats.iter().map(|chat| self.chats.stripe(chat)).collect();
        let marks = sources.chats.iter().map(|stripe| self.chats.mark_of(*stripe));
        sources.stamp = marks.fold(sources.stamp, u64::wrapping_add);
    }

    /// Remembers a page, unless what it was made of has changed since.
    pub fn keep_list(&self, key: ListKey, sources: Sources, list: Tagged) {
        if self.is_usable() && self.stamp(&sources) == sources.stamp {
            self.lists.keep(key, sources, list);
        }
    }

    fn stamp(&self, sources: &Sources) -> u64 {
        let member = self.memberships.mark_of(sources.member);
        sources.chats.iter().map(|stripe| self.chats.mark_of(*stripe)).fold(member, u64::wrapping_add)
    }

    /// Chats by id; those that are not remembered come by one query. Deleted ones are left out.
    pub async fn chats(&self, db: &PgPool, ids: &[ChatId]) -> Result<HashMap<ChatId, Arc<ChatWithLast>>> {
        let usable = self.is_usable();
        let mut found = HashMap::with_capacity(ids.len());
        let mut missing = Vec::new();
        for id in ids {
            match if usable { self.chats.values.get(id) } else { None } {
                Some(chat) => {
                    found.insert(*id, chat);
                }
                None => missing.push((*id, self.chats.mark(id))),
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        let missing_ids: Vec<ChatId> = missing.iter().map(|(id, _)| *id).collect();
        let marks: HashMap<ChatId, u64> = missing.into_iter().collect();
        for chat in db::chats::list_with_last(db, &missing_ids).await? {
            let (id, chat) = (chat.chat.id, Arc::new(chat));
            if usable {
                self.chats.keep(id, Arc::clone(&chat), marks[&id]);
            }
            found.insert(id, chat);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use chat_core::lifecycle::Lifecycle;
    use event_log::{Tail, TailEvent};
    use private_postgres::testing::TestDatabase;

    use super::*;

    #[test]
    fn a_slow_read_does_not_put_back_what_changed_meanwhile() {
        let cache: Remembered<u32, &str> = Remembered::new(10);
        let mark = cache.mark(&1);
        cache.forget(&1); // the change comes while the old value is being read
        cache.keep(1, "old", mark);
        assert_eq!(cache.values.get(&1), None);
        cache.keep(1, "new", cache.mark(&1));
        assert_eq!(cache.values.get(&1), Some("new"));
    }

    #[tokio::test]
    async fn a_bearer_is_known_while_the_log_is_followed_and_says_nothing_of_them() {
        let database = TestDatabase::new().await.unwrap();
        let (mut tail, health) = Tail::start(database.url(), &Lifecycle::new()).unwrap();
        let caches = Caches::new(health);
        let (session, user) = (SessionId::generate(), UserId::generate());
        let mark = || caches.session_mark(session, user);
        let before = mark();
        let following = async { while !matches!(tail.next().await, TailEvent::Gap { .. }) {} };
        let checks = async {
            while !caches.tail.is_fresh(TAIL_FRESH) {
                tokio::task::yield_now().await;
            }
            assert!(!caches.is_unchanged(mark()), "nobody forgets what changes yet");
            caches.set_current(true);
            assert!(!caches.is_unchanged(before) && caches.is_unchanged(mark()));
            for forget in [|c: &Caches, s, u| c.forget_session(s, u), |c: &Caches, _, _| c.forget_users()] {
                let before = mark();
                forget(&caches, session, user);
                assert!(!caches.is_unchanged(before) && caches.is_unchanged(mark()));
            }
            caches.set_current(false);
            assert!(!caches.is_unchanged(mark()));
        };
        tokio::select! {
            () = following => panic!("a gap"),
            () = checks => {}
        }
    }

    #[test]
    fn what_was_made_of_a_value_while_it_was_going_does_not_count() {
        let cache: Remembered<u32, &str> = Remembered::new(10);
        let change = Change::begin(std::slice::from_ref(&cache.changes[cache.stripe(&1)]));
        let mark_meanwhile = cache.mark(&1); // and with it, perhaps, the old value
        drop(change);
        assert_ne!(cache.mark(&1), mark_meanwhile);
        let mark = cache.mark(&1);
        cache.forget_all();
        assert_ne!(cache.mark(&1), mark);
    }
}
