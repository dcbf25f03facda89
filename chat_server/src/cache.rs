//! What this node remembers of the database, so that chat lists and tokens cost no query: right on every node, because
//! whatever changes it is in the event log. This node's own writes are forgotten before they are answered, everybody
//! else's when the tail of the log brings them; while the tail is behind, nothing remembered is used.

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

use chat_core::{ChatId, EventKind, SessionId, UserId, WorkspaceId};
use event_log::{LogRow, TailHealth};
use moka::future::Cache;
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

/// A bound on how long anything is remembered; not what makes it right.
const TIME_TO_LIVE: Duration = Duration::from_secs(600);
/// How long the tail of the log may have been silent; it reads several times a second.
pub const TAIL_FRESH: Duration = Duration::from_secs(2);
const CHATS_MAX: u64 = 50_000;
const USERS_MAX: u64 = 20_000;
const SESSIONS_MAX: u64 = 50_000;
/// A changed key spoils the loads under way of the keys that share its stripe.
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

    fn changes(&self, key: &K) -> &AtomicU64 {
        let stripe = self.hasher.hash_one(key) % STRIPES as u64;
        &self.changes[usize::try_from(stripe).unwrap_or(0)]
    }

    /// To be taken before the read whose result is offered to [`Remembered::keep`].
    fn mark(&self, key: &K) -> u64 {
        self.changes(key).load(Ordering::SeqCst)
    }

    async fn keep(&self, key: K, value: V, mark: u64) {
        if self.mark(&key) == mark {
            self.values.insert(key, value).await;
            // The change may have come between the check and the insert.
            if self.mark(&key) != mark {
                self.values.invalidate(&key).await;
            }
        }
    }

    async fn forget(&self, key: &K) {
        self.changes(key).fetch_add(1, Ordering::SeqCst);
        self.values.invalidate(key).await;
    }

    fn forget_all(&self) {
        for change in &self.changes {
            change.fetch_add(1, Ordering::SeqCst);
        }
        self.values.invalidate_all();
    }

    async fn get_or_load<F: Future<Output = Result<V>>>(&self, usable: bool, key: K, load: F) -> Result<V> {
        if !usable {
            return load.await;
        }
        if let Some(value) = self.values.get(&key).await {
            return Ok(value);
        }
        let mark = self.mark(&key);
        let value = load.await?;
        self.keep(key, value.clone(), mark).await;
        Ok(value)
    }
}

/// Everything that is remembered.
pub struct Caches {
    chats: Remembered<ChatId, Arc<ChatWithLast>>,
    memberships: Remembered<UserId, Arc<Vec<Membership>>>,
    sessions: Remembered<(SessionId, UserId), Option<Bearer>>,
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
            current: AtomicBool::new(false),
            tail,
        }
    }

    /// Says whether the tail is following the log. When it begins to again, what was remembered before is forgotten.
    pub fn set_current(&self, current: bool) {
        if !self.current.swap(current, Ordering::SeqCst) && current {
            self.forget_all();
        }
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
    pub async fn forget_chat(&self, chat: ChatId, users: &[UserId]) {
        self.chats.forget(&chat).await;
        for user in users {
            self.memberships.forget(user).await;
        }
    }

    pub async fn forget_session(&self, session: SessionId, user: UserId) {
        self.sessions.forget(&(session, user)).await;
    }

    /// A user's role or activity changed, which each of their sessions remembers.
    pub fn forget_users(&self) {
        self.sessions.forget_all();
    }

    /// Forgets what an event of the log has changed.
    pub async fn apply(&self, row: &LogRow) {
        match EventKind::parse(&row.kind) {
            Some(EventKind::Tick | EventKind::WorkspaceUpdated | EventKind::UserJoined) => {}
            Some(EventKind::UserUpdated | EventKind::UserDeactivated) => self.forget_users(),
            Some(EventKind::SessionRevoked) => {
                if let (Some(session), Some(user)) = (row.session_id, row.user_id) {
                    self.forget_session(session, user).await;
                }
            }
            Some(EventKind::ChatCreated) => {
                for user in &row.users {
                    self.memberships.forget(user).await;
                }
            }
            Some(
                EventKind::MessageNew
                | EventKind::MessageEdited
                | EventKind::MessageDeleted
                | EventKind::ChatUpdated
                | EventKind::ChatDeleted
                | EventKind::ChatRead
                | EventKind::MemberJoined
                | EventKind::MemberLeft
                | EventKind::MemberUpdated,
            ) => {
                if let Some(chat) = row.chat_id {
                    self.forget_chat(chat, row.user_id.as_slice()).await;
                }
            }
            // Written by a newer server: whatever it means, nothing remembered survives it.
            None => self.forget_all(),
        }
    }

    /// What the bearer of a token may do, None if nothing any more.
    pub async fn bearer(
        &self,
        db: &PgPool,
        session: SessionId,
        user: UserId,
        workspace: WorkspaceId,
    ) -> Result<Option<Bearer>> {
        let load = async { Ok(sessions::find_bearer(db, session, user, workspace).await?) };
        self.sessions.get_or_load(self.is_usable(), (session, user), load).await
    }

    /// A user's memberships, newest chat first.
    pub async fn memberships(&self, db: &PgPool, user: UserId) -> Result<Arc<Vec<Membership>>> {
        let load =
            async { Ok(Arc::new(db::members::list_of_user(db, user, db::chats::PER_USER_MAX).await?)) };
        self.memberships.get_or_load(self.is_usable(), user, load).await
    }

    /// Chats by id; those that are not remembered come by one query. Deleted ones are left out.
    pub async fn chats(&self, db: &PgPool, ids: &[ChatId]) -> Result<HashMap<ChatId, Arc<ChatWithLast>>> {
        let usable = self.is_usable();
        let mut found = HashMap::with_capacity(ids.len());
        let mut missing = Vec::new();
        for id in ids {
            match if usable { self.chats.values.get(id).await } else { None } {
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
                self.chats.keep(id, Arc::clone(&chat), marks[&id]).await;
            }
            found.insert(id, chat);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slow_read_does_not_put_back_what_changed_meanwhile() {
        let cache: Remembered<u32, &str> = Remembered::new(10);
        let mark = cache.mark(&1);
        cache.forget(&1).await; // the change comes while the old value is being read
        cache.keep(1, "old", mark).await;
        assert_eq!(cache.values.get(&1).await, None);
        cache.keep(1, "new", cache.mark(&1)).await;
        assert_eq!(cache.values.get(&1).await, Some("new"));
    }
}
