//! chat_server: every action of Parlor over REST, and all writes.
//!
//! A request goes `server` (sockets) → `around` (ids, limits, logs) → `router` → `http/<noun>` (what is asked) → `auth` (by
//! whom, may they) → `db/<noun>` (SQL). What a write changed is told to others by the database's triggers; `cache` hears of it by
//! `tail`, `doorbell` wakes those who wait.

pub mod state;

mod around;
pub mod router;
mod routes;
pub mod server;

pub mod auth;
pub mod conditional;
pub mod error;
pub mod extract;
pub mod http;
pub mod openapi;

pub mod cache;
pub mod db;
pub mod doorbell;
pub mod keys;
pub mod maintenance;
pub mod metrics;
pub mod password;
pub mod rate_limit;
pub mod sends;
pub mod tail;
pub mod web;

pub use server::{ChatServer, run};
