//! What is told to a client, in no particular encoding.

use std::borrow::Cow;

use chat_core::{
    Timestamp,
    ephemeral::{EphemeralKind, StreamId, TYPING_SECONDS, Typing},
    event::control::{self, ResetReason},
};
use serde_json::json;
use time::OffsetDateTime;

use crate::resume_point::ResumePoint;

/// One message to a client.
#[derive(Debug, Default)]
pub struct Outgoing<'a> {
    /// Where the client resumes after this message. None: where it did before.
    pub resume_at: Option<ResumePoint>,
    /// How long the client waits before it reconnects.
    pub retry_ms: Option<u64>,
    /// None: the message only sets the delay.
    pub content: Option<Content<'a>>,
    /// Of events of the log: see `written_at` of [`crate::frame::Frame`].
    pub written_at: Option<OffsetDateTime>,
}

/// What happened, as a name and one JSON object.
#[derive(Debug)]
pub struct Content<'a> {
    pub kind: &'a str,
    pub data: Cow<'a, str>,
}

impl<'a> Outgoing<'a> {
    /// An event of the log.
    pub fn event(at: ResumePoint, kind: &'a str, payload: &'a str, written_at: OffsetDateTime) -> Self {
        let content = Content { kind, data: payload.into() };
        Self { resume_at: Some(at), content: Some(content), written_at: Some(written_at), ..Self::default() }
    }

    /// The first message of a stream: how long to wait before a reconnect, where the stream goes on
    /// from, and its name.
    pub fn connected(at: ResumePoint, resumed: bool, stream: StreamId, retry_ms: u64) -> Self {
        let data = json!({ "type": control::CONNECTED, "at": Timestamp(OffsetDateTime::now_utc()), "resumed": resumed, "stream_id": stream });
        Self { retry_ms: Some(retry_ms), ..Self::control(at, control::CONNECTED, &data) }
    }

    /// A heartbeat, which also moves the client's cursor.
    pub fn heartbeat(at: ResumePoint) -> Self {
        Self::control(
            at,
            control::HEARTBEAT,
            &json!({ "type": control::HEARTBEAT, "at": Timestamp(OffsetDateTime::now_utc()) }),
        )
    }

    /// Tells the client that it has to take a new snapshot. `at` is where the stream goes on from.
    pub fn reset(at: ResumePoint, reason: ResetReason) -> Self {
        let data =
            json!({ "type": control::RESET, "at": Timestamp(OffsetDateTime::now_utc()), "reason": reason });
        Self::control(at, control::RESET, &data)
    }

    /// That a member types in a chat, or stopped.
    pub fn typing(typing: &Typing) -> Self {
        let kind = EphemeralKind::Typing.as_str();
        let data = json!({
            "type": kind, "at": Timestamp(OffsetDateTime::now_utc()), "chat_id": typing.chat, "user_id": typing.user,
            "is_typing": typing.is_typing, "seconds": TYPING_SECONDS,
        });
        Self { content: Some(Content { kind, data: data.to_string().into() }), ..Self::default() }
    }

    /// Only sets the delay before a reconnect.
    pub fn retry(retry_ms: u64) -> Self {
        Self { retry_ms: Some(retry_ms), ..Self::default() }
    }

    fn control(at: ResumePoint, kind: &'static str, data: &serde_json::Value) -> Self {
        let content = Content { kind, data: data.to_string().into() };
        Self { resume_at: Some(at), content: Some(content), ..Self::default() }
    }
}
