//! What one account may hold and open of the streams of this server, in all its workspaces.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
};

use chat_core::{AccountId, config::NotifyConfig};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// The streams of each account, and how often it opened one.
pub struct Accounts {
    max_streams: usize,
    /// Accounts without a stream are not in it.
    streams: Mutex<HashMap<AccountId, usize>>,
    opened: DefaultKeyedRateLimiter<AccountId>,
}

/// The place of a stream among those of its account, until it is dropped.
pub struct Place {
    accounts: Arc<Accounts>,
    account: AccountId,
}

impl Accounts {
    pub fn new(config: &NotifyConfig) -> Self {
        let opens = NonZeroU32::new(config.stream_opens_per_minute).unwrap_or(NonZeroU32::MIN);
        Self {
            max_streams: config.max_streams_per_account,
            streams: Mutex::default(),
            opened: RateLimiter::keyed(Quota::per_minute(opens)),
        }
    }

    /// None: the account has as many streams as it may have, or opens them too often.
    pub fn admit(self: &Arc<Self>, account: AccountId) -> Option<Place> {
        self.opened.check_key(&account).ok()?;
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let count = streams.entry(account).or_default();
        if *count >= self.max_streams {
            return None;
        }
        *count += 1;
        drop(streams);
        Some(Place { accounts: Arc::clone(self), account })
    }

    /// Drops the rates of accounts that have opened no stream lately.
    pub fn forget_idle(&self) {
        self.opened.retain_recent();
        self.opened.shrink_to_fit();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut streams = self.accounts.streams.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = streams.get_mut(&self.account) {
            *count -= 1;
            if *count == 0 {
                streams.remove(&self.account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts(max_streams_per_account: usize, stream_opens_per_minute: u32) -> Arc<Accounts> {
        let config =
            NotifyConfig { max_streams_per_account, stream_opens_per_minute, ..NotifyConfig::default() };
        Arc::new(Accounts::new(&config))
    }

    #[test]
    fn a_place_is_free_again_when_its_stream_ends() {
        let accounts = accounts(2, 100);
        let (ann, bob) = (AccountId::generate(), AccountId::generate());
        let first = accounts.admit(ann).unwrap();
        let _second = accounts.admit(ann).unwrap();
        assert!(accounts.admit(ann).is_none());
        let of_bob = accounts.admit(bob).unwrap();
        drop((first, of_bob));
        assert!(accounts.admit(ann).is_some());
        assert_eq!(accounts.streams.lock().unwrap().len(), 1, "Bob is forgotten");
    }

    #[test]
    fn who_opens_streams_too_often_is_refused_alone() {
        let accounts = accounts(100, 3);
        let (ann, bob) = (AccountId::generate(), AccountId::generate());
        for _ in 0..3 {
            drop(accounts.admit(ann).unwrap());
        }
        assert!(accounts.admit(ann).is_none());
        assert!(accounts.admit(bob).is_some());
    }
}
