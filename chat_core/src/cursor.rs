//! Positions in the event log. A cursor names the generation, the timeline, the shard and the last
//! row that a reader has seen. To clients it is opaque text.

use std::{fmt, str::FromStr};

use uuid::Uuid;

use crate::ids::WorkspaceId;

/// The number of shards of the event log. The SQL function `workspace_shard` repeats it; a test
/// compares them.
pub const SHARDS: u8 = 16;

/// A part of the event log. Its events are ordered, and all events of a workspace are in one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(u8);

impl Shard {
    /// The shard of a workspace: the low bits of its id, which are random in UUIDv7.
    pub fn of(workspace: WorkspaceId) -> Self {
        let WorkspaceId(id): WorkspaceId = workspace;
        Self(Uuid::as_bytes(&id)[15] % SHARDS)
    }

    /// None if there is no such shard.
    pub fn new(number: i64) -> Option<Self> {
        u8::try_from(number).ok().filter(|n| *n < SHARDS).map(Self)
    }

    pub fn all() -> impl Iterator<Item = Self> {
        (0..SHARDS).map(Self)
    }

    pub fn number(self) -> u8 {
        self.0
    }

    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A set of shards. Its text, in the payload of a NOTIFY, is their numbers with commas between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shards(u16);

impl Shards {
    pub const NONE: Self = Self(0);
    pub const ALL: Self = Self(u16::MAX);

    /// The shards that the payload of a NOTIFY names. Any other text means all shards.
    pub fn from_notify(text: &str) -> Self {
        let shards: Option<Self> = text.split(',').map(|number| Shard::new(number.parse().ok()?)).collect();
        shards.unwrap_or(Self::ALL)
    }

    pub fn is_empty(self) -> bool {
        self == Self::NONE
    }

    pub fn iter(self) -> impl Iterator<Item = Shard> {
        Shard::all().filter(move |shard| self.0 & (1 << shard.0) != 0)
    }

    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// One bit a shard, for an atomic.
    pub fn bits(self) -> u16 {
        self.0
    }

    pub fn from_bits(bits: u16) -> Self {
        Self(bits)
    }
}

impl From<Shard> for Shards {
    fn from(shard: Shard) -> Self {
        Self(1 << shard.0)
    }
}

impl FromIterator<Shard> for Shards {
    fn from_iter<I: IntoIterator<Item = Shard>>(shards: I) -> Self {
        shards.into_iter().fold(Self::NONE, |set, shard| set.union(shard.into()))
    }
}

impl fmt::Display for Shards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, shard) in self.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            write!(f, "{comma}{}", shard.0)?;
        }
        Ok(())
    }
}

/// The last event that a reader has seen. Text form: `generation.timeline.shard.id`, in decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub generation: i32,
    pub timeline: i32,
    pub shard: Shard,
    /// 0: before the first event.
    pub id: i64,
}

/// The text is no cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor")]
pub struct NotACursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}.{}", self.generation, self.timeline, self.shard.0, self.id)
    }
}

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let mut parts = text.split('.').map(|part| {
            // `parse` would accept "+1" and "01", but a cursor has only one spelling.
            let is_padded = part.len() > 1 && part.starts_with('0');
            if part.len() > 19 || part.is_empty() || is_padded || !part.bytes().all(|b| b.is_ascii_digit()) {
                return Err(NotACursor);
            }
            part.parse::<i64>().map_err(|_| NotACursor)
        });
        let mut next = || parts.next().ok_or(NotACursor)?;
        let cursor = Self {
            generation: i32::try_from(next()?).map_err(|_| NotACursor)?,
            timeline: i32::try_from(next()?).map_err(|_| NotACursor)?,
            shard: Shard::new(next()?).ok_or(NotACursor)?,
            id: next()?,
        };
        if parts.next().is_some() { Err(NotACursor) } else { Ok(cursor) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_cursor_survives_its_text(generation in 0..i32::MAX, timeline in 0..i32::MAX, shard in 0..i64::from(SHARDS), id in 0..i64::MAX) {
            let cursor = Cursor { generation, timeline, shard: Shard::new(shard).unwrap(), id };
            prop_assert_eq!(cursor.to_string().parse::<Cursor>(), Ok(cursor));
        }

        #[test]
        fn a_text_that_is_accepted_is_the_one_spelling_of_its_cursor(
            text in prop_oneof![any::<String>(), "[0-9.+ -]{0,24}", "[0-9]{1,3}(\\.[0-9]{1,20}){2,4}"]
        ) {
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert_eq!(cursor.to_string(), text);
                prop_assert!(cursor.generation >= 0 && cursor.timeline >= 0 && cursor.id >= 0);
                prop_assert!(cursor.shard.number() < SHARDS);
            }
        }
    }

    proptest! {
        #[test]
        fn any_shards_survive_a_notify(bits: u16) {
            let shards = Shards::from_bits(bits);
            prop_assert_eq!(shards.iter().collect::<Shards>(), shards);
            prop_assert!(shards.is_empty() || Shards::from_notify(&shards.to_string()) == shards);
        }

        #[test]
        fn a_notify_with_any_other_text_means_all_shards(text in "[a-z ,]{0,9}|[0-9]{0,3}|[0-9],,?[0-9]{0,2}") {
            let shards = Shards::from_notify(&text);
            prop_assert!(shards == Shards::ALL || shards.iter().all(|shard| text.contains(&shard.number().to_string())));
            prop_assert!(!shards.is_empty());
        }
    }

    #[test]
    fn garbage_is_refused() {
        for text in [
            "",
            "1",
            "1.1.1",
            "1.1.16.5",
            "1.1.1.-5",
            "1.1.1.5.6",
            "1.1.1.+5",
            "01.1.1.5",
            "1.1.1.00",
            "a.b.c.d",
            "1.1.1.99999999999999999999",
        ] {
            assert_eq!(text.parse::<Cursor>(), Err(NotACursor), "{text}");
        }
    }
}
