//! The locks of the hub and its streams. In the tests of `interleavings` they are Shuttle's, which runs the threads of a
//! test one at a time and decides at each lock who goes on.

#[cfg(feature = "shuttle")]
pub use shuttle::sync::{Mutex, MutexGuard, atomic};
#[cfg(not(feature = "shuttle"))]
pub use std::sync::{Mutex, MutexGuard, atomic};
