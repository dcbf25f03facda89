//! The keys that tokens are signed and verified with: this server's own from a file that it makes on its first run, and
//! everybody's public ones from the database.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::Context as _;
use chat_core::token::{Claims, KeyRing, Purpose, Signer, TokenError, secret_hash};
use moka::sync::Cache;
use sqlx::PgPool;
use tokio::sync::Mutex;
use tracing::info;

use crate::db::signing_keys;

/// An unknown key id makes the keys be loaded again, but not more often than this.
const RELOAD_PAUSE: Duration = Duration::from_secs(1);

/// Tokens that are remembered as good; some 200 bytes each.
const VERIFIED_MAX: u64 = 50_000;
/// A bound on how long, also on how long a connection knows its last bearer; not what makes it right.
const VERIFIED_TTL: Duration = Duration::from_secs(600);

/// Signs with our key, verifies with everybody's.
pub struct Keys {
    pub signer: Signer,
    ring: KeyRing,
    /// On account of an unknown key: when, and whether it succeeded.
    last_load: Mutex<Option<(Instant, bool)>>,
    /// Good access tokens, by their hash, with the loading of the keys that they were verified under: a signature takes
    /// longer to verify than most requests to answer.
    verified: Cache<[u8; 32], (Claims, Verified)>,
    loads: AtomicU64,
}

/// That a token was verified: under which loading of the keys, and until when that counts (seconds since 1970).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    loads: u64,
    until: u64,
}

/// Why somebody is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    Refused(TokenError),
    /// The key is not known and the database cannot be asked for it.
    Unavailable,
}

impl Keys {
    /// Reads the key file, or makes it.
    ///
    /// # Errors
    /// The file cannot be read or made, or holds no key.
    pub fn open(file: &Path) -> anyhow::Result<Self> {
        let shown = file.display();
        let pem = match fs::read_to_string(file) {
            Ok(pem) => pem,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let pem = Signer::generate_pem()?;
                create_private(file, &pem)
                    .with_context(|| format!("{shown}: the signing key cannot be kept there"))?;
                info!("made a new signing key in {shown}");
                // Another process may have made one at the same moment; the file decides.
                fs::read_to_string(file)?
            }
            Err(e) => return Err(e).with_context(|| format!("{shown}: the signing key cannot be read")),
        };
        let signer = Signer::from_pem(&pem).with_context(|| format!("{shown}"))?;
        Ok(Self {
            signer,
            ring: KeyRing::default(),
            last_load: Mutex::default(),
            verified: Cache::builder().max_capacity(VERIFIED_MAX).time_to_live(VERIFIED_TTL).build(),
            loads: AtomicU64::new(0),
        })
    }

    /// Shows our key to the others and loads theirs.
    pub async fn exchange(&self, db: &PgPool) -> sqlx::Result<()> {
        signing_keys::publish(db, self.signer.kid(), &self.signer.public_key()).await?;
        self.load(db).await
    }

    async fn load(&self, db: &PgPool) -> sqlx::Result<()> {
        self.ring.replace(signing_keys::list(db).await?);
        // After the replacement: what is verified under the keys before it does not count any more.
        self.loads.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    /// Who the bearer is. A key that is not known yet is looked for in the database.
    pub async fn verify(&self, db: &PgPool, token: &str) -> Result<(Claims, Verified), KeyError> {
        let hash = secret_hash(token);
        // Before the keys are used: those of a later loading may not have this one any more.
        let loads = self.loads.load(Ordering::SeqCst);
        if let Some(known) = self.verified.get(&hash)
            && self.is_still(known.1)
        {
            return Ok(known);
        }
        let claims = Box::pin(self.verify_signature(db, token)).await?; // rare, and large
        let verified = Verified { loads, until: claims.exp.min(now() + VERIFIED_TTL.as_secs()) };
        self.verified.insert(hash, (claims, verified));
        Ok((claims, verified))
    }

    /// Whether a token that was verified is good still, as far as it itself and the keys go.
    pub fn is_still(&self, verified: Verified) -> bool {
        verified.loads == self.loads.load(Ordering::SeqCst) && now() < verified.until
    }

    async fn verify_signature(&self, db: &PgPool, token: &str) -> Result<Claims, KeyError> {
        let verify = || self.ring.verify(token, Purpose::Access);
        let Err(TokenError::UnknownKey) = verify() else { return verify().map_err(KeyError::Refused) };
        let mut last_load = self.last_load.lock().await;
        let succeeded = match *last_load {
            Some((at, succeeded)) if at.elapsed() < RELOAD_PAUSE => succeeded,
            _ => {
                let succeeded = self.load(db).await.is_ok();
                *last_load = Some((Instant::now(), succeeded));
                succeeded
            }
        };
        drop(last_load);
        match verify() {
            Err(TokenError::UnknownKey) if !succeeded => Err(KeyError::Unavailable),
            known => known.map_err(KeyError::Refused),
        }
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Whole or not at all, never over an existing one, readable by its owner alone.
fn create_private(file: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let temporary = file.with_extension(format!("{}.tmp", std::process::id()));
    let mut options = fs::OpenOptions::new();
    let mut handle = options.write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    handle.write_all(text.as_bytes())?;
    handle.sync_all()?;
    let linked = match fs::hard_link(&temporary, file) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    };
    fs::remove_file(&temporary)?;
    linked
}

#[cfg(test)]
mod tests {
    use chat_core::{SessionId, UserId, WorkspaceId};
    use sqlx::postgres::PgPoolOptions;

    use super::*;

    #[tokio::test]
    async fn while_the_database_is_away_an_unknown_key_is_not_refused() {
        let away = PgPoolOptions::new()
            .acquire_timeout(Duration::from_secs(1))
            .connect_lazy("postgres://nobody@127.0.0.1:1/nothing")
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::open(&folder.path().join("ours.pem")).unwrap();
        keys.ring.replace([(keys.signer.kid().to_owned(), keys.signer.public_key().to_vec())]);
        let theirs = Keys::open(&folder.path().join("theirs.pem")).unwrap();
        let claims = Claims {
            sub: UserId::generate(),
            ws: WorkspaceId::generate(),
            sid: SessionId::generate(),
            exp: 4_000_000_000,
        };
        let foreign = theirs.signer.sign(claims, Purpose::Access, 0).unwrap();
        assert_eq!(keys.verify(&away, &foreign).await, Err(KeyError::Unavailable));
        let own = keys.signer.sign(claims, Purpose::Access, 0).unwrap();
        let (known, verified) = keys.verify(&away, &own).await.unwrap();
        assert_eq!((known, keys.is_still(verified)), (claims, true));
        assert!(!keys.is_still(Verified { until: 1, ..verified }));
        keys.loads.fetch_add(1, Ordering::SeqCst);
        assert!(!keys.is_still(verified));
        let (_, again) = keys.verify(&away, &own).await.unwrap();
        assert!(keys.is_still(again));
        keys.ring.replace([]);
        keys.loads.fetch_add(1, Ordering::SeqCst);
        assert_eq!(keys.verify(&away, &own).await, Err(KeyError::Unavailable), "its key is gone");
        keys.ring.replace([(keys.signer.kid().to_owned(), keys.signer.public_key().to_vec())]);
        assert_eq!(keys.verify(&away, "a.b.c").await, Err(KeyError::Refused(TokenError::Invalid)));
    }
}
