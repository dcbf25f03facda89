//! Access tokens and stream tickets: Ed25519-signed JWTs (RFC 7519, RFC 8037) with a key id in the
//! header. chat_server signs. Every server verifies with public keys alone, which the servers share
//! through the database.

use std::{
    collections::HashMap,
    fmt::Display,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{
    SigningKey,
    pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, spki::der::pem::LineEnding},
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;
use tracing::warn;

use crate::ids::{AccountId, SessionId, UserId, WorkspaceId};

/// A ticket is valid for this long, for any number of connections.
pub const TICKET_TTL: Duration = Duration::from_secs(60);
/// The clocks of two servers may differ by this much.
const LEEWAY_SECONDS: u64 = 5;
const ISSUER: &str = "parlor";
/// An unknown key id causes a reload of the keys, but not more often than this.
const RELOAD_PAUSE: Duration = Duration::from_secs(1);

/// What a token is for. A ticket only opens streams; it may be part of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Access,
    Stream,
}

impl Purpose {
    fn audience(self) -> &'static str {
        match self {
            Self::Access => "parlor-api",
            Self::Stream => "parlor-stream",
        }
    }
}

/// The identity of the bearer: one user in one workspace, signed in on one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    pub sub: UserId,
    /// The account of the user.
    pub acc: AccountId,
    pub ws: WorkspaceId,
    pub sid: SessionId,
    /// Seconds since 1970, UTC.
    pub exp: u64,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    #[serde(flatten)]
    claims: Claims,
    iss: String,
    aud: String,
    iat: u64,
}

/// The token cannot be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid")]
    Invalid,
    /// Signed with a key that is not in the ring. The ring may be out of date.
    #[error("the token's key is not known")]
    UnknownKey,
}

/// Why [`KeyRing::verify_or_reload`] accepts no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyError {
    Refused(TokenError),
    /// The key is not known, and the keys could not be loaded.
    Unavailable,
}

/// The private key of one chat_server.
pub struct Signer {
    kid: String,
    key: EncodingKey,
    public: [u8; 32],
}

impl Signer {
    /// Reads the key in `pem` (PKCS #8).
    ///
    /// # Errors
    /// The text is no Ed25519 private key.
    pub fn from_pem(pem: &str) -> anyhow::Result<Self> {
        let key = SigningKey::from_pkcs8_pem(pem).context("not an Ed25519 private key in PKCS #8 PEM")?;
        let public = key.verifying_key().to_bytes();
        // jsonwebtoken wants the PKCS #8 form; version 1 of it is this prefix and the seed (RFC
        // 8410, section 7).
        let mut der = vec![
            0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
        ];
        der.extend_from_slice(key.as_bytes());
        let kid = URL_SAFE_NO_PAD.encode(&Sha256::digest(public)[..12]);
        Ok(Self { kid, key: EncodingKey::from_ed_der(&der), public })
    }

    /// Generates a key, as PEM text.
    pub fn generate_pem() -> anyhow::Result<String> {
        let key = SigningKey::from_bytes(&rand::random());
        Ok(key.to_pkcs8_pem(LineEnding::LF)?.to_string())
    }

    /// The key's name: a hash of its public half.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    pub fn public_key(&self) -> [u8; 32] {
        self.public
    }

    /// Signs a token with these `claims`.
    pub fn sign(&self, claims: Claims, purpose: Purpose, now_seconds: u64) -> anyhow::Result<String> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.kid.clone());
        let wire = Wire { claims, iss: ISSUER.into(), aud: purpose.audience().into(), iat: now_seconds };
        Ok(jsonwebtoken::encode(&header, &wire, &self.key)?)
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// The public keys that are accepted now. They are replaced as a whole.
#[derive(Default)]
pub struct KeyRing {
    keys: ArcSwap<HashMap<String, DecodingKey>>,
    generation: AtomicU64,
    /// The last load that was caused by an unknown key.
    last_load: Mutex<Option<Load>>,
}

#[derive(Clone, Copy)]
struct Load {
    at: Instant,
    succeeded: bool,
}

