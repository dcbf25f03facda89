//! Writes what a stream gets in the encoding of its transport.

use std::sync::Arc;

#[cfg(test)]
use crate::json_lines;
use crate::{
    frame::{Encoding, Frame},
    outgoing::Outgoing,
    sse,
};

impl Outgoing<'_> {
    pub fn encode(&self, encoding: Encoding) -> Arc<Frame> {
        let id = self.resume_at.map_or(0, |at| at.cursor.id);
        Arc::new(Frame::new(id, self.written_at, |text| match encoding {
            Encoding::Sse => sse::write(self, text),
            #[cfg(test)]
            Encoding::JsonLines => json_lines::write(self, text),
        }))
    }
}
