//! Reads the event log after a cursor and proves that it skipped nothing: each row names the row before it in its shard.
//! [`Tail`] follows the whole log; [`read`] holds every other query on it. The doorbell (LISTEN) says when to look, and may
//! bring the next row along: what was not heard is found by a poll.
//!
//! Nothing here writes.

mod backoff;
mod bell;
mod database;
mod health;
pub mod read;
mod row;
mod rung;
mod tail;
mod tls;

pub use database::{Database, Error, READ_TIMEOUT};
pub use health::TailHealth;
pub use read::{Head, Heads};
pub use row::LogRow;
pub use tail::{Tail, TailEvent};
