//! The texts of the mails, each as plain text and as HTML. Names in them were chosen by others: they
//! are quoted, on one line, and never markup or a link.

use std::fmt::Write as _;

use crate::db::accounts::AccountPlace;

/// A mail without its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub subject: String,
    before: Vec<String>,
    /// What each link leads to, and the link.
    links: Vec<(String, String)>,
    after: Vec<String>,
}

/// In a letter whose reader may not have asked for it.
const IGNORE: &str = "If you did not ask for this, do nothing: without the link nothing happens.";

impl Letter {
    pub fn verify_email(places: &[AccountPlace], link: String) -> Self {
        Self {
            subject: "Confirm your e-mail address".into(),
            before: vec![format!(
                "Somebody signed up to Parlor with this e-mail address, as {}. If that was you, confirm it:",
                known_as(places)
            )],
            links: vec![("Confirm the address".into(), link)],
            after: vec!["The link works once, within a day.".into(), IGNORE.into()],
        }
    }

    /// One link for each account that names the address: as whom it is known, and the link.
    pub fn verify_claims(claims: Vec<(Vec<AccountPlace>, String)>) -> Self {
        let link = |(places, link): (Vec<AccountPlace>, String)| {
            (format!("Confirm the address for {}", known_as(&places)), link)
        };
        Self {
            subject: "Confirm your e-mail address".into(),
            before: vec![
                "Several accounts of Parlor name this e-mail address, and not all of them may be yours. Confirm it for \
                 your own and for no other:"
                    .into(),
            ],
            links: claims.into_iter().map(link).collect(),
            after: vec!["Each link works once, within a day.".into(), IGNORE.into()],
        }
    }

    pub fn change_email(places: &[AccountPlace], link: String) -> Self {
        Self {
            subject: "Confirm your new e-mail address".into(),
            before: vec![format!(
                "An account of Parlor, {}, is to have this e-mail address. If it is yours, confirm it:",
                known_as(places)
            )],
            links: vec![("Confirm the address".into(), link)],
            after: vec!["The link works once, within a day.".into(), IGNORE.into()],
        }
    }

    /// Instead of the two above, if another account has shown that the address is its own.
    pub fn already_known(sign_in: String, forgot: String) -> Self {
        Self {
            subject: "You have an account already".into(),
            before: vec![
                "Somebody wanted to use this e-mail address for another account of Parlor. It is that of your account, \
                 and stays so."
                    .into(),
                "If that was you, sign in to the account that you have:".into(),
            ],
            links: vec![("Sign in".into(), sign_in), ("Choose a new password".into(), forgot)],
            after: vec!["If it was not you, do nothing.".into()],
        }
    }

    /// One link for each account: as whom it is known, and the link.
    pub fn reset_password(accounts: Vec<(Vec<AccountPlace>, String)>) -> Self {
        let links = accounts
            .into_iter()
            .map(|(places, link)| (format!("Choose a new password for {}", known_as(&places)), link));
        Self {
            subject: "Choose a new password".into(),
            before: vec!["Somebody asked for a new password of the account with this e-mail address.".into()],
            links: links.collect(),
            after: vec![
                "The link works once, within an hour. A new password signs the account out everywhere."
                    .into(),
                IGNORE.into(),
            ],
        }
    }

    pub fn password_changed(forgot: String) -> Self {
        Self {
            subject: "Your password was changed".into(),
            before: vec![
                "The password of your account was changed, and all other devices were signed out.".into(),
                "If that was not you, choose a new one at once:".into(),
            ],
            links: vec![("Choose a new password".into(), forgot)],
            after: Vec::new(),
        }
    }

    pub fn email_change_asked(new_email: &str, forgot: String) -> Self {
        Self {
            subject: "Your e-mail address is to change".into(),
            before: vec![
                format!("Somebody who knows your password asked that your account have the address {}.", quoted(new_email)),
                "It changes once that address is confirmed. If that was not you, choose a new password now, which stops it:"
                    .into(),
            ],
            links: vec![("Choose a new password".into(), forgot)],
            after: Vec::new(),
        }
    }

