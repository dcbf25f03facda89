//! Who may open a stream: the bearer of an access token, or of a ticket in the URL.

use std::time::Duration;

use axum::http::{HeaderMap, header};
use chat_core::token::{Claims, KeyRing, Purpose, VerifyError};
use tracing::warn;

use crate::queries::Queries;

/// How often the keys are reloaded, so that a removed key is refused.
const RELOAD_EVERY: Duration = Duration::from_secs(60);

/// Verifies tokens with the public keys that chat_servers publish in the database.
pub struct Auth {
    ring: KeyRing,
    queries: Queries,
}

/// A proof of identity, as it was sent.
pub enum Credential<'a> {
    AccessToken(&'a str),
    Ticket(&'a str),
}

impl<'a> Credential<'a> {
    /// The header wins over the URL. Access tokens are not taken from a URL: it ends up in logs and
    /// histories. Of two headers it would be in doubt who asks.
    pub fn find(headers: &'a HeaderMap, ticket: Option<&'a str>) -> Option<Self> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let (authorization, None) = (values.next(), values.next()) else { return None };
        let bearer = authorization
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| Self::AccessToken(token.trim()));
        bearer.or_else(|| ticket.map(Self::Ticket))
    }
}

impl Auth {
    pub fn new(queries: Queries) -> Self {
        Self { ring: KeyRing::default(), queries }
    }

    /// # Errors
    /// The token is refused, or its key is unknown and the database is unavailable.
    pub async fn verify(&self, credential: &Credential<'_>) -> Result<Claims, VerifyError> {
        let (token, purpose) = match credential {
            Credential::AccessToken(token) => (token, Purpose::Access),
            Credential::Ticket(ticket) => (ticket, Purpose::Stream),
        };
        self.ring.verify_or_reload(token, purpose, || self.queries.signing_keys()).await
    }

    /// Keeps the keys current until dropped.
    pub async fn keep_current(&self) {
        loop {
            match self.queries.signing_keys().await {
                Ok(keys) => self.ring.replace(keys),
                Err(e) => warn!("the signing keys could not be loaded: {e:#}"),
            }
            tokio::time::sleep(RELOAD_EVERY).await;
        }
    }
}
