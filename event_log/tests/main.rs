//! The tail and its queries against a real Postgres. Rows are written by the triggers of the
//! migrations, from plain SQL.

#![expect(clippy::unwrap_used, reason = "the support of tests, too, fails by panicking")]

mod notify_rows;
mod read;
mod support;
mod tail;
