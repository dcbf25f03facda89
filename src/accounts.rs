//! `parlor account …`: what the operator may do to accounts, beside a running Parlor or
//! without one.

use chat_core::config::Config;
use chat_server::operator::{self, AccountCommand};
use clap::Subcommand;

use crate::{postgres::Postgres, terminal::say};

#[derive(Subcommand)]
pub enum Accounts {
    /// List accounts: id, whether the address is verified or only claimed, since when, address, workspaces.
    List {
        /// A part of the address.
        text: Option<String>,
    },
    /// Make a link to choose a new password, to be handed to the owner.
    ResetPassword {
        /// The address, or the id if several claim the address.
        who: String,
    },
    /// Say that the address is the account's own.
    Verify {
        /// The address, or the id if several claim the address.
        who: String,
    },
    /// Say that the address is nobody's, so that another account can verify it.
    Release {
        /// The address, or the id of the account.
        who: String,
    },
}

impl From<Accounts> for AccountCommand {
    fn from(command: Accounts) -> Self {
        match command {
            Accounts::List { text } => Self::List { text },
            Accounts::ResetPassword { who } => Self::ResetPassword { who },
            Accounts::Verify { who } => Self::Verify { who },
            Accounts::Release { who } => Self::Release { who },
        }
    }
}

/// Does it on the configured database, or the private one, which is started if it does not run.
pub async fn run(mut config: Config, command: Accounts) -> anyhow::Result<()> {
    let command = AccountCommand::from(command);
    let running = config.database.url.clone().or_else(|| Postgres::url_of_running(&config));
    if let Some(url) = running {
        config.database.url = Some(url);
        say(&operator::run(&config, &command).await?);
        return Ok(());
    }
    let postgres = Postgres::open(&config).await?;
    config.database.url = Some(postgres.url());
    let told = operator::run(&config, &command).await;
    let stopped = postgres.stop().await;
    say(&told?);
    stopped
}
