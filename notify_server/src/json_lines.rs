//! One JSON object a line: the second encoding of the tests.

use serde_json::{Value, json};

use crate::outgoing::Outgoing;

/// Appends one line.
pub fn write(message: &Outgoing<'_>, text: &mut String) {
    let content = message.content.as_ref();
    let line = json!({
        "id": message.resume_at.map(|at| at.to_string()),
        "retry_ms": message.retry_ms,
        "kind": content.map(|content| content.kind),
        "data": content.map(|content| serde_json::from_str::<Value>(&content.data).unwrap()),
    });
    text.push_str(&line.to_string());
    text.push('\n');
}
