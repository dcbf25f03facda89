//! What one account may take of what all share on this node: requests that are handled at once,
//! searches, exports, and memory of large responses that wait for their clients. An account has one share in
//! all its workspaces. Rates are in [`crate::rate_limit`].

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use axum::{
    body::{Body, Bytes, HttpBody as _},
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use chat_core::{AccountId, config::LimitsConfig};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    error::{ApiError, Result},
    metrics::Metrics,
};

/// Responses up to this size are not counted. Most are far smaller.
const UNCOUNTED_BYTES: usize = 64 * 1024;
const BYTES_PER_PERMIT: usize = 1024;
const PERMITS_PER_MB: usize = 1024 * 1024 / BYTES_PER_PERMIT;
/// Searches that run at once on this node, and those of one account. A search may read much.
const SEARCHES_AT_ONCE: usize = 8;
const SEARCHES_OF_ACCOUNT: usize = 2;
/// Exports that run at once on this node, each for as long as its reader takes. One of an account.
const EXPORTS_AT_ONCE: usize = 2;

/// The shares of all accounts.
pub struct FairShares {
    requests_at_once: usize,
    waiting_mb_per_account: usize,
    accounts: Mutex<HashMap<AccountId, Arc<Share>>>,
    /// Permits for kilobytes of responses.
    waiting: Arc<Semaphore>,
    searches: Semaphore,
    exports: Arc<Semaphore>,
    metrics: Metrics,
}

/// The share of one account.
struct Share {
    requests: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    searches: Arc<Semaphore>,
    exports: Arc<Semaphore>,
}

/// A request's place among those that are handled. The extractor of the user fills it.
#[derive(Clone, Default)]
pub struct Turn(Arc<OnceLock<(Arc<Share>, Option<OwnedSemaphorePermit>)>>);

impl Turn {
    /// Whether it is known whose request it is.
    pub fn is_taken(&self) -> bool {
        self.0.get().is_some()
    }
}

/// The right to search now.
pub struct SearchTurn<'a> {
    _of_account: OwnedSemaphorePermit,
    _of_all: tokio::sync::SemaphorePermit<'a>,
}

impl FairShares {
    pub fn new(limits: &LimitsConfig, metrics: Metrics) -> Self {
        Self {
            requests_at_once: limits.requests_at_once,
            waiting_mb_per_account: limits.waiting_response_mb_per_account,
            accounts: Mutex::default(),
            waiting: Arc::new(Semaphore::new(limits.waiting_response_mb * PERMITS_PER_MB)),
            searches: Semaphore::new(SEARCHES_AT_ONCE),
            exports: Arc::new(Semaphore::new(EXPORTS_AT_ONCE)),
            metrics,
        }
    }

    fn accounts(&self) -> MutexGuard<'_, HashMap<AccountId, Arc<Share>>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn share(&self, account: AccountId) -> Arc<Share> {
        let mut accounts = self.accounts();
        let share = accounts.entry(account).or_insert_with(|| {
            Arc::new(Share {
                requests: Arc::new(Semaphore::new(self.requests_at_once)),
                waiting: Arc::new(Semaphore::new(self.waiting_mb_per_account * PERMITS_PER_MB)),
                searches: Arc::new(Semaphore::new(SEARCHES_OF_ACCOUNT)),
                exports: Arc::new(Semaphore::new(1)),
            })
        });
        Arc::clone(share)
    }

    /// Notes whose request it is, and, if it is `counted`, waits until fewer of the account's
    /// requests are being handled. The request's time limit ends the wait.
    pub async fn take_turn(&self, turn: Option<&Turn>, account: AccountId, counted: bool) {
        // Without the layer there is nothing to keep the turn in: a test of a handler alone.
        let Some(Turn(turn)) = turn else { return };
        // A second extractor of one request must not wait for the place that the first one holds.
        if turn.get().is_some() {
            return;
        }
        let share = self.share(account);
        let permit = if counted { self.wait_for_request(&share).await } else { None };
        let _ = turn.set((share, permit));
    }

    async fn wait_for_request(&self, share: &Share) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&share.requests).try_acquire_owned() {
            return Some(permit);
        }
        self.metrics.bounds.requests_waited.inc();
        Arc::clone(&share.requests).acquire_owned().await.ok() // never closed
    }

    /// Waits until a search may run.
    ///
    /// # Errors
    /// 503 if the semaphores were closed, which nothing does.
    pub async fn search(&self, account: AccountId) -> Result<SearchTurn<'_>> {
        let closed = |_| ApiError::Unavailable("this server is stopping");
        let share = self.share(account);
        // Its own first: those who wait for it must not hold a place of all.
        let of_account = Arc::clone(&share.searches).acquire_owned().await.map_err(closed)?;
        let of_all = self.searches.acquire().await.map_err(closed)?;
        Ok(SearchTurn { _of_account: of_account, _of_all: of_all })
    }

    /// The right to one export, until it is dropped.
    ///
    /// # Errors
    /// 409 while another export of the account runs, 503 if too many of others do.
    pub fn export(&self, account: AccountId) -> Result<ExportTurn> {
        let share = self.share(account);
        let refused = |error| {
            self.metrics.bounds.exports_refused.inc();
            error
        };
        let of_account = Arc::clone(&share.exports).try_acquire_owned();
        let of_account = of_account.map_err(|_| {
            refused(ApiError::conflict(
                "export_running",
                "another export of yours is under way: take it first",
            ))
        })?;
        let of_all = Arc::clone(&self.exports).try_acquire_owned();
        let of_all = of_all.map_err(|_| refused(ApiError::Unavailable("too many exports at once")))?;
        Ok(ExportTurn { _permits: (of_account, of_all), _share: share })
    }

    /// Drops the shares that nobody uses.
    pub fn forget_idle(&self) {
        self.accounts().retain(|_, share| Arc::strong_count(share) > 1);
    }

    /// Counts the bytes of a large response for as long as they are in memory.
    ///
    /// # Errors
    /// 429 if too many bytes wait for this account's clients, 503 if too many wait for all.
    fn count(&self, share: Option<Arc<Share>>, bytes: Bytes) -> Result<Bytes> {
        let permits = u32::try_from(bytes.len() / BYTES_PER_PERMIT).unwrap_or(u32::MAX);
        let refused = |error: ApiError| {
            self.metrics.bounds.responses_refused.inc();
            error
        };
        let of_account = match &share {
            Some(share) => Arc::clone(&share.waiting).try_acquire_many_owned(permits).map(Some),
            None => Ok(None),
        };
        let of_account = of_account.map_err(|_| refused(ApiError::TooManyResponses))?;
        let of_all = Arc::clone(&self.waiting).try_acquire_many_owned(permits).map_err(|_| {
            refused(ApiError::Unavailable("too many large responses wait for their clients: try again"))
        })?;
        Ok(Bytes::from_owner(Counted { bytes, _permits: (of_account, of_all), _share: share }))
    }
}

