//! A random but possible log, and what each user may see of it.

use std::collections::{BTreeSet, HashMap, HashSet};

use chat_core::{ChatId, EventKind, UserId};
use proptest::prelude::*;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::hub::*;

/// Users 0 and 1 have clients, 2 has none.
pub const USERS: usize = 3;

/// An action. Impossible ones (a member joins again) become ticks.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    Say { chat: usize },
    Join { user: usize, chat: usize },
    Leave { user: usize, chat: usize },
    Create { members: [bool; USERS] },
    Delete { chat: usize },
    Read { user: usize, chat: usize },
    Rename,
    Elsewhere,
    Tick,
}

pub fn action() -> impl Strategy<Value = Action> {
    let chat = 0..4_usize;
    prop_oneof![
        20 => chat.clone().prop_map(|chat| Action::Say { chat }),
        3 => (0..USERS, chat.clone()).prop_map(|(user, chat)| Action::Join { user, chat }),
        3 => (0..USERS, chat.clone()).prop_map(|(user, chat)| Action::Leave { user, chat }),
        2 => any::<[bool; USERS]>().prop_map(|members| Action::Create { members }),
        1 => chat.clone().prop_map(|chat| Action::Delete { chat }),
        1 => (0..USERS, chat).prop_map(|(user, chat)| Action::Read { user, chat }),
        1 => Just(Action::Rename),
        2 => Just(Action::Elsewhere),
        1 => Just(Action::Tick),
    ]
}

/// The chats that a client knows, with the last message of each.
pub type Fold = HashMap<ChatId, Option<i64>>;

/// A log, and the members of each chat after each row.
#[derive(Clone)]
pub struct History {
    pub workspace: WorkspaceId,
    pub users: Vec<UserId>,
    pub rows: Vec<LogRow>,
    /// By index of a row, preceded by the state at the beginning.
    states: Vec<Members>,
    /// The positions at which each user left each chat or lost it by deletion.
    departures: HashMap<(usize, ChatId), Vec<i64>>,
    messages: HashMap<ChatId, Vec<i64>>,
}

#[derive(Clone, Default)]
pub struct Members {
    pub chats: Vec<ChatId>,
    pub pairs: BTreeSet<(usize, ChatId)>,
    pub deleted: HashSet<ChatId>,
}

impl Members {
    pub fn is_member(&self, user: usize, chat: ChatId) -> bool {
        self.pairs.contains(&(user, chat)) && !self.deleted.contains(&chat)
    }
}

