//! Reads the event log after a cursor and proves that no row was skipped: each row names the row
//! before it in its shard.
//!
//! [`Tail`] follows the whole log; [`read`] holds every other query on it. The doorbell (LISTEN)
//! tells the tail when to read, and may carry the next row. A poll finds what the doorbell missed.
//! This crate never writes to the log.

mod backoff;
mod database;
mod doorbell;
mod health;
mod notify_row;
pub mod read;
mod reader;
mod row;
pub mod session;
mod tail;
mod tls;

pub use database::{Database, Error, READ_TIMEOUT};
pub use doorbell::Channel;
pub use health::TailHealth;
pub use read::{Head, Heads};
pub use reader::{Batch, Reader};
pub use row::LogRow;
pub use session::Session;
pub use tail::{Tail, TailEvent};
