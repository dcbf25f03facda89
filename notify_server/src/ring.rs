//! The newest events of a shard in memory, for streams that resume soon.

use std::{collections::VecDeque, sync::Arc};

use chat_core::{
    ChatId, Cursor, MessageId, SessionId, Shard, UserId, WorkspaceId,
    event::{Audience, Effect, control::ResetReason},
};
use event_log::{Head, LogRow};
use serde_json::Value;
use time::OffsetDateTime;

use crate::frame::Frame;

/// The most bytes of frames in one ring.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// An event with its frame.
#[derive(Clone, Debug)]
pub struct Entry {
    pub id: i64,
    pub timeline: i32,
    pub workspace: Option<WorkspaceId>,
    pub effect: Effect,
    pub users: Box<[UserId]>,
    pub chat: Option<ChatId>,
    pub user: Option<UserId>,
    pub session: Option<SessionId>,
    pub message: Option<MessageId>,
    pub frame: Arc<Frame>,
    /// The payload is no JSON object: its audience gets `reset` instead.
    pub is_unreadable: bool,
}

impl Entry {
    /// Builds the frame of a row of the log.
    pub fn new(row: &LogRow, generation: i32) -> Self {
        let cursor = Cursor { generation, timeline: row.timeline, shard: row.shard, id: row.id };
        let is_unreadable = row.audience != Audience::Nobody && !is_json_object(&row.payload);
        let frame = match row.audience {
            Audience::Nobody => Frame::default(),
            _ if is_unreadable => Frame::reset(cursor, ResetReason::UnreadableEvent),
            _ => Frame::event(cursor, &row.kind, &row.payload, row.at),
        };
        Self {
            id: row.id,
            timeline: row.timeline,
            workspace: row.workspace_id,
            effect: row.effect(),
            users: row.users.clone().into(),
            chat: row.chat_id,
            user: row.user_id,
            session: row.session_id,
            message: row.message_id,
            frame: Arc::new(frame),
            is_unreadable,
        }
    }
}

