//! chat_server: every action of Parlor over REST, and all writes.
//!
//! A request goes through `server` (sockets), `middleware` (ids, limits, logs), `router`,
//! `http/<noun>` (the handler), `auth` (authentication and authorisation) and `db/<noun>` (SQL).
//! Triggers in the database write each change into the event log. `tail` reads the log and
//! invalidates `cache`; `doorbell` wakes other readers. What follows from the log runs in
//! `consumers`, what happens later in `jobs`.

pub mod state;

mod middleware;
pub mod router;
pub mod server;

pub mod auth;
pub mod error;
pub mod etag;
pub mod extract;
pub mod http;
pub mod openapi;

pub mod cache;
pub mod client_address;
pub mod connect;
pub mod consumers;
pub mod db;
pub mod doorbell;
pub mod ephemeral;
pub mod fair_share;
pub mod guesses;
pub mod instance;
pub mod jobs;
pub mod keys;
pub mod mail;
pub mod maintenance;
pub mod metrics;
pub mod operator;
pub mod password;
pub mod quota;
pub mod rate_limit;
mod same_origin;
pub mod security;
pub mod sends;
pub mod tail;
pub mod web;

pub use server::{ChatServer, run};
