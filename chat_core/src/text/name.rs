//! What is a name: one line that shows what it is. A name must not be empty to the eye, change the
//! text around it, or mix scripts within a word so as to look like another.

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{BidiControl, DefaultIgnorableCodePoint, GeneralCategory, PrependedConcatenationMark},
};
use unicode_security::mixed_script::AugmentedScriptSet;

use super::TextError;

/// Combining marks that follow one another. More than the scripts of the world need piles up over
/// the lines around (UTS 39, section 5.4).
const MARKS_MAX: usize = 4;
/// Shows nothing, and is a symbol by its category.
const BRAILLE_BLANK: char = '\u{2800}';
const ZERO_WIDTH_NON_JOINER: char = '\u{200c}';
const ZERO_WIDTH_JOINER: char = '\u{200d}';

/// A name in its composed form (NFC), with one space between words.
///
/// # Errors
/// It shows nothing, has characters that do not show, or piles up combining marks.
pub fn clean(text: &str) -> Result<String, TextError> {
    // Before white space is trimmed, which would remove a line break.
    if text.chars().any(char::is_control) {
        return Err(TextError::ControlCharacters);
    }
    let composed = ComposingNormalizerBorrowed::new_nfc().normalize(text);
    let cleaned = composed.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut before = ' ';
    let mut marks = 0;
    let mut shows = false;
    let characters: Vec<char> = cleaned.chars().collect();
    for (place, &c) in characters.iter().enumerate() {
        let after = characters.get(place + 1).copied().unwrap_or(' ');
        if is_hidden(c) && !has_an_effect(c, before, after) {
            return Err(TextError::HiddenCharacters);
        }
        marks = if is_mark(c) { marks + 1 } else { 0 };
        // A mark without a letter would be put onto the text before the name.
        if marks > MARKS_MAX || (marks > 0 && before == ' ') {
            return Err(TextError::TooManyMarks);
        }
        shows |= !c.is_whitespace() && !is_hidden(c) && !is_mark(c) && c != BRAILLE_BLANK;
        before = c;
    }
    if shows || cleaned.is_empty() { Ok(cleaned) } else { Err(TextError::Empty) }
}

/// Refuses a word of letters of several scripts, such as a Latin one with a Cyrillic letter, that are
/// not written together anywhere ("highly restrictive" in UTS 39, section 5.2).
pub fn refuse_mixed_scripts(text: &str) -> Result<(), TextError> {
    let words = text.split(|c: char| !c.is_alphanumeric() && !is_mark(c) && !is_hidden(c));
    if words.into_iter().all(is_of_one_script) { Ok(()) } else { Err(TextError::MixedScripts) }
}

fn is_of_one_script(word: &str) -> bool {
    if !AugmentedScriptSet::for_str(word).is_empty() {
        return true;
    }
    let rest: String = word.chars().filter(|c| !is_latin(*c)).collect();
    let rest = AugmentedScriptSet::for_str(&rest);
    // Chinese, Japanese and Korean take Latin letters into their words.
    !rest.is_empty() && (rest.hanb || rest.jpan || rest.kore)
}

fn is_latin(c: char) -> bool {
    use icu_properties::props::Script;
    CodePointMapData::<Script>::new().get(c) == Script::Latin
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

fn is_mark(c: char) -> bool {
    matches!(category(c), GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark)
        && !is_variation_selector(c)
}

fn is_variation_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' | '\u{180b}'..='\u{180d}' | '\u{180f}')
}

/// Whether a character shows nothing by itself, or is none that everybody knows.
pub fn is_hidden(c: char) -> bool {
    let is_format = category(c) == GeneralCategory::Format
        && !CodePointSetData::new::<PrependedConcatenationMark>().contains(c);
    is_format
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
        || CodePointSetData::new::<BidiControl>().contains(c)
        || matches!(
            category(c),
            GeneralCategory::Unassigned
                | GeneralCategory::PrivateUse
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
        )
}

/// Whether a hidden character changes how its neighbours look, as their scripts and emoji need it.
fn has_an_effect(c: char, before: char, after: char) -> bool {
    let is_shown = |c: char| !c.is_whitespace() && !is_hidden(c);
    match c {
        // Persian and Indic spelling; emoji that are made of several.
        ZERO_WIDTH_NON_JOINER | ZERO_WIDTH_JOINER => {
            let joins = |c: char| !c.is_ascii() && (is_shown(c) || is_variation_selector(c));
            joins(before) && joins(after)
        }
        c if is_variation_selector(c) => is_shown(before) && !before.is_ascii_alphabetic(),
        _ => false,
    }
}