/// Bytes of a response that are counted until they are dropped.
struct Counted {
    bytes: Bytes,
    _permits: (Option<OwnedSemaphorePermit>, OwnedSemaphorePermit),
    /// A share that is in use must not be dropped: the account would get a new one beside it.
    _share: Option<Arc<Share>>,
}

/// The right to one export, see [`FairShares::export`].
pub struct ExportTurn {
    _permits: (OwnedSemaphorePermit, OwnedSemaphorePermit),
    _share: Arc<Share>,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Middleware: ends the request's turn when it has been handled, and counts a large response.
pub async fn hold(State(shares): State<Arc<FairShares>>, mut request: Request, next: Next) -> Response {
    let turn = Turn::default();
    request.extensions_mut().insert(turn.clone());
    let response = next.run(request).await;
    let share = Arc::into_inner(turn.0).and_then(OnceLock::into_inner).map(|(share, _)| share);
    // A body without a known size is made as it is taken, so it does not wait in memory.
    let size = response.body().size_hint().exact().and_then(|size| usize::try_from(size).ok());
    if size.is_none_or(|size| size <= UNCOUNTED_BYTES) {
        return response;
    }
    let (parts, body) = response.into_parts();
    let Ok(bytes) = body.collect().await else { return ApiError::Unavailable("no response").into_response() };
    match shares.count(share, bytes.to_bytes()) {
        Ok(bytes) => Response::from_parts(parts, Body::from(bytes)),
        Err(error) => error.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(mb: usize, mb_per_account: usize) -> FairShares {
        let limits = LimitsConfig {
            requests_at_once: 2,
            waiting_response_mb: mb,
            waiting_response_mb_per_account: mb_per_account,
            ..LimitsConfig::default()
        };
        FairShares::new(&limits, Metrics::default())
    }

    fn response() -> Bytes {
        Bytes::from(vec![b'x'; 1024 * 1024])
    }

    #[test]
    fn bytes_that_wait_are_counted_by_account_and_in_all_until_they_are_taken() {
        let shares = shares(2, 1);
        let share = |number| shares.share(AccountId(uuid::Uuid::from_u128(number)));
        let anns = shares.count(Some(share(1)), response()).unwrap();
        shares.forget_idle();
        let refused = shares.count(Some(share(1)), response());
        assert!(matches!(refused, Err(ApiError::TooManyResponses)), "{refused:?}");
        let bobs = shares.count(Some(share(2)), response()).unwrap();
        let refused = shares.count(Some(share(3)), response());
        assert!(matches!(refused, Err(ApiError::Unavailable(_))), "{refused:?}");
        let part_of_anns = anns.slice(..10);
        drop(anns);
        assert!(shares.count(Some(share(1)), response()).is_err(), "a part of it is still in memory");
        drop((part_of_anns, bobs));
        shares.count(Some(share(1)), response()).unwrap();
        shares.forget_idle();
        assert!(shares.accounts().is_empty());
    }

    #[tokio::test]
    async fn a_request_above_the_share_waits_and_those_of_others_do_not() {
        let shares = shares(1, 1);
        let (ann, bob) = (AccountId(uuid::Uuid::from_u128(1)), AccountId(uuid::Uuid::from_u128(2)));
        let [first, second, bobs, send, last] = [(); 5].map(|()| Turn::default());
        for (turn, account, counted) in
            [(&first, ann, true), (&second, ann, true), (&bobs, bob, true), (&send, ann, false)]
        {
            shares.take_turn(Some(turn), account, counted).await;
        }
        let mut waiting = Box::pin(shares.take_turn(Some(&last), ann, true));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        drop(first);
        waiting.await;
        // The same request again, while no place is free.
        shares.take_turn(Some(&last), ann, true).await;
        assert_eq!(shares.metrics.bounds.requests_waited.get(), 1);
    }
}
