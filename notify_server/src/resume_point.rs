//! The position from which a client resumes its stream.

use std::{fmt, str::FromStr};

use chat_core::{Cursor, cursor::NotACursor};

/// A cursor, plus the newest event that the server knew when it filtered the replay.
///
/// The second part is needed while the client has not reached its own `member.left`, and earlier
/// events of that chat were left out. A server that is behind `filtered_as_of` does not know that
/// the user left, and would send the rest. It must first reach that event. Text form: the cursor,
/// then `~` and the id if it is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResumePoint {
    pub cursor: Cursor,
    /// 0: not needed.
    pub filtered_as_of: i64,
}

impl From<Cursor> for ResumePoint {
    fn from(cursor: Cursor) -> Self {
        Self { cursor, filtered_as_of: 0 }
    }
}

impl fmt::Display for ResumePoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.cursor)?;
        if self.filtered_as_of > self.cursor.id { write!(f, "~{}", self.filtered_as_of) } else { Ok(()) }
    }
}

impl FromStr for ResumePoint {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let Some((cursor, filtered_as_of)) = text.split_once('~') else {
            return Ok(text.parse::<Cursor>()?.into());
        };
        let cursor: Cursor = cursor.parse()?;
        // Parsed as the id of a cursor, so that the same rules apply.
        let filtered_as_of =
            Cursor { id: 0, ..cursor }.to_string().trim_end_matches('0').to_owned() + filtered_as_of;
        let filtered_as_of = filtered_as_of.parse::<Cursor>()?.id;
        if filtered_as_of > cursor.id { Ok(Self { cursor, filtered_as_of }) } else { Err(NotACursor) }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_resume_point_has_one_spelling() {
        for text in ["1.1.3.42", "1.1.3.42~43", "1.2.0.0~9000"] {
            assert_eq!(text.parse::<ResumePoint>().unwrap().to_string(), text);
        }
        for text in
            ["1.1.3.42~", "1.1.3.42~42", "1.1.3.42~041", "1.1.3.42~+43", "1.1.3.42~43~44", "~43", "1.1.3~43"]
        {
            assert_eq!(text.parse::<ResumePoint>(), Err(NotACursor), "{text}");
        }
    }

    proptest! {
        /// Valid and invalid headers: random text, and valid cursors with one byte changed.
        #[test]
        fn any_bytes_are_read_or_refused(
            bytes in prop::collection::vec(any::<u8>(), 0..60),
            good in "[1-9]\\.[1-9]\\.[0-9]\\.[0-9]{1,19}(~[0-9]{1,20})?",
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let mut changed = good.into_bytes();
            let at = at.index(changed.len());
            changed[at] = byte;
            for bytes in [bytes, changed] {
                let Ok(value) = HeaderValue::from_bytes(&bytes) else { continue };
                if let Ok(point) = value.to_str().unwrap_or("?").parse::<ResumePoint>() {
                    prop_assert_eq!(point.to_string().into_bytes(), bytes);
                }
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9.~+ ]{0,40}") {
            if let Ok(point) = text.parse::<ResumePoint>() {
                prop_assert_eq!(point.to_string(), text);
            }
        }
    }
}