/// Parses without building a value.
fn is_json_object(text: &str) -> bool {
    text.trim_ascii_start().starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// All events after `base` up to the shard's position, in order.
pub struct Ring {
    entries: VecDeque<Arc<Entry>>,
    base: Head,
    bytes: usize,
    capacity: usize,
}

impl Ring {
    /// An empty ring whose next event comes after `base`.
    pub fn new(base: Head, capacity: usize) -> Self {
        Self { entries: VecDeque::new(), base, bytes: 0, capacity }
    }

    pub fn push(&mut self, entry: Arc<Entry>) {
        self.bytes += entry.frame.chunk().len();
        self.entries.push_back(entry);
        while self.entries.len() > self.capacity || self.bytes > BYTES_MAX {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.bytes -= oldest.frame.chunk().len();
            self.base = Head { id: oldest.id, timeline: oldest.timeline };
        }
    }

    /// The newest event, or `base` if there is none.
    pub fn head(&self) -> Head {
        self.entries.back().map_or(self.base, |entry| Head { id: entry.id, timeline: entry.timeline })
    }

    /// Whether the ring holds every event after `id`.
    pub fn reaches_back_to(&self, id: i64) -> bool {
        id >= self.base.id
    }

    /// The timeline of the event `id`, if it is in the ring or is `base`.
    pub fn timeline_of(&self, id: i64) -> Option<i32> {
        if id == self.base.id {
            return Some(self.base.timeline);
        }
        let index = self.entries.binary_search_by_key(&id, |entry| entry.id).ok()?;
        Some(self.entries[index].timeline)
    }

    /// Every event after `id`. The ring must reach back to it.
    pub fn after(&self, id: i64) -> impl Iterator<Item = &Arc<Entry>> {
        let start = self.entries.partition_point(|entry| entry.id <= id);
        self.entries.range(start..)
    }

    /// Removes the body of a deleted message from the events that carry it, as the database does in
    /// the log.
    pub fn scrub(&mut self, shard: Shard, generation: i32, deletion: &Entry) {
        let Some(message) = deletion.message else { return };
        let Ok(Value::Object(deleted)) = serde_json::from_str(&deletion.frame.data()) else {
            return;
        };
        let Some(tombstone) = deleted.get("message") else { return };
        for entry in self.entries.iter_mut().filter(|entry| entry.message == Some(message)) {
            let Ok(Value::Object(mut payload)) = serde_json::from_str(&entry.frame.data()) else {
                continue;
            };
            let key = if payload.contains_key("message") { "message" } else { "last_message" };
            payload.insert(key.into(), tombstone.clone());
            let cursor = Cursor { generation, timeline: entry.timeline, shard, id: entry.id };
            // The kind as written, which this server may not know.
            let kind = payload.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
            let at = entry.frame.written_at.unwrap_or(OffsetDateTime::UNIX_EPOCH);
            let scrubbed = Frame::event(cursor, &kind, &Value::Object(payload).to_string(), at);
            self.bytes = self.bytes - entry.frame.chunk().len() + scrubbed.chunk().len();
            *entry = Arc::new(Entry { frame: Arc::new(scrubbed), ..Entry::clone(entry) });
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::HashMap;

    use chat_core::EventKind;
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    pub fn row(id: i64, kind: EventKind) -> LogRow {
        LogRow {
            shard: Shard::new(0).unwrap(),
            id,
            prev_id: id - 1,
            timeline: 1,
            at: OffsetDateTime::UNIX_EPOCH,
            workspace_id: None,
            kind: kind.as_str().into(),
            audience: Audience::Chat,
            users: Vec::new(),
            chat_id: None,
            user_id: None,
            session_id: None,
            message_id: None,
            payload: format!(r#"{{"n":{id}}}"#),
        }
    }

    #[test]
    fn old_events_make_room_and_the_ring_knows_how_far_back_it_reaches() {
        let mut ring = Ring::new(Head { id: 10, timeline: 1 }, 3);
        for id in 11..=15 {
            ring.push(Arc::new(Entry::new(&row(id, EventKind::MessageNew), 1)));
        }
        assert!(!ring.reaches_back_to(11) && ring.reaches_back_to(12));
        assert_eq!(ring.after(13).map(|e| e.id).collect::<Vec<_>>(), [14, 15]);
        assert_eq!(
            (ring.timeline_of(12), ring.timeline_of(14), ring.timeline_of(16)),
            (Some(1), Some(1), None)
        );
        assert_eq!(ring.head().id, 15);
    }

    #[test]
    fn a_deleted_body_is_gone_from_memory() {
        let message = Some(MessageId::generate());
        let mut ring = Ring::new(Head::default(), 10);
        for (id, kind, payload) in [
            (1, EventKind::MessageNew, r#"{"type":"message.new","message":{"body":"secret"}}"#),
            (2, EventKind::MemberJoined, r#"{"type":"member.joined","last_message":{"body":"secret"}}"#),
        ] {
            let row = LogRow { message_id: message, payload: payload.into(), ..row(id, kind) };
            ring.push(Arc::new(Entry::new(&row, 1)));
        }
        let deletion = LogRow {
            message_id: message,
            payload: r#"{"type":"message.deleted","message":{"body":""}}"#.into(),
            ..row(3, EventKind::MessageDeleted)
        };
        ring.scrub(Shard::new(0).unwrap(), 1, &Entry::new(&deletion, 1));
        let left: String =
            ring.after(0).map(|e| String::from_utf8_lossy(e.frame.text()).into_owned()).collect();
        assert!(
            !left.contains("secret")
                && left.contains("id: 1.1.0.1\nevent: message.new\n")
                && left.contains("id: 1.1.0.2\n"),
            "{left}"
        );
    }

    /// Any text but NUL, which a writer with psql may leave in the log.
    fn any_payload() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("\n\n".to_owned()),
            Just("\r".to_owned()),
            Just("\r\nid: 9.9.9.9\n".to_owned()),
            Just("event: forged\ndata: x\n\n".to_owned()),
            Just("{\"a\":".to_owned()),
            Just("}".to_owned()),
            any::<String>().prop_map(|text| text.replace('\0', "")),
            (0..3_usize).prop_map(|n| "x".repeat(n * 70_000)),
            prop::collection::hash_map("[a-z]{1,4}", any::<Option<i64>>(), 0..4)
                .prop_map(|object| serde_json::to_string(&object).unwrap()),
        ];
        prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

        #[test]
        fn any_row_becomes_one_frame_with_its_own_id(
            payload in any_payload(),
            kind in prop_oneof![any::<String>(), Just("message.new".to_owned()), Just("x\nid: 1.1.1.1".to_owned())],
            id in 1..i64::MAX,
            audience in prop::sample::select(vec![Audience::Chat, Audience::Workspace, Audience::Users]),
        ) {
            let row = LogRow { id, kind, audience, payload: payload.clone(), ..row(7, EventKind::MessageNew) };
            let entry = Entry::new(&row, 1);
            prop_assert_eq!(entry.is_unreadable, serde_json::from_str::<HashMap<String, Box<RawValue>>>(&payload).is_err());
            let text = std::str::from_utf8(entry.frame.text()).unwrap();
            // Parses as a browser does: CR, LF and CRLF end a line, an empty line ends the frame.
            let text = text.replace("\r\n", "\n").replace('\r', "\n");
            prop_assert!(text.ends_with("\n\n"));
            let lines: Vec<&str> = text[..text.len() - 2].split('\n').collect();
            prop_assert_eq!(lines[0], format!("id: 1.1.0.{}", id));
            prop_assert!(lines[1].starts_with("event: "));
            prop_assert!(lines[2..].iter().all(|line| line.starts_with("data: ")), "{:?}", lines);
            let data: Vec<&str> = lines[2..].iter().map(|line| &line[6..]).collect();
            if entry.is_unreadable {
                let reset: Value = serde_json::from_str(&data.join("\n")).unwrap();
                prop_assert_eq!(&reset["reason"], "unreadable_event");
            } else {
                prop_assert_eq!(data.join("\n"), payload.replace("\r\n", "\n").replace('\r', "\n"));
            }
        }
    }

    #[test]
    fn a_payload_that_is_no_json_becomes_a_reset() {
        let poison = LogRow { payload: "{\"a\": \u{1} nonsense".into(), ..row(7, EventKind::MessageNew) };
        let entry = Entry::new(&poison, 1);
        assert!(entry.is_unreadable && entry.frame.data().contains("unreadable_event"));
    }
}
