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
        (TextError::HiddenCharacters, "hidden_characters"),
        (TextError::TooManyMarks, "too_many_marks"),
        (TextError::MixedScripts, "mixed_scripts"),
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
    assert_eq!(password("cafe\u{301} Zu\u{308}rich"), password("café\u{a0}Zürich"));
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

#[test]
fn an_email_address_is_in_ascii() {
    for (given, kept) in [
        ("Ann@B\u{fc}cher.Example", "ann@xn--bcher-kva.example"),
        ("ann@XN--BCHER-KVA.example", "ann@xn--bcher-kva.example"),
        ("ann@\u{ff41}cme.example", "ann@acme.example"),
        (" ann+x@acme.example ", "ann+x@acme.example"),
        ("ann@acme\u{3002}example", "ann@acme.example"),
    ] {
        assert_eq!(Email::parse(given).unwrap().as_str(), kept, "{given}");
    }
    for bad in [
        "\u{430}nn@acme.example",
        "ann\u{200b}@acme.example",
        "ann@ac\u{200b}me\u{202e}.example",
        "ann@127.0.0.1",
        "ann@[::1]",
        "ann@acme..example",
        "ann@acme.example.",
        "ann@ac me",
        "ann\u{2028}@acme.example",
    ] {
        assert!(Email::parse(bad).is_err(), "{bad:?}: {:?}", Email::parse(bad));
    }
}

#[test]
fn names_that_show_nothing_or_hide_something_are_none() {
    for (bad, why) in [
        ("\u{200b}", TextError::HiddenCharacters),
        ("\u{ad}", TextError::HiddenCharacters),
        ("\u{3164}", TextError::HiddenCharacters),
        ("\u{ffa0}\u{115f}", TextError::HiddenCharacters),
        ("\u{2800}", TextError::Empty),
        ("\u{a0}\u{3000}\u{2003}", TextError::Empty),
        ("\u{2800} \u{2800}", TextError::Empty),
        ("Ann\u{202e}", TextError::HiddenCharacters),
        ("\u{2066}Ann\u{2069}", TextError::HiddenCharacters),
        ("Ann\u{200f}", TextError::HiddenCharacters),
        ("Ann\u{61c}", TextError::HiddenCharacters),
        ("Ann\u{feff}", TextError::HiddenCharacters),
        ("A\u{200b}nn", TextError::HiddenCharacters),
        ("A\u{200d}nn", TextError::HiddenCharacters),
        ("Ann\u{200d}", TextError::HiddenCharacters),
        ("Ann\u{fe0f}", TextError::HiddenCharacters),
        ("\u{fe0f}", TextError::HiddenCharacters),
        ("Ann\u{e0041}", TextError::HiddenCharacters),
        ("Ann\u{e000}", TextError::HiddenCharacters),
        ("Ann\u{f0000}", TextError::HiddenCharacters),
        ("Ann\u{378}", TextError::HiddenCharacters),
        ("Ann\u{fff9}", TextError::HiddenCharacters),
        ("\u{301}Ann", TextError::TooManyMarks),
        ("Ann \u{301}", TextError::TooManyMarks),
        ("A\u{316}\u{317}\u{318}\u{319}\u{31c}nn", TextError::TooManyMarks),
        ("Ann\u{2028}", TextError::HiddenCharacters),
        ("Ann\n", TextError::ControlCharacters),
        ("Ann\u{85}", TextError::ControlCharacters),
    ] {
        // Line separators are white space to the standard library.
        if bad.contains('\u{2028}') {
            assert_eq!(ChatName::parse(bad).unwrap().as_str(), "Ann");
            continue;
        }
        for refused in
            [FullName::parse(bad).err(), WorkspaceName::parse(bad).err(), ChatName::parse(bad).err()]
        {
            assert_eq!(refused, Some(why), "{bad:?}");
        }
    }
}

