//! Emoji for reactions, each in one form.

use std::{collections::HashMap, sync::LazyLock};

use serde::{Deserialize, Serialize};

use super::TextError;

/// Asks for the colourful form of the character before it. Many emoji can be written with and
/// without it.
const VARIATION_SELECTOR: char = '\u{fe0f}';
/// The longest emoji in characters, with some room: a family with skin tones has ten.
const CHARACTERS_MAX: usize = 20;

/// One emoji of Unicode in its fully qualified form (UTS #51, definition ED-18), so that the same
/// picture is the same reaction whichever keyboard it came from. Skin tones are emoji of their own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = String, min_length = 1, max_length = 20))]
#[serde(try_from = "String", into = "String")]
pub struct Emoji(String);

/// The qualified form of each emoji by its form without variation selectors.
static QUALIFIED: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
    let toned = |emoji: &'static emojis::Emoji| emoji.skin_tones().into_iter().flatten();
    emojis::iter()
        .flat_map(|emoji| std::iter::once(emoji).chain(toned(emoji)))
        .map(|emoji| (without_selectors(emoji.as_str()), emoji.as_str()))
        .collect()
});

impl Emoji {
    /// # Errors
    /// It is not exactly one emoji.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        if text.chars().nth(CHARACTERS_MAX).is_some() {
            return Err(TextError::NotAnEmoji);
        }
        let form = QUALIFIED.get(&without_selectors(text)).ok_or(TextError::NotAnEmoji)?;
        Ok(Self((*form).to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn without_selectors(text: &str) -> String {
    text.chars().filter(|c| *c != VARIATION_SELECTOR).collect()
}

impl TryFrom<String> for Emoji {
    type Error = TextError;
    fn try_from(text: String) -> Result<Self, TextError> {
        Self::parse(&text)
    }
}

impl From<Emoji> for String {
    fn from(emoji: Emoji) -> Self {
        emoji.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emoji_has_one_form() {
        for (written, stored) in [
            ("👍", "👍"),
            ("👍\u{fe0f}", "👍"),
            ("❤", "❤️"),
            ("❤️", "❤️"),
            ("☹", "☹️"),
            ("1️⃣", "1️⃣"),
            ("1\u{20e3}", "1️⃣"),
            ("👍🏽", "👍🏽"),
            ("🏳️‍🌈", "🏳️‍🌈"),
            ("🏳‍🌈", "🏳️‍🌈"),
            ("🇩🇪", "🇩🇪"),
            ("👩🏽‍🚀", "👩🏽‍🚀"),
            ("👨‍👩‍👧‍👦", "👨‍👩‍👧‍👦"),
        ] {
            assert_eq!(Emoji::parse(written), Ok(Emoji(stored.to_owned())), "{written:?}");
        }
        assert_ne!(Emoji::parse("👍"), Emoji::parse("👍🏽"));
    }

    #[test]
    fn what_is_not_one_emoji_is_refused() {
        for text in
            ["", "a", "1", "👍👍", "👍 ", ":+1:", "\u{fe0f}", "\u{200d}", "🇩", "x\u{fe0f}", &"👍".repeat(50)]
        {
            assert_eq!(Emoji::parse(text), Err(TextError::NotAnEmoji), "{text:?}");
        }
    }

    #[test]
    fn the_form_of_every_emoji_is_kept() {
        for form in QUALIFIED.values() {
            assert_eq!(Emoji::parse(form), Ok(Emoji((*form).to_owned())));
            assert!(form.chars().count() <= CHARACTERS_MAX);
        }
        assert!(QUALIFIED.len() > 3500);
    }
}
