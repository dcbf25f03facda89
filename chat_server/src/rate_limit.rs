//! Rate limits: a burst, then a number a minute, by account (in all its workspaces), or by address
//! if no account is known. Each node counts by itself; a client that is spread over n nodes gets up
//! to n times the rate. What is taken at one time is in [`crate::fair_share`].

use std::{hash::Hash, net::IpAddr, num::NonZeroU32, time::Duration};

use chat_core::{AccountId, config::LimitsConfig, text::MessageBody};
use governor::{
    InsufficientCapacity, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    state::keyed::DashMapStateStore,
};
use prometheus_client::metrics::counter::Counter;

use crate::{
    client_address::ClientAddress,
    error::{ApiError, Result},
    metrics::Bounds,
};

/// An IPv6 /48 may have this many times the rate of one address in it.
const PER_NETWORK: u32 = 4;
const EXPORTS_PER_MINUTE: u32 = 2;
/// Refusals that are recorded.
const REFUSALS_PER_MINUTE: u32 = 20;
/// How many refreshes are allowed for each sign-in.
const REFRESHES_PER_SIGNIN: u32 = 20;

/// One rate for many keys.
pub struct RateLimit<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, DashMapStateStore<K>, DefaultClock>,
    policy: String,
    refused: Counter,
}

impl<K: Hash + Eq + Clone> RateLimit<K> {
    fn per_minute(count: u32, refused: Counter) -> Self {
        let quota = Quota::per_minute(NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN));
        let policy = format!("\"default\";q={count};w=60");
        Self { limiter: RateLimiter::keyed(quota), policy, refused }
    }

    /// # Errors
    /// 429 if the key is over its rate.
    pub fn check(&self, key: &K) -> Result<()> {
        self.limiter.check_key(key).map_err(|until| self.over(until.wait_time_from(now())))
    }

    /// Checks `count` at once. More than the whole burst is checked as the whole burst.
    ///
    /// # Errors
    /// 429 if the key is over its rate.
    pub fn check_many(&self, key: &K, count: usize) -> Result<()> {
        let Some(count) = u32::try_from(count).ok().and_then(NonZeroU32::new) else { return Ok(()) };
        match self.limiter.check_key_n(key, count) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(until)) => Err(self.over(until.wait_time_from(now()))),
            Err(InsufficientCapacity(burst)) => self.check_many(key, burst as usize),
        }
    }

    fn over(&self, retry_after: Duration) -> ApiError {
        self.refused.inc();
        ApiError::RateLimited { retry_after, policy: self.policy.clone() }
    }

    fn forget_idle(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}

fn now() -> <DefaultClock as Clock>::Instant {
    DefaultClock::default().now()
}

/// All rate limits of this server.
pub struct RateLimits {
    /// Sign-up, sign-in, invite look-ups.
    signin: RateLimit<IpAddr>,
    /// The same by network, see [`ClientAddress::network`].
    signin_network: RateLimit<IpAddr>,
    /// Refresh and logout, which cost no password hash. A whole office may share one address.
    pub refresh: RateLimit<IpAddr>,
    pub send: RateLimit<AccountId>,
    pub reactions: RateLimit<AccountId>,
    pub typing: RateLimit<AccountId>,
    /// What a stream wants: it changes about as often as a user opens another chat.
    pub interest: RateLimit<AccountId>,
    pub requests: RateLimit<AccountId>,
    pub searches: RateLimit<AccountId>,
    pub new_chats: RateLimit<AccountId>,
    /// Members that an account adds to chats.
    pub added_members: RateLimit<AccountId>,
    /// Bytes of messages, new and edited.
    pub text: RateLimit<AccountId>,
    /// What is told to many and has no other rate: joining, leaving, removing, transferring, and the
    /// names and descriptions of chats, people and workspaces.
    pub chat_changes: RateLimit<AccountId>,
    pub exports: RateLimit<AccountId>,
    pub refusals: RateLimit<AccountId>,
}

