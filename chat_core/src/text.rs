//! Text from outside, parsed once at the edge. A value of one of these types is within its limits
//! and holds no control characters that break a terminal, a log line or Postgres (which cannot
//! store NUL). [`fold`] decides when two texts count as equal.

mod emoji;
mod look_alike;
mod name;

use icu_casemap::CaseMapperBorrowed;
use icu_normalizer::ComposingNormalizerBorrowed;
use serde::{Deserialize, Serialize};
use url::Host;

pub use emoji::Emoji;
pub use look_alike::look_alike;

/// Why a text was refused, in words for the person who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    #[error("must not be empty")]
    Empty,
    #[error("must have at least {0} characters")]
    TooShort(usize),
    #[error("must have at most {0} characters")]
    TooLong(usize),
    #[error("must not contain control characters")]
    ControlCharacters,
    #[error("must not contain NUL")]
    Nul,
    #[error("is not an e-mail address")]
    NotAnEmail,
    #[error("must not contain characters that do not show")]
    HiddenCharacters,
    #[error("must not have so many combining marks")]
    TooManyMarks,
    #[error("must not mix scripts within a word")]
    MixedScripts,
    #[error("must be one emoji")]
    NotAnEmoji,
}

impl TextError {
    /// A stable name of the rule, for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooShort(_) => "too_short",
            Self::TooLong(_) => "too_long",
            Self::ControlCharacters => "control_characters",
            Self::Nul => "nul",
            Self::NotAnEmail => "not_an_email",
            Self::HiddenCharacters => "hidden_characters",
            Self::TooManyMarks => "too_many_marks",
            Self::MixedScripts => "mixed_scripts",
            Self::NotAnEmoji => "not_an_emoji",
        }
    }

    /// The least and most characters, if the error is about the length.
    pub fn bounds(self) -> (Option<usize>, Option<usize>) {
        match self {
            Self::TooShort(min) => (Some(min), None),
            Self::TooLong(max) => (None, Some(max)),
            _ => (None, None),
        }
    }

    /// Parses its own text, which is all that serde passes on.
    pub fn from_words(words: &str) -> Option<Self> {
        let number = words.split(' ').find_map(|word| word.parse().ok()).unwrap_or_default();
        [
            Self::Empty,
            Self::TooShort(number),
            Self::TooLong(number),
            Self::ControlCharacters,
            Self::Nul,
            Self::NotAnEmail,
            Self::HiddenCharacters,
            Self::TooManyMarks,
            Self::MixedScripts,
            Self::NotAnEmoji,
        ]
        .into_iter()
        .find(|error| error.to_string() == words)
    }
}

/// The pattern in the OpenAPI document and the function must agree.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $min:tt..=$max:tt, $parse:expr, $pattern:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[cfg_attr(feature = "openapi", schema(value_type = String, min_length = $min, max_length = $max, pattern = $pattern))]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The most characters (Unicode scalar values).
            pub const MAX: usize = $max;
            /// The same rule as a regular expression (ECMA 262).
            pub const PATTERN: &'static str = $pattern;

            /// # Errors
            /// The text is outside the limits.
            pub fn parse(text: &str) -> Result<Self, TextError> {
                let parse: fn(&str, usize, usize) -> Result<String, TextError> = $parse;
                parse(text, $min, $max).map(Self)
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = TextError;
            fn try_from(text: String) -> Result<Self, TextError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }
    };
}

text!(
    /// An e-mail address, in lower case and ASCII (a domain in other letters as in the DNS). It is not
    /// checked whether mail reaches it.
    Email, 3..=254, email,
    r"^[^\S\x00-\x1f\x7f-\x9f]*[!-+\--;=?A-~]{1,64}@[^\s@,<>.\x00-\x1f\x7f-\x9f]([^\s@,<>\x00-\x1f\x7f-\x9f]*[^\s@,<>.\x00-\x1f\x7f-\x9f])?[^\S\x00-\x1f\x7f-\x9f]*$"
);
text!(
    /// What stands after the @ of an e-mail address, in lower case.
    EmailDomain, 1..=252, domain, r"^[^\S\x00-\x1f\x7f-\x9f]*[^\s@,<>.\x00-\x1f\x7f-\x9f]([^\s@,<>\x00-\x1f\x7f-\x9f]*[^\s@,<>.\x00-\x1f\x7f-\x9f])?[^\S\x00-\x1f\x7f-\x9f]*$"
);
text!(
    /// A person's name as others see it: one line. It shows, and mixes no scripts within a word.
    FullName, 1..=100, name_of_one_script, r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
);
text!(
    /// A workspace's name: one line. No other workspace has one that looks the same.
    WorkspaceName, 1..=64, name_of_one_script, r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
);
text!(
    /// A channel's or group's name: one line. No other public channel has one that looks the same.
    ChatName, 1..=80, name, r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
);
impl ChatName {
    /// The name of the channel that each workspace begins with.
    pub fn general() -> Self {
        Self("general".to_owned())
    }
}

