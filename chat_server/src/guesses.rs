//! Limits how often passwords of one account are guessed, without letting guessers lock its owner
//! out.
//!
//! A guess is charged before the password is checked and given back if it was right, so only wrong
//! ones count. An account is what the caller names, whether it exists or not. Three purses are
//! apart: a device that was signed in to the account before, each network, and all networks
//! together. Such a device speaks for its own account alone: at another one that claims the same
//! address it guesses as a stranger. Guessers from one network empty theirs alone. Guessers from
//! many empty the common one, and then the owner still gets in from a known device, or by a mail. Each node counts by itself.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use chat_core::AccountId;
use moka::sync::Cache;
use prometheus_client::metrics::counter::Counter;
use sha2::{Digest as _, Sha256};

use crate::error::{ApiError, Result};

/// Purses kept; the ones that were unused for longest go first.
const PURSES_MAX: u64 = 100_000;
/// All networks together have this many times the share of one.
const NETWORKS: f64 = 3.0;
const HOUR: Duration = Duration::from_secs(3600);

/// Who guesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Guesser {
    /// A device that was signed in to this account before, or a session of it.
    Known(AccountId),
    /// Anybody else, by network.
    Stranger(IpAddr),
}

/// The limits of all accounts.
pub struct Guesses {
    purses: Cache<[u8; 32], Arc<Mutex<Purse>>>,
    per_hour: u32,
    refused: Counter,
}

struct Purse {
    left: f64,
    most: f64,
    seen: Instant,
}

/// A guess that was charged.
#[must_use]
pub struct Guess(Vec<Arc<Mutex<Purse>>>);

impl Guess {
    /// Gives the charge back.
    pub fn was_right(self) {
        for purse in self.0 {
            let mut purse = purse.lock().unwrap_or_else(PoisonError::into_inner);
            purse.left = (purse.left + 1.0).min(purse.most);
        }
    }

    /// Keeps the charge.
    pub fn was_wrong(self) {}
}

impl Guesses {
    /// Half of `per_hour` may come at once.
    pub fn new(per_hour: u32, refused: Counter) -> Self {
        let purses = Cache::builder().max_capacity(PURSES_MAX).time_to_idle(2 * HOUR).build();
        Self { purses, per_hour, refused }
    }

    /// Charges a guess at the account that `email` (folded) names.
    ///
    /// # Errors
    /// 429 if too many were wrong.
    pub fn charge(&self, email: &str, guesser: Guesser) -> Result<Guess> {
        let per_hour = f64::from(self.per_hour);
        let purses = match guesser {
            Guesser::Known(account) => vec![self.purse(email, &account.to_string(), per_hour)],
            Guesser::Stranger(network) => vec![
                self.purse(email, &network.to_string(), per_hour),
                self.purse(email, "all", per_hour * NETWORKS),
            ],
        };
        let mut charged = Guess(Vec::with_capacity(purses.len()));
        for purse in purses {
            if let Err(wait) = charge(&purse) {
                charged.was_right();
                self.refused.inc();
                return Err(ApiError::RateLimited {
                    retry_after: wait,
                    policy: format!("\"guesses\";q={};w=3600", self.per_hour),
                });
            }
            charged.0.push(purse);
        }
        Ok(charged)
    }

    fn purse(&self, email: &str, whose: &str, per_hour: f64) -> Arc<Mutex<Purse>> {
        let key = Sha256::new().chain_update(whose).chain_update([0]).chain_update(email).finalize();
        self.purses.get_with(key.into(), || {
            let most = (per_hour / 2.0).max(1.0);
            Arc::new(Mutex::new(Purse { left: most, most, seen: Instant::now() }))
        })
    }
}

/// How long to wait, if the purse is empty. A full purse refills in half an hour.
fn charge(purse: &Mutex<Purse>) -> std::result::Result<(), Duration> {
    let mut purse = purse.lock().unwrap_or_else(PoisonError::into_inner);
    let now = Instant::now();
    let per_second = purse.most / (HOUR.as_secs_f64() / 2.0);
    purse.left = (purse.left + now.duration_since(purse.seen).as_secs_f64() * per_second).min(purse.most);
    purse.seen = now;
    if purse.left < 1.0 {
        return Err(Duration::from_secs_f64((1.0 - purse.left) / per_second));
    }
    purse.left -= 1.0;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guesses(per_hour: u32) -> Guesses {
        Guesses::new(per_hour, Counter::default())
    }

    fn stranger(last: u8) -> Guesser {
        Guesser::Stranger(IpAddr::from([10, 0, 0, last]))
    }

    #[test]
    fn only_wrong_guesses_count() {
        let guesses = guesses(4);
        for _ in 0..50 {
            guesses.charge("ann", stranger(1)).unwrap().was_right();
        }
        for _ in 0..2 {
            guesses.charge("ann", stranger(1)).unwrap().was_wrong();
        }
        assert!(guesses.charge("ann", stranger(1)).is_err());
        assert_eq!(guesses.refused.get(), 1);
        guesses.charge("bob", stranger(1)).unwrap().was_wrong();
    }

    #[test]
    fn guessers_lock_out_neither_other_networks_nor_known_devices() {
        let guesses = guesses(4);
        let owner = Guesser::Known(AccountId::generate());
        for network in 0..3 {
            for _ in 0..2 {
                guesses.charge("ann", stranger(network)).unwrap().was_wrong();
            }
            assert!(guesses.charge("ann", stranger(network)).is_err(), "{network}");
        }
        assert!(guesses.charge("ann", stranger(9)).is_err(), "all networks together have a limit");
        guesses.charge("ann", owner).unwrap().was_right();
    }

    #[test]
    fn a_refused_guess_costs_nothing() {
        let guesses = guesses(2);
        guesses.charge("ann", stranger(1)).unwrap().was_wrong();
        for _ in 0..50 {
            assert!(guesses.charge("ann", stranger(1)).is_err());
        }
        for network in 2..4 {
            guesses.charge("ann", stranger(network)).unwrap().was_wrong();
        }
    }
}
