//! Which configurations are accepted, and how others are refused.

use super::*;
use proptest::prelude::*;

fn parse(text: &str, env: &[(&str, &str)]) -> Result<Config, String> {
    let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Config::parse("app.yml", text, env).map_err(|e| e.to_string())
}

/// Files that are nearly right: keys that exist and keys that do not, with all sorts of values.
fn any_file() -> impl Strategy<Value = String> {
    let value = || {
        prop_oneof![
            4 => any::<i64>().prop_map(|n| n.to_string()),
            4 => (0..5000_i64).prop_map(|n| n.to_string()),
            2 => "[a-z0-9:/'\"\\[\\]{},&*!|>%@`.-]{0,12}",
            1 => Just("http://a.example".to_owned()),
            1 => any::<String>(),
        ]
    };
    let key = prop::sample::select(vec![
        "port",
        "host",
        "public_url",
        "drain_seconds",
        "max_streams",
        "heartbeat_seconds",
        "ring_events",
        "url",
        "max_connections",
        "access_token_seconds",
        "refresh_token_seconds",
        "signin_per_minute",
        "retention_days",
        "origins",
        "level",
        "format",
        "nonsense",
    ]);
    let section = prop::sample::select(vec![
        "server",
        "notify",
        "database",
        "auth",
        "limits",
        "event_log",
        "cors",
        "log",
        "nonsense",
    ]);
    let line =
        (section, key, value()).prop_map(|(section, key, value)| format!("{section}: {{{key}: {value}}}\n"));
    prop_oneof![
        4 => line.clone(),
        2 => prop::collection::vec(line, 0..4).prop_map(|lines| lines.concat()),
        1 => any::<String>(),
        1 => "[ a-z:\n\t#'\"&*!|>%@\\[\\]{},-]{0,60}",
    ]
}

fn assert_usable(config: &Config) {
    let numbers = [
        (u64::from(config.database.max_connections), u64::MAX),
        (config.notify.heartbeat_seconds, 3600),
        (config.notify.max_stream_age_seconds, 24 * 3600),
        (config.notify.slow_client_seconds, 3600),
        (config.notify.ring_events as u64, u64::MAX),
        (config.auth.access_token_seconds, 3600),
        (config.auth.refresh_token_seconds, 10 * 365 * 24 * 3600),
        (u64::from(config.limits.signin_per_minute), u64::MAX),
        (config.limits.max_connections as u64, u64::MAX),
        (u64::from(config.event_log.retention_days), 3650),
    ];
    for (number, most) in numbers {
        assert!((1..=most).contains(&number), "{config:?}");
    }
    for url in [&config.server.public_url, &config.notify.public_url] {
        assert!(url.starts_with("http") && !url.ends_with('/'), "{url}");
    }
}

proptest! {
    #[test]
    fn what_is_accepted_can_be_used_and_what_is_not_is_told_in_one_line(
        file in any_file(),
        name in prop_oneof!["PARLOR_[A-Z_]{0,20}", Just("PARLOR_SERVER__PORT".to_owned()), Just("PARLOR_AUTH__ACCESS_TOKEN_SECONDS".to_owned()), Just("DATABASE_URL".to_owned())],
        value in prop_oneof![any::<String>(), "[0-9]{0,6}"],
    ) {
        for environment in [vec![], vec![(name.as_str(), value.as_str())]] {
            match parse(&file, &environment) {
                Ok(config) => assert_usable(&config),
                Err(told) => {
                    prop_assert!(!told.is_empty() && told.lines().count() == 1, "{:?}", told);
                    prop_assert!(told.chars().count() <= 600, "{} characters", told.len());
                }
            }
        }
    }
}

#[test]
fn nothing_is_needed() {
    assert_eq!(parse("", &[]).unwrap().server.port, 6688);
    assert_eq!(parse("# only\nserver:\n  # port: 1\n", &[]).unwrap().server.port, 6688);
}

#[test]
fn the_environment_wins() {
    let config = parse(
        "server:\n  port: 1\n",
        &[
            ("PARLOR_SERVER__PORT", "2"),
            ("PARLOR_SERVER__HOST", "127.0.0.1"),
            ("PARLOR_CORS__ORIGINS", "[http://a.example, http://b.example]"),
            ("DATABASE_URL", "postgres://x"),
        ],
    )
    .unwrap();
    assert_eq!((config.server.port, config.server.host.as_str()), (2, "127.0.0.1"));
    assert_eq!(config.cors.origins.len(), 2);
    assert_eq!(config.database.url.unwrap().expose(), "postgres://x");
}

