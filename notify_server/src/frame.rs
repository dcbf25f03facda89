//! Server-Sent Events as bytes (WHATWG HTML, section 9.2). A frame is built once and shared by all
//! streams that send it.

use std::fmt::Write as _;

use chat_core::{
    Cursor,
    event::control::{self, ResetReason},
};
use serde_json::json;
use time::OffsetDateTime;

use crate::resume_point::ResumePoint;

/// The end of a chunk (RFC 9112, section 7.1).
const CHUNK_END: &str = "\r\n";
/// Room for a chunk's size in hexadecimal digits and its line end.
const CHUNK_HEAD: usize = 10;

/// One frame, stored as a chunk of HTTP/1.1.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// The id of the event or position that it carries; 0: none.
    pub id: i64,
    /// When the event was written, by the database's clock. None for frames that are no event of
    /// the log.
    pub written_at: Option<OffsetDateTime>,
    chunk: Box<[u8]>,
    text_start: usize,
}

impl Frame {
    /// An event of the log.
    pub fn event(cursor: Cursor, kind: &str, payload: &str, written_at: OffsetDateTime) -> Self {
        Self { written_at: Some(written_at), ..encode("", cursor.into(), kind, payload) }
    }

    /// The first frame of a stream: how long to wait before a reconnect, and where the stream goes
    /// on from.
    pub fn connected(at: ResumePoint, resumed: bool, retry_ms: u64) -> Self {
        let data = json!({ "type": control::CONNECTED, "at": now(), "resumed": resumed }).to_string();
        encode(&format!("retry: {retry_ms}\n"), at, control::CONNECTED, &data)
    }

    /// A heartbeat, which also moves the client's cursor.
    pub fn heartbeat(cursor: Cursor) -> Self {
        let data = json!({ "type": control::HEARTBEAT, "at": now() }).to_string();
        encode("", cursor.into(), control::HEARTBEAT, &data)
    }

    /// Tells the client that it has to take a new snapshot. Its id is where the stream goes on
    /// from.
    pub fn reset(cursor: Cursor, reason: ResetReason) -> Self {
        let data = json!({ "type": control::RESET, "at": now(), "reason": reason }).to_string();
        encode("", cursor.into(), control::RESET, &data)
    }

    /// The same frame, with `filtered_as_of` in its id: see [`ResumePoint`]. The frame must begin
    /// with its id.
    #[must_use]
    pub fn filtered_as_of(&self, filtered_as_of: i64) -> Self {
        let text = String::from_utf8_lossy(self.text());
        let (id, rest) = text.split_once('\n').unwrap_or((&text, ""));
        let marked = Self::new(self.id, |frame| {
            let _ = write!(frame, "{id}~{filtered_as_of}\n{rest}");
        });
        Self { written_at: self.written_at, ..marked }
    }

    /// A frame that only sets the reconnect delay.
    pub fn retry(retry_ms: u64) -> Self {
        Self::new(0, |text| {
            let _ = write!(text, "retry: {retry_ms}\n\n");
        })
    }

    #[cfg(test)]
    pub fn of_text(id: i64, text: &str) -> Self {
        Self::new(id, |frame| frame.push_str(text))
    }

    /// The bytes for a socket, with or without chunked encoding.
    pub fn bytes(&self, is_chunked: bool) -> &[u8] {
        if is_chunked { self.chunk() } else { self.text() }
    }

    /// As a chunk of HTTP/1.1.
    pub fn chunk(&self) -> &[u8] {
        &self.chunk
    }

    /// The frame without its chunk.
    pub fn text(&self) -> &[u8] {
        let end = self.chunk.len().saturating_sub(CHUNK_END.len());
        self.chunk.get(self.text_start..end).unwrap_or_default()
    }

    /// The payload that was framed.
    pub fn data(&self) -> String {
        let text = String::from_utf8_lossy(self.text());
        let lines: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
        lines.join("\n")
    }

    fn new(id: i64, write: impl FnOnce(&mut String)) -> Self {
        // The size precedes the data, so its place is reserved first.
        let mut chunk = " ".repeat(CHUNK_HEAD);
        write(&mut chunk);
        let head = format!("{:x}\r\n", chunk.len() - CHUNK_HEAD);
        chunk.replace_range(..CHUNK_HEAD, &head);
        chunk.push_str(CHUNK_END);
        Self { id, written_at: None, chunk: chunk.into_bytes().into(), text_start: head.len() }
    }
}

fn encode(first: &str, at: ResumePoint, kind: &str, data: &str) -> Frame {
    Frame::new(at.cursor.id, |text| {
        text.reserve(first.len() + data.len() + kind.len() + 96);
        text.push_str(first);
        let _ = writeln!(text, "id: {at}");
        // A kind with a line break would end the frame early; no server of ours writes one, but
        // psql can.
        text.push_str("event: ");
        text.extend(kind.chars().filter(|c| !c.is_control()));
        text.push('\n');
        // Each of CR, LF and CRLF ends a line of the format.
        for line in data.replace("\r\n", "\n").split(['\n', '\r']) {
            text.push_str("data: ");
            text.push_str(line);
            text.push('\n');
        }
        text.push('\n');
    })
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

    fn event(kind: &str, payload: &str) -> Frame {
        Frame::event(cursor(), kind, payload, OffsetDateTime::UNIX_EPOCH)
    }

    #[test]
    fn an_event_is_three_fields_and_an_empty_line() {
        let frame = event("message.new", r#"{"a":1}"#);
        assert_eq!(frame.text(), b"id: 1.1.3.42\nevent: message.new\ndata: {\"a\":1}\n\n");
        assert_eq!(frame.id, 42);
    }

    #[test]
    fn a_chunk_says_how_long_it_is() {
        for payload in ["", "x", &"x".repeat(100_000)] {
            let frame = event("message.new", payload);
            let chunk = std::str::from_utf8(frame.chunk()).unwrap();
            let (size, rest) = chunk.split_once("\r\n").unwrap();
            assert_eq!(usize::from_str_radix(size, 16).unwrap() + 2, rest.len());
            assert_eq!(rest.strip_suffix("\r\n").unwrap().as_bytes(), frame.text());
        }
        assert_eq!(Frame::retry(5).text(), b"retry: 5\n\n");
        assert_eq!((Frame::default().chunk(), Frame::default().text()), (&b""[..], &b""[..]));
    }

    #[test]
    fn a_frame_that_says_how_far_the_server_had_come_differs_in_its_id_alone() {
        let frame = event("message.new", "{}").filtered_as_of(70);
        assert_eq!(frame.text(), b"id: 1.1.3.42~70\nevent: message.new\ndata: {}\n\n");
        assert_eq!((frame.id, frame.written_at), (42, Some(OffsetDateTime::UNIX_EPOCH)));
        let frame = Frame::connected(ResumePoint { cursor: cursor(), filtered_as_of: 70 }, true, 1);
        assert!(frame.text().starts_with(b"retry: 1\nid: 1.1.3.42~70\nevent: connected\n"));
    }

    #[test]
    fn line_breaks_in_the_payload_cannot_forge_a_frame() {
        let frame = event("x\nid: 9", "a\n\nevent: forged\rb\r\nc");
        let text = std::str::from_utf8(frame.text()).unwrap();
        assert_eq!(
            text,
            "id: 1.1.3.42\nevent: xid: 9\ndata: a\ndata: \ndata: event: forged\ndata: b\ndata: c\n\n"
        );
        assert_eq!(frame.data(), "a\n\nevent: forged\nb\nc");
    }
}