impl KeyRing {
    /// Replaces the accepted keys: key id and raw Ed25519 public key.
    pub fn replace(&self, keys: impl IntoIterator<Item = (String, Vec<u8>)>) {
        let keys = keys.into_iter().map(|(kid, raw)| (kid, DecodingKey::from_ed_der(&raw))).collect();
        self.keys.store(Arc::new(keys));
        // After the keys: a token that was verified with the old keys belongs to the old
        // generation.
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// Changes with every [`KeyRing::replace`]. A verified token may be cached with the generation
    /// that was read before the verification. The cached result is valid while the generation is
    /// the same.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Verifies a token. If its key is unknown, replaces the keys by those that `load` returns, and
    /// tries once more.
    ///
    /// # Errors
    /// The token is refused. Or its key is unknown and `load` failed: then a refusal would be
    /// wrong, since clients take it as final.
    pub async fn verify_or_reload<F, E>(
        &self,
        token: &str,
        purpose: Purpose,
        load: impl FnOnce() -> F,
    ) -> Result<Claims, VerifyError>
    where
        F: Future<Output = Result<Vec<(String, Vec<u8>)>, E>>,
        E: Display,
    {
        match self.verify(token, purpose) {
            Err(TokenError::UnknownKey) => {}
            known => return known.map_err(VerifyError::Refused),
        }
        let mut last_load = self.last_load.lock().await;
        let succeeded = match *last_load {
            Some(Load { at, succeeded }) if at.elapsed() < RELOAD_PAUSE => succeeded,
            _ => {
                let succeeded = match load().await {
                    Ok(keys) => {
                        self.replace(keys);
                        true
                    }
                    Err(error) => {
                        warn!("the signing keys could not be loaded: {error:#}");
                        false
                    }
                };
                *last_load = Some(Load { at: Instant::now(), succeeded });
                succeeded
            }
        };
        drop(last_load);
        self.verify(token, purpose).map_err(|error| match error {
            TokenError::UnknownKey if !succeeded => VerifyError::Unavailable,
            refused => VerifyError::Refused(refused),
        })
    }

    /// Verifies a token with the keys that are known now.
    ///
    /// # Errors
    /// [`TokenError::UnknownKey`] may change after a reload of the keys; the others are final.
    pub fn verify(&self, token: &str, purpose: Purpose) -> Result<Claims, TokenError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Invalid)?;
        if header.alg != Algorithm::EdDSA {
            return Err(TokenError::Invalid);
        }
        let keys = self.keys.load();
        let key = header.kid.and_then(|kid| keys.get(&kid)).ok_or(TokenError::UnknownKey)?;
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.set_audience(&[purpose.audience()]);
        rules.set_issuer(&[ISSUER]);
        rules.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        rules.leeway = LEEWAY_SECONDS;
        match jsonwebtoken::decode::<Wire>(token, key, &rules) {
            Ok(token) => Ok(token.claims.claims),
            Err(e) if matches!(e.kind(), jsonwebtoken::errors::ErrorKind::ExpiredSignature) => {
                Err(TokenError::Expired)
            }
            Err(_) => Err(TokenError::Invalid),
        }
    }
}

/// A secret of 256 random bits as text, for refresh tokens and invite codes.
pub fn random_secret() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

