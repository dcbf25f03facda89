//! Which texts look the same.

use super::{fold, name::is_hidden};

/// Two rounds are enough for known texts. The limit keeps hostile input from looping.
const ROUNDS_MAX: usize = 4;

/// The form of a name for uniqueness where one may be taken for another: the skeleton of UTS 39,
/// section 4, of the folded text. Texts that look the same have the same form, such as `paypal` with
/// a Cyrillic `а`, `g00gle` and `google`. It is for comparison alone, not for people.
pub fn look_alike(text: &str) -> String {
    let shown: String = text.chars().filter(|c| !is_hidden(*c)).collect();
    let mut form = fold(&shown.split_whitespace().collect::<Vec<_>>().join(" "));
    for _ in 0..ROUNDS_MAX {
        let skeleton: String = unicode_security::skeleton(&form).collect();
        let next = fold(&skeleton);
        if next == form {
            break;
        }
        form = next;
    }
    form
}
