//! Rate limits: a burst, then a number a minute, by user, or by address if no user is known. Each
//! node counts by itself; a client that is spread over n nodes gets up to n times the rate.

use std::{hash::Hash, net::IpAddr, num::NonZeroU32};

use chat_core::{UserId, config::LimitsConfig};
use governor::{
    Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
    state::keyed::DashMapStateStore,
};

use crate::error::{ApiError, Result};

/// How many refreshes are allowed for each sign-in.
const REFRESHES_PER_SIGNIN: u32 = 20;

/// One rate for many keys.
pub struct RateLimit<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, DashMapStateStore<K>, DefaultClock>,
    policy: String,
}

impl<K: Hash + Eq + Clone> RateLimit<K> {
    fn per_minute(count: u32) -> Self {
        let quota = Quota::per_minute(NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN));
        Self { limiter: RateLimiter::keyed(quota), policy: format!("\"default\";q={count};w=60") }
    }

    /// # Errors
    /// 429 if the key is over its rate.
    pub fn check(&self, key: &K) -> Result<()> {
        self.limiter.check_key(key).map_err(|until| ApiError::RateLimited {
            retry_after: until.wait_time_from(DefaultClock::default().now()),
            policy: self.policy.clone(),
        })
    }

    fn forget_idle(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}

/// All rate limits of this server.
pub struct RateLimits {
    /// Sign-up, sign-in, invite look-ups.
    pub signin: RateLimit<IpAddr>,
    /// Refresh and logout, which cost no password hash. A whole office may share one address.
    pub refresh: RateLimit<IpAddr>,
    pub send: RateLimit<UserId>,
    pub typing: RateLimit<UserId>,
    /// What a stream wants: it changes about as often as a user opens another chat.
    pub interest: RateLimit<UserId>,
    pub requests: RateLimit<UserId>,
}

impl RateLimits {
    pub fn new(config: &LimitsConfig) -> Self {
        Self {
            signin: RateLimit::per_minute(config.signin_per_minute),
            refresh: RateLimit::per_minute(config.signin_per_minute.saturating_mul(REFRESHES_PER_SIGNIN)),
            send: RateLimit::per_minute(config.send_per_minute),
            typing: RateLimit::per_minute(config.typing_per_minute),
            interest: RateLimit::per_minute(config.typing_per_minute),
            requests: RateLimit::per_minute(config.requests_per_minute),
        }
    }

    /// Drops the keys that are back at their full burst, so that memory does not grow with every
    /// key ever seen.
    pub fn forget_idle(&self) {
        self.signin.forget_idle();
        self.refresh.forget_idle();
        self.send.forget_idle();
        self.typing.forget_idle();
        self.interest.forget_idle();
        self.requests.forget_idle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_own_share() {
        let limit = RateLimit::per_minute(2);
        let (ann, bob) = (UserId::generate(), UserId::generate());
        assert!(limit.check(&ann).is_ok() && limit.check(&ann).is_ok() && limit.check(&ann).is_err());
        assert!(limit.check(&bob).is_ok());
    }
}
