//! The harness of the tests: an app for each, the people who use it, and waiting for conditions.

pub mod actor;
pub mod app;
pub mod everything;
pub mod log;
pub mod process;
pub mod raw;
pub mod smtp;
pub mod sse;
pub mod statements;
pub mod wait;

pub use actor::{Actor, Chat, Reply};
pub use app::{App, Node, with_app, with_app_configured, with_app_on};
pub use everything::everything_happens;
pub use sse::{Device, Frame};
pub use wait::{eventually, not_tried};
