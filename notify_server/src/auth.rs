//! Who may open a stream: the bearer of an access token, or of a ticket in the URL.

use std::time::{Duration, Instant};

use axum::http::{HeaderMap, header};
use chat_core::token::{Claims, KeyRing, Purpose, TokenError};
use tokio::sync::Mutex;
use tracing::warn;

use crate::feed::Feed;

/// The keys are loaded again this often, so that one that was taken away is refused.
const RELOAD_EVERY: Duration = Duration::from_secs(60);
/// An unknown key id makes them be loaded at once, but not more often than this.
const RELOAD_PAUSE: Duration = Duration::from_secs(1);

/// Verifies tokens with the public keys that chat_servers publish in the database.
pub struct Auth {
    ring: KeyRing,
    feed: Feed,
    /// On account of an unknown key.
    last_load: Mutex<Option<Load>>,
}

#[derive(Clone, Copy)]
struct Load {
    at: Instant,
    succeeded: bool,
}

/// Why somebody is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthError {
    Refused(TokenError),
    /// The key is not known and the database cannot be asked for it.
    Unavailable,
}

/// A proof of identity, as it was sent.
pub enum Credential<'a> {
    AccessToken(&'a str),
    Ticket(&'a str),
}

impl<'a> Credential<'a> {
    /// The header wins over the URL. Access tokens are not taken from a URL: it ends up in logs and histories.
    pub fn find(headers: &'a HeaderMap, ticket: Option<&'a str>) -> Option<Self> {
        let bearer = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| Self::AccessToken(token.trim()));
        bearer.or_else(|| ticket.map(Self::Ticket))
    }
}

impl Auth {
    pub fn new(feed: Feed) -> Self {
        Self { ring: KeyRing::default(), feed, last_load: Mutex::default() }
    }

    /// # Errors
    /// The token is not good, or it cannot be told.
    pub async fn verify(&self, credential: &Credential<'_>) -> Result<Claims, AuthError> {
        match self.check(credential) {
            Err(TokenError::UnknownKey) => {
                let mut last = self.last_load.lock().await;
                if last.is_none_or(|load| load.at.elapsed() > RELOAD_PAUSE) {
                    *last = Some(Load { at: Instant::now(), succeeded: self.load().await });
                }
                // A browser takes a refusal as final: it must not be given while the database is away.
                let knows_all = last.is_some_and(|load| load.succeeded);
                self.check(credential).map_err(|e| match e {
                    TokenError::UnknownKey if !knows_all => AuthError::Unavailable,
                    refused => AuthError::Refused(refused),
                })
            }
            known => known.map_err(AuthError::Refused),
        }
    }

    fn check(&self, credential: &Credential<'_>) -> Result<Claims, TokenError> {
        match credential {
            Credential::AccessToken(token) => self.ring.verify(token, Purpose::Access),
            Credential::Ticket(ticket) => self.ring.verify(ticket, Purpose::Stream),
        }
    }

    /// Whether the keys could be read.
    async fn load(&self) -> bool {
        match self.feed.signing_keys().await {
            Ok(keys) => {
                self.ring.replace(keys);
                true
            }
            Err(e) => {
                warn!("the signing keys could not be loaded: {e:#}");
                false
            }
        }
    }

    /// Keeps the keys current until dropped.
    pub async fn keep_current(&self) {
        loop {
            self.load().await;
            tokio::time::sleep(RELOAD_EVERY).await;
        }
    }
}
