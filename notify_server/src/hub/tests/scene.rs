//! The frames of the streams of one user in one chat, in various situations.

use std::{collections::HashSet, task::Waker};

use chat_core::{
    AccountId, ChatId, EventKind, SessionId, UserId,
    ephemeral::{Interest, Notice, Typing},
};
use event_log::read::ReplayRow;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::RETENTION;
use crate::{hub::*, loader, replay::Replay, stream::Next};

/// A user in one chat of a workspace in which events happen.
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
        let queries = Queries::new("postgres://nobody@127.0.0.1:1/nothing").unwrap();
        let (load, requests) = loader::channel();
        let hub = Hub::new(config, RETENTION, queries, load, Metrics::default());
        let (workspace, user, chat) = (WorkspaceId::generate(), UserId::generate(), ChatId::generate());
        let loaded = Workspace::new([(user, chat)], HashSet::new(), HashSet::new(), HashSet::new());
        hub.install(Shard::of(workspace), workspace, loaded, 0).unwrap();
        Self { hub, _requests: requests, workspace, user, chat, last_id: 0 }
    }

    fn shard(&self) -> Shard {
        Shard::of(self.workspace)
    }

    fn claims(&self, session: SessionId) -> Claims {
        Claims { sub: self.user, acc: AccountId::generate(), ws: self.workspace, sid: session, exp: u64::MAX }
    }

    fn open(&self, session: SessionId) -> Result<Arc<Stream>, Refusal> {
        self.open_at(session, Start::Now)
    }

    fn open_at(&self, session: SessionId, start: Start) -> Result<Arc<Stream>, Refusal> {
        self.open_in(Encoding::Sse, session, start)
    }

    fn open_in(&self, encoding: Encoding, session: SessionId, start: Start) -> Result<Arc<Stream>, Refusal> {
        let deadline = Instant::now() + Duration::from_secs(900);
        self.hub.open(&self.claims(session), start, deadline, encoding)
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

/// The names of the frames that a stream gives now, and its state afterwards.
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

/// The id and the data of each message that a stream gives now, without the time of those that are
/// about the stream itself.
fn told(stream: &Stream) -> Vec<(String, Value)> {
    let mut told = Vec::new();
    while stream.poll(Waker::noop()) == Next::Write {
        let text = stream.write_one();
        let (id, mut data) = match stream.encoding {
            Encoding::Sse => {
                let field = |name: &str| {
                    text.lines().filter_map(|line| line.strip_prefix(name)).collect::<Vec<_>>().join("\n")
                };
                (field("id: "), serde_json::from_str(&field("data: ")).unwrap())
            }
            Encoding::JsonLines => {
                let mut line: Value = serde_json::from_str(&text).unwrap();
                (line["id"].as_str().unwrap().to_owned(), line["data"].take())
            }
        };
        if data["type"] != "message.new" {
            data.as_object_mut().unwrap().remove("at");
        }
        told.push((id, data));
    }
    told
}

#[test]
fn every_encoding_tells_the_same_live_from_memory_and_from_the_database() {
    let mut scene = Scene::new(NotifyConfig::default());
    let live: Vec<_> = Encoding::ALL
        .iter()
        .map(|encoding| scene.open_in(*encoding, SessionId::generate(), Start::Now).unwrap())
        .collect();
    let payloads = [
        r#"{"type":"message.new","at":"then","n":1}"#,
        "{\"type\":\"message.new\",\r\n  \"text\":\"two\\nlines\"\n}",
        "no JSON",
    ];
    let rows = payloads.map(|payload| LogRow {
        payload: payload.into(),
        ..scene.row(EventKind::MessageNew, Audience::Chat)
    });
    let tick = scene.row(EventKind::Tick, Audience::Nobody);
    scene.hub.apply(&[&rows[..], &[tick]].concat());
    let mut expected: Vec<(String, Value)> = Vec::new();
    for (row, data) in rows.iter().zip([
        json!({ "type": "message.new", "at": "then", "n": 1 }),
        json!({ "type": "message.new", "text": "two\nlines" }),
        json!({ "type": "reset", "reason": "unreadable_event" }),
    ]) {
        expected.push((format!("0.1.{}.{}", scene.shard().number(), row.id), data));
    }
    for stream in &live {
        assert_eq!(told(stream)[1..], expected, "{:?}, live", stream.encoding);
    }
    for encoding in Encoding::ALL {
        let lagging = || scene.open_in(*encoding, SessionId::generate(), scene.after(0)).unwrap();
        let from_memory = lagging();
        assert_eq!(told(&from_memory).len(), 1, "`connected`");
        scene.hub.catch_up_from_memory(&from_memory, &mut None, 0);
        assert_eq!(told(&from_memory), expected, "{encoding:?}, from memory");

        let from_database = lagging();
        told(&from_database);
        let page = rows.clone().map(|row| ReplayRow { row, withheld: false });
        let mut replay = Replay::new(scene.user, scene.workspace, 0, 99, HashSet::from([scene.chat]), []);
        scene.hub.catch_up_from_page(&from_database, &mut replay, &page);
        let judged_at_99 = expected.iter().map(|(id, data)| (format!("{id}~99"), data.clone()));
        assert_eq!(told(&from_database), judged_at_99.collect::<Vec<_>>(), "{encoding:?}, from the database");
    }
}

#[test]
fn typing_goes_to_the_live_streams_of_the_other_members() {
    let mut scene = Scene::new(NotifyConfig::default());
    let live = scene.open(SessionId::generate()).unwrap();
    let (workspace, chat, other) = (scene.workspace, scene.chat, UserId::generate());
    let types = |scene: &Scene, user| {
        let typing = Notice::Typing(Typing { workspace, chat, user, is_typing: true });
        scene.hub.hear(&serde_json::to_string(&typing).unwrap());
    };
    types(&scene, other);
    assert_eq!(frames(&live), ["connected"], "not a member yet");
    let row = scene.row(EventKind::MemberJoined, Audience::Chat);
    scene.hub.apply(&[LogRow { user_id: Some(other), ..row }]);
    let lagging = scene.open_at(SessionId::generate(), scene.after(0)).unwrap();
    types(&scene, other);
    types(&scene, scene.user);
    scene.hub.hear("{}");
    assert_eq!(frames(&live), ["member.joined", "typing"]);
    assert_eq!(frames(&lagging), ["connected", "catch up after 0"]);
    let row = scene.row(EventKind::MemberLeft, Audience::Chat);
    scene.hub.apply(&[LogRow { user_id: Some(other), ..row }]);
    types(&scene, other);
    assert_eq!(frames(&live), ["member.left"]);
    let Metrics { ephemeral_delivered, ephemeral_malformed, delivered, .. } = &scene.hub.metrics;
    assert_eq!((ephemeral_delivered.get(), ephemeral_malformed.get(), delivered.get()), (1, 1, 2));
}

#[test]
fn only_the_owner_of_a_stream_says_what_it_is_told() {
    let mut scene = Scene::new(NotifyConfig::default());
    let stream = scene.open(SessionId::generate()).unwrap();
    let (workspace, chat, other) = (scene.workspace, scene.chat, UserId::generate());
    let row = scene.row(EventKind::MemberJoined, Audience::Chat);
    scene.hub.apply(&[LogRow { user_id: Some(other), ..row }]);
    let tell = |notice: Notice| scene.hub.hear(&serde_json::to_string(&notice).unwrap());
    let want = |workspace, user, stream| {
        tell(Notice::Interest(Interest {
            workspace,
            user,
            stream,
            chats: Some(Vec::new()),
            users: Vec::new(),
        }));
    };
    want(workspace, other, stream.id);
    want(WorkspaceId::generate(), scene.user, stream.id);
    want(workspace, scene.user, StreamId::random());
    tell(Notice::Typing(Typing { workspace, chat, user: other, is_typing: true }));
    assert_eq!(frames(&stream), ["connected", "member.joined", "typing"]);
    want(workspace, scene.user, stream.id);
    tell(Notice::Typing(Typing { workspace, chat, user: other, is_typing: false }));
    assert_eq!(frames(&stream), [""; 0]);
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
    // The user joins a chat, so the page is read again, and joins another chat between the two
    // reads.
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
    tokio::time::advance(2 * RETENTION).await;
    scene.hub.tick(60);
    assert_eq!(remembered(&scene), 1, "a consumer may keep its partition");
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
    // The client's last cursor is further on than its last event.
    assert_eq!(frames(&stream), ["heartbeat".to_owned(), format!("catch up after {id}")]);
}

#[test]
fn a_gap_ends_every_stream_of_the_shard_with_a_reset() {
    let mut scene = Scene::new(NotifyConfig::default());
    let live = scene.open(SessionId::generate()).unwrap();
    scene.say();
    let lagging = scene.open_at(SessionId::generate(), scene.after(0)).unwrap();
    scene.hub.reset_shard(scene.shard(), Head { id: 70, timeline: 1 });
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
    let config = NotifyConfig { max_streams: 2, ..NotifyConfig::default() };
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

/// A server must not resume a client whose replay was filtered by events that this server does not
/// know yet.
#[tokio::test(start_paused = true)]
async fn a_node_that_is_behind_waits_for_what_a_client_was_judged_by() {
    let mut scene = Scene::new(NotifyConfig::default());
    scene.say();
    let cursor = Cursor { generation: 0, timeline: 1, shard: scene.shard(), id: 1 };
    let from_there = ResumePoint { cursor, filtered_as_of: 2 }.to_string();
    let came = scene.hub.check(scene.shard(), &cursor.to_string()).await;
    assert!(matches!(came, Ok(Start::After(point)) if point == cursor.into()));
    let came = scene.hub.check(scene.shard(), &from_there).await;
    assert!(matches!(came, Err(Refusal::Unavailable)));
    scene.say();
    let came = scene.hub.check(scene.shard(), &from_there).await;
    assert!(matches!(came, Ok(Start::After(point)) if point.to_string() == from_there));
}
