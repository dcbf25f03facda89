//! What both servers must agree on: the words of the domain, its rules, the events, tokens, configuration and the life
//! of a process. No HTTP and no SQL text here; a thing that one server alone needs does not belong here either.
//!
//! Pure modules first, plumbing last; the plumbing may use the pure ones, never the reverse.

pub mod chat;
pub mod cursor;
pub mod event;
pub mod ids;
pub mod permission;
pub mod text;
pub mod timestamp;

pub mod config;
pub mod lifecycle;
pub mod process;
pub mod telemetry;
pub mod token;

pub use chat::ChatKind;
pub use cursor::{Cursor, Shard};
pub use event::EventKind;
pub use ids::{AccountId, ChatId, InviteId, MessageId, SessionId, UserId, WorkspaceId};
pub use permission::{ChatRole, WorkspaceRole};
pub use timestamp::Timestamp;
