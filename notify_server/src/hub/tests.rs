//! Whatever the order of events, reads and reconnects: what a client gets is what it may see, each once, in order.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    task::Waker,
};

use chat_core::{ChatId, SessionId, UserId};
use event_log::read::MembershipChange;
use proptest::prelude::*;
use time::OffsetDateTime;
use uuid::Uuid;

use event_log::read::ReplayRow;

use super::*;
use crate::{loader, stream::Next};
use crate::{replay::Replay, workspace::membership_change};

/// Users 0 and 1 have clients, 2 has none.
const USERS: usize = 3;
const CLIENTS: [usize; 3] = [0, 0, 1];
const RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);

/// What may happen. Impossible things (who is in does not join) become ticks.
#[derive(Clone, Copy, Debug)]
enum Action {
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

/// What the server and its clients do.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The tail brings so many rows.
    Apply(usize),
    /// A socket takes so many frames.
    Take { client: usize, frames: usize, page: usize, ahead: usize },
    /// A client comes back with the last cursor it saw.
    Resume { client: usize },
    /// A client comes with the cursor of so many rows ago.
    GoBack { client: usize, rows: usize },
}

fn action() -> impl Strategy<Value = Action> {
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

fn step() -> impl Strategy<Value = Step> {
    let client = 0..CLIENTS.len();
    prop_oneof![
        4 => (1..12_usize).prop_map(Step::Apply),
        2 => (50..400_usize).prop_map(Step::Apply),
        6 => (client.clone(), 1..80_usize, 1..20_usize, 0..10_usize)
            .prop_map(|(client, frames, page, ahead)| Step::Take { client, frames, page, ahead }),
        1 => client.clone().prop_map(|client| Step::Resume { client }),
        1 => (client, 0..100_usize).prop_map(|(client, rows)| Step::GoBack { client, rows }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn each_client_gets_what_it_may_see_once_and_in_order(
        actions in prop::collection::vec(action(), 20..900),
        steps in prop::collection::vec(step(), 1..60),
        ring_events in prop_oneof![1..60_usize, 200..500_usize],
        known in 0..20_usize,
        load_lag in 0..10_usize,
    ) {
        let history = History::new(&actions);
        let mut game = Game::new(history, ring_events, known, load_lag);
        for step in steps {
            game.play(step);
        }
        game.finish();
    }
}

/// Between two pages of a replay, or two connections, a user leaves a chat and comes back: what was withheld stays so.
#[test]
fn a_chat_that_was_left_and_joined_again_comes_with_its_beginning_or_not_at_all() {
    let (user, chat) = (1, 0);
    let history = History::new(&[
        Action::Create { members: [true, false, false] },
        Action::Join { user, chat },
        Action::Rename,
        Action::Say { chat },
        Action::Leave { user, chat },
        Action::Join { user, chat },
        Action::Say { chat },
    ]);
    let ids: Vec<i64> = history.rows.iter().map(|row| row.id).collect();
    let client = CLIENTS.len() - 1;
    for comes_again in [false, true] {
        let mut game = Game::new(history.clone(), 1, 1, 0);
        game.apply(4);
        // The first page: the joining is withheld, since the leaving is known.
        game.take(client, 1, 2, 0);
        assert_eq!(game.clients[client].got, [ids[2]]);
        // Whoever takes the client up from here must know of the leaving, too.
        assert_eq!((game.clients[client].cursor, game.clients[client].judged_at), (ids[2], ids[4]));
        game.apply(2);
        if comes_again {
            game.play(Step::Resume { client });
        }
        while !game.take(client, 1, 1, 0) {}
        assert!(game.clients[client].got.ends_with(&ids[4..]), "{:?}", game.clients[client].got);
        assert!(!game.clients[client].got.contains(&ids[3]), "said before they left");
        game.finish();
    }
}

/// A node that does not know yet of what another has judged by takes nobody up who comes from there.
#[tokio::test(start_paused = true)]
async fn a_node_that_is_behind_waits_for_what_a_client_was_judged_by() {
    let mut scene = Scene::new(NotifyConfig::default());
    scene.say();
    let cursor = Cursor { generation: 0, timeline: 1, shard: scene.shard(), id: 1 };
    let from_there = Place { cursor, judged_at: 2 }.to_string();
    let came = scene.hub.check(scene.shard(), &cursor.to_string()).await;
    assert!(matches!(came, Ok(Start::After(place)) if place == cursor.into()));
    let came = scene.hub.check(scene.shard(), &from_there).await;
    assert!(matches!(came, Err(Refusal::Unavailable)));
    scene.say();
    let came = scene.hub.check(scene.shard(), &from_there).await;
    assert!(matches!(came, Ok(Start::After(place)) if place.to_string() == from_there));
}

/// A log, and after each row who is in which chat.
#[derive(Clone)]
struct History {
    workspace: WorkspaceId,
    users: Vec<UserId>,
    rows: Vec<LogRow>,
    /// By index of a row; one more in front for the beginning.
    states: Vec<Members>,
    /// When each user has left each chat or it was deleted under them.
    departures: HashMap<(usize, ChatId), Vec<i64>>,
    messages: HashMap<ChatId, Vec<i64>>,
}

#[derive(Clone, Default)]
struct Members {
    chats: Vec<ChatId>,
    pairs: BTreeSet<(usize, ChatId)>,
    deleted: HashSet<ChatId>,
}

impl Members {
    fn is_member(&self, user: usize, chat: ChatId) -> bool {
        self.pairs.contains(&(user, chat)) && !self.deleted.contains(&chat)
    }
}

impl History {
    fn new(actions: &[Action]) -> Self {
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
            // Other shards take ids too.
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
                // In a deleted chat too: a send may have been under way.
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
    fn index(&self, id: i64) -> usize {
        self.rows.binary_search_by_key(&id, |row| row.id).unwrap()
    }

    /// The state after the row with that id, or at the beginning.
    fn state_after(&self, id: i64) -> &Members {
        &self.states[if id == 0 { 0 } else { self.index(id) + 1 }]
    }

    /// The rule in other words than the code has: by the whole history.
    fn may_see(&self, user: usize, row: &LogRow, now: i64) -> bool {
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

    fn last_message(&self, chat: ChatId, until: i64) -> Option<i64> {
        self.messages.get(&chat)?.iter().rev().find(|id| **id <= until).copied()
    }

    /// What a snapshot says after the row with that id.
    fn snapshot(&self, user: usize, id: i64) -> Fold {
        let state = self.state_after(id);
        let chats = state.chats.iter().filter(|chat| state.is_member(user, **chat));
        chats.map(|chat| (*chat, self.last_message(*chat, id))).collect()
    }

    /// What a client makes of the row with that id. Of a chat that it does not know nothing must come, and no message
    /// without those before it.
    fn fold(&self, user: usize, fold: &mut Fold, id: i64) {
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

    fn workspace_after(&self, id: i64) -> Workspace {
        let state = self.state_after(id);
        let members = state.pairs.iter().map(|(user, chat)| (self.users[*user], *chat));
        Workspace::new(members, state.deleted.clone(), HashSet::new(), HashSet::new())
    }
}

struct Game {
    history: History,
    hub: Hub,
    _requests: loader::Requests,
    applied: usize,
    clients: Vec<Client>,
}

/// The chats that a client knows, each with its last message.
type Fold = HashMap<ChatId, Option<i64>>;

/// One stream, and what it should have got.
struct Client {
    user: usize,
    stream: Arc<Stream>,
    replay: Option<Replay>,
    start: i64,
    /// Of the last frame, heartbeats included; and how far the server had come that gave it, if it says so.
    cursor: i64,
    judged_at: i64,
    fold: Fold,
    got: Vec<i64>,
    /// For each row, the position of the hub when it was last decided whether the client gets it.
    decided_at: BTreeMap<i64, i64>,
}

impl Game {
    fn new(history: History, ring_events: usize, known: usize, load_lag: usize) -> Self {
        let config = NotifyConfig { ring_events, ..NotifyConfig::default() };
        let feed = Feed::new("postgres://nobody@127.0.0.1:1/nothing", 900).unwrap();
        let (load, requests) = loader::channel();
        let hub = Hub::new(config, RETENTION, feed, load, Metrics::default());
        let mut game = Self { history, hub, _requests: requests, applied: 0, clients: Vec::new() };
        game.apply(known.max(1));
        // The database was read a little before the tail came here.
        let lag = load_lag.min(ring_events).min(game.applied);
        let read_at = game.id_at(game.applied - lag);
        let workspace = game.history.workspace_after(read_at);
        game.hub
            .install(Shard::of(game.history.workspace), game.history.workspace, workspace, read_at)
            .unwrap();
        for user in CLIENTS {
            let fold = game.history.snapshot(user, game.head());
            let client = game.connect(user, game.head(), 0, fold);
            game.clients.push(client);
        }
        game
    }

    fn id_at(&self, rows: usize) -> i64 {
        if rows == 0 { 0 } else { self.history.rows[rows - 1].id }
    }

    fn head(&self) -> i64 {
        self.id_at(self.applied)
    }

    fn play(&mut self, step: Step) {
        match step {
            Step::Apply(rows) => self.apply(rows),
            Step::Take { client, frames, page, ahead } => {
                self.take(client, frames, page, ahead);
            }
            Step::Resume { client } => {
                let Client { cursor, judged_at, fold, .. } = &mut self.clients[client];
                let (cursor, judged_at, fold) = (*cursor, *judged_at, std::mem::take(fold));
                self.reconnect(client, cursor, judged_at, fold);
            }
            Step::GoBack { client, rows } => {
                let cursor = self.id_at(self.applied - rows.min(self.applied));
                let fold = self.history.snapshot(self.clients[client].user, cursor);
                self.reconnect(client, cursor, 0, fold);
            }
        }
    }

    fn apply(&mut self, rows: usize) {
        let until = (self.applied + rows).min(self.history.rows.len());
        let rows = &self.history.rows[self.applied..until];
        for client in &mut self.clients {
            client.decided_at.extend(rows.iter().map(|row| (row.id, row.id)));
        }
        self.hub.apply(rows);
        self.applied = until;
    }

    fn connect(&self, user: usize, cursor: i64, judged_at: i64, fold: Fold) -> Client {
        let (ws, sub) = (self.history.workspace, self.history.users[user]);
        let claims = Claims { sub, ws, sid: SessionId::generate(), exp: u64::MAX };
        let shard = Shard::of(ws);
        let start = Start::After(Place {
            cursor: Cursor { generation: 0, timeline: 1, shard, id: cursor },
            judged_at,
        });
        let deadline = Instant::now() + Duration::from_secs(900);
        let stream = self.hub.open(&claims, start, deadline).unwrap();
        let (got, decided_at) = (Vec::new(), BTreeMap::new());
        Client { user, stream, replay: None, start: cursor, cursor, judged_at, fold, got, decided_at }
    }

    fn reconnect(&mut self, client: usize, cursor: i64, judged_at: i64, fold: Fold) {
        self.check(client, self.clients[client].cursor);
        self.hub.leave(&self.clients[client].stream);
        self.clients[client] = self.connect(self.clients[client].user, cursor, judged_at, fold);
    }

    /// What the body of an answer does. Returns whether it has to wait for the hub.
    fn take(&mut self, client: usize, frames: usize, page: usize, ahead: usize) -> bool {
        let mut taken = 0;
        while taken < frames {
            match self.clients[client].stream.poll(Waker::noop()) {
                Next::Write => {
                    let text = self.clients[client].stream.write_one();
                    let id = text.lines().find_map(|line| line.strip_prefix("id: ")).unwrap();
                    let Place { cursor, judged_at } = id.parse().unwrap();
                    let client = &mut self.clients[client];
                    (client.cursor, client.judged_at) = (cursor.id, judged_at);
                    if text.contains("event: connected") {
                        assert_eq!(cursor.id, client.start);
                    } else if text.contains("event: heartbeat") {
                        // A page of the database on which nothing was for this client.
                        assert!(client.got.last().is_none_or(|last| *last <= cursor.id));
                    } else {
                        client.got.push(cursor.id);
                        self.history.fold(client.user, &mut client.fold, cursor.id);
                        taken += 1;
                    }
                }
                Next::CatchUp { cursor } => self.catch_up(client, cursor, page, ahead),
                Next::Wait => return true,
                Next::End => panic!("the stream ended"),
            }
        }
        false
    }

    fn catch_up(&mut self, client: usize, cursor: i64, page: usize, ahead: usize) {
        let head = self.head();
        let mut replay = self.clients[client].replay.take();
        let from = replay.as_ref().map_or(cursor, |replay| replay.cursor);
        let stream = Arc::clone(&self.clients[client].stream);
        let outcome = match self.hub.catch_up_from_memory(&stream, &mut replay, cursor) {
            Some(outcome) => outcome,
            None => self.catch_up_from_database(&stream, &mut replay, cursor, page, ahead),
        };
        let until = match outcome {
            CaughtUp::Live => head,
            CaughtUp::Progress => replay.as_ref().unwrap().cursor,
            CaughtUp::Closed => panic!("the stream was closed"),
        };
        assert!(until <= head, "events were judged by memberships of an earlier position");
        let client = &mut self.clients[client];
        client.decided_at.extend(
            self.history.rows.iter().filter(|row| row.id > from && row.id <= until).map(|row| (row.id, head)),
        );
        client.replay = if matches!(outcome, CaughtUp::Live) { None } else { replay };
    }

    /// As [`Hub::catch_up_from_database`], with the history as the database, which is `ahead` of the tail.
    fn catch_up_from_database(
        &self,
        stream: &Stream,
        replay: &mut Option<Replay>,
        cursor: i64,
        page: usize,
        ahead: usize,
    ) -> CaughtUp {
        let (workspace, user) = (stream.workspace, stream.user);
        let head = self.head();
        let replay = replay.get_or_insert_with(|| {
            let now = self.hub.lock(Shard::of(workspace)).workspaces[&workspace].chats_of(user);
            let changes: Vec<MembershipChange> = self
                .history
                .rows
                .iter()
                .filter(|row| row.id > cursor && row.id <= head)
                .filter_map(|row| membership_change(&Entry::new(row, 0), user))
                .collect();
            Replay::new(user, workspace, cursor, stream.judged_at.load(Ordering::Relaxed), now, changes)
        });
        let known = (self.applied + ahead).min(self.history.rows.len());
        let rows: Vec<&LogRow> =
            self.history.rows[..known].iter().filter(|row| row.id > replay.cursor).take(page).collect();
        let mut chats = replay.chats();
        let joined = rows.iter().filter_map(|row| membership_change(&Entry::new(row, 0), user));
        chats.extend(joined.map(|change| change.chat_id));
        let rows: Vec<ReplayRow> = rows
            .into_iter()
            .map(|row| {
                let wanted = row.workspace_id == Some(workspace)
                    && match row.audience {
                        Audience::Nobody => false,
                        Audience::Workspace => true,
                        Audience::Users => row.users.contains(&user),
                        Audience::Chat => row.chat_id.is_some_and(|chat| chats.contains(&chat)),
                    };
                let payload = if wanted { row.payload.clone() } else { String::new() };
                ReplayRow { row: LogRow { payload, ..row.clone() }, withheld: !wanted }
            })
            .collect();
        self.hub.catch_up_from_page(stream, replay, &rows).unwrap_or(CaughtUp::Progress)
    }

    /// The client has exactly what it should have up to `until`.
    fn check(&self, client: usize, until: i64) {
        let client = &self.clients[client];
        let expected: Vec<i64> = self
            .history
            .rows
            .iter()
            .filter(|row| row.id > client.start && row.id <= until)
            .filter(|row| self.history.may_see(client.user, row, client.decided_at[&row.id]))
            .map(|row| row.id)
            .collect();
        assert_eq!(client.got, expected, "user {} after {}", client.user, client.start);
    }

    fn finish(mut self) {
        self.apply(usize::MAX - self.applied);
        for client in 0..self.clients.len() {
            while !self.take(client, 1000, 7, 0) {}
            self.check(client, i64::MAX);
            let Client { user, stream, fold, .. } = &self.clients[client];
            assert_eq!(*fold, self.history.snapshot(*user, self.head()), "what user {user} has made of it");
            assert_eq!(stream.stuck_since(), None);
        }
        for client in &self.clients {
            self.hub.leave(&client.stream);
        }
        let state = self.hub.lock(Shard::of(self.history.workspace));
        assert_eq!(state.workspaces[&self.history.workspace].streams().count(), 0);
        assert_eq!(self.hub.open_streams(), 0);
    }
}

/// A user in one chat of a workspace, for whom something goes on there.
struct Scene {
    hub: Hub,
    _requests: loader::Requests,
    workspace: WorkspaceId,
    user: UserId,
    chat: ChatId,
    last_id: i64,
}

impl Scene {
    fn new(config: NotifyConfig) -> Self {
        let feed = Feed::new("postgres://nobody@127.0.0.1:1/nothing", 900).unwrap();
        let (load, requests) = loader::channel();
        let hub = Hub::new(config, RETENTION, feed, load, Metrics::default());
        let (workspace, user, chat) = (WorkspaceId::generate(), UserId::generate(), ChatId::generate());
        let loaded = Workspace::new([(user, chat)], HashSet::new(), HashSet::new(), HashSet::new());
        hub.install(Shard::of(workspace), workspace, loaded, 0).unwrap();
        Self { hub, _requests: requests, workspace, user, chat, last_id: 0 }
    }

    fn shard(&self) -> Shard {
        Shard::of(self.workspace)
    }

    fn claims(&self, session: SessionId) -> Claims {
        Claims { sub: self.user, ws: self.workspace, sid: session, exp: u64::MAX }
    }

    fn open(&self, session: SessionId) -> Result<Arc<Stream>, Refusal> {
        self.open_at(session, Start::Now)
    }

    fn open_at(&self, session: SessionId, start: Start) -> Result<Arc<Stream>, Refusal> {
        let deadline = Instant::now() + Duration::from_secs(900);
        self.hub.open(&self.claims(session), start, deadline)
    }

    fn after(&self, id: i64) -> Start {
        Start::After(Cursor { generation: 0, timeline: 1, shard: self.shard(), id }.into())
    }

    fn row(&mut self, kind: EventKind, audience: Audience) -> LogRow {
        let prev_id = self.last_id;
        self.last_id += 1;
        LogRow {
            shard: self.shard(),
            id: self.last_id,
            prev_id,
            timeline: 1,
            at: OffsetDateTime::UNIX_EPOCH,
            workspace_id: Some(self.workspace),
            kind: kind.as_str().into(),
            audience,
            users: vec![self.user],
            chat_id: (audience == Audience::Chat).then_some(self.chat),
            user_id: Some(self.user),
            session_id: None,
            message_id: None,
            payload: "{}".into(),
        }
    }

    fn say(&mut self) {
        let row = self.row(EventKind::MessageNew, Audience::Chat);
        self.hub.apply(&[row]);
    }
}

/// The names of the frames that a stream gives now, and how it goes on.
fn frames(stream: &Stream) -> Vec<String> {
    let mut names = Vec::new();
    loop {
        let frame = match stream.poll(Waker::noop()) {
            Next::Write => stream.write_one(),
            Next::CatchUp { cursor } => {
                names.push(format!("catch up after {cursor}"));
                return names;
            }
            Next::End => {
                names.push("end".into());
                return names;
            }
            Next::Wait => return names,
        };
        let name = frame.lines().find_map(|line| line.strip_prefix("event: ")).unwrap_or("retry");
        names.push(name.to_owned());
    }
}

#[test]
fn a_replay_with_a_hole_is_told_as_a_reset() {
    for rows_left in [0, 1] {
        let mut scene = Scene::new(NotifyConfig { ring_events: 1, ..NotifyConfig::default() });
        let lost = scene.row(EventKind::MessageNew, Audience::Chat);
        let kept = scene.row(EventKind::MessageNew, Audience::Chat);
        scene.hub.apply(&[lost, kept.clone()]);
        scene.say();
        let stream = scene.open_at(SessionId::generate(), scene.after(0)).unwrap();
        assert_eq!(frames(&stream), ["connected", "catch up after 0"]);
        let rows = [ReplayRow { row: kept, withheld: false }];
        let mut replay = Replay::new(scene.user, scene.workspace, 0, 0, HashSet::from([scene.chat]), []);
        scene.hub.catch_up_from_page(&stream, &mut replay, &rows[..rows_left]);
        assert_eq!(frames(&stream), ["reset", "end"]);
    }
}

#[test]
fn what_was_written_while_a_page_was_read_again_is_left_for_the_next() {
    let mut scene = Scene::new(NotifyConfig { ring_events: 1, ..NotifyConfig::default() });
    let joins = |scene: &mut Scene, chat| LogRow {
        chat_id: Some(chat),
        ..scene.row(EventKind::MemberJoined, Audience::Chat)
    };
    // The user joins a chat, for which the page is read again, and meanwhile another.
    let (first_chat, second_chat) = (ChatId::generate(), ChatId::generate());
    let rows = [joins(&mut scene, first_chat), joins(&mut scene, second_chat)];
    scene.hub.apply(&rows);
    scene.say();
    scene.say();
    let stream = scene.open_at(SessionId::generate(), scene.after(0)).unwrap();
    assert_eq!(frames(&stream), ["connected", "catch up after 0"]);
    let read = |withheld: [bool; 2]| -> Vec<ReplayRow> {
        rows.iter().zip(withheld).map(|(row, withheld)| ReplayRow { row: row.clone(), withheld }).collect()
    };
    let page = catch_up::without_newer(read([false, true]), &read([true, true])[..1]);
    let mut replay = Replay::new(scene.user, scene.workspace, 0, 0, HashSet::new(), []);
    scene.hub.catch_up_from_page(&stream, &mut replay, &page);
    assert_eq!(frames(&stream), ["member.joined", "catch up after 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_workspace_in_use_forgets_the_chats_that_the_log_has_forgotten() {
    let mut scene = Scene::new(NotifyConfig::default());
    let _stream = scene.open(SessionId::generate()).unwrap();
    let row = scene.row(EventKind::ChatDeleted, Audience::Chat);
    scene.hub.apply(&[row]);
    let remembered = |scene: &Scene| {
        let state = scene.hub.lock(scene.shard());
        state.workspaces[&scene.workspace].chats_of(scene.user).len()
    };
    tokio::time::advance(RETENTION).await;
    scene.hub.tick(60);
    assert_eq!(remembered(&scene), 1, "its partition may still be there");
    tokio::time::advance(RETENTION).await;
    scene.hub.tick(120);
    assert_eq!(remembered(&scene), 0);
}

#[test]
fn a_page_with_nothing_for_the_client_moves_it_on() {
    let mut scene = Scene::new(NotifyConfig { ring_events: 1, ..NotifyConfig::default() });
    let foreign = LogRow {
        workspace_id: Some(WorkspaceId::generate()),
        ..scene.row(EventKind::MessageNew, Audience::Chat)
    };
    scene.hub.apply(std::slice::from_ref(&foreign));
    scene.say();
    scene.say();
    let stream = scene.open_at(SessionId::generate(), scene.after(0)).unwrap();
    assert_eq!(frames(&stream), ["connected", "catch up after 0"]);
    let id = foreign.id;
    let rows = [ReplayRow { row: foreign, withheld: true }];
    let mut replay = Replay::new(scene.user, scene.workspace, 0, 0, HashSet::from([scene.chat]), []);
    scene.hub.catch_up_from_page(&stream, &mut replay, &rows);
    // What the client says it saw last is further on, should it come back now.
    assert_eq!(frames(&stream), ["heartbeat".to_owned(), format!("catch up after {id}")]);
}

#[test]
fn a_gap_ends_every_stream_of_the_shard_with_a_reset() {
    let mut scene = Scene::new(NotifyConfig::default());
    let live = scene.open(SessionId::generate()).unwrap();
    scene.say();
    let lagging = scene.open_at(SessionId::generate(), scene.after(0)).unwrap();
    scene.hub.start_anew(scene.shard(), Head { id: 70, timeline: 1 });
    for stream in [live, lagging] {
        assert!(frames(&stream).ends_with(&["reset".into(), "end".into()]));
        scene.hub.leave(&stream);
    }
    assert_eq!(scene.hub.open_streams(), 0);
    assert_eq!(scene.open(SessionId::generate()).err(), Some(Refusal::Busy), "not loaded again yet");
}

#[test]
fn a_revoked_session_loses_its_streams_and_gets_no_new_one() {
    let mut scene = Scene::new(NotifyConfig::default());
    let (ended, other) = (SessionId::generate(), SessionId::generate());
    let (stream, sibling) = (scene.open(ended).unwrap(), scene.open(other).unwrap());
    let mut row = scene.row(EventKind::SessionRevoked, Audience::Users);
    row.session_id = Some(ended);
    scene.hub.apply(&[row]);
    scene.say();
    assert_eq!(frames(&stream), ["connected", "session.revoked", "end"]);
    assert_eq!(frames(&sibling), ["connected", "session.revoked", "message.new"]);
    assert_eq!(scene.open(ended).err(), Some(Refusal::Over));
}

#[test]
fn a_deactivated_user_is_out_until_they_are_active_again() {
    let mut scene = Scene::new(NotifyConfig::default());
    let stream = scene.open(SessionId::generate()).unwrap();
    let row = scene.row(EventKind::UserDeactivated, Audience::Workspace);
    scene.hub.apply(&[row]);
    assert_eq!(frames(&stream), ["connected", "user.deactivated", "end"]);
    assert_eq!(scene.open(SessionId::generate()).err(), Some(Refusal::Over));
    let renamed = scene.row(EventKind::UserUpdated, Audience::Workspace);
    scene.hub.apply(&[LogRow { payload: r#"{"user":{"active":false}}"#.into(), ..renamed }]);
    assert_eq!(scene.open(SessionId::generate()).err(), Some(Refusal::Over));
    let active = scene.row(EventKind::UserUpdated, Audience::Workspace);
    scene.hub.apply(&[LogRow { payload: r#"{"user":{"active":true}}"#.into(), ..active }]);
    assert!(scene.open(SessionId::generate()).is_ok());
}

#[test]
fn limits_hold_and_are_free_again_after_leaving() {
    let config = NotifyConfig { max_streams: 3, max_streams_per_user: 2, ..NotifyConfig::default() };
    let scene = Scene::new(config);
    let first = scene.open(SessionId::generate()).unwrap();
    let _second = scene.open(SessionId::generate()).unwrap();
    assert_eq!(scene.open(SessionId::generate()).err(), Some(Refusal::Busy));
    scene.hub.leave(&first);
    assert!(scene.open(SessionId::generate()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn quiet_streams_get_heartbeats_and_stuck_ones_are_cut() {
    let config = NotifyConfig { heartbeat_seconds: 25, slow_client_seconds: 10, ..NotifyConfig::default() };
    let mut scene = Scene::new(config);
    let (quiet, stuck) =
        (scene.open(SessionId::generate()).unwrap(), scene.open(SessionId::generate()).unwrap());
    frames(&quiet);
    frames(&stuck);
    let mut heartbeats = 0;
    for second in 0..100 {
        tokio::time::advance(Duration::from_secs(1)).await;
        scene.hub.tick(second);
        heartbeats += frames(&quiet).iter().filter(|name| *name == "heartbeat").count();
        frames(&stuck);
    }
    assert_eq!(heartbeats, 4);
    scene.say();
    for second in 100..112 {
        assert!(!stuck.is_cut() || second > 109);
        tokio::time::advance(Duration::from_secs(1)).await;
        scene.hub.tick(second);
        frames(&quiet);
    }
    assert!(stuck.is_cut() && !quiet.is_cut());
}

#[tokio::test(start_paused = true)]
async fn an_old_stream_ends_and_says_when_to_come_back() {
    let mut scene = Scene::new(NotifyConfig::default());
    let stream = scene.open(SessionId::generate()).unwrap();
    assert_eq!(frames(&stream), ["connected"]);
    tokio::time::advance(Duration::from_secs(901)).await;
    scene.say();
    scene.hub.tick(1);
    assert_eq!(frames(&stream), ["message.new", "retry", "end"]);
}

#[test]
fn a_payload_that_is_no_json_is_told_as_a_reset_and_stops_nothing() {
    let mut scene = Scene::new(NotifyConfig::default());
    let stream = scene.open(SessionId::generate()).unwrap();
    let poison = scene.row(EventKind::MessageNew, Audience::Chat);
    scene.hub.apply(&[LogRow { payload: "{\n\nid: 9".into(), ..poison }]);
    scene.say();
    assert_eq!(frames(&stream), ["connected", "reset", "message.new"]);
}
