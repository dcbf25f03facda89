//! Server-Sent Events as bytes (WHATWG HTML, section 9.2). A frame is built once and shared by all who get it.

use std::fmt::Write as _;

use bytes::Bytes;
use chat_core::{Cursor, event::control};
use serde_json::json;
use time::OffsetDateTime;

use crate::place::Place;

/// An event of the log.
pub fn event(cursor: Cursor, kind: &str, payload: &str) -> Bytes {
    encode(cursor.into(), kind, payload)
}

/// The first frame of a stream: how long to wait before a reconnect, and where the stream goes on from.
pub fn connected(place: Place, resumed: bool, retry_ms: u64) -> Bytes {
    let data = json!({ "type": control::CONNECTED, "at": now(), "resumed": resumed }).to_string();
    let mut frame = format!("retry: {retry_ms}\n").into_bytes();
    frame.extend_from_slice(&encode(place, control::CONNECTED, &data));
    frame.into()
}

/// A sign of life that moves the client's cursor along.
pub fn heartbeat(cursor: Cursor) -> Bytes {
    let data = json!({ "type": control::HEARTBEAT, "at": now() }).to_string();
    encode(cursor.into(), control::HEARTBEAT, &data)
}

/// Tells the client that it has to take a new snapshot. Its id is where the stream goes on from.
pub fn reset(cursor: Cursor, reason: &str) -> Bytes {
    let data = json!({ "type": control::RESET, "at": now(), "reason": reason }).to_string();
    encode(cursor.into(), control::RESET, &data)
}

/// The same frame with an id that says how far the server had come. It begins with its id.
pub fn judged_at(frame: &[u8], judged_at: i64) -> Bytes {
    let end = frame.iter().position(|byte| *byte == b'\n').unwrap_or(frame.len());
    let mark = format!("~{judged_at}");
    [&frame[..end], mark.as_bytes(), &frame[end..]].concat().into()
}

/// How long to wait before a reconnect, and nothing else.
pub fn retry(retry_ms: u64) -> Bytes {
    format!("retry: {retry_ms}\n\n").into()
}

/// The data of a frame, as it was before it was framed.
pub fn data_of(frame: &[u8]) -> String {
    let text = String::from_utf8_lossy(frame);
    let lines: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    lines.join("\n")
}

fn encode(place: Place, kind: &str, data: &str) -> Bytes {
    let mut frame = String::with_capacity(data.len() + kind.len() + 64);
    let _ = writeln!(frame, "id: {place}");
    // A kind with a line break would end the frame early; no server of ours writes one, but psql can.
    let kind: String = kind.chars().filter(|c| !c.is_control()).collect();
    let _ = writeln!(frame, "event: {kind}");
    // Each of CR, LF and CRLF ends a line of the format.
    for line in data.replace("\r\n", "\n").split(['\n', '\r']) {
        frame.push_str("data: ");
        frame.push_str(line);
        frame.push('\n');
    }
    frame.push('\n');
    frame.into()
}

fn now() -> String {
    let format = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
    );
    OffsetDateTime::now_utc().format(format).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chat_core::Shard;

    fn cursor() -> Cursor {
        Cursor { generation: 1, timeline: 1, shard: Shard::new(3).unwrap(), id: 42 }
    }

    #[test]
    fn an_event_is_three_fields_and_an_empty_line() {
        let frame = event(cursor(), "message.new", r#"{"a":1}"#);
        assert_eq!(&frame[..], b"id: 1.1.3.42\nevent: message.new\ndata: {\"a\":1}\n\n");
    }

    #[test]
    fn a_frame_that_says_how_far_the_server_had_come_differs_in_its_id_alone() {
        let frame = judged_at(&event(cursor(), "message.new", "{}"), 70);
        assert_eq!(&frame[..], b"id: 1.1.3.42~70\nevent: message.new\ndata: {}\n\n");
        let frame = connected(Place { cursor: cursor(), judged_at: 70 }, true, 1);
        assert!(frame.starts_with(b"retry: 1\nid: 1.1.3.42~70\nevent: connected\n"));
    }

    #[test]
    fn line_breaks_in_the_payload_cannot_forge_a_frame() {
        let frame = event(cursor(), "x\nid: 9", "a\n\nevent: forged\rb\r\nc");
        let text = std::str::from_utf8(&frame).unwrap();
        assert_eq!(
            text,
            "id: 1.1.3.42\nevent: xid: 9\ndata: a\ndata: \ndata: event: forged\ndata: b\ndata: c\n\n"
        );
        assert_eq!(data_of(&frame), "a\n\nevent: forged\nb\nc");
    }
}
