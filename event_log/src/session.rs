//! What Parlor needs of a database session. Roles and databases may have defaults of their own
//! (`alter role … set …`), so each connection sets what it depends on, in one round trip, with SET:
//! poolers such as pgbouncer refuse or ignore settings that come with the connection.

use std::time::Duration;

use url::form_urlencoded;

/// The schema of the tables, unless the URL names another.
const SEARCH_PATH: &str = "public";

/// Settings that do not differ between connections.
const SETTINGS: [(&str, &str); 15] = [
    // The log's order depends on it: see log_lock.
    ("default_transaction_isolation", "read committed"),
    ("default_transaction_read_only", "off"),
    ("default_transaction_deferrable", "off"),
    ("client_encoding", "UTF8"),
    ("standard_conforming_strings", "on"),
    ("timezone", "UTC"),
    ("datestyle", "ISO, MDY"),
    ("intervalstyle", "postgres"),
    ("bytea_output", "hex"),
    ("extra_float_digits", "1"),
    ("transform_null_equals", "off"),
    ("array_nulls", "on"),
    // JIT compilation pays for reports over millions of rows, not here.
    ("jit", "off"),
    // A connection of a pool may be idle for hours.
    ("idle_session_timeout", "0"),
    ("client_min_messages", "warning"),
];

/// The settings of one kind of connection.
#[derive(Clone, Debug)]
pub struct Session {
    search_path: String,
    statement_timeout: Duration,
    lock_timeout: Duration,
    idle_in_transaction_timeout: Duration,
    more: &'static [(&'static str, &'static str)],
}

impl Session {
    /// For the database of a URL. A statement that takes longer is cancelled.
    pub fn new(url: &str, statement_timeout: Duration) -> Self {
        Self {
            search_path: search_path(url).unwrap_or_else(|| SEARCH_PATH.to_owned()),
            statement_timeout,
            lock_timeout: Duration::ZERO,
            idle_in_transaction_timeout: statement_timeout,
            more: &[],
        }
    }

    #[must_use]
    pub fn with_statement_timeout(self, statement_timeout: Duration) -> Self {
        Self { statement_timeout, ..self }
    }

    /// A statement that waits longer for a lock fails. Zero: no limit of its own.
    #[must_use]
    pub fn with_lock_timeout(self, lock_timeout: Duration) -> Self {
        Self { lock_timeout, ..self }
    }

    /// A transaction that is idle for longer is ended, with its connection.
    #[must_use]
    pub fn with_idle_in_transaction_timeout(self, idle_in_transaction_timeout: Duration) -> Self {
        Self { idle_in_transaction_timeout, ..self }
    }

    /// Further settings.
    #[must_use]
    pub fn with(self, more: &'static [(&'static str, &'static str)]) -> Self {
        Self { more, ..self }
    }

    /// The statements that set it, for one simple query.
    pub fn sql(&self) -> String {
        let timeouts = [
            // First, since the defaults may cancel what follows.
            ("statement_timeout", self.statement_timeout),
            ("lock_timeout", self.lock_timeout),
            ("idle_in_transaction_session_timeout", self.idle_in_transaction_timeout),
        ];
        let timeouts = timeouts.map(|(name, limit)| (name, format!("{}ms", limit.as_millis())));
        let fixed = SETTINGS.iter().chain(self.more).map(|(name, value)| (*name, (*value).to_owned()));
        let path = ("search_path", self.search_path.clone());
        let set = timeouts
            .into_iter()
            .chain(fixed)
            .chain([path])
            .map(|(name, value)| format!("set_config('{name}', '{}', false)", value.replace('\'', "''")));
        let mut sql = format!("set statement_timeout = {};\n", self.statement_timeout.as_millis());
        sql += "set standard_conforming_strings = on;\nselect ";
        sql += &set.collect::<Vec<_>>().join(",\n    ");
        // remote_apply promises more than on; every other value promises less.
        sql += ",\n    case current_setting('synchronous_commit') when 'remote_apply' then 'remote_apply'
        else set_config('synchronous_commit', 'on', false) end";
        // New in Postgres 17.
        sql += ",\n    case when current_setting('transaction_timeout', true) is not null
        then set_config('transaction_timeout', '0', false) end";
        sql
    }
}

/// One text: what of the database cannot be used, in words that follow "the database"; or null.
pub const PROBLEM: &str = "select case
    when current_setting('server_version_num')::int < 150000
        then 'is of Postgres ' || current_setting('server_version') || ', and Parlor needs 15 or newer'
    when current_setting('server_encoding') <> 'UTF8'
        then 'has the encoding ' || current_setting('server_encoding')
            || ', which cannot hold every text: create it with encoding ''UTF8'' template template0'
    when current_setting('session_replication_role') <> 'origin'
        then 'has session_replication_role ' || current_setting('session_replication_role')
            || ' for this role, by which no event would be written: set it to origin'
    when current_schema() is null
        then 'has no schema ' || current_setting('search_path') || ' that this role may use'
end";

/// The `search_path` among the `options` of a URL, such as `?options=-c%20search_path%3Dparlor`.
fn search_path(url: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    let mut found = None;
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        if key == "options[search_path]" {
            found = Some(value.into_owned());
        } else if key == "options" {
            found = value
                .replace("-c ", "-c")
                .split(' ')
                .filter_map(|word| word.strip_prefix("-c").or(word.strip_prefix("--")))
                .filter_map(|setting| setting.split_once('='))
                .filter(|(name, _)| name.trim().eq_ignore_ascii_case("search_path"))
                .map(|(_, value)| value.to_owned())
                .next_back()
                .or(found);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_that_of_the_url() {
        for (url, schema) in [
            ("postgres://a@b/c", None),
            ("postgres://a@b/c?sslmode=disable", None),
            ("postgres://a@b/c?options=-c%20search_path%3Dparlor", Some("parlor")),
            ("postgres://a@b/c?options=-csearch_path=parlor%20-c%20jit%3Don&sslmode=disable", Some("parlor")),
            ("postgres://a@b/c?options=--search_path%3Da,b", Some("a,b")),
            ("postgres://a@b/c?options[search_path]=parlor", Some("parlor")),
            ("postgres://a@b/c?options=-c%20jit%3Don", None),
        ] {
            assert_eq!(search_path(url).as_deref(), schema, "{url}");
        }
        let session = Session::new("postgres://a@b/c?options[search_path]=it's", Duration::from_secs(1));
        assert!(session.sql().contains("set_config('search_path', 'it''s', false)"), "{}", session.sql());
    }
}