#[test]
fn names_of_the_world_are_names() {
    for good in [
        "Ann",
        "O\u{2019}Brien-Smith, Jr.",
        "Jos\u{e9} \u{c1}lvarez",
        "Nguy\u{1ec5}n Th\u{1ecb}",
        "\u{410}\u{43d}\u{43d}\u{430} \u{418}\u{432}\u{430}\u{43d}\u{43e}\u{432}\u{430}",
        "\u{5e9}\u{5b8}\u{5dc}\u{5d5}\u{5b9}\u{5dd}",
        "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}",
        "\u{915}\u{94d}\u{200d}\u{937}",
        "\u{6fb3}\u{9580}T\u{6064}",
        "\u{30c6}\u{30b9}\u{30c8} \u{6f22}\u{5b57} \u{3072}\u{3089}\u{304c}\u{306a}",
        "\u{845b}\u{e0100}\u{57ce}",
        "\u{d64d}\u{ae38}\u{b3d9}",
        "\u{e2a}\u{e21}\u{e0a}\u{e32}\u{e22}",
        "Ann \u{418}\u{432}\u{430}\u{43d}\u{43e}\u{432}\u{430}",
        "\u{1f389}",
        "\u{1f469}\u{200d}\u{1f469}\u{200d}\u{1f467} family",
        "\u{1f3f3}\u{fe0f}\u{200d}\u{1f308} pride",
        "1\u{fe0f}\u{20e3} first",
        "team-42",
        "...",
    ] {
        assert!(FullName::parse(good).is_ok(), "{good:?}: {:?}", FullName::parse(good));
        assert!(ChatName::parse(good).is_ok(), "{good:?}");
    }
    assert_eq!(FullName::parse(" Zoe\u{308} \u{a0} Li\u{3000}Na ").unwrap().as_str(), "Zo\u{eb} Li Na");
}

#[test]
fn a_word_of_several_scripts_is_no_name_of_a_person() {
    for mixed in ["P\u{430}ul", "\u{391}nn", "\u{441}ompany", "adm\u{131}n\u{456}", "Ann\u{435}\u{301}"] {
        assert_eq!(FullName::parse(mixed), Err(TextError::MixedScripts), "{mixed}");
        assert_eq!(WorkspaceName::parse(mixed), Err(TextError::MixedScripts), "{mixed}");
    }
}

#[test]
fn texts_that_look_the_same_are_the_same_and_others_are_not() {
    for (one, other) in [
        ("paypal", "p\u{430}yp\u{430}l"),
        ("Acme", "ACME"),
        ("acme", "\u{ff41}\u{ff43}\u{ff4d}\u{ff45}"),
        ("acme", "a\u{200b}cme"),
        ("modern", "modem"),
        ("g00gle", "google"),
        ("scope", "\u{455}\u{441}\u{43e}\u{440}\u{435}"),
        ("a  b", "a\u{a0}b"),
        ("caf\u{e9}", "cafe\u{301}"),
        ("\u{1d4d0}cme", "acme"),
    ] {
        assert_eq!(look_alike(one), look_alike(other), "{one} {other}");
    }
    for (one, other) in
        [("acme", "acne"), ("mail", "mall"), ("resume", "r\u{e9}sum\u{e9}"), ("a b", "ab"), ("x-1", "x-2")]
    {
        assert_ne!(look_alike(one), look_alike(other), "{one} {other}");
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
                // The pattern says what a pattern can; more is refused.
                prop_assert!(pattern.is_match(text), "accepted against its own pattern");
                prop_assert_eq!($name::parse(parsed.as_str()), Ok(parsed.clone()), "parsed again, the same");
                let json = serde_json::to_string(&parsed).unwrap();
                prop_assert_eq!(serde_json::from_str::<$name>(&json).unwrap(), parsed);
            }
            Err(e) => {
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
        let form = look_alike(&text);
        prop_assert_eq!(look_alike(&form), form);
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
