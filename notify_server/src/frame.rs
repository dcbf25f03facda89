//! The bytes of one message in one encoding. A frame is built once and shared by all streams of
//! that encoding.

use std::sync::Arc;

use time::OffsetDateTime;

/// The end of a chunk (RFC 9112, section 7.1).
const CHUNK_END: &str = "\r\n";
/// Room for a chunk's size in hexadecimal digits and its line end.
const CHUNK_HEAD: usize = 10;

/// How messages become bytes: one for each transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Server-Sent Events: see [`crate::sse`].
    Sse,
    /// One JSON object a line. It proves that nothing outside of the encodings knows of SSE.
    #[cfg(test)]
    JsonLines,
}

impl Encoding {
    pub const ALL: &[Self] = &[
        Self::Sse,
        #[cfg(test)]
        Self::JsonLines,
    ];
    pub const COUNT: usize = Self::ALL.len();
}

/// One frame, stored as a chunk of HTTP/1.1.
#[derive(Debug, PartialEq, Eq)]
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
    /// `write` appends the text of the frame.
    pub fn new(id: i64, written_at: Option<OffsetDateTime>, write: impl FnOnce(&mut String)) -> Self {
        // The size precedes the data, so its place is reserved first.
        let mut chunk = " ".repeat(CHUNK_HEAD);
        write(&mut chunk);
        let head = format!("{:x}\r\n", chunk.len() - CHUNK_HEAD);
        chunk.replace_range(..CHUNK_HEAD, &head);
        chunk.push_str(CHUNK_END);
        Self { id, written_at, chunk: chunk.into_bytes().into(), text_start: head.len() }
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
}

/// One message for many streams: encoded when the first stream of an encoding needs it.
pub struct Shared<F> {
    encode: F,
    frames: [Option<Arc<Frame>>; Encoding::COUNT],
}

impl<F: Fn(Encoding) -> Arc<Frame>> Shared<F> {
    pub fn new(encode: F) -> Self {
        Self { encode, frames: [const { None }; Encoding::COUNT] }
    }

    pub fn get(&mut self, encoding: Encoding) -> &Arc<Frame> {
        self.frames[encoding as usize].get_or_insert_with(|| (self.encode)(encoding))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_says_how_long_it_is() {
        for text in ["", "x", &"x".repeat(100_000)] {
            let frame = Frame::new(0, None, |frame| frame.push_str(text));
            let chunk = std::str::from_utf8(frame.chunk()).unwrap();
            let (size, rest) = chunk.split_once("\r\n").unwrap();
            assert_eq!(usize::from_str_radix(size, 16).unwrap() + 2, rest.len());
            assert_eq!(rest.strip_suffix("\r\n").unwrap().as_bytes(), frame.text());
            assert_eq!(frame.text(), text.as_bytes());
        }
    }
}
