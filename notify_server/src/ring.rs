//! The newest events of a shard in memory, for streams that resume soon.

use std::{
    borrow::Cow,
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use chat_core::{
    ChatId, Cursor, EventKind, MessageId, SessionId, UserId, WorkspaceId,
    event::{Audience, Effect, control::ResetReason},
};
use event_log::{Head, LogRow};
use serde_json::Value;
use time::OffsetDateTime;

use crate::{
    frame::{Encoding, Frame},
    outgoing::Outgoing,
    resume_point::ResumePoint,
};

/// The most bytes of payloads in one ring.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// An event, as it is kept in memory.
#[derive(Debug)]
pub struct Entry {
    pub cursor: Cursor,
    pub workspace: Option<WorkspaceId>,
    /// As written: this server may not know it.
    pub kind: Cow<'static, str>,
    pub at: OffsetDateTime,
    pub effect: Effect,
    pub users: Box<[UserId]>,
    pub chat: Option<ChatId>,
    pub user: Option<UserId>,
    pub session: Option<SessionId>,
    pub message: Option<MessageId>,
    pub payload: Box<str>,
    /// The payload is no JSON object: its audience gets `reset` instead.
    pub is_unreadable: bool,
    frames: Frames,
}

/// The frames of an event that some queue still holds, one for each encoding. The ring itself holds
/// the payload alone. No other lock is taken under these, so they are not of [`crate::sync`].
#[derive(Debug, Default)]
struct Frames([Mutex<Weak<Frame>>; Encoding::COUNT]);

impl Entry {
    /// From a row of the log.
    pub fn new(row: &LogRow, generation: i32) -> Self {
        let is_unreadable = row.audience != Audience::Nobody && !is_json_object(&row.payload);
        Self {
            cursor: Cursor { generation, timeline: row.timeline, shard: row.shard, id: row.id },
            workspace: row.workspace_id,
            kind: EventKind::parse(&row.kind)
                .map_or_else(|| row.kind.clone().into(), |kind| kind.as_str().into()),
            at: row.at,
            effect: row.effect(),
            users: row.users.clone().into(),
            chat: row.chat_id,
            user: row.user_id,
            session: row.session_id,
            message: row.message_id,
            payload: if is_unreadable { Box::default() } else { row.payload.as_str().into() },
            is_unreadable,
            frames: Frames::default(),
        }
    }

    /// The same event with another payload.
    fn with_payload(&self, payload: Box<str>) -> Self {
        Self {
            cursor: self.cursor,
            workspace: self.workspace,
            kind: self.kind.clone(),
            at: self.at,
            effect: self.effect,
            users: self.users.clone(),
            chat: self.chat,
            user: self.user,
            session: self.session,
            message: self.message,
            payload,
            is_unreadable: self.is_unreadable,
            frames: Frames::default(),
        }
    }

    /// The frame that all streams of an encoding share.
    pub fn frame(&self, encoding: Encoding) -> Arc<Frame> {
        let mut shared = self.frames.0[encoding as usize].lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let frame = self.outgoing(self.cursor.into()).encode(encoding);
            *shared = Arc::downgrade(&frame);
            frame
        })
    }

    /// What is told to a client that resumes at `at`.
    pub fn outgoing(&self, at: ResumePoint) -> Outgoing<'_> {
        if self.is_unreadable {
            Outgoing::reset(at, ResetReason::UnreadableEvent)
        } else {
            Outgoing::event(at, &self.kind, &self.payload, self.at)
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
        self.bytes += entry.payload.len();
        self.entries.push_back(entry);
        while self.entries.len() > self.capacity || self.bytes > BYTES_MAX {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.bytes -= oldest.payload.len();
            self.base = head_of(&oldest);
        }
    }

    /// The newest event, or `base` if there is none.
    pub fn head(&self) -> Head {
        self.entries.back().map_or(self.base, |entry| head_of(entry))
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
        let index = self.entries.binary_search_by_key(&id, |entry| entry.cursor.id).ok()?;
        Some(self.entries[index].cursor.timeline)
    }

    /// Every event after `id`. The ring must reach back to it.
    pub fn after(&self, id: i64) -> impl Iterator<Item = &Arc<Entry>> {
        let start = self.entries.partition_point(|entry| entry.cursor.id <= id);
        self.entries.range(start..)
    }

    /// Removes what a message said before it was edited or deleted from the events that carry it, as
    /// the database does in the log.
    pub fn scrub(&mut self, change: &Entry) {
        let Some(message) = change.message else { return };
        let Ok(Value::Object(changed)) = serde_json::from_str(&change.payload) else {
            return;
        };
        let Some(as_it_is) = changed.get("message") else { return };
        for entry in self.entries.iter_mut().filter(|entry| entry.message == Some(message)) {
            let Ok(Value::Object(mut payload)) = serde_json::from_str(&entry.payload) else {
                continue;
            };
            let key = if payload.contains_key("message") { "message" } else { "last_message" };
            payload.insert(key.into(), as_it_is.clone());
            let scrubbed = Value::Object(payload).to_string();
            self.bytes = self.bytes - entry.payload.len() + scrubbed.len();
            *entry = Arc::new(entry.with_payload(scrubbed.into()));
        }
    }
}

fn head_of(entry: &Entry) -> Head {
    Head { id: entry.cursor.id, timeline: entry.cursor.timeline }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::HashMap;

    use chat_core::Shard;
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
        assert_eq!(ring.after(13).map(|e| e.cursor.id).collect::<Vec<_>>(), [14, 15]);
        assert_eq!(
            (ring.timeline_of(12), ring.timeline_of(14), ring.timeline_of(16)),
            (Some(1), Some(1), None)
        );
        assert_eq!(ring.head().id, 15);
    }

    #[test]
    fn a_frame_is_shared_while_somebody_has_it() {
        let entry = Entry::new(&row(1, EventKind::MessageNew), 1);
        for encoding in Encoding::ALL {
            let frame = entry.frame(*encoding);
            assert!(Arc::ptr_eq(&frame, &entry.frame(*encoding)));
            let old = (Arc::downgrade(&frame), frame.text().to_vec());
            drop(frame);
            assert!(old.0.upgrade().is_none(), "the ring holds the payload alone");
            assert_eq!(entry.frame(*encoding).text(), old.1);
        }
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
        ring.scrub(&Entry::new(&deletion, 1));
        let left: String = ring
            .after(0)
            .map(|e| String::from_utf8_lossy(e.frame(Encoding::Sse).text()).into_owned())
            .collect();
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
            let frame = entry.frame(Encoding::Sse);
            let text = std::str::from_utf8(frame.text()).unwrap();
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
        let frame = entry.frame(Encoding::Sse);
        assert!(
            entry.is_unreadable && std::str::from_utf8(frame.text()).unwrap().contains("unreadable_event")
        );
    }
}
