//! Caches of chats, memberships and sessions, so that chat lists and tokens cost no query.
//!
//! The caches are right on every node, because every change is in the event log. A node invalidates
//! what it writes before it responds. It invalidates what other nodes write when the tail of the
//! log reports it. While the tail is behind, the caches are not used.

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

use crate::{
    db::{
        self,
        chats::ChatWithLast,
        members::Membership,
        sessions::{self, Bearer},
    },
    error::Result,
};

/// An upper bound. Invalidation keeps the values right, not this.
const TIME_TO_LIVE: Duration = Duration::from_secs(600);
/// How old the tail's last read may be. It reads several times a second.
pub const TAIL_FRESH: Duration = Duration::from_secs(2);
/// The most bytes of the memberships of users.
const MEMBERSHIPS_BYTES_MAX: u64 = 64 * 1024 * 1024;
const SESSIONS_MAX: u64 = 50_000;
/// What a cached value takes beside its own fields: its key, and the cache's book-keeping.
const ENTRY_BYTES: usize = 200;
/// Each key has a version, which it shares with the keys of the same hash. An invalidation raises
/// the version, so loads that are in progress for any of these keys are not cached.
const VERSIONS: usize = 4096;

/// Values by key. A slow read cannot put back a value that was invalidated after the read began.
struct GuardedCache<K, V> {
    values: Cache<K, V>,
    versions: Vec<AtomicU64>,
    hasher: RandomState,
}

impl<K, V> GuardedCache<K, V>
where
    K: Hash + Eq + Copy + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// `weigh` says how much of the capacity a value takes.
    fn new(capacity: u64, weigh: fn(&K, &V) -> u32) -> Self {
        let values = Cache::builder().max_capacity(capacity).weigher(weigh).time_to_live(TIME_TO_LIVE);
        Self {
            values: values.build(),
            versions: (0..VERSIONS).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::new(),
        }
    }

    fn counter(&self, key: &K) -> &AtomicU64 {
        let index = self.hasher.hash_one(key) % VERSIONS as u64;
        &self.versions[usize::try_from(index).unwrap_or(0)]
    }

    /// Call this before the database is read, and pass the result to [`GuardedCache::insert`].
    fn version(&self, key: &K) -> u64 {
        self.counter(key).load(Ordering::SeqCst)
    }

    /// Caches a value unless its key was invalidated since `version`.
    fn insert(&self, key: K, value: V, version: u64) {
        if self.version(&key) == version {
            self.values.insert(key, value);
            // The key may have been invalidated between the check and the insert.
            if self.version(&key) != version {
                self.values.invalidate(&key);
            }
        }
    }

    fn invalidate(&self, key: &K) {
        // The version goes first: a load that began earlier must not insert after the removal.
        self.counter(key).fetch_add(1, Ordering::SeqCst);
        self.values.invalidate(key);
    }

    fn invalidate_all(&self) {
        for version in &self.versions {
            version.fetch_add(1, Ordering::SeqCst);
        }
        self.values.invalidate_all();
    }

    /// The future of the load is boxed: a load is rare, and its future would enlarge every
    /// request's.
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
        let version = self.version(&key);
        let value = Box::pin(load()).await?;
        self.insert(key, value.clone(), version);
        Ok(value)
    }
}

fn weight(bytes: usize) -> u32 {
    u32::try_from(ENTRY_BYTES + bytes).unwrap_or(u32::MAX)
}

/// Chats from the cache or the database.
pub struct FoundChats {
    pub chats: HashMap<ChatId, Arc<ChatWithLast>>,
    /// See [`db::chats::ChatsWithLast::no_room_for`].
    pub no_room_for: Option<ChatId>,
}

/// All caches of this node.
pub struct Caches {
    chats: GuardedCache<ChatId, Arc<ChatWithLast>>,
    memberships: GuardedCache<UserId, Arc<Vec<Membership>>>,
    sessions: GuardedCache<(SessionId, UserId, WorkspaceId), Option<Bearer>>,
    /// Whether the tail follows the log.
    current: AtomicBool,
    /// Shows first when a read of the tail hangs.
    tail: TailHealth,
}

impl Caches {
    /// `chats_mb`: the most megabytes of chats.
    pub fn new(tail: TailHealth, chats_mb: u64) -> Self {
        Self {
            chats: GuardedCache::new(chats_mb * 1024 * 1024, |_, chat| weight(chat.bytes())),
            memberships: GuardedCache::new(MEMBERSHIPS_BYTES_MAX, |_, memberships| {
                weight(memberships.len() * size_of::<Membership>())
            }),
            sessions: GuardedCache::new(SESSIONS_MAX, |_, _| 1),
            current: AtomicBool::new(false),
            tail,
        }
    }

