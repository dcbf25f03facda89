//! Where a client goes on.

use std::{fmt, str::FromStr};

use chat_core::{Cursor, cursor::NotACursor};

/// A cursor, and how far the server had come that gave it, where that matters: it has kept something from the client which
/// the person had left by then, and the client is not past their leaving yet. A server that has not come as far would not
/// know of that, and send what comes after it. Text form: the cursor, then `~` and an id if it does matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub cursor: Cursor,
    /// The newest event that was known; 0: does not matter.
    pub judged_at: i64,
}

impl From<Cursor> for Place {
    fn from(cursor: Cursor) -> Self {
        Self { cursor, judged_at: 0 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.cursor)?;
        if self.judged_at > self.cursor.id { write!(f, "~{}", self.judged_at) } else { Ok(()) }
    }
}

impl FromStr for Place {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let Some((cursor, judged_at)) = text.split_once('~') else {
            return Ok(text.parse::<Cursor>()?.into());
        };
        let cursor: Cursor = cursor.parse()?;
        // By the rules of the cursor's own numbers.
        let judged_at = Cursor { id: 0, ..cursor }.to_string().trim_end_matches('0').to_owned() + judged_at;
        let judged_at = judged_at.parse::<Cursor>()?.id;
        if judged_at > cursor.id { Ok(Self { cursor, judged_at }) } else { Err(NotACursor) }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_place_has_one_spelling() {
        for text in ["1.1.3.42", "1.1.3.42~43", "1.2.0.0~9000"] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
        for text in
            ["1.1.3.42~", "1.1.3.42~42", "1.1.3.42~041", "1.1.3.42~+43", "1.1.3.42~43~44", "~43", "1.1.3~43"]
        {
            assert_eq!(text.parse::<Place>(), Err(NotACursor), "{text}");
        }
    }

    proptest! {
        /// As they come in a header, all of them and good ones with a byte changed.
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
                if let Ok(place) = value.to_str().unwrap_or("?").parse::<Place>() {
                    prop_assert_eq!(place.to_string().into_bytes(), bytes);
                }
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9.~+ ]{0,40}") {
            if let Ok(place) = text.parse::<Place>() {
                prop_assert_eq!(place.to_string(), text);
            }
        }
    }
}
