//! Text from outside, parsed once at the edge. A value of one of these types is within its limits
//! and holds no control characters that break a terminal, a log line or Postgres (which cannot
//! store NUL). [`fold`] decides when two texts count as equal.

use icu_casemap::CaseMapperBorrowed;
use icu_normalizer::ComposingNormalizerBorrowed;
use serde::{Deserialize, Serialize};

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
    /// An e-mail address, in lower case. It is not checked whether mail reaches it.
    Email, 3..=254, email,
    r"^[^\S\x00-\x1f\x7f-\x9f]*[^\s@,<>\x00-\x1f\x7f-\x9f]{1,64}@[^\s@,<>.\x00-\x1f\x7f-\x9f]([^\s@,<>\x00-\x1f\x7f-\x9f]*[^\s@,<>.\x00-\x1f\x7f-\x9f])?[^\S\x00-\x1f\x7f-\x9f]*$"
);
text!(
    /// What stands after the @ of an e-mail address, in lower case.
    EmailDomain, 1..=252, domain, r"^[^\S\x00-\x1f\x7f-\x9f]*[^\s@,<>.\x00-\x1f\x7f-\x9f]([^\s@,<>\x00-\x1f\x7f-\x9f]*[^\s@,<>.\x00-\x1f\x7f-\x9f])?[^\S\x00-\x1f\x7f-\x9f]*$"
);
text!(
    /// A person's name as others see it: one line.
    FullName, 1..=100, line, r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
);
text!(
    /// A workspace's name: one line, unique regardless of case.
    WorkspaceName, 1..=64, line, r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
);
text!(
    /// A channel's or group's name: one line.
    ChatName, 1..=80, line, r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
);
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

