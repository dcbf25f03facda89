//! Password hashing: Argon2id with the parameters of OWASP (19 MiB, 2 passes), on the blocking
//! pool. Few hashes run at once, so that a flood of sign-ins cannot starve other work. People on
//! known devices have places of their own, and strangers of one network share few.
//!
//! New passwords follow NIST SP 800-63B: a length, no rules about characters, and none that a
//! guesser tries first.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context as _;
use argon2::{Argon2, password_hash::PasswordHasher as _};
use chat_core::text::Password;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    error::{ApiError, Result},
    guesses::Guesser,
};

/// Requests that may wait for a permit; further ones get 503.
const WAITING_MAX: usize = 64;
/// Of those, the ones from one network.
const PER_NETWORK_MAX: usize = 16;
/// A new password must take a guesser more tries than this: the commonest 10,000, and what is as
/// easy to come upon, such as a row of keys or one's own name.
const TRIES_MIN: u64 = 10_000;

/// Hashes and checks passwords.
#[derive(Clone)]
pub struct Hasher {
    strangers: Places,
    known: Places,
    networks: Arc<Mutex<HashMap<IpAddr, usize>>>,
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
    pub fn new(parallelism: usize) -> Self {
        let known = Places::new(parallelism.div_ceil(2));
        Self { strangers: Places::new(parallelism), known, networks: Arc::default() }
    }

    /// Reserves a place among the requests that hash or wait. Call this before any other work for
    /// the request, so that a flood costs no queries.
    ///
    /// # Errors
    /// 503 if too many requests wait.
    pub fn admit(&self, whom: Guesser) -> Result<HashPermit> {
        let (places, network) = match whom {
            Guesser::Known(_) => (&self.known, None),
            Guesser::Stranger(network) => (&self.strangers, Some(InNetwork::enter(&self.networks, network)?)),
        };
        let admitted = Arc::clone(&places.admitted).try_acquire_owned().map_err(|_| busy())?;
        Ok(HashPermit { running: Arc::clone(&places.running), _admitted: admitted, _network: network })
    }
}

/// A place of a network, until dropped.
struct InNetwork {
    networks: Arc<Mutex<HashMap<IpAddr, usize>>>,
    network: IpAddr,
}

impl InNetwork {
    fn enter(networks: &Arc<Mutex<HashMap<IpAddr, usize>>>, network: IpAddr) -> Result<Self> {
        let mut counts = networks.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(network).or_default();
        if *count >= PER_NETWORK_MAX {
            return Err(busy());
        }
        *count += 1;
        Ok(Self { networks: Arc::clone(networks), network })
    }
}

impl Drop for InNetwork {
    fn drop(&mut self) {
        let mut counts = self.networks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.network);
            }
        }
    }
}

/// Permits one hash.
pub struct HashPermit {
    running: Arc<Semaphore>,
    _admitted: OwnedSemaphorePermit,
    _network: Option<InNetwork>,
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
    use super::*;

    fn password(text: &str) -> Password {
        Password::try_from(text.to_owned()).unwrap()
    }

    fn stranger(last: u8) -> Guesser {
        Guesser::Stranger(IpAddr::from([10, 0, 0, last]))
    }

    #[tokio::test]
    async fn one_hash_tells_whose_password_it_is() {
        let hasher = Hasher::new(1);
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
        let hasher = Hasher::new(2);
        let flood: Vec<_> = (0..PER_NETWORK_MAX).map(|_| hasher.admit(stranger(1)).unwrap()).collect();
        assert!(hasher.admit(stranger(1)).is_err());
        let _other = hasher.admit(stranger(2)).unwrap();
        drop(flood);
        assert!(hasher.admit(stranger(1)).is_ok(), "places are given back");
    }

    #[test]
    fn a_flood_of_strangers_leaves_places_for_known_devices() {
        let hasher = Hasher::new(2);
        let flood: Vec<_> = (0..=255).filter_map(|network| hasher.admit(stranger(network)).ok()).collect();
        assert_eq!(flood.len(), 2 + WAITING_MAX);
        assert!(hasher.admit(Guesser::Known(chat_core::AccountId::generate())).is_ok());
    }
}
