//! E-mail by SMTP, if the configuration names a server. A mail is a row of `jobs`, added in the
//! transaction that causes it; `jobs/send_mail.rs` decides when it is due whether it is still to be
//! sent, and to whom.

mod letter;

use std::time::Duration;

use anyhow::{Context as _, bail};
use chat_core::{AccountId, InviteId, config::Config, text::fold};
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{
        Mailbox, MultiPart,
        header::{Header, HeaderName, HeaderValue},
    },
    transport::smtp::extension::ClientId,
};
use serde::{Deserialize, Serialize};
use sqlx::PgExecutor;
use url::{Host, Url};

pub use letter::Letter;

use crate::{db, error::Result, state::AppState};

/// Each step of the conversation with the mail server.
const SMTP_TIMEOUT: Duration = Duration::from_secs(10);
/// The whole of it. Shorter than the attempt of a job.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// A mail to be sent, as a job remembers it. It holds no code: the job makes one when it sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mail", rename_all = "snake_case")]
pub enum Mail {
    /// To the address of an account, which is to be verified.
    VerifyEmail {
        account: AccountId,
    },
    /// To the address that an account is to have.
    ChangeEmail {
        account: AccountId,
    },
    /// To the address that an account still has: a change to another one was requested.
    EmailChangeAsked {
        account: AccountId,
    },
    /// To the address that an account had.
    EmailChanged {
        account: AccountId,
        to: String,
    },
    /// To the reader of an address.
    ResetPassword {
        to: String,
    },
    PasswordChanged {
        account: AccountId,
    },
    NewSignIn {
        account: AccountId,
        user_agent: String,
    },
    Invitation {
        invite: InviteId,
    },
}

impl Mail {
    /// The same mail that is still waiting is not added again.
    fn key(&self) -> String {
        match self {
            Self::VerifyEmail { account } => format!("verify_email {account}"),
            Self::ChangeEmail { account } => format!("change_email {account}"),
            Self::EmailChangeAsked { account } => format!("email_change_asked {account}"),
            Self::EmailChanged { account, to } => format!("email_changed {account} {}", fold(to)),
            Self::ResetPassword { to } => format!("reset_password {}", fold(to)),
            Self::PasswordChanged { account } => format!("password_changed {account}"),
            Self::NewSignIn { account, .. } => format!("new_sign_in {account}"),
            Self::Invitation { invite } => format!("invitation {invite}"),
        }
    }
}

/// Adds the job that sends a mail, unless this server sends none.
pub async fn add(db: impl PgExecutor<'_>, state: &AppState, mail: &Mail) -> Result<()> {
    if state.mailer.is_some() {
        let payload = serde_json::to_value(mail).map_err(anyhow::Error::from)?;
        db::jobs::add(db, "send_mail", &mail.key(), &payload).await?;
    }
    Ok(())
}

/// The way to the mail server.
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    /// The name of this server in the ids of messages.
    host: String,
    public_url: String,
}

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// A retry would fail as well.
    #[error("the mail server refused for good ({0})")]
    Refused(String),
    #[error("{0}")]
    Failed(String),
}

impl Mailer {
    /// None without `mail.smtp_url`.
    ///
    /// # Errors
    /// One line: the key that cannot be used.
    pub fn new(config: &Config) -> anyhow::Result<Option<Self>> {
        let Some(smtp_url) = &config.mail.smtp_url else { return Ok(None) };
        let public_url = &config.server.public_url;
        let url = Url::parse(smtp_url.expose()).ok().filter(Url::has_host).context(
            "mail.smtp_url: expected smtps://user:password@host or smtp://user:password@host:587?tls=required",
        )?;
        let is_plain =
            url.scheme() == "smtp" && !url.query_pairs().any(|(key, how)| key == "tls" && how == "required");
        let is_here = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        if is_plain && !url.username().is_empty() && !is_here {
            bail!("mail.smtp_url: a password is sent over TLS alone: use smtps://, or add ?tls=required");
        }
        let from = config
            .mail
            .from
            .as_deref()
            .context("mail.from: the sender of mails is needed with mail.smtp_url")?;
        let from: Mailbox =
            from.parse().ok().context("mail.from: expected an address as in Parlor <parlor@example.com>")?;
        let host = Url::parse(public_url).ok().and_then(|url| url.host().map(|host| host.to_string()));
        let host = host.context("server.public_url: has no host")?;
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(smtp_url.expose())
            // Its text may quote the URL, and so the password.
            .map_err(|_| anyhow::anyhow!("mail.smtp_url: cannot be used"))?
            .timeout(Some(SMTP_TIMEOUT))
            .hello_name(ClientId::Domain(host.clone()))
            .build();
        Ok(Some(Self { transport, from, host, public_url: public_url.clone() }))
    }

