//! Parses Server-Sent Events by section 9.2 of the HTML standard.

use chat_core::ephemeral::EphemeralKind;

/// One frame, as far as Parlor uses the format.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    pub id: Option<String>,
    pub event: String,
    pub data: String,
    pub retry_ms: Option<u64>,
}

impl Frame {
    /// Whether the frame is about the stream itself and not in the log.
    pub fn is_control(&self) -> bool {
        matches!(self.event.as_str(), "" | "connected" | "heartbeat" | "reset")
    }

    /// Whether the frame tells what is true only now. It has no id.
    pub fn is_ephemeral(&self) -> bool {
        EphemeralKind::parse(&self.event).is_some()
    }

    /// The position in its `id:`. A client must treat the id as opaque; the oracle reads it.
    pub fn position(&self) -> Option<i64> {
        self.id.as_deref().and_then(position)
    }
}

/// The position in a cursor, which may have a `filtered_as_of` behind it.
pub fn position(cursor: &str) -> Option<i64> {
    let cursor = cursor.split_once('~').map_or(cursor, |(cursor, _)| cursor);
    cursor.rsplit('.').next()?.parse().ok()
}

/// Splits arriving bytes into frames. An incomplete frame counts as not received.
#[derive(Default)]
pub struct Frames(Vec<u8>);

impl Frames {
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next whole frame.
    ///
    /// # Errors
    /// A frame that our servers never send.
    pub fn next_frame(&mut self) -> anyhow::Result<Option<Frame>> {
        let Some(end) = self.0.windows(2).position(|pair| pair == b"\n\n") else { return Ok(None) };
        let bytes: Vec<u8> = self.0.drain(..end + 2).collect();
        let text = std::str::from_utf8(&bytes[..end])?;
        let mut frame = Frame::default();
        let mut data: Vec<&str> = Vec::new();
        for line in text.lines() {
            match line.split_once(": ") {
                Some(("id", value)) => frame.id = Some(value.to_owned()),
                Some(("event", value)) => value.clone_into(&mut frame.event),
                Some(("data", value)) => data.push(value),
                Some(("retry", value)) => frame.retry_ms = Some(value.parse()?),
                _ => anyhow::bail!("no line of a frame: {line:?}"),
            }
        }
        frame.data = data.join("\n");
        Ok(Some(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_whole_however_the_bytes_come() {
        let text =
            "retry: 5\nid: 1.1.3.42\nevent: message.new\ndata: {\"a\":1}\n\nid: 1.1.3.43\nevent: h\nda";
        let mut frames = Frames::default();
        let mut found = Vec::new();
        for byte in text.bytes() {
            frames.push(&[byte]);
            found.extend(frames.next_frame().unwrap());
        }
        let [frame] = &found[..] else { panic!("{found:?}") };
        assert_eq!((frame.retry_ms, frame.position(), frame.data.as_str()), (Some(5), Some(42), "{\"a\":1}"));
    }
}
