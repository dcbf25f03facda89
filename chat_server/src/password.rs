//! Password hashing: Argon2id with the parameters of OWASP (19 MiB, 2 passes), on the blocking
//! pool. Few hashes run at once, so that a flood of sign-ins cannot starve other work. People on
//! known devices have places of their own, two for each account, and strangers of one network share
//! few.
//!
//! New passwords follow NIST SP 800-63B: a length, no rules about characters, and none that a
//! guesser tries first.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context as _;
use argon2::{Argon2, password_hash::PasswordHasher as _};
use chat_core::text::Password;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    error::{ApiError, Result},
    guesses::Guesser,
};

/// Requests that may wait for a permit; further ones get 503.
const WAITING_MAX: usize = 64;
/// Of those, the ones from one network.
const PER_NETWORK_MAX: usize = 16;
/// The ones of one account on known devices: to change a password takes one after another.
const PER_ACCOUNT_MAX: usize = 2;
/// A new password must take a guesser more tries than this: the commonest 10,000, and what is as
/// easy to come upon, such as a row of keys or one's own name.
const TRIES_MIN: u64 = 10_000;

/// Hashes and checks passwords.
#[derive(Clone)]
pub struct Hasher {
    strangers: Places,
    known: Places,
    /// How many each has.
    admitted: Arc<Mutex<HashMap<Guesser, usize>>>,
    refused: Counter,
}

#[derive(Clone)]
struct Places {
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

impl Places {
    fn new(parallelism: usize) -> Self {
        Self {
            running: Arc::new(Semaphore::new(parallelism)),
            admitted: Arc::new(Semaphore::new(parallelism + WAITING_MAX)),
        }
    }
}

impl Hasher {
    pub fn new(parallelism: usize, refused: Counter) -> Self {
        let known = Places::new(parallelism.div_ceil(2));
        Self { strangers: Places::new(parallelism), known, admitted: Arc::default(), refused }
    }

    /// Reserves a place among the requests that hash or wait. Call this before any other work for
    /// the request, so that a flood costs no queries.
    ///
    /// # Errors
    /// 503 if too many requests wait.
    pub fn admit(&self, whom: Guesser) -> Result<HashPermit> {
        let (places, most) = match whom {
            Guesser::Known(_) => (&self.known, PER_ACCOUNT_MAX),
            Guesser::Stranger(_) => (&self.strangers, PER_NETWORK_MAX),
        };
        let admitted = Admitted::enter(&self.admitted, whom, most).and_then(|share| {
            let place = Arc::clone(&places.admitted).try_acquire_owned().ok()?;
            Some((share, place))
        });
        let Some(admitted) = admitted else {
            self.refused.inc();
            return Err(busy());
        };
        Ok(HashPermit { running: Arc::clone(&places.running), _admitted: admitted })
    }
}

/// A place of an account or a network, until dropped.
struct Admitted {
    counts: Arc<Mutex<HashMap<Guesser, usize>>>,
    whom: Guesser,
}

impl Admitted {
    /// None: it has as many as it may.
    fn enter(counts: &Arc<Mutex<HashMap<Guesser, usize>>>, whom: Guesser, most: usize) -> Option<Self> {
        let mut all = counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(whom).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Self { counts: Arc::clone(counts), whom })
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.whom) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.whom);
            }
        }
    }
}

/// Permits one hash.
pub struct HashPermit {
    running: Arc<Semaphore>,
    _admitted: (Admitted, OwnedSemaphorePermit),
}

impl HashPermit {
    /// The hash as a PHC string. It takes the same time for every password and salt.
    pub async fn hash(self, password: Password, salt: [u8; 16]) -> Result<String> {
        self.run(move || hash(password.expose(), &salt)).await
    }

    /// The hash of a newly chosen password, in the field at `pointer`. `about` are words
    /// that a guesser knows of the account.
    ///
    /// # Errors
    /// 422 if a guesser would come upon it soon.
    pub async fn hash_new(
        self,
        pointer: &str,
        password: Password,
        about: Vec<String>,
        salt: [u8; 16],
    ) -> Result<String> {
        let hashed = self.run(move || {
            if is_common(password.expose(), &about) {
                return Ok(None);
            }
            hash(password.expose(), &salt).map(Some)
        });
        hashed.await?.ok_or_else(|| {
            ApiError::invalid(pointer, "common_password", "is one of the first that a guesser would try")
        })
    }

    async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T> {
        // The permit belongs to the work: if the caller goes away, the work still counts.
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(|_| busy())?;
        let outcome = tokio::task::spawn_blocking(move || {
            let outcome = work();
            drop((running, self));
            outcome
        });
        Ok(outcome.await.context("password hashing")??)
    }
}

