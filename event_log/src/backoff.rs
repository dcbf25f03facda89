//! Pauses between attempts to connect.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

/// Doubles from 50 ms to 2 s, half of it random, so that servers that lost one database at the same
/// time do not reconnect at the same time.
#[derive(Debug)]
pub struct Backoff(Duration);

impl Backoff {
    pub fn new() -> Self {
        Self(FIRST)
    }

    /// How long to wait before the next attempt.
    pub fn next(&mut self) -> Duration {
        let pause = self.0.mul_f64(rand::random_range(0.5..1.0));
        self.0 = (self.0 * 2).min(LONGEST);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_bounded() {
        let mut backoff = Backoff::new();
        assert!(backoff.next() <= FIRST);
        let later: Vec<Duration> = (0..20).map(|_| backoff.next()).collect();
        assert!(later.iter().all(|pause| *pause <= LONGEST), "{later:?}");
        assert!(later[19] >= LONGEST / 2, "{later:?}");
    }
}
