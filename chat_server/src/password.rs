//! Password hashing: Argon2id with the parameters of OWASP (19 MiB, 2 passes), on the blocking
//! pool. Few hashes run at once, so that a flood of sign-ins cannot starve other work.

use std::sync::Arc;

use anyhow::Context as _;
use argon2::{
    Argon2,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use chat_core::text::Password;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{ApiError, Result};

/// Requests that may wait for a permit; further ones get 503.
const WAITING_MAX: usize = 64;

/// Hashes and checks passwords.
#[derive(Clone)]
pub struct Hasher {
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
    /// Verified if there is no such account, so that both cases take the same time.
    decoy: Arc<str>,
}

impl Hasher {
    pub fn new(parallelism: usize) -> anyhow::Result<Self> {
        let decoy = hash("no account has this password")?;
        Ok(Self {
            running: Arc::new(Semaphore::new(parallelism)),
            admitted: Arc::new(Semaphore::new(parallelism + WAITING_MAX)),
            decoy: decoy.into(),
        })
    }

    /// Reserves a place among the requests that hash or wait. Call this before any other work for
    /// the request, so that a flood costs no queries.
    ///
    /// # Errors
    /// 503 if too many requests wait.
    pub fn admit(&self) -> Result<HashPermit> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| busy())?;
        Ok(HashPermit { hasher: self.clone(), _admitted: admitted })
    }
}

/// Permits one hash.
pub struct HashPermit {
    hasher: Hasher,
    _admitted: OwnedSemaphorePermit,
}

impl HashPermit {
    /// The hash as a PHC string, to be stored.
    pub async fn hash(self, password: Password) -> Result<String> {
        self.run(move || hash(password.expose())).await
    }

    /// Whether `password` matches `hash`. If `hash` is None, it takes as long and returns false.
    pub async fn verify(self, password: Password, hash: Option<String>) -> Result<bool> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.hasher.decoy.to_string());
        let matches = self
            .run(move || {
                let hash =
                    PasswordHash::new(&hash).map_err(|e| anyhow::anyhow!("stored password hash: {e}"))?;
                Ok(Argon2::default().verify_password(password.expose().as_bytes(), &hash).is_ok())
            })
            .await?;
        Ok(matches && known)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T> {
        // The permit belongs to the work: if the caller goes away, the work still counts.
        let running = Arc::clone(&self.hasher.running).acquire_owned().await.map_err(|_| busy())?;
        let outcome = tokio::task::spawn_blocking(move || {
            let outcome = work();
            drop(running);
            outcome
        });
        Ok(outcome.await.context("password hashing")??)
    }
}

fn busy() -> ApiError {
    ApiError::Unavailable("too many sign-ins at once")
}

fn hash(password: &str) -> anyhow::Result<String> {
    let hash =
        Argon2::default().hash_password(password.as_bytes()).map_err(|e| anyhow::anyhow!("argon2: {e}"))?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_right_password_alone_is_accepted() {
        let hasher = Hasher::new(1).unwrap();
        let password = |text: &str| Password::try_from(text.to_owned()).unwrap();
        let hash = hasher.admit().unwrap().hash(password("correct horse")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(hasher.admit().unwrap().verify(password("correct horse"), Some(hash.clone())).await.unwrap());
        assert!(!hasher.admit().unwrap().verify(password("wrong horse"), Some(hash)).await.unwrap());
        assert!(
            !hasher.admit().unwrap().verify(password("no account has this password"), None).await.unwrap()
        );
    }
}