#[test]
fn public_addresses_follow_the_ports_unless_they_are_given() {
    let moved =
        parse("server: {port: 7000}\nnotify: {port: 7001, public_url: 'https://a.example'}", &[]).unwrap();
    assert_eq!(moved.server.public_url, "http://localhost:7000");
    assert_eq!(moved.notify.public_url, "https://a.example");
}

#[test]
fn origins_are_brought_to_the_form_that_browsers_send() {
    let file = "server: {public_url: 'https://Chat.Example:443/'}
cors: {origins: ['https://A.Example/', 'http://b.example:80']}
notify: {public_url: 'https://Chat.Example/notify/'}";
    let config = parse(file, &[]).unwrap();
    assert_eq!(config.web_origins(), ["https://a.example", "http://b.example", "https://chat.example"]);
    assert_eq!(config.notify.public_url, "https://chat.example/notify");
    assert_eq!(config.notify_origin(), "https://chat.example");
    let file = "server: {allowed_hosts: ['Chat.Example', '::1']}\nnotify: {allowed_hosts: ['B\u{fc}cher.example:80']}";
    let config = parse(file, &[]).unwrap();
    assert_eq!(config.server.allowed_hosts, ["chat.example", "[::1]"]);
    assert_eq!(config.notify.allowed_hosts, ["xn--bcher-kva.example:80"]);
    for (file, key) in [
        ("cors: {origins: ['*']}", "cors.origins"),
        ("cors: {origins: ['https://a.example', 'https://a.example/x']}", "cors.origins"),
        ("server: {public_url: 'https://a.example/x'}", "server.public_url"),
        ("notify: {public_url: 'a.example'}", "notify.public_url"),
        ("server: {host: '0.0.0.0:6688'}", "server.host"),
        ("server: {allowed_hosts: ['https://chat.example']}", "server.allowed_hosts"),
        ("notify: {allowed_hosts: ['a.example', 'b.example/events']}", "notify.allowed_hosts"),
    ] {
        assert!(parse(file, &[]).unwrap_err().starts_with(key), "{file}");
    }
}

#[test]
fn plain_http_beyond_this_machine_is_warned_of() {
    for (file, warnings) in [
        ("", 0),
        ("server: {host: '::1'}", 0),
        ("server: {host: 0.0.0.0}", 1),
        ("server: {host: 10.0.0.1}\nnotify: {host: '::'}", 2),
        ("server: {host: 0.0.0.0, public_url: 'https://a.example'}", 0),
    ] {
        assert_eq!(parse(file, &[]).unwrap().warnings().len(), warnings, "{file}");
    }
}

#[test]
fn variables_of_a_kubernetes_service_set_nothing() {
    let service = [
        ("PARLOR_SERVICE_HOST", "10.0.0.1"),
        ("PARLOR_PORT", "tcp://10.0.0.1:6688"),
        ("PARLOR_PORT_6688_TCP_ADDR", "10.0.0.1"),
        ("PARLOR_SERVER_PORT", "tcp://10.0.0.1:6688"),
    ];
    assert_eq!(parse("", &service).unwrap().server.port, 6688);
    assert!(parse("", &[("PARLOR_SERVER_PORT", "7000")]).unwrap_err().contains("PARLOR_SECTION__KEY"));
}

#[test]
fn mistakes_name_the_key() {
    let unknown = parse("server:\n  prot: 1\n", &[]).unwrap_err();
    assert!(unknown.contains("server") && unknown.contains("prot"), "{unknown}");
    let wrong = parse("server:\n  port: many\n", &[]).unwrap_err();
    assert!(wrong.contains("server.port"), "{wrong}");
    assert!(parse("", &[("PARLOR_SERVER__PROT", "1")]).unwrap_err().contains("PARLOR_SERVER__PROT"));
    assert!(parse("limits: {send_per_minute: 0}", &[]).unwrap_err().contains("limits.send_per_minute"));
    assert!(
        parse("auth: {access_token_seconds: 86400}", &[]).unwrap_err().contains("auth.access_token_seconds")
    );
    assert!(parse("", &[("PARLOR_SERVER__PORT", "abc")]).unwrap_err().contains("server.port"));
    assert!(parse("a: [", &[]).unwrap_err().contains("YAML"));
}

#[test]
fn secrets_do_not_show() {
    let config = parse("database: {url: 'postgres://u:hunter2@h/d'}", &[]).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
}
