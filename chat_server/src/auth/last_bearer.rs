//! Who asked last over a connection: a client that keeps one sends the same token over it again and again. Behind a proxy, which sends
//! those of many users over one, it is rarely the same, and looked up as ever.

use std::sync::{Mutex, PoisonError};

use axum::http::HeaderValue;

use super::CurrentUser;
use crate::{cache::SessionMark, keys::Verified, state::AppState};

/// Of one connection. What was found out about its last token counts for as long as nothing that it rests on has changed, which takes
/// no hash and no look-up to see.
#[derive(Default)]
pub struct LastBearer(Mutex<Option<Known>>);

struct Known {
    /// The header with the token. A copy: the value itself is a piece of a larger buffer.
    authorization: Vec<u8>,
    user: CurrentUser,
    verified: Verified,
    mark: SessionMark,
}

impl LastBearer {
    /// Whose token this is, if it is the last one and as good as it was.
    pub fn find(&self, authorization: &HeaderValue, state: &AppState) -> Option<CurrentUser> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.as_ref().filter(|known| known.authorization == authorization.as_bytes())?;
        let is_good = state.keys.is_still(known.verified) && state.caches.is_unchanged(known.mark);
        is_good.then_some(known.user)
    }

    /// `mark` was taken before the user was looked up.
    pub fn keep(
        &self,
        authorization: &HeaderValue,
        user: CurrentUser,
        verified: Verified,
        mark: SessionMark,
    ) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = last.take().map(|known| known.authorization).unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(authorization.as_bytes());
        *last = Some(Known { authorization: bytes, user, verified, mark });
    }
}
