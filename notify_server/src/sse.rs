//! Server-Sent Events (WHATWG HTML, section 9.2).

use std::fmt::Write as _;

use crate::outgoing::Outgoing;

/// The bytes of a frame besides its kind and its data, roughly.
const FIELDS: usize = 128;

/// Appends one frame.
pub fn write(message: &Outgoing<'_>, text: &mut String) {
    if let Some(retry_ms) = message.retry_ms {
        let _ = writeln!(text, "retry: {retry_ms}");
    }
    if let Some(content) = &message.content {
        text.reserve(content.kind.len() + content.data.len() + FIELDS);
        if let Some(at) = message.resume_at {
            let _ = writeln!(text, "id: {at}");
        }
        // A kind with a line break would end the frame early; no server of ours writes one, but
        // psql can.
        text.push_str("event: ");
        text.extend(content.kind.chars().filter(|c| !c.is_control()));
        text.push('\n');
        write_data(&content.data, text);
    }
    text.push('\n');
}

/// Each of CR, LF and CRLF ends a line of the format.
fn write_data(data: &str, text: &mut String) {
    let mut line = |line: &str| {
        text.push_str("data: ");
        text.push_str(line);
        text.push('\n');
    };
    // Payloads of ours have no line breaks.
    if data.contains(['\n', '\r']) {
        data.replace("\r\n", "\n").split(['\n', '\r']).for_each(line);
    } else {
        line(data);
    }
}

#[cfg(test)]
mod tests {
    use chat_core::{
        ChatId, Cursor, Shard, UserId, WorkspaceId,
        ephemeral::{StreamId, Typing},
        event::control::ResetReason,
    };
    use time::OffsetDateTime;

    use super::*;
    use crate::{frame::Encoding, resume_point::ResumePoint};

    fn at(filtered_as_of: i64) -> ResumePoint {
        let cursor = Cursor { generation: 1, timeline: 1, shard: Shard::new(3).unwrap(), id: 42 };
        ResumePoint { cursor, filtered_as_of }
    }

    fn text(message: &Outgoing<'_>) -> String {
        String::from_utf8(message.encode(Encoding::Sse).text().to_vec()).unwrap()
    }

    fn event(at: ResumePoint, kind: &str, payload: &str) -> String {
        text(&Outgoing::event(at, kind, payload, OffsetDateTime::UNIX_EPOCH))
    }

    #[test]
    fn an_event_is_three_fields_and_an_empty_line() {
        let text = event(at(0), "message.new", r#"{"a":1}"#);
        assert_eq!(text, "id: 1.1.3.42\nevent: message.new\ndata: {\"a\":1}\n\n");
        let frame = Outgoing::event(at(0), "x", "{}", OffsetDateTime::UNIX_EPOCH).encode(Encoding::Sse);
        assert_eq!((frame.id, frame.written_at), (42, Some(OffsetDateTime::UNIX_EPOCH)));
    }

    #[test]
    fn the_id_says_how_far_the_server_had_come_when_it_matters() {
        assert!(event(at(70), "x", "{}").starts_with("id: 1.1.3.42~70\n"));
        assert!(event(at(41), "x", "{}").starts_with("id: 1.1.3.42\n"));
        let connected = text(&Outgoing::connected(at(70), true, StreamId::random(), 1));
        assert!(connected.starts_with("retry: 1\nid: 1.1.3.42~70\nevent: connected\n"), "{connected}");
    }

    #[test]
    fn what_says_only_when_to_come_back_is_no_event() {
        assert_eq!(text(&Outgoing::retry(5)), "retry: 5\n\n");
        let reset = text(&Outgoing::reset(at(0), ResetReason::Gap));
        assert!(reset.starts_with("id: 1.1.3.42\nevent: reset\ndata: {"), "{reset}");
    }

    #[test]
    fn what_is_true_only_now_has_no_id() {
        let (workspace, chat, user) = (WorkspaceId::generate(), ChatId::generate(), UserId::generate());
        let message = Outgoing::typing(&Typing { workspace, chat, user, is_typing: true });
        assert!(text(&message).starts_with("event: typing\ndata: {"));
        let frame = message.encode(Encoding::Sse);
        assert_eq!((frame.id, frame.written_at), (0, None));
    }

    #[test]
    fn line_breaks_in_the_payload_cannot_forge_a_frame() {
        let text = event(at(0), "x\nid: 9", "a\n\nevent: forged\rb\r\nc");
        assert_eq!(
            text,
            "id: 1.1.3.42\nevent: xid: 9\ndata: a\ndata: \ndata: event: forged\ndata: b\ndata: c\n\n"
        );
    }
}
