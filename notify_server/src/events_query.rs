//! The parameters of `/events`. A request to resume that is not understood must not become a stream
//! from now on, which would leave out what happened in between. So several spellings of the cursor
//! are understood, and a parameter that is none of these is refused.

use url::form_urlencoded;

/// What browsers' caches and proxies are told apart by, and what EventSource polyfills add beside
/// the cursor. They mean nothing here.
const MEANINGLESS: [&str; 10] =
    ["_", "cb", "evs_preamble", "nocache", "padding", "r", "rand", "random", "t", "ts"];
/// How much of an unknown name is repeated in the refusal.
const SHOWN_MAX: usize = 40;

/// Why the parameters cannot be used: the name that is not known.
#[derive(Debug, PartialEq, Eq)]
pub struct UnknownParameter(pub String);

#[derive(Debug, Default, PartialEq, Eq)]
pub struct EventsQuery {
    pub ticket: Option<String>,
    pub last_event_id: Option<String>,
}

impl EventsQuery {
    /// Of several cursors the last counts: a polyfill appends its own to the URL that it was given.
    ///
    /// # Errors
    /// A parameter is not known.
    pub fn parse(query: &str) -> Result<Self, UnknownParameter> {
        let mut parsed = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let slot = if name == "ticket" {
                &mut parsed.ticket
            } else if means_last_event_id(&name) {
                &mut parsed.last_event_id
            } else if MEANINGLESS.contains(&&*name) || name.is_empty() {
                continue;
            } else {
                return Err(UnknownParameter(name.chars().take(SHOWN_MAX).collect()));
            };
            // An empty one says nothing, so it does not replace one that says something.
            if !value.is_empty() {
                *slot = Some(value.into_owned());
            }
        }
        Ok(parsed)
    }
}

/// `last_event_id`, `lastEventId`, `Last-Event-ID`, `evs_last_event_id` and the like.
fn means_last_event_id(name: &str) -> bool {
    let letters = name.chars().filter(|c| !matches!(c, '-' | '_' | '.'));
    let folded: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    matches!(&*folded, "lasteventid" | "evslasteventid" | "xlasteventid")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cursor(query: &str) -> Option<String> {
        EventsQuery::parse(query).unwrap().last_event_id
    }

    #[test]
    fn each_spelling_of_the_cursor_is_understood() {
        for name in [
            "last_event_id",
            "lastEventId",
            "lastEventID",
            "Last-Event-ID",
            "last-event-id",
            "Last-Event-Id",
            "LAST_EVENT_ID",
            "evs_last_event_id",
            "last%5Fevent%5Fid",
            "Last%2DEvent%2DID",
        ] {
            assert_eq!(cursor(&format!("{name}=1.1.3.42")).as_deref(), Some("1.1.3.42"), "{name}");
        }
        assert_eq!(cursor("lastEventId=1.1.3.42%7E43").as_deref(), Some("1.1.3.42~43"));
        assert_eq!(cursor("last_event_id=1.1.3.1&r=0.5&lastEventId=1.1.3.2").as_deref(), Some("1.1.3.2"));
        assert_eq!(cursor("last_event_id=1.1.3.1&lastEventId=").as_deref(), Some("1.1.3.1"));
        assert_eq!(cursor("_=17&&t=1"), None);
    }

    #[test]
    fn what_may_be_a_cursor_by_another_name_is_refused() {
        for name in ["cursor", "since", "last_id", "lasteventid2", "eventId", "access_token", "%00", "Ticket"]
        {
            assert!(EventsQuery::parse(&format!("ticket=a&{name}=1.1.3.42")).is_err(), "{name}");
        }
        let long = "x".repeat(5000);
        assert_eq!(EventsQuery::parse(&long), Err(UnknownParameter("x".repeat(SHOWN_MAX))));
    }

    proptest! {
        /// A cursor that is in the URL is found, or the URL is refused.
        #[test]
        fn a_cursor_is_never_passed_over(
            ticket in prop::option::of("[A-Za-z0-9._-]{1,40}"),
            cursor in "[0-9.~]{1,40}",
            name in prop_oneof!["[ -~&&[^&=#]]{1,20}", "(?i)last[-_]?event[-_]?id"],
            noise in "[ -~&&[^#]]{0,20}",
        ) {
            let mut query = vec![noise, format!("{name}={cursor}")];
            query.extend(ticket.iter().map(|ticket| format!("ticket={ticket}")));
            if let Ok(parsed) = EventsQuery::parse(&query.join("&")) {
                prop_assert!(parsed.last_event_id == Some(cursor) || MEANINGLESS.contains(&&*name) || name.contains('%')
                    || name == "ticket");
                if ticket.is_some() {
                    prop_assert_eq!(parsed.ticket, ticket);
                }
            }
        }
    }
}
