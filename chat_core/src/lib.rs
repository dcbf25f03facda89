//! The code that both servers must agree on: the words of the domain, its rules, the events,
//! tokens, configuration and the life of a process. It has no HTTP and no SQL text. Code that only
//! one server needs does not belong here.
//!
//! The pure modules come first, then the ones with I/O, which may use the pure ones but not the
//! reverse.

pub mod chat;
pub mod cursor;
pub mod ephemeral;
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
