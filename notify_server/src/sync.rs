//! The locks of the hub and its streams. In the tests of `interleavings` they are Shuttle's, which
//! runs one thread at a time and chooses at each lock which thread continues.

#[cfg(feature = "shuttle")]
pub use shuttle::sync::{Mutex, MutexGuard, atomic};
#[cfg(not(feature = "shuttle"))]
pub use std::sync::{Mutex, MutexGuard, atomic};
