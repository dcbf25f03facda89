//! The keys that sign and verify tokens: this server's private key, from a file that it creates on
//! its first run, and the public keys of all servers, from the database.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Context as _;
use chat_core::token::{Claims, KeyRing, Purpose, Signer, VerifyError, secret_hash};
use moka::sync::Cache;
use sqlx::PgPool;
use tracing::info;

use crate::db::signing_keys;

/// The most cached tokens; each takes about 200 bytes.
const VERIFIED_MAX: u64 = 50_000;
/// An upper bound. The generation keeps the cache right, not this.
const VERIFIED_TTL: Duration = Duration::from_secs(600);

/// Signs with our key and verifies with the keys of all servers.
pub struct Keys {
    pub signer: Signer,
    ring: KeyRing,
    /// Valid access tokens by their hash, with the generation of the key ring that verified them.
    /// Verifying a signature takes longer than most requests.
    verified: Cache<[u8; 32], (Claims, u64)>,
}

impl Keys {
    /// Reads the key file, or creates it.
    ///
    /// # Errors
    /// The file cannot be read or created, or holds no key.
    pub fn open(file: &Path) -> anyhow::Result<Self> {
        let shown = file.display();
        let pem = match fs::read_to_string(file) {
            Ok(pem) => pem,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let pem = Signer::generate_pem()?;
                create_private(file, &pem)
                    .with_context(|| format!("{shown}: the signing key cannot be written"))?;
                info!("created a signing key in {shown}");
                // Another process may have created one at the same moment. Both use the file.
                fs::read_to_string(file)?
            }
            Err(e) => return Err(e).with_context(|| format!("{shown}: the signing key cannot be read")),
        };
        let signer = Signer::from_pem(&pem).with_context(|| format!("{shown}"))?;
        Ok(Self {
            signer,
            ring: KeyRing::default(),
            verified: Cache::builder().max_capacity(VERIFIED_MAX).time_to_live(VERIFIED_TTL).build(),
        })
    }

    /// Publishes our key and loads the keys of all servers.
    pub async fn exchange(&self, db: &PgPool) -> sqlx::Result<()> {
        signing_keys::publish(db, self.signer.kid(), &self.signer.public_key()).await?;
        self.ring.replace(signing_keys::list(db).await?);
        Ok(())
    }

    /// Verifies an access token. An unknown key is looked up in the database.
    pub async fn verify(&self, db: &PgPool, token: &str) -> Result<Claims, VerifyError> {
        let hash = secret_hash(token);
        let generation = self.ring.generation();
        if let Some((claims, verified_with)) = self.verified.get(&hash)
            && verified_with == generation
            && now() < claims.exp
        {
            return Ok(claims);
        }
        let verify = self.ring.verify_or_reload(token, Purpose::Access, || signing_keys::list(db));
        let claims = Box::pin(verify).await?; // boxed: it is rare and large
        self.verified.insert(hash, (claims, generation));
        Ok(claims)
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Creates the file whole or not at all, never over an existing one, readable by its owner alone.
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
    use chat_core::{AccountId, SessionId, UserId, WorkspaceId, token::TokenError};
    use sqlx::postgres::PgPoolOptions;

    use super::*;

    #[tokio::test]
    async fn a_cached_token_counts_until_the_keys_change_or_it_expires() {
        let away = PgPoolOptions::new()
            .acquire_timeout(Duration::from_secs(1))
            .connect_lazy("postgres://nobody@127.0.0.1:1/nothing")
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::open(&folder.path().join("ours.pem")).unwrap();
        let ours = || (keys.signer.kid().to_owned(), keys.signer.public_key().to_vec());
        let claims = |exp| Claims {
            sub: UserId::generate(),
            acc: AccountId::generate(),
            ws: WorkspaceId::generate(),
            sid: SessionId::generate(),
            exp,
        };
        let sign = |claims| keys.signer.sign(claims, Purpose::Access, 0).unwrap();
        keys.ring.replace([ours()]);
        let good = claims(4_000_000_000);
        let token = sign(good);
        for _ in 0..2 {
            assert_eq!(keys.verify(&away, &token).await, Ok(good));
        }
        keys.ring.replace([]);
        assert_eq!(keys.verify(&away, &token).await, Err(VerifyError::Unavailable), "its key is gone");
        keys.ring.replace([ours()]);
        assert_eq!(keys.verify(&away, &token).await, Ok(good));

        let old = claims(1);
        let token = sign(old);
        keys.verified.insert(secret_hash(&token), (old, keys.ring.generation()));
        let refused = keys.verify(&away, &token).await;
        assert_eq!(refused, Err(VerifyError::Refused(TokenError::Expired)));
    }
}