/// The form of a text for equality and search: compatibility forms composed (NFKC) and case folded,
/// so that `Straße`, `STRASSE` and fullwidth letters are equal. Folding is idempotent. The folded
/// text is stored beside the original. Postgres never compares without case, since its idea of a
/// letter differs between databases.
pub fn fold(text: &str) -> String {
    let nfkc = ComposingNormalizerBorrowed::new_nfkc();
    let case = CaseMapperBorrowed::new();
    let mut folded = nfkc.normalize(text).into_owned();
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

fn line(text: &str, min: usize, max: usize) -> Result<String, TextError> {
    // Checked before trimming, which would remove a line break.
    if text.chars().any(char::is_control) {
        return Err(TextError::ControlCharacters);
    }
    line_as_is(text.trim(), min, max)
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
    // A few letters become longer in lower case, and the lower case is stored.
    let text = line(&text.to_lowercase(), min, max)?;
    let (local, domain) = text.rsplit_once('@').ok_or(TextError::NotAnEmail)?;
    let plain = |c: char| !c.is_whitespace() && c != '@' && c != ',' && c != '<' && c != '>';
    if local.is_empty() || domain.is_empty() || domain.starts_with('.') || domain.ends_with('.') {
        return Err(TextError::NotAnEmail);
    }
    if local.chars().count() > 64 || !local.chars().all(plain) || !domain.chars().all(plain) {
        return Err(TextError::NotAnEmail);
    }
    Ok(text)
}

fn domain(text: &str, min: usize, max: usize) -> Result<String, TextError> {
    let text = line(&text.to_lowercase(), min, max)?;
    email(&format!("a@{text}"), 3, max + 2)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn limits_are_in_characters() {
        assert!(MessageBody::parse(&"界".repeat(16_000)).is_ok());
        assert_eq!(MessageBody::parse(&"界".repeat(16_001)), Err(TextError::TooLong(16_000)));
        assert_eq!(MessageBody::parse(" \n"), Err(TextError::Empty));
        assert_eq!(MessageBody::parse("a\0"), Err(TextError::Nul));
    }

    #[test]
    fn an_error_is_read_back_from_its_words() {
        for (error, code) in [
            (TextError::Empty, "empty"),
            (TextError::TooShort(8), "too_short"),
            (TextError::TooLong(16_000), "too_long"),
            (TextError::ControlCharacters, "control_characters"),
            (TextError::Nul, "nul"),
            (TextError::NotAnEmail, "not_an_email"),
        ] {
            assert_eq!(TextError::from_words(&error.to_string()), Some(error));
            assert_eq!(error.code(), code);
        }
        assert_eq!(TextError::from_words("must have at least 8 legs"), None);
    }

    #[test]
    fn a_body_is_kept_as_written() {
        assert_eq!(MessageBody::parse("  code\n\t").unwrap().as_str(), "  code\n\t");
    }

    #[test]
    fn names_are_one_trimmed_line() {
        assert_eq!(ChatName::parse("  general ").unwrap().as_str(), "general");
        assert_eq!(ChatName::parse("a\nb"), Err(TextError::ControlCharacters));
        assert_eq!(ChatName::parse("  "), Err(TextError::Empty));
    }

    #[test]
    fn texts_that_people_take_for_the_same_fold_to_the_same() {
        for (one, other) in [
            ("Ann", "aNN"),
            ("Straße", "STRASSE"),
            ("\u{ff21}\u{ff4e}\u{ff4e}", "ann"),
            ("Zoe\u{308}", "zo\u{eb}"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("Ç", "ç"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} {other}");
        }
        assert_ne!(fold("resume"), fold("résumé"));
        assert_eq!(fold("上海"), "上海");
    }

    #[test]
    fn a_password_is_the_same_on_every_keyboard() {
        let password = |text: &str| Password::try_from(text.to_owned()).map(|p| p.expose().to_owned());
        assert_eq!(password("cafe\u{301} Zu\u{308}rich"), password("café Zürich"));
        assert_eq!(password("\u{ff21}bcdefg\u{ff18}"), password("Abcdefg8"));
        assert_ne!(password("Abcdefg8"), password("abcdefg8"));
        assert_eq!(password("  spaces count  ").unwrap(), "  spaces count  ");
        // Eight typed characters that compose to seven.
        assert_eq!(password("u\u{308}bcdefg").unwrap_err(), TextError::TooShort(8));
        assert_eq!(password(&"\u{fdfa}".repeat(20)).unwrap_err(), TextError::TooLong(256));
        assert!(password(&"界".repeat(256)).is_ok());
    }

    #[test]
    fn emails() {
        assert_eq!(Email::parse("Ann@Acme.Example").unwrap().as_str(), "ann@acme.example");
        for bad in ["ann", "@acme", "ann@", "a b@c", "ann@.c", "a@b@c", "<ann@acme>"] {
            assert!(Email::parse(bad).is_err(), "{bad}");
        }
    }

    /// Text like that of people and attackers: short pieces from all parts of Unicode, some of them
    /// long.
    fn any_text() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            8 => "[a-z@.,<> ]{1,8}".prop_map(String::from),
            2 => any::<String>(),
            2 => prop::char::any().prop_map(String::from),
            1 => "[\\x00-\\x20\\x7f-\\xa0\u{2028}\u{feff}\u{200b}\u{3000}\u{130}\u{1e9e}]{1,3}",
            1 => (1..400_usize, "[a-z \u{e4}]").prop_map(|(count, unit)| unit.repeat(count)),
        ];
        prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }

    /// The properties of a text type for any input.
    macro_rules! holds {
        ($name:ident, $min:expr, $text:expr) => {{
            let (text, min): (&str, usize) = ($text, $min);
            let pattern = regex::Regex::new($name::PATTERN).unwrap();
            match $name::parse(text) {
                Ok(parsed) => {
                    let length = parsed.as_str().chars().count();
                    prop_assert!((min..=$name::MAX).contains(&length), "{} characters", length);
                    prop_assert!(!parsed.as_str().contains('\0'), "Postgres cannot store it");
                    prop_assert!(pattern.is_match(text), "accepted against its own pattern");
                    prop_assert_eq!(
                        $name::parse(parsed.as_str()),
                        Ok(parsed.clone()),
                        "parsed again, the same"
                    );
                    let json = serde_json::to_string(&parsed).unwrap();
                    prop_assert_eq!(serde_json::from_str::<$name>(&json).unwrap(), parsed);
                }
                Err(e) => {
                    let length = text.trim().chars().count();
                    let is_too_long =
                        text.chars().count().max(text.to_lowercase().chars().count()) > $name::MAX;
                    prop_assert!(
                        length < min || is_too_long || !pattern.is_match(text),
                        "refused though it is as it should be: {}",
                        e
                    );
                    prop_assert!(e.to_string().len() < 60 && !e.to_string().contains('\n'), "{}", e);
                }
            }
        }};
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_within_its_limits_and_as_its_pattern_says(text in any_text()) {
            holds!(Email, 3, &text);
            holds!(FullName, 1, &text);
            holds!(WorkspaceName, 1, &text);
            holds!(ChatName, 1, &text);
            holds!(ChatDescription, 0, &text);
            holds!(MessageBody, 1, &text);
            holds!(ClientId, 1, &text);
            let address = format!("{}@example.org", text.trim());
            holds!(Email, 3, &address);
        }

        #[test]
        fn folding_twice_changes_nothing_and_case_does_not_matter(text in any_text()) {
            let folded = fold(&text);
            prop_assert_eq!(fold(&folded), folded.clone());
            prop_assert_eq!(fold(&text.to_uppercase()).is_empty(), folded.is_empty());
        }

        #[test]
        fn bodies_and_client_ids_are_kept_byte_for_byte(text in any_text()) {
            if let Ok(body) = MessageBody::parse(&text) {
                prop_assert_eq!(body.as_str(), &text);
            }
            if let Ok(id) = ClientId::parse(&text) {
                prop_assert_eq!(id.as_str(), &text);
            }
        }

        #[test]
        fn passwords_are_long_enough_and_not_endless(text in any_text()) {
            let normalised = ComposingNormalizerBorrowed::new_nfkc().normalize(&text).into_owned();
            let is_within = |text: &str| (8..=256).contains(&text.chars().count());
            let password = Password::try_from(text.clone());
            prop_assert_eq!(password.is_ok(), is_within(&text) && is_within(&normalised));
            if let Ok(password) = password {
                prop_assert_eq!(password.expose(), &normalised);
                let again = Password::try_from(normalised.clone()).unwrap();
                prop_assert_eq!(again.expose(), &normalised);
            }
        }
    }

    #[test]
    fn passwords_do_not_show() {
        let password: Password = serde_json::from_str(r#""correct horse""#).unwrap();
        assert_eq!(format!("{password:?}"), "(password)");
        assert!(serde_json::from_str::<Password>(r#""short""#).is_err());
    }
}