text!(
    /// What a chat is about; may be empty.
    ChatDescription, 0..=500, paragraph, r"^[^\x00]*$"
);
text!(
    /// A message as written, Markdown. Kept byte for byte; not only white space.
    MessageBody, 1..=16_000, body, r"^[^\x00]*[^\s\x00][^\x00]*$"
);
text!(
    /// The sender's own name for a send, so that it can be repeated safely.
    ClientId, 1..=64, line_as_is, r"^[^\x00-\x1f\x7f-\x9f]*$"
);

/// A password on its way to be hashed; never shown. It is kept in its compatibility form (NFKC), so
/// that it is the same whichever keyboard it was typed on; case and spaces count.
#[derive(Clone, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = String, min_length = 8, max_length = 256, format = Password))]
#[serde(try_from = "String")]
pub struct Password(String);

impl Password {
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Password {
    type Error = TextError;
    fn try_from(text: String) -> Result<Self, TextError> {
        limit(&text, 8, 256)?;
        let normalised = ComposingNormalizerBorrowed::new_nfkc().normalize(&text).into_owned();
        limit(&normalised, 8, 256)?;
        Ok(Self(normalised))
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(password)")
    }
}

/// Two rounds are enough for every known text. The limit keeps hostile input from looping.
const FOLD_ROUNDS_MAX: usize = 4;

/// The form of a text for equality and search: compatibility forms composed (NFKC), case folded, and
/// without what does not show, so that `Straße`, `STRASSE` and fullwidth letters are equal. Folding is idempotent. The folded
/// text is stored beside the original. Postgres never compares without case, since its idea of a
/// letter differs between databases.
pub fn fold(text: &str) -> String {
    let nfkc = ComposingNormalizerBorrowed::new_nfkc();
    let case = CaseMapperBorrowed::new();
    let shown: String = text.chars().filter(|c| !name::is_hidden(*c)).collect();
    let mut folded = nfkc.normalize(&shown).into_owned();
    // A folded letter may compose with the next one, and the composed letter may fold again.
    for _ in 0..FOLD_ROUNDS_MAX {
        let next = nfkc.normalize(&case.fold_string(&folded)).into_owned();
        if next == folded {
            break;
        }
        folded = next;
    }
    folded
}

fn limit(text: &str, min: usize, max: usize) -> Result<(), TextError> {
    let characters = text.chars().count();
    match characters {
        0 if min > 0 => Err(TextError::Empty),
        n if n < min => Err(TextError::TooShort(min)),
        n if n > max => Err(TextError::TooLong(max)),
        _ => Ok(()),
    }
}

fn name(text: &str, min: usize, max: usize) -> Result<String, TextError> {
    // Before work is spent on it. A composed text may be longer or shorter, by a factor of three.
    limit(text, min, 3 * max).map_err(|error| match error {
        TextError::TooLong(_) => TextError::TooLong(max),
        error => error,
    })?;
    let name = name::clean(text)?;
    limit(&name, min, max)?;
    Ok(name)
}

fn name_of_one_script(text: &str, min: usize, max: usize) -> Result<String, TextError> {
    let name = name(text, min, max)?;
    name::refuse_mixed_scripts(&name)?;
    Ok(name)
}

fn line_as_is(text: &str, min: usize, max: usize) -> Result<String, TextError> {
    limit(text, min, max)?;
    if text.chars().any(char::is_control) { Err(TextError::ControlCharacters) } else { Ok(text.to_owned()) }
}

fn paragraph(text: &str, min: usize, max: usize) -> Result<String, TextError> {
    limit(text, min, max)?;
    if text.contains('\0') { Err(TextError::Nul) } else { Ok(text.to_owned()) }
}

fn body(text: &str, min: usize, max: usize) -> Result<String, TextError> {
    if text.trim().is_empty() {
        return Err(TextError::Empty);
    }
    paragraph(text, min, max)
}

fn email(text: &str, min: usize, max: usize) -> Result<String, TextError> {
    if text.chars().any(char::is_control) {
        return Err(TextError::ControlCharacters);
    }
    let text = text.trim();
    limit(text, min, max)?;
    let (local, domain) = text.rsplit_once('@').ok_or(TextError::NotAnEmail)?;
    let is_local = |c: char| c.is_ascii_graphic() && !"@,<>".contains(c);
    if local.is_empty() || local.len() > 64 || !local.chars().all(is_local) {
        return Err(TextError::NotAnEmail);
    }
    // Two spellings of a domain are one in the DNS, where it is in ASCII.
    let Ok(Host::Domain(domain)) = Host::parse(domain) else { return Err(TextError::NotAnEmail) };
    let is_domain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if domain.starts_with('.')
        || domain.ends_with('.')
        || domain.contains("..")
        || !domain.chars().all(is_domain)
    {
        return Err(TextError::NotAnEmail);
    }
    let address = format!("{}@{domain}", local.to_ascii_lowercase());
    limit(&address, min, max)?;
    Ok(address)
}

fn domain(text: &str, min: usize, max: usize) -> Result<String, TextError> {
    let text = text.trim();
    limit(text, min, max)?;
    // As the domain of an address is stored.
    let address = email(&format!("a@{text}"), 3, max + 2)?;
    Ok(address.trim_start_matches("a@").to_owned())
}

#[cfg(test)]
mod tests;