/// Bytes as base64url without padding, as in JOSE (RFC 7515).
pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The stored form of a secret: its SHA-256. A random secret cannot be guessed from it.
pub fn secret_hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: u64 = 4_000_000_000;

    fn claims(exp: u64) -> Claims {
        Claims {
            sub: UserId::generate(),
            acc: AccountId::generate(),
            ws: WorkspaceId::generate(),
            sid: SessionId::generate(),
            exp,
        }
    }

    fn signer() -> (Signer, KeyRing) {
        let signer = Signer::from_pem(&Signer::generate_pem().unwrap()).unwrap();
        let ring = KeyRing::default();
        ring.replace([(signer.kid().to_owned(), signer.public_key().to_vec())]);
        (signer, ring)
    }

    #[test]
    fn a_token_is_good_for_its_purpose_alone() {
        let (signer, ring) = signer();
        let token = signer.sign(claims(NOW), Purpose::Stream, 0).unwrap();
        assert!(ring.verify(&token, Purpose::Stream).is_ok());
        assert_eq!(ring.verify(&token, Purpose::Access), Err(TokenError::Invalid));
    }

    proptest! {
        #[test]
        fn a_token_that_no_key_signed_is_refused(text in prop_oneof![
            any::<String>(),
            "[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,90}",
            any::<[String; 2]>().prop_map(|parts| parts.map(|part| base64url(part.as_bytes())).join(".") + ".AAAA"),
            any::<String>().prop_map(|alg| format!("{}.e30.AAAA", base64url(format!("{{\"alg\":{alg:?}}}").as_bytes()))),
        ]) {
            let (_, ring) = signer();
            for purpose in [Purpose::Access, Purpose::Stream] {
                let refusal = ring.verify(&text, purpose);
                prop_assert!(matches!(refusal, Err(TokenError::Invalid | TokenError::UnknownKey)), "{:?}", refusal);
            }
        }

        #[test]
        fn a_changed_token_says_what_it_said_or_nothing(place in any::<prop::sample::Index>(), with in any::<char>()) {
            let (signer, ring) = signer();
            let claims = claims(NOW);
            let token = signer.sign(claims, Purpose::Access, 0).unwrap();
            prop_assert_eq!(ring.verify(&token, Purpose::Access), Ok(claims));
            let mut changed: Vec<char> = token.chars().collect();
            *place.get_mut(&mut changed) = with;
            let changed: String = changed.into_iter().collect();
            match ring.verify(&changed, Purpose::Access) {
                Ok(still) => prop_assert!(still == claims && changed.rsplit_once('.').map(|(content, _)| content) == token.rsplit_once('.').map(|(content, _)| content)),
                Err(e) => prop_assert!(e != TokenError::Expired, "what is not signed has no time either"),
            }
        }
    }

    #[test]
    fn an_expired_token_is_told_apart() {
        let (signer, ring) = signer();
        let token = signer.sign(claims(1_000), Purpose::Access, 0).unwrap();
        assert_eq!(ring.verify(&token, Purpose::Access), Err(TokenError::Expired));
    }

    #[test]
    fn another_key_other_claims_and_no_signature_are_refused() {
        let (ours, ring) = signer();
        let (theirs, _) = signer();
        let foreign = theirs.sign(claims(NOW), Purpose::Access, 0).unwrap();
        assert_eq!(ring.verify(&foreign, Purpose::Access), Err(TokenError::UnknownKey));

        let good = ours.sign(claims(NOW), Purpose::Access, 0).unwrap();
        let other = ours.sign(claims(NOW), Purpose::Access, 0).unwrap();
        let mixed: Vec<&str> = good.split('.').take(2).chain(other.split('.').skip(2)).collect();
        assert_eq!(ring.verify(&mixed.join("."), Purpose::Access), Err(TokenError::Invalid));

        let none =
            format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), good.split('.').nth(1).unwrap());
        assert_eq!(ring.verify(&none, Purpose::Access), Err(TokenError::Invalid));
        let hs256 = Header { kid: Some(ours.kid().into()), ..Header::new(Algorithm::HS256) };
        let wire = Wire { claims: claims(NOW), iss: ISSUER.into(), aud: "parlor-api".into(), iat: 0 };
        let confused =
            jsonwebtoken::encode(&hs256, &wire, &EncodingKey::from_secret(&ours.public_key())).unwrap();
        assert_eq!(ring.verify(&confused, Purpose::Access), Err(TokenError::Invalid));
        assert_eq!(ring.verify("", Purpose::Access), Err(TokenError::Invalid));
    }

    #[tokio::test]
    async fn an_unknown_key_is_loaded_and_refused_only_when_the_load_succeeds() {
        let (known, ring) = signer();
        let (unknown, _) = signer();
        let sign = |signer: &Signer, exp| signer.sign(claims(exp), Purpose::Access, 0).unwrap();
        let foreign = sign(&unknown, NOW);
        let key = |signer: &Signer| (signer.kid().to_owned(), signer.public_key().to_vec());
        let away = async || Err("the database is away");
        let verify = async |token: &str| ring.verify_or_reload(token, Purpose::Access, away).await;
        assert_eq!(verify(&foreign).await, Err(VerifyError::Unavailable));
        // Soon after a load there is no other, so the result stays unknown.
        let there = async || Ok::<_, String>(vec![key(&known), key(&unknown)]);
        let soon = ring.verify_or_reload(&foreign, Purpose::Access, there).await;
        assert_eq!(soon, Err(VerifyError::Unavailable));
        // A token of a known key needs no load.
        assert!(verify(&sign(&known, NOW)).await.is_ok());
        assert_eq!(verify(&sign(&known, 1000)).await, Err(VerifyError::Refused(TokenError::Expired)));
        assert_eq!(verify("a.b.c").await, Err(VerifyError::Refused(TokenError::Invalid)));

        let generation = ring.generation();
        *ring.last_load.lock().await = None;
        assert!(ring.verify_or_reload(&foreign, Purpose::Access, there).await.is_ok());
        assert_ne!(ring.generation(), generation);
        let (third, _) = signer();
        let still_unknown = verify(&sign(&third, NOW)).await;
        assert_eq!(still_unknown, Err(VerifyError::Refused(TokenError::UnknownKey)));
    }
}