    pub fn email_changed(new_email: &str) -> Self {
        Self {
            subject: "Your e-mail address was changed".into(),
            before: vec![
                format!(
                    "Your account now has the address {}. You no longer sign in with this one.",
                    quoted(new_email)
                ),
                "If that was not you, tell those who run this Parlor.".into(),
            ],
            links: Vec::new(),
            after: Vec::new(),
        }
    }

    pub fn new_sign_in(user_agent: &str, settings: String) -> Self {
        Self {
            subject: "A new device was signed in".into(),
            before: vec![
                format!(
                    "Your account was signed in to on a device that was not known before: {}.",
                    quoted(user_agent)
                ),
                "If that was you, there is nothing to do. If not, end that session and change your password:"
                    .into(),
            ],
            links: vec![("Open Parlor".into(), settings)],
            after: Vec::new(),
        }
    }

    pub fn invitation(inviter: &str, workspace: &str, link: String) -> Self {
        Self {
            subject: "You are invited to a workspace".into(),
            before: vec![format!(
                "{} invites you to the workspace {} on Parlor.",
                quoted(inviter),
                quoted(workspace)
            )],
            links: vec![("Join the workspace".into(), link)],
            after: vec![
                "The link is for this e-mail address alone.".into(),
                "If you do not know them, do nothing.".into(),
            ],
        }
    }

    pub fn text(&self) -> String {
        let mut text = String::new();
        let paragraph = |text: &mut String, words: &str| {
            let _ = write!(text, "{words}\n\n"); // a String takes everything
        };
        self.before.iter().for_each(|words| paragraph(&mut text, words));
        for (label, link) in &self.links {
            paragraph(&mut text, &format!("{label}:\n{link}"));
        }
        self.after.iter().for_each(|words| paragraph(&mut text, words));
        text
    }

    pub fn html(&self) -> String {
        let mut html = String::from(
            "<!doctype html><html lang=\"en\"><body style=\"font:16px/1.5 system-ui,sans-serif;max-width:36em;margin:2em auto;padding:0 1em\">",
        );
        let paragraph = |html: &mut String, words: &str| {
            let _ = write!(html, "<p>{}</p>", escaped(words));
        };
        self.before.iter().for_each(|words| paragraph(&mut html, words));
        for (label, link) in &self.links {
            let _ = write!(html, "<p><a href=\"{}\">{}</a></p>", escaped(link), escaped(label));
        }
        self.after.iter().for_each(|words| paragraph(&mut html, words));
        html.push_str("</body></html>");
        html
    }
}

/// As whom an account is known, and where.
fn known_as(places: &[AccountPlace]) -> String {
    if places.is_empty() {
        return "an account in no workspace".into();
    }
    let place =
        |place: &AccountPlace| format!("{} in {}", quoted(&place.fullname), quoted(&place.workspace_name));
    places.iter().map(place).collect::<Vec<_>>().join(", ")
}

/// A text that another person chose. A mail program makes a link of what looks like an address, so a word
/// joiner (U+2060) stands after each dot and colon.
fn quoted(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let unlinked = line.replace('.', ".\u{2060}").replace(':', ":\u{2060}");
    format!("\u{201c}{unlinked}\u{201d}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_neither_markup_nor_a_link_nor_another_line() {
        let name = "<a href=\"https://evil.example\">Win\r\nnow</a> www.evil.example";
        let letter = Letter::invitation(name, name, "https://chat.example/signup?invite=x&y".into());
        let (text, html) = (letter.text(), letter.html());
        assert!(
            !text.contains("https://evil") && !text.contains("www.evil") && !text.contains("Win\r\n"),
            "{text}"
        );
        assert!(!html.contains("<a href=\"https://evil") && !html.contains("<a href=\\"), "{html}");
        assert_eq!(html.matches("<a ").count(), 1, "{html}");
        assert!(html.contains("href=\"https://chat.example/signup?invite=x&amp;y\""), "{html}");
        assert!(text.contains("https://chat.example/signup?invite=x&y"), "{text}");
    }
}
