//! Runs the threads that meet at the hub in thousands of orders: the tail that applies events,
//! sockets that take frames, new clients, and the clock. A stream that waits for ever is a
//! deadlock, which Shuttle reports.

use std::{
    collections::HashSet,
    future::poll_fn,
    io::IoSlice,
    sync::atomic::{AtomicU64 as Count, Ordering::Relaxed},
};

use chat_core::{AccountId, ChatId, EventKind, SessionId, UserId};
use shuttle::{future::block_on, rand::Rng as _, thread};
use time::OffsetDateTime;

use super::*;
use crate::{loader, subscription::Subscription};

/// The number of orders that each test tries. A failure prints how to repeat it.
const ORDERS: usize = 300;
const EVENTS: i64 = 6;

/// A user in one chat.
struct Scene {
    hub: Arc<Hub>,
    claims: Claims,
    chat: ChatId,
    _requests: loader::Requests,
}

impl Scene {
    fn new() -> Self {
        let queries = Queries::new("postgres://nobody@127.0.0.1:1/nothing?sslmode=disable").unwrap();
        let (load, requests) = loader::channel();
        let hub =
            Hub::new(NotifyConfig::default(), Duration::from_secs(3600), queries, load, Metrics::default());
        let (ws, sub, chat) = (WorkspaceId::generate(), UserId::generate(), ChatId::generate());
        let loaded = Workspace::new([(sub, chat)], HashSet::new(), HashSet::new(), HashSet::new());
        hub.install(Shard::of(ws), ws, loaded, 0).unwrap();
        let claims =
            Claims { sub, acc: AccountId::generate(), ws, sid: SessionId::generate(), exp: u64::MAX };
        Self { hub: Arc::new(hub), claims, chat, _requests: requests }
    }

