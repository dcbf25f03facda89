//! Tests the promises of docs/reliability.md. It runs writers and readers on a real Parlor, kills,
//! cuts and slows processes and connections, and then compares what each client received with the
//! database.

mod archive;
mod device;
pub mod fault;
mod figures;
pub mod fold;
mod history;
pub mod oracle;
mod person;
mod process;
mod proxy;
mod run;
mod small_disk;
pub mod sse;
mod tally;
mod traffic;
mod world;

pub use figures::Verdict;
pub use proxy::{LinkMode, Proxy};
pub use run::{Plan, Schedule, run};