    /// Sets whether the tail follows the log. When it starts again, everything is invalidated.
    pub fn set_current(&self, current: bool) {
        if current && !self.current.load(Ordering::SeqCst) {
            self.invalidate_all(); // before any value is used again
        }
        self.current.store(current, Ordering::SeqCst);
    }

    fn is_usable(&self) -> bool {
        self.current.load(Ordering::SeqCst) && self.tail.is_fresh(TAIL_FRESH)
    }

    pub fn invalidate_all(&self) {
        self.chats.invalidate_all();
        self.memberships.invalidate_all();
        self.sessions.invalidate_all();
    }

    /// Invalidates a chat's shape, newest message and members, and the chat lists of `users`.
    pub fn invalidate_chat(&self, chat: ChatId, users: &[UserId]) {
        self.chats.invalidate(&chat);
        for user in users {
            self.memberships.invalidate(user);
        }
    }

    pub fn invalidate_memberships(&self, user: UserId) {
        self.memberships.invalidate(&user);
    }

    pub fn invalidate_session(&self, session: SessionId, user: UserId, workspace: WorkspaceId) {
        self.sessions.invalidate(&(session, user, workspace));
    }

    /// Invalidates all sessions, which hold their user's role and whether the user is active.
    pub fn invalidate_users(&self) {
        self.sessions.invalidate_all();
    }

    /// Invalidates what an event of the log has changed.
    pub fn apply(&self, row: &LogRow) {
        for cached in row.effect().invalidates {
            match cached {
                Cached::Chat => row.chat_id.iter().for_each(|chat| self.chats.invalidate(chat)),
                Cached::Memberships => {
                    row.user_id.iter().chain(&row.users).for_each(|user| self.memberships.invalidate(user));
                }
                Cached::Session => {
                    if let (Some(session), Some(user), Some(workspace)) =
                        (row.session_id, row.user_id, row.workspace_id)
                    {
                        self.invalidate_session(session, user, workspace);
                    }
                }
                Cached::SessionsOfUser => self.invalidate_users(),
                Cached::Everything => self.invalidate_all(),
            }
        }
    }

    /// What the bearer of a token may do; `None` if the session is over.
    pub async fn bearer(
        &self,
        db: &PgPool,
        session: SessionId,
        user: UserId,
        workspace: WorkspaceId,
    ) -> Result<Option<Bearer>> {
        let load = async || Ok(sessions::find_bearer(db, session, user, workspace).await?);
        self.sessions.get_or_load(self.is_usable(), (session, user, workspace), load).await
    }

    /// A user's memberships, newest chat first.
    pub async fn memberships(&self, db: &PgPool, user: UserId) -> Result<Arc<Vec<Membership>>> {
        let load = async || Ok(Arc::new(db::members::list_of_user(db, user, db::chats::PER_USER_MAX).await?));
        self.memberships.get_or_load(self.is_usable(), user, load).await
    }

    /// Chats by id. One query reads those that are not cached. Deleted chats are left out, and those
    /// for which the query's list had no room.
    pub async fn chats(&self, db: &PgPool, ids: &[ChatId]) -> Result<FoundChats> {
        let usable = self.is_usable();
        let mut found = HashMap::with_capacity(ids.len());
        let mut missing = Vec::new();
        for id in ids {
            match if usable { self.chats.values.get(id) } else { None } {
                Some(chat) => {
                    found.insert(*id, chat);
                }
                None => missing.push((*id, self.chats.version(id))),
            }
        }
        if missing.is_empty() {
            return Ok(FoundChats { chats: found, no_room_for: None });
        }
        let missing_ids: Vec<ChatId> = missing.iter().map(|(id, _)| *id).collect();
        let versions: HashMap<ChatId, u64> = missing.into_iter().collect();
        let read = db::chats::list_with_last(db, &missing_ids).await?;
        for chat in read.chats {
            let (id, chat) = (chat.facts.id, Arc::new(chat));
            if usable {
                self.chats.insert(id, Arc::clone(&chat), versions[&id]);
            }
            found.insert(id, chat);
        }
        Ok(FoundChats { chats: found, no_room_for: read.no_room_for })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_read_does_not_put_back_what_changed_meanwhile() {
        type Names = GuardedCache<u32, &'static str>;
        let cache = Names::new(10, |_, _| 1);
        for invalidate in [|c: &Names| c.invalidate(&1), |c: &Names| c.invalidate_all()] {
            let version = cache.version(&1);
            invalidate(&cache); // the change happens while the old value is being read
            cache.insert(1, "old", version);
            assert_eq!(cache.values.get(&1), None);
            cache.insert(1, "new", cache.version(&1));
            assert_eq!(cache.values.get(&1), Some("new"));
        }
    }
}
