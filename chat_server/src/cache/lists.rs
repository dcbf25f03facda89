//! Pages of chat lists as they were sent, so that a list that has not changed is neither put together nor written anew.
//!
//! A page is right as long as the marks of all that it was made of are where they were. They only ever move forward, so
//! their sum stands for all of them.

use std::sync::Arc;

use chat_core::{ChatId, UserId};
use moka::sync::Cache;

use super::TIME_TO_LIVE;
use crate::conditional::Tagged;

/// Memory for all pages together.
const BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Of an entry, beside its body and the marks that it names.
const ENTRY_BYTES: usize = 256;

/// One page of somebody's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListKey {
    pub user: UserId,
    pub after: Option<ChatId>,
    pub limit: i64,
}

/// Whose marks a page depends on, by stripe, and the sum that they had.
#[derive(Clone)]
pub struct Sources {
    pub(super) member: usize,
    pub(super) chats: Vec<usize>,
    pub(super) stamp: u64,
}

/// A page as it was sent, and what it was made of.
pub struct KeptList {
    sources: Sources,
    pub list: Tagged,
}

/// The pages.
pub(super) struct Lists(Cache<ListKey, Arc<KeptList>>);

impl Lists {
    pub fn new() -> Self {
        let bytes = |_: &ListKey, kept: &Arc<KeptList>| {
            let bytes = ENTRY_BYTES + kept.list.body_bytes() + size_of_val(kept.sources.chats.as_slice());
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        Self(Cache::builder().max_capacity(BYTES_MAX).weigher(bytes).time_to_live(TIME_TO_LIVE).build())
    }

    /// `stamp` adds up the marks as they are now.
    pub fn find(&self, key: &ListKey, stamp: impl FnOnce(&Sources) -> u64) -> Option<Arc<KeptList>> {
        self.0.get(key).filter(|kept| stamp(&kept.sources) == kept.sources.stamp)
    }

    pub fn keep(&self, key: ListKey, sources: Sources, list: Tagged) {
        self.0.insert(key, Arc::new(KeptList { sources, list }));
    }
}