    /// The address of a page for the reader of a mail. The code is in the fragment, which browsers
    /// send to no server.
    pub fn link(&self, page: &str, code: &str) -> String {
        link(&self.public_url, page, code)
    }

    /// The address of a page without a code.
    pub fn page(&self, page: &str) -> String {
        format!("{}/{page}", self.public_url)
    }

    pub fn invitation_link(&self, code: &str) -> String {
        format!("{}/signup?invite={code}", self.public_url)
    }

    /// Sends a letter. `id` names it among all letters: a retry has the same.
    pub async fn send(&self, to: &str, letter: &Letter, id: &str) -> std::result::Result<(), SendError> {
        let refused = |what: &str| SendError::Refused(what.to_owned());
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to.parse().map_err(|_| refused("not an address"))?))
            .subject(&letter.subject)
            .message_id(Some(format!("<{id}@{}>", self.host)))
            .header(AutoSubmitted)
            .multipart(MultiPart::alternative_plain_html(letter.text(), letter.html()))
            .map_err(|_| refused("not a message"))?;
        match tokio::time::timeout(SEND_TIMEOUT, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            // The text of an answer may quote the address, so it is not passed on.
            Ok(Err(e)) => match e.status() {
                Some(status) if e.is_permanent() => Err(SendError::Refused(status.to_string())),
                Some(status) => Err(SendError::Failed(format!("the mail server answered {status}"))),
                None => Err(SendError::Failed(format!("the mail server: {e}"))),
            },
            Err(_) => Err(SendError::Failed("the mail server did not answer in time".into())),
        }
    }
}

/// A link for the reader of a mail, or for the person to whom an operator hands it.
pub fn link(public_url: &str, page: &str, code: &str) -> String {
    format!("{public_url}/{page}#{code}")
}

/// Tells other programs not to answer (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> std::result::Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".into())
    }
}

#[cfg(test)]
mod tests {
    use chat_core::config::Secret;

    use super::*;

    fn mailer(url: &str, from: &str) -> anyhow::Result<Option<Mailer>> {
        let mut config = Config::default();
        config.mail.smtp_url = Some(Secret::new(url));
        config.mail.from = Some(from.to_owned());
        Mailer::new(&config)
    }

    #[test]
    fn a_configuration_that_cannot_be_used_is_refused_without_its_password() {
        for (url, from) in [
            ("mail.example.com", "a@b.example"),
            ("http://user:s3cret@mail.example.com", "a@b.example"),
            ("smtp://user:s3cret@mail.example.com:587", "a@b.example"),
            ("smtp://user:s3cret@mail.example.com:587?tls=opportunistic", "a@b.example"),
            ("smtps://user:s3cret@mail.example.com", "nobody"),
        ] {
            let Err(error) = mailer(url, from) else { panic!("{url}") };
            let text = format!("{error:#}");
            assert!(text.starts_with("mail.") && !text.contains("s3cret"), "{text}");
        }
        for url in [
            "smtps://user:s3cret@mail.example.com",
            "smtp://user:s3cret@mail.example.com:587?tls=required",
            "smtp://user:s3cret@localhost:2525",
            "smtp://relay.example.com",
        ] {
            assert!(mailer(url, "Parlor <parlor@example.com>").unwrap().is_some(), "{url}");
        }
        assert!(Mailer::new(&Config::default()).unwrap().is_none());
    }
}