impl History {
    pub fn new(actions: &[Action]) -> Self {
        let workspace = WorkspaceId(Uuid::from_bytes([0; 16]));
        let users: Vec<UserId> = (0..USERS).map(|_| UserId::generate()).collect();
        let mut this = Self {
            workspace,
            users,
            rows: Vec::new(),
            states: vec![Members::default()],
            departures: HashMap::new(),
            messages: HashMap::new(),
        };
        for action in actions {
            this.add(*action);
        }
        this
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each action")]
    fn add(&mut self, action: Action) {
        let mut state = self.states[self.states.len() - 1].clone();
        let prev_id = self.rows.last().map_or(0, |row| row.id);
        let pick = |chat: usize| state.chats.get(chat).copied().filter(|chat| !state.deleted.contains(chat));
        let mut row = LogRow {
            shard: Shard::of(self.workspace),
            // Other shards use ids of the same sequence.
            id: prev_id + 1 + prev_id % 3,
            prev_id,
            timeline: 1,
            at: OffsetDateTime::UNIX_EPOCH,
            workspace_id: Some(self.workspace),
            kind: EventKind::Tick.as_str().into(),
            audience: Audience::Nobody,
            users: Vec::new(),
            chat_id: None,
            user_id: None,
            session_id: None,
            message_id: None,
            payload: "{}".into(),
        };
        let mut tell = |kind: EventKind, audience, chat, user: Option<usize>| {
            row.kind = kind.as_str().into();
            row.audience = audience;
            row.chat_id = chat;
            row.user_id = user.map(|user| self.users[user]);
        };
        match action {
            Action::Say { chat } => {
                // Also in a deleted chat: a send may have been in progress.
                if let Some(chat) = state.chats.get(chat).copied() {
                    tell(EventKind::MessageNew, Audience::Chat, Some(chat), Some(0));
                    self.messages.entry(chat).or_default().push(row.id);
                }
            }
            Action::Join { user, chat } => {
                if let Some(chat) = pick(chat).filter(|chat| !state.is_member(user, *chat)) {
                    tell(EventKind::MemberJoined, Audience::Chat, Some(chat), Some(user));
                    state.pairs.insert((user, chat));
                }
            }
            Action::Leave { user, chat } => {
                if let Some(chat) = pick(chat).filter(|chat| state.is_member(user, *chat)) {
                    tell(EventKind::MemberLeft, Audience::Chat, Some(chat), Some(user));
                    state.pairs.remove(&(user, chat));
                    self.departures.entry((user, chat)).or_default().push(row.id);
                }
            }
            Action::Create { members } => {
                if state.chats.len() < 4 {
                    let chat = ChatId::generate();
                    tell(EventKind::ChatCreated, Audience::Users, Some(chat), None);
                    state.chats.push(chat);
                    for user in (0..USERS).filter(|user| members[*user]) {
                        row.users.push(self.users[user]);
                        state.pairs.insert((user, chat));
                    }
                }
            }
            Action::Delete { chat } => {
                if let Some(chat) = pick(chat) {
                    tell(EventKind::ChatDeleted, Audience::Chat, Some(chat), None);
                    state.deleted.insert(chat);
                    for (user, _) in state.pairs.iter().filter(|(_, theirs)| *theirs == chat) {
                        self.departures.entry((*user, chat)).or_default().push(row.id);
                    }
                }
            }
            Action::Read { user, chat } => {
                if let Some(chat) = pick(chat).filter(|chat| state.is_member(user, *chat)) {
                    tell(EventKind::ChatRead, Audience::Users, Some(chat), Some(user));
                    row.users.push(self.users[user]);
                }
            }
            Action::Rename => tell(EventKind::WorkspaceUpdated, Audience::Workspace, None, None),
            Action::Elsewhere => {
                tell(EventKind::WorkspaceUpdated, Audience::Workspace, None, None);
                row.workspace_id = Some(WorkspaceId(Uuid::from_bytes([16; 16])));
            }
            Action::Tick => row.workspace_id = None,
        }
        self.rows.push(row);
        self.states.push(state);
    }

    /// The index of the row with that id.
    pub fn index(&self, id: i64) -> usize {
        self.rows.binary_search_by_key(&id, |row| row.id).unwrap()
    }

    /// The state after the row with that id, or at the beginning.
    pub fn state_after(&self, id: i64) -> &Members {
        &self.states[if id == 0 { 0 } else { self.index(id) + 1 }]
    }

    /// The rule, stated independently of the code, by the whole history.
    pub fn may_see(&self, user: usize, row: &LogRow, now: i64) -> bool {
        if row.workspace_id != Some(self.workspace) {
            return false;
        }
        let before = &self.states[self.index(row.id)];
        let me = self.users[user];
        let (kind, chat) = (EventKind::parse(&row.kind).unwrap(), row.chat_id);
        let was_in = chat.is_some_and(|chat| before.is_member(user, chat));
        let departures = chat.and_then(|chat| self.departures.get(&(user, chat)));
        let stays = !departures.is_some_and(|all| all.iter().any(|id| *id > row.id && *id <= now));
        match kind {
            EventKind::ChatCreated if row.users.contains(&me) => stays,
            EventKind::MemberJoined if row.user_id == Some(me) => stays,
            EventKind::MemberLeft if row.user_id == Some(me) => was_in,
            EventKind::ChatDeleted => was_in,
            EventKind::ChatRead => row.users.contains(&me) && was_in && stays,
            EventKind::ChatCreated | EventKind::Tick => false,
            EventKind::WorkspaceUpdated => true,
            _ => was_in && stays,
        }
    }

    pub fn last_message(&self, chat: ChatId, until: i64) -> Option<i64> {
        self.messages.get(&chat)?.iter().rev().find(|id| **id <= until).copied()
    }

    /// The snapshot after the row with that id.
    pub fn snapshot(&self, user: usize, id: i64) -> Fold {
        let state = self.state_after(id);
        let chats = state.chats.iter().filter(|chat| state.is_member(user, **chat));
        chats.map(|chat| (*chat, self.last_message(*chat, id))).collect()
    }

    /// Applies the row with that id as a client does. The client must know the chat, and must have
    /// every earlier message of it.
    pub fn fold(&self, user: usize, fold: &mut Fold, id: i64) {
        let row = &self.rows[self.index(id)];
        let Some(chat) = row.chat_id else { return };
        let me = self.users[user];
        match EventKind::parse(&row.kind).unwrap() {
            EventKind::ChatCreated => {
                fold.insert(chat, None);
            }
            EventKind::MemberJoined if row.user_id == Some(me) => {
                fold.insert(chat, self.last_message(chat, id));
            }
            EventKind::MemberLeft if row.user_id == Some(me) => {
                fold.remove(&chat);
            }
            EventKind::ChatDeleted => {
                fold.remove(&chat);
            }
            kind => {
                let known = fold.get_mut(&chat);
                let known = known.unwrap_or_else(|| panic!("{kind:?} at {id} of a chat that is not known"));
                if kind == EventKind::MessageNew {
                    assert_eq!(*known, self.last_message(chat, id - 1), "a hole before the message at {id}");
                    *known = Some(id);
                }
            }
        }
    }

    pub fn workspace_after(&self, id: i64) -> Workspace {
        let state = self.state_after(id);
        let members = state.pairs.iter().map(|(user, chat)| (self.users[*user], *chat));
        Workspace::new(members, state.deleted.clone(), HashSet::new(), HashSet::new())
    }
}
