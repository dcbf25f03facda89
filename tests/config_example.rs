//! app.yml.example lists every key with its default.

use std::{collections::BTreeSet, path::Path};

use chat_core::config::Config;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/app.yml.example");

#[test]
fn example_says_what_is_so_without_it() {
    // Both are read in the environment of the test, which may set keys.
    let nothing = tempfile::NamedTempFile::new().unwrap();
    let default = Config::load(Some(nothing.path())).unwrap();
    let example = Config::load(Some(Path::new(EXAMPLE))).unwrap();
    assert_eq!(format!("{example:#?}"), format!("{default:#?}"));
}

#[test]
fn example_has_every_key_and_a_word_on_each() {
    let example = std::fs::read_to_string(EXAMPLE).unwrap();
    assert_eq!(keys(&example, 2), keys(&format!("{:#?}", Config::default()), 4));
    let lines: Vec<&str> = example.lines().collect();
    for pair in lines.windows(2) {
        let is_key = pair[1].starts_with("  ") && !pair[1].trim_start().starts_with('#');
        assert!(!is_key || pair[0].trim_start().starts_with('#'), "no comment above {:?}", pair[1]);
    }
}

/// `section.key` of every key, in a text that indents keys by `step`.
fn keys(text: &str, step: usize) -> BTreeSet<String> {
    // The Debug output has one more level around it.
    let outer = if step == 4 { 4 } else { 0 };
    let mut section = "";
    let mut keys = BTreeSet::new();
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let Some((name, _)) = line.trim_start().split_once(':') else { continue };
        if name.starts_with('#') || name.contains(' ') {
            continue;
        }
        if indent == outer {
            section = name;
        } else if indent == outer + step {
            keys.insert(format!("{section}.{name}"));
        }
    }
    keys
}
