//! The answer of `/metrics`: the classic text format of Prometheus, or OpenMetrics if it is asked
//! for.

use std::fmt::Write as _;

use axum::{
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers with metrics in OpenMetrics' text format, or rewritten into the classic one.
pub fn respond(headers: &HeaderMap, open_metrics: String) -> Response {
    let (kind, text) = if asks_for_open_metrics(headers) {
        (OPEN_METRICS, open_metrics)
    } else {
        (CLASSIC, classic(&open_metrics))
    };
    ([(header::CONTENT_TYPE, kind), (header::VARY, "accept")], text).into_response()
}

/// Whether `Accept` names OpenMetrics and prefers nothing else that we have (RFC 9110, section
/// 12.5.1).
fn asks_for_open_metrics(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let (mut open_metrics, mut others) = (0.0_f32, 0.0_f32);
    for range in values.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(|part| part.trim().to_ascii_lowercase());
        let kind = parts.next().unwrap_or_default();
        let parameters: Vec<String> = parts.collect();
        let value_of = |name: &str| {
            parameters.iter().find_map(|parameter| parameter.strip_prefix(name)).map(str::to_owned)
        };
        let quality = value_of("q=").map_or(1.0, |quality| quality.parse().unwrap_or(0.0));
        let version = value_of("version=");
        match &*kind {
            "application/openmetrics-text" if version.is_none_or(|v| v == "1.0.0" || v == "0.0.1") => {
                open_metrics = open_metrics.max(quality);
            }
            "text/plain" | "text/*" | "*/*" => others = others.max(quality),
            _ => {}
        }
    }
    open_metrics > 0.0 && open_metrics >= others
}

/// Rewrites OpenMetrics' text format: there the lines about a counter name it without `_total`, and
/// there are lines that the classic format does not have.
fn classic(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let counters: Vec<&str> = open_metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        .collect();
    for line in open_metrics.lines() {
        let about = line.strip_prefix("# HELP ").map(|rest| ("HELP", rest));
        let about = about.or_else(|| line.strip_prefix("# TYPE ").map(|rest| ("TYPE", rest)));
        let written = match about {
            Some((what, rest)) => {
                let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
                let suffix = if counters.contains(&name) { "_total" } else { "" };
                let rest = match (what, rest) {
                    ("TYPE", "unknown") => "untyped".to_owned(),
                    ("TYPE", "info" | "stateset") => "gauge".to_owned(),
                    // Quotes are escaped in OpenMetrics alone.
                    ("HELP", help) => help.replace("\\\"", "\""),
                    (_, rest) => rest.to_owned(),
                };
                writeln!(text, "# {what} {name}{suffix} {rest}")
            }
            None if line.starts_with('#') => Ok(()),
            // What follows ` # ` is an example of a value.
            None => writeln!(text, "{}", line.split_once(" # ").map_or(line, |(sample, _)| sample)),
        };
        let _ = written; // a String takes everything
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_the_one_that_is_asked_for() {
        let asks = |accept: &str| {
            let mut headers = HeaderMap::new();
            if !accept.is_empty() {
                headers.insert(header::ACCEPT, accept.parse().unwrap());
            }
            asks_for_open_metrics(&headers)
        };
        for accept in [
            "application/openmetrics-text",
            "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
             text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            "Application/OpenMetrics-Text; charset=utf-8, */*",
        ] {
            assert!(asks(accept), "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "text/plain",
            "text/html, */*;q=0.1",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=0.3, text/plain",
            "application/openmetrics-text;version=9.0.0",
            "application/json",
        ] {
            assert!(!asks(accept), "{accept}");
        }
    }

    #[test]
    fn the_classic_format_names_a_counter_as_its_samples_do() {
        let open_metrics = "# HELP sent Messages \\\"sent\\\".\n# TYPE sent counter\nsent_total 1\n\
                            # HELP lag_seconds Lag.\n# TYPE lag_seconds histogram\n# UNIT lag_seconds seconds\n\
                            lag_seconds_bucket{le=\"+Inf\"} 1 # {id=\"a\"} 0.1\n# TYPE x unknown\nx 1\n# EOF\n";
        assert_eq!(
            classic(open_metrics),
            "# HELP sent_total Messages \"sent\".\n# TYPE sent_total counter\nsent_total 1\n\
             # HELP lag_seconds Lag.\n# TYPE lag_seconds histogram\n\
             lag_seconds_bucket{le=\"+Inf\"} 1\n# TYPE x untyped\nx 1\n"
        );
    }
}
