//! Checks that, in any order of events, reads and reconnects, a client gets exactly the events it
//! may see, once and in order.

mod game;
mod history;
mod scene;

use std::time::Duration;

const RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);
