//! The design holds in every order of events, and no guard of it can be taken away.
#![expect(clippy::unwrap_used, reason = "in a test an unexpected error is a failure")]

mod delivery;
mod membership;
