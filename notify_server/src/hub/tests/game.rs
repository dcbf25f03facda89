//! Random runs: clients connect, fall behind, leave and return while a log is applied. Each must
//! get the events it may see, once and in order.

use std::{collections::BTreeMap, task::Waker};

use chat_core::{AccountId, SessionId};
use event_log::read::{MembershipChange, ReplayRow};
use proptest::prelude::*;

use super::{
    RETENTION,
    history::{Action, Fold, History, action},
};
use crate::{hub::*, loader, replay::Replay, stream::Next, workspace::membership_change};

/// The user of each client.
const CLIENTS: [usize; 3] = [0, 0, 1];

/// A step of the server or of a client.
#[derive(Clone, Copy, Debug)]
enum Move {
    /// The tail applies this many rows.
    Apply(usize),
    /// A socket takes this many frames.
    Take { client: usize, frames: usize, page: usize, ahead: usize },
    /// A client reconnects with the last cursor it saw.
    Resume { client: usize },
    /// A client connects with the cursor from this many rows ago.
    GoBack { client: usize, rows: usize },
}

fn step() -> impl Strategy<Value = Move> {
    let client = 0..CLIENTS.len();
    prop_oneof![
        4 => (1..12_usize).prop_map(Move::Apply),
        2 => (50..400_usize).prop_map(Move::Apply),
        6 => (client.clone(), 1..80_usize, 1..20_usize, 0..10_usize)
            .prop_map(|(client, frames, page, ahead)| Move::Take { client, frames, page, ahead }),
        1 => client.clone().prop_map(|client| Move::Resume { client }),
        1 => (client, 0..100_usize).prop_map(|(client, rows)| Move::GoBack { client, rows }),
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

/// A user leaves a chat and returns, between two pages of a replay or between two connections.
/// Events that were withheld stay withheld.
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
        // The first page: the join is withheld, since the leaving is known.
        game.take(client, 1, 2, 0);
        assert_eq!(game.clients[client].got, [ids[2]]);
        // The next server must know of the leaving, too.
        assert_eq!((game.clients[client].cursor, game.clients[client].filtered_as_of), (ids[2], ids[4]));
        game.apply(2);
        if comes_again {
            game.play(Move::Resume { client });
        }
        while !game.take(client, 1, 1, 0) {}
        assert!(game.clients[client].got.ends_with(&ids[4..]), "{:?}", game.clients[client].got);
        assert!(!game.clients[client].got.contains(&ids[3]), "said before they left");
        game.finish();
    }
}

struct Game {
    history: History,
    hub: Hub,
    _requests: loader::Requests,
    applied: usize,
    clients: Vec<GameClient>,
}

/// One stream, and the events it should have received.
struct GameClient {
    user: usize,
    stream: Arc<Stream>,
    replay: Option<Replay>,
    start: i64,
    /// The position in the last frame, heartbeats included, and its `filtered_as_of`.
    cursor: i64,
    filtered_as_of: i64,
    fold: Fold,
    got: Vec<i64>,
    /// For each row, the position of the hub when the last decision about it was made.
    decided_at: BTreeMap<i64, i64>,
}

impl Game {
    fn new(history: History, ring_events: usize, known: usize, load_lag: usize) -> Self {
        let config = NotifyConfig { ring_events, ..NotifyConfig::default() };
        let queries = Queries::new("postgres://nobody@127.0.0.1:1/nothing").unwrap();
        let (load, requests) = loader::channel();
        let hub = Hub::new(config, RETENTION, queries, load, Metrics::default());
        let mut game = Self { history, hub, _requests: requests, applied: 0, clients: Vec::new() };
        game.apply(known.max(1));
        // The database was read before the tail reached this position.
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

    fn play(&mut self, step: Move) {
        match step {
            Move::Apply(rows) => self.apply(rows),
            Move::Take { client, frames, page, ahead } => {
                self.take(client, frames, page, ahead);
            }
            Move::Resume { client } => {
                let GameClient { cursor, filtered_as_of, fold, .. } = &mut self.clients[client];
                let (cursor, filtered_as_of, fold) = (*cursor, *filtered_as_of, std::mem::take(fold));
                self.reconnect(client, cursor, filtered_as_of, fold);
            }
            Move::GoBack { client, rows } => {
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

    fn connect(&self, user: usize, cursor: i64, filtered_as_of: i64, fold: Fold) -> GameClient {
        let (ws, sub) = (self.history.workspace, self.history.users[user]);
        let claims =
            Claims { sub, acc: AccountId::generate(), ws, sid: SessionId::generate(), exp: u64::MAX };
        let shard = Shard::of(ws);
        let start = Start::After(ResumePoint {
            cursor: Cursor { generation: 0, timeline: 1, shard, id: cursor },
            filtered_as_of,
        });
        let deadline = Instant::now() + Duration::from_secs(900);
        let stream = self.hub.open(&claims, start, deadline, Encoding::Sse).unwrap();
        let (got, decided_at) = (Vec::new(), BTreeMap::new());
        GameClient {
            user,
            stream,
            replay: None,
            start: cursor,
            cursor,
            filtered_as_of,
            fold,
            got,
            decided_at,
        }
    }

    fn reconnect(&mut self, client: usize, cursor: i64, filtered_as_of: i64, fold: Fold) {
        self.check(client, self.clients[client].cursor);
        self.hub.leave(&self.clients[client].stream);
        self.clients[client] = self.connect(self.clients[client].user, cursor, filtered_as_of, fold);
    }

    /// One step of the connection. Returns whether it must wait for the hub.
    fn take(&mut self, client: usize, frames: usize, page: usize, ahead: usize) -> bool {
        let mut taken = 0;
        while taken < frames {
            match self.clients[client].stream.poll(Waker::noop()) {
                Next::Write => {
                    let text = self.clients[client].stream.write_one();
                    let id = text.lines().find_map(|line| line.strip_prefix("id: ")).unwrap();
                    let ResumePoint { cursor, filtered_as_of } = id.parse().unwrap();
                    let client = &mut self.clients[client];
                    (client.cursor, client.filtered_as_of) = (cursor.id, filtered_as_of);
                    if text.contains("event: connected") {
                        assert_eq!(cursor.id, client.start);
                    } else if text.contains("event: heartbeat") {
                        // A page of the database that had nothing for this client.
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

    /// As [`Hub::catch_up_from_database`]. The history is the database, which is `ahead` of the
    /// tail.
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
            Replay::new(user, workspace, cursor, stream.filtered_as_of.load(Ordering::Relaxed), now, changes)
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

    /// Checks that the client has exactly the events it should have up to `until`.
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
            let GameClient { user, stream, fold, .. } = &self.clients[client];
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
