//! The major versions of Postgres that Parlor supports.

use std::ops::RangeInclusive;

pub(crate) const OLDEST: u32 = 15;
pub(crate) const NEWEST: u32 = 18;

/// The major versions of Postgres that Parlor is tested with; others are passed over.
pub const SUPPORTED_MAJORS: RangeInclusive<u32> = OLDEST..=NEWEST;