impl RateLimits {
    pub fn new(config: &LimitsConfig, bounds: &Bounds) -> Self {
        let refreshes = config.signin_per_minute.saturating_mul(REFRESHES_PER_SIGNIN);
        Self {
            signin: RateLimit::per_minute(config.signin_per_minute, bounds.rate_limited("signin")),
            signin_network: RateLimit::per_minute(
                config.signin_per_minute.saturating_mul(PER_NETWORK),
                bounds.rate_limited("signin"),
            ),
            refresh: RateLimit::per_minute(refreshes, bounds.rate_limited("refresh")),
            send: RateLimit::per_minute(config.send_per_minute, bounds.rate_limited("send")),
            reactions: RateLimit::per_minute(config.reactions_per_minute, bounds.rate_limited("reactions")),
            typing: RateLimit::per_minute(config.typing_per_minute, bounds.rate_limited("typing")),
            interest: RateLimit::per_minute(config.typing_per_minute, bounds.rate_limited("interest")),
            requests: RateLimit::per_minute(config.requests_per_minute, bounds.rate_limited("requests")),
            searches: RateLimit::per_minute(config.searches_per_minute, bounds.rate_limited("searches")),
            new_chats: RateLimit::per_minute(config.new_chats_per_minute, bounds.rate_limited("new_chats")),
            added_members: RateLimit::per_minute(
                config.added_members_per_minute,
                bounds.rate_limited("added_members"),
            ),
            text: RateLimit::per_minute(
                config.text_kb_per_minute.saturating_mul(1024),
                bounds.rate_limited("text"),
            ),
            chat_changes: RateLimit::per_minute(
                config.chat_changes_per_minute,
                bounds.rate_limited("chat_changes"),
            ),
            exports: RateLimit::per_minute(EXPORTS_PER_MINUTE, bounds.rate_limited("exports")),
            refusals: RateLimit::per_minute(REFUSALS_PER_MINUTE, bounds.rate_limited("refusals")),
        }
    }

    /// Counts a sign-up, a sign-in or a look-up of an invitation.
    ///
    /// # Errors
    /// 429 if the address or its network is over its rate.
    pub fn check_signin(&self, address: &ClientAddress) -> Result<()> {
        self.signin.check(&address.0)?;
        if address.0.is_ipv4() { Ok(()) } else { self.signin_network.check(&address.network()) }
    }

    /// Counts a message that is sent or edited.
    ///
    /// # Errors
    /// 429 if the account writes too often, or too much.
    pub fn check_message(&self, account: &AccountId, body: &MessageBody) -> Result<()> {
        self.send.check(account)?;
        self.text.check_many(account, body.as_str().len())
    }

    /// Drops the keys that are back at their full burst, so that memory does not grow with every
    /// key ever seen.
    pub fn forget_idle(&self) {
        self.signin.forget_idle();
        self.signin_network.forget_idle();
        self.refresh.forget_idle();
        self.send.forget_idle();
        self.typing.forget_idle();
        self.interest.forget_idle();
        self.requests.forget_idle();
        self.searches.forget_idle();
        self.new_chats.forget_idle();
        self.added_members.forget_idle();
        self.text.forget_idle();
        self.reactions.forget_idle();
        self.chat_changes.forget_idle();
        self.exports.forget_idle();
        self.refusals.forget_idle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_own_share() {
        let refused = Counter::default();
        let limit = RateLimit::per_minute(2, refused.clone());
        let [ann, bob] = [AccountId::generate(), AccountId::generate()];
        assert!(limit.check(&ann).is_ok() && limit.check(&ann).is_ok() && limit.check(&ann).is_err());
        assert!(limit.check(&bob).is_ok());
        assert_eq!(refused.get(), 1);
    }

    #[test]
    fn several_at_once_count_as_so_many_and_more_than_the_burst_as_the_burst() {
        let limit = RateLimit::per_minute(3, Counter::default());
        let [ann, bob] = [AccountId::generate(), AccountId::generate()];
        assert!(limit.check_many(&ann, 0).is_ok() && limit.check_many(&ann, 2).is_ok());
        assert!(limit.check_many(&ann, 2).is_err() && limit.check_many(&ann, 1).is_ok());
        assert!(limit.check_many(&bob, 100).is_ok() && limit.check_many(&bob, 1).is_err());
    }

    #[test]
    fn a_slash_48_cannot_multiply_its_share_by_its_networks() {
        let limits = RateLimits::new(
            &LimitsConfig { signin_per_minute: 2, ..LimitsConfig::default() },
            &Bounds::default(),
        );
        let admitted = (0..40_u16).filter(|subnet| {
            let address = IpAddr::from([0x2001, 0xdb8, 1, *subnet, 0, 0, 0, 0]);
            limits.check_signin(&ClientAddress::of(address)).is_ok()
        });
        assert_eq!(admitted.count(), 8);
        let elsewhere = IpAddr::from([0x2001, 0xdb8, 2, 1, 0, 0, 0, 0]);
        assert!(limits.check_signin(&ClientAddress::of(elsewhere)).is_ok());
    }
}
