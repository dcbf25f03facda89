//! Server-Sent Events as bytes (WHATWG HTML, section 9.2). A frame is built once and shared by all who get it.

use std::fmt::Write as _;

use bytes::Bytes;
use chat_core::{Cursor, event::control};
use serde_json::json;
use time::OffsetDateTime;

/// An event of the log.
pub fn event(cursor: Cursor, kind: &str, payload: &str) -> Bytes {
    encode(Some(cursor), kind, payload)
}

/// The first frame of a stream: how long to wait before a reconnect, and where the stream goes on from.
pub fn connected(cursor: Cursor, resumed: bool, retry_ms: u64) -> Bytes {
    let data = json!({ "type": control::CONNECTED, "at": now(), "resumed": resumed }).to_string();
    let mut frame = format!("retry: {retry_ms}\n").into_bytes();
    frame.extend_from_slice(&encode(Some(cursor), control::CONNECTED, &data));
    frame.into()
}

/// A sign of life that moves the client's cursor along.
pub fn heartbeat(cursor: Cursor) -> Bytes {
    let data = json!({ "type": control::HEARTBEAT, "at": now() }).to_string();
    encode(Some(cursor), control::HEARTBEAT, &data)
}

/// Tells the client that it has to take a new snapshot. Its id is where the stream goes on from.
pub fn reset(cursor: Cursor, reason: &str) -> Bytes {
    let data = json!({ "type": control::RESET, "at": now(), "reason": reason }).to_string();
    encode(Some(cursor), control::RESET, &data)
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

fn encode(cursor: Option<Cursor>, kind: &str, data: &str) -> Bytes {
    let mut frame = String::with_capacity(data.len() + kind.len() + 64);
    if let Some(cursor) = cursor {
        let _ = writeln!(frame, "id: {cursor}");
    }
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
