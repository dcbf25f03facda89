//! Waits for conditions, never for a time.

use std::time::{Duration, Instant};

/// Long enough for a busy machine, short enough to end a hang.
pub const DEADLINE: Duration = Duration::from_secs(30);
const POLL_EVERY: Duration = Duration::from_millis(10);

/// Says that something cannot be tried here. In CI everything is.
#[expect(clippy::print_stderr, reason = "a test that passes without trying says so")]
pub fn not_tried(why: &str) {
    #[expect(clippy::disallowed_methods, reason = "it is about the tests, not about Parlor")]
    let is_ci = std::env::var_os("CI").is_some();
    assert!(!is_ci, "NOT TRIED: {why}");
    eprintln!("NOT TRIED: {why}");
}

/// Repeats until the answer is `Ok`. At the deadline the test fails with the last answer.
#[track_caller]
pub fn eventually<T>(mut ask: impl AsyncFnMut() -> Result<T, String>) -> impl Future<Output = T> {
    let asked_by = std::panic::Location::caller();
    async move {
        let end = Instant::now() + DEADLINE;
        loop {
            match ask().await {
                Ok(answer) => return answer,
                Err(last) if Instant::now() > end => {
                    panic!("{asked_by}: not true within {DEADLINE:?}: {last}")
                }
                Err(_) => tokio::time::sleep(POLL_EVERY).await,
            }
        }
    }
}
