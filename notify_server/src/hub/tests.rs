//! Whatever the order of events, reads and reconnects: what a client gets is what it may see, each once, in order.

mod game;
mod history;
mod scene;

use std::time::Duration;

const RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);
