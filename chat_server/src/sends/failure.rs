//! Why a send was not stored, or may not have been.

use anyhow::anyhow;

use crate::{
    db::messages::pipeline::SendError,
    error::{ApiError, DATABASE_AWAY, is_away},
};

#[derive(Clone, Copy, Debug)]
pub enum Failure {
    Late,
    NotStored(&'static str),
    /// The connection was lost before the answer came.
    Unknown,
    Internal,
}

impl Failure {
    /// Of a batch whose statement failed.
    pub fn of(error: &SendError) -> Self {
        match error.said() {
            Some(said) if !is_certain_code(said.code().code()) => Self::Unknown,
            Some(said) if is_away(said.code().code(), said.constraint().is_some()) => {
                Self::NotStored(DATABASE_AWAY)
            }
            Some(_) => Self::Internal,
            None => Self::Unknown,
        }
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Late => Self::Unavailable("too many are sending: nothing was stored, send again"),
            Failure::NotStored(detail) => Self::Unavailable(detail),
            Failure::Unknown => Self::Unavailable(
                "whether the message was stored is not known: send it again, under the same client_id",
            ),
            Failure::Internal => {
                Self::Internal(anyhow!("a batch of sends failed; its error was logged before"))
            }
        }
    }
}

/// Whether the database said that it did not commit. It says nothing of that when a connection breaks, and is not to be
/// believed when it is being shut down.
pub fn is_certain(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(e) => e.code().is_some_and(|code| is_certain_code(&code)),
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Encode(_) => true,
        _ => false,
    }
}

fn is_certain_code(code: &str) -> bool {
    !["08", "57P", "58", "XX"].iter().any(|class| code.starts_with(class))
}

/// Whether the lock of a shard was waited for in vain.
pub fn is_about_shard(error: &SendError) -> bool {
    error.said().is_some_and(|said| {
        said.code().code() == "55P03" && said.where_().is_some_and(|context| context.contains("log_lock"))
    })
}

/// Whether Postgres had no room for a ring.
pub fn is_about_bell(error: &SendError) -> bool {
    error.said().is_some_and(|said| said.code().code() == "54000")
}

/// Whether some messages may have failed all: a value that breaks a rule, a lock of a chat or a sender that was waited for
/// in vain.
pub fn is_about_some(error: &SendError) -> bool {
    error.said().is_some_and(|said| {
        let code = said.code().code();
        ["40001", "40P01", "55P03"].contains(&code)
            || code.starts_with("22")
            // Without a constraint's name: the event log has no partition for the next id.
            || (code.starts_with("23") && said.constraint().is_some())
    })
}
