//! Puts writers and readers on a real Parlor of processes, kills, cuts and slows everything under them, and then
//! compares what each client was told with what the database has. docs/reliability.md says what is promised.

mod archive;
mod device;
pub mod fault;
mod figures;
pub mod fold;
mod history;
mod oracle;
mod person;
mod process;
mod proxy;
mod run;
mod small_disk;
pub mod sse;
mod traffic;
mod world;

pub use figures::Verdict;
pub use proxy::{Mode, Proxy};
pub use run::{Plan, Schedule, run};
