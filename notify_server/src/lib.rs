//! notify_server: everything that happens, as streams of Server-Sent Events. It reads the database and never writes.
//!
//! The tail of the log ([`event_log`]) feeds the `hub`: each event enters a `ring`, changes what a `workspace` knows of
//! its members, and goes to the `stream`s of those who may see it. A stream that begins at a cursor or fell behind reads
//! on by `replay`, from the ring or through `feed` from the database, until it is live. A `follower` drives it, and a
//! `connection` writes it to its socket.

pub mod auth;
pub mod connection;
pub mod feed;
pub mod follower;
pub mod frame;
pub mod http;
pub mod hub;
pub mod loader;
pub mod metrics;
mod replay;
pub mod resume_point;
pub mod ring;
pub mod server;
pub mod stream;
mod sync;
pub mod workspace;
pub mod write_pacing;

pub use server::{NotifyServer, run};