    fn row(&self, id: i64, kind: EventKind, bytes: usize) -> LogRow {
        LogRow {
            shard: Shard::of(self.claims.ws),
            id,
            prev_id: id - 1,
            timeline: 1,
            at: OffsetDateTime::UNIX_EPOCH,
            workspace_id: Some(self.claims.ws),
            kind: kind.as_str().into(),
            audience: if kind == EventKind::MessageNew { Audience::Chat } else { Audience::Users },
            users: vec![self.claims.sub],
            chat_id: (kind == EventKind::MessageNew).then_some(self.chat),
            user_id: Some(self.claims.sub),
            session_id: Some(self.claims.sid),
            message_id: None,
            payload: format!(r#"{{"x":"{}"}}"#, "x".repeat(bytes)),
        }
    }

    /// Opens a stream after the event `id`, or from now on.
    fn open(&self, after: Option<i64>) -> Result<Subscription, Refusal> {
        let start = after.map_or(Start::Now, |id| {
            Start::After(Cursor { generation: 0, timeline: 1, shard: Shard::of(self.claims.ws), id }.into())
        });
        let deadline = Instant::now() + Duration::from_secs(900);
        let stream = self.hub.open(&self.claims, start, deadline, Encoding::Sse)?;
        Ok(Subscription::new(Arc::clone(&self.hub), stream))
    }
}

/// The ids of the events that a socket takes, up to `last` or the end of the stream.
fn take(mut subscription: Subscription, last: i64) -> Vec<i64> {
    let mut ids = Vec::new();
    let mut text = String::new();
    while ids.last() != Some(&last) {
        if !block_on(poll_fn(|cx| subscription.poll_next(cx))) {
            break;
        }
        text.push_str(&write_part(&subscription.stream));
        // Takes one frame at a time.
        if text.ends_with("\n\n") {
            if text.contains("event: message.new\n") {
                let id = text.lines().find_map(|line| line.strip_prefix("id: ")).unwrap();
                ids.push(id.rsplit('.').next().unwrap().parse().unwrap());
            }
            text.clear();
        }
    }
    ids
}

/// A socket with room for one frame, or for half of one.
fn write_part(stream: &Stream) -> String {
    let mut taken = Vec::new();
    let socket = |slices: &[IoSlice<'_>]| {
        let whole = slices[0].len();
        let room = if shuttle::rand::thread_rng().gen_bool(0.5) { whole } else { whole.div_ceil(2) };
        taken.extend_from_slice(&slices[0][..room]);
        Ok(room)
    };
    stream.write(false, socket).unwrap();
    String::from_utf8(taken).unwrap()
}

#[test]
fn a_stream_that_catches_up_while_events_come_gets_each_once_and_in_order() {
    static OVERFLOWS: Count = Count::new(0);
    static CAUGHT_UP: Count = Count::new(0);
    let game = || {
        let scene = Scene::new();
        // Large events, so that the queue of a slow socket overflows.
        let rows: Vec<LogRow> =
            (1..=EVENTS).map(|id| scene.row(id, EventKind::MessageNew, 100_000)).collect();
        scene.hub.apply(&rows[..2]);
        let sockets: Vec<_> = [0, 1]
            .map(|after| {
                let subscription = scene.open(Some(after)).unwrap();
                thread::spawn(move || (after, take(subscription, EVENTS)))
            })
            .into();
        let (clock, tail) = (Arc::clone(&scene.hub), Arc::clone(&scene.hub));
        let clock = thread::spawn(move || (0..4).for_each(|second| clock.tick(second * 25)));
        let tail =
            thread::spawn(move || rows[2..].iter().for_each(|row| tail.apply(std::slice::from_ref(row))));
        for socket in sockets {
            let (after, got) = socket.join().unwrap();
            assert_eq!(got, (after + 1..=EVENTS).collect::<Vec<_>>());
        }
        tail.join().unwrap();
        clock.join().unwrap();
        OVERFLOWS.fetch_add(scene.hub.metrics.overflows.get(), Relaxed);
        CAUGHT_UP.fetch_add(scene.hub.metrics.replayed.get(), Relaxed);
        assert_eq!(scene.hub.open_streams(), 0);
    };
    shuttle::check_random(game, ORDERS / 3);
    shuttle::check_pct(game, ORDERS / 3, 3);
    assert!(OVERFLOWS.load(Relaxed) > 0 && CAUGHT_UP.load(Relaxed) > 0, "nothing of that was tried");
}

#[test]
fn a_stream_that_begins_now_gets_all_that_comes_after_its_first_event() {
    let game = || {
        let scene = Arc::new(Scene::new());
        let tail = {
            let scene = Arc::clone(&scene);
            thread::spawn(move || {
                (1..=EVENTS).for_each(|id| scene.hub.apply(&[scene.row(id, EventKind::MessageNew, 1)]));
                // The stream is open by then.
                scene.hub.apply(&[scene.row(EVENTS + 1, EventKind::SessionRevoked, 1)]);
            })
        };
        if let Ok(subscription) = scene.open(None) {
            let got = take(subscription, EVENTS + 1);
            let first = got.first().copied().unwrap_or(EVENTS + 1);
            assert_eq!(got, (first..=EVENTS).collect::<Vec<_>>());
        }
        tail.join().unwrap();
    };
    shuttle::check_random(game, ORDERS);
}

#[test]
fn a_session_that_is_revoked_while_its_stream_opens_keeps_none() {
    static OPENED: Count = Count::new(0);
    static REFUSED: Count = Count::new(0);
    let game = || {
        let scene = Arc::new(Scene::new());
        let revoking = {
            let scene = Arc::clone(&scene);
            thread::spawn(move || scene.hub.apply(&[scene.row(1, EventKind::SessionRevoked, 1)]))
        };
        match scene.open(None) {
            // The stream must end, or this waits for ever.
            Ok(subscription) => {
                take(subscription, i64::MAX);
                OPENED.fetch_add(1, Relaxed);
            }
            Err(refusal) => {
                assert_eq!(refusal, Refusal::Over);
                REFUSED.fetch_add(1, Relaxed);
            }
        }
        revoking.join().unwrap();
        assert_eq!(scene.open(None).err(), Some(Refusal::Over));
        assert_eq!(scene.hub.open_streams(), 0);
    };
    shuttle::check_random(game, ORDERS);
    assert!(OPENED.load(Relaxed) > 0 && REFUSED.load(Relaxed) > 0, "one order alone was tried");
}

#[test]
fn places_are_not_given_twice() {
    let game = || {
        let mut scene = Scene::new();
        Arc::get_mut(&mut scene.hub).unwrap().config.max_streams = 2;
        let scene = Arc::new(scene);
        let comers: Vec<_> = (0..4)
            .map(|_| {
                let scene = Arc::clone(&scene);
                thread::spawn(move || {
                    let subscription = scene.open(None);
                    assert!(scene.hub.open_streams() <= 2);
                    subscription.is_ok()
                })
            })
            .collect();
        let admitted = comers.into_iter().map(|comer| comer.join().unwrap());
        assert!(admitted.filter(|admitted| *admitted).count() >= 2);
        assert_eq!(scene.hub.open_streams(), 0);
    };
    shuttle::check_random(game, ORDERS);
}
