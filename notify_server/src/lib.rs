//! notify_server sends the events of the log to clients as Server-Sent Events. It reads the
//! database and never writes to it.
//!
//! The tail of the log ([`event_log`]) feeds the `hub`: each event enters a `ring`, updates the
//! members that a `workspace` knows, and goes to the `stream` of each client that may see it. A
//! stream that starts at a cursor or fell behind catches up by `replay`, from the ring or by
//! `queries` on the database, until it is live. What is true only now comes by a NOTIFY of its own
//! and goes to live streams alone. What is told to clients is [`outgoing`]; each
//! transport has its encoding, such as [`sse`], which makes a `frame` of it. A `subscription` drives
//! a stream; a `connection` writes it to a socket.

pub mod accounts;
pub mod auth;
pub mod connection;
mod encode;
mod events_query;
pub mod frame;
pub mod http;
pub mod hub;
#[cfg(test)]
mod json_lines;
pub mod loader;
pub mod metrics;
pub mod outgoing;
pub mod queries;
mod replay;
pub mod resume_point;
pub mod ring;
pub mod server;
pub mod sse;
pub mod stream;
pub mod subscription;
mod sync;
pub mod workspace;
pub mod write_pacing;

pub use server::{NotifyServer, run};
