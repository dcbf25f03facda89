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

#[cfg(test)]
mod tests {
    use chat_core::{SessionId, UserId, WorkspaceId, token::Signer};

    use super::*;

    #[tokio::test]
    async fn while_the_database_is_away_an_unknown_key_is_not_refused() {
        let auth = Auth::new(Feed::new("postgres://nobody@127.0.0.1:1/nothing", 900).unwrap());
        let (known, unknown) =
            [(); 2].map(|()| Signer::from_pem(&Signer::generate_pem().unwrap()).unwrap()).into();
        auth.ring.replace([(known.kid().to_owned(), known.public_key().to_vec())]);
        let ids = (UserId::generate(), WorkspaceId::generate(), SessionId::generate());
        let sign = |signer: &Signer, exp| {
            let claims = Claims { sub: ids.0, ws: ids.1, sid: ids.2, exp };
            signer.sign(claims, Purpose::Access, 0).unwrap()
        };
        let (good, foreign) = (sign(&known, 4_000_000_000), sign(&unknown, 4_000_000_000));
        assert_eq!(auth.verify(&Credential::AccessToken(&foreign)).await, Err(AuthError::Unavailable));
        // What can be told without it is told.
        assert!(auth.verify(&Credential::AccessToken(&good)).await.is_ok());
        let expired = auth.verify(&Credential::AccessToken(&sign(&known, 1000))).await;
        assert_eq!(expired, Err(AuthError::Refused(TokenError::Expired)));
        let garbage = auth.verify(&Credential::AccessToken("a.b.c")).await;
        assert_eq!(garbage, Err(AuthError::Refused(TokenError::Invalid)));
    }
}