fn busy() -> ApiError {
    ApiError::Unavailable("too many sign-ins at once")
}

fn hash(password: &str, salt: &[u8]) -> anyhow::Result<String> {
    let hash = Argon2::default()
        .hash_password_with_salt(password.as_bytes(), salt)
        .map_err(|e| anyhow::anyhow!("argon2: {e}"))?;
    Ok(hash.to_string())
}

fn is_common(password: &str, about: &[String]) -> bool {
    let about: Vec<&str> = about.iter().map(String::as_str).chain(["parlor"]).collect();
    zxcvbn::zxcvbn(password, &about).guesses() <= TRIES_MIN
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use chat_core::AccountId;

    use super::*;

    fn hasher(parallelism: usize) -> Hasher {
        Hasher::new(parallelism, Counter::default())
    }

    fn password(text: &str) -> Password {
        Password::try_from(text.to_owned()).unwrap()
    }

    fn stranger(last: u8) -> Guesser {
        Guesser::Stranger(IpAddr::from([10, 0, 0, last]))
    }

    #[tokio::test]
    async fn one_hash_tells_whose_password_it_is() {
        let hasher = hasher(1);
        let hash = async |text: &str, salt| {
            hasher.admit(stranger(1)).unwrap().hash(password(text), [salt; 16]).await.unwrap()
        };
        let stored = hash("correct horse", 1).await;
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_eq!(hash("correct horse", 1).await, stored);
        assert_ne!(hash("wrong horse", 1).await, stored);
        assert_ne!(hash("correct horse", 2).await, stored);
    }

    #[test]
    fn the_first_passwords_of_a_guesser_are_refused_and_no_others() {
        let about = ["ann.lee@acme.example".to_owned(), "Ann Lee".into(), "Acme Rockets".into()];
        for common in [
            "password",
            "12345678",
            "aaaaaaaa",
            "qwertyuiop",
            "iloveyou",
            "Password1",
            "ann.lee@acme.example",
            "Acme Rockets",
            "abcdefgh",
            "trustno1",
            "passw0rd",
        ] {
            assert!(is_common(common, &about), "{common}");
        }
        for good in [
            "correct horse",
            "battery staple",
            "parlor-demo",
            "tr4vel-light",
            "上海的秋天很长啊",
            "xkq9zvwp",
            "correct horse battery",
            "my cat sleeps",
        ] {
            assert!(!is_common(good, &about), "{good}");
        }
    }

    #[test]
    fn the_longest_passwords_are_looked_at_in_a_moment() {
        for text in ["aA1!".repeat(64), "password".repeat(32), "19901231".repeat(32), "@$30lx!%(".repeat(28)]
        {
            let began = std::time::Instant::now();
            is_common(&text, &[]);
            assert!(began.elapsed().as_secs() < 5, "{text}: {:?}", began.elapsed());
        }
    }

    #[test]
    fn a_flood_of_one_network_leaves_places_for_others() {
        let hasher = hasher(2);
        let flood: Vec<_> = (0..PER_NETWORK_MAX).map(|_| hasher.admit(stranger(1)).unwrap()).collect();
        assert!(hasher.admit(stranger(1)).is_err());
        let _other = hasher.admit(stranger(2)).unwrap();
        drop(flood);
        assert!(hasher.admit(stranger(1)).is_ok(), "places are given back");
        assert_eq!(hasher.refused.get(), 1);
    }

    #[test]
    fn one_account_cannot_take_the_places_of_all_known_devices() {
        let hasher = hasher(2);
        let eve = Guesser::Known(AccountId::generate());
        let mut flood: Vec<_> = (0..200).filter_map(|_| hasher.admit(eve).ok()).collect();
        assert_eq!((flood.len(), hasher.refused.get()), (PER_ACCOUNT_MAX, 200 - PER_ACCOUNT_MAX as u64));
        assert!(hasher.admit(Guesser::Known(AccountId::generate())).is_ok());
        flood.pop();
        assert!(hasher.admit(eve).is_ok(), "a place is given back");
        drop(flood);
        assert!(hasher.admitted.lock().unwrap().is_empty(), "who has no place is forgotten");
    }

    #[test]
    fn a_flood_of_strangers_leaves_places_for_known_devices() {
        let hasher = hasher(2);
        let flood: Vec<_> = (0..=255).filter_map(|network| hasher.admit(stranger(network)).ok()).collect();
        assert_eq!(flood.len(), 2 + WAITING_MAX);
        assert!(hasher.admit(Guesser::Known(AccountId::generate())).is_ok());
    }
}
