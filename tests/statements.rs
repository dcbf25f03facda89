//! The number of statements for a request does not grow with the length of its response.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::{Actor, App, Chat, statements::StatementCounter, with_app_configured};

/// A workspace in which everything that has a list can grow.
struct GrowingWorkspace<'a> {
    app: &'a App,
    ann: Actor,
    chat: Chat,
    /// A message of the chat.
    message: Value,
    made: usize,
}

impl GrowingWorkspace<'_> {
    async fn grow(&mut self, count: usize) {
        for n in self.made..self.made + count {
            let person = self.app.invite(&self.ann, &format!("Person {n}")).await;
            self.ann.add(&self.chat, &[&person]).await;
            let sent = self.ann.post(&self.chat, &format!("m{n}")).await;
            person.reply(&sent, "a thread").await;
            person.reply(&self.message, "another reply").await;
            let reaction =
                format!("/api/chat/{}/messages/{}/reactions/%F0%9F%91%8D", self.chat, id_of(&self.message));
            person.call(&format!("PUT {reaction}")).await.no_content();
            for kept in [&sent, &self.message] {
                self.ann.call(&format!("PUT /api/saved/{}", id_of(kept))).await.no_content();
            }
            let pin = format!("/api/chat/{}/messages/{}/pin", self.chat, id_of(&sent));
            person.call(&format!("PUT {pin}")).await.no_content();
            person.public_channel(&format!("theirs {n}"), &[]).await;
            let mine = self.ann.public_channel(&format!("mine {n}"), &[&person]).await;
            person.post(&mine, "hello").await;
            self.app.sign_in(&self.ann).await;
            let workspace = json!({ "name": format!("workspace {n}") });
            self.ann.call_with("POST /api/workspaces", workspace).await.created();
        }
        self.made += count;
    }
}

fn id_of(message: &Value) -> &str {
    message["id"].as_str().unwrap()
}

/// Every list by its path, with the parameters to call it with.
fn lists(chat: &Chat, message: &str) -> BTreeMap<&'static str, Vec<String>> {
    let messages = ["", "?before=3", "?after=1", "?around=2", "?anchor=first_unread"];
    let messages = messages.map(|query| format!("/api/chat/{chat}/messages{query}"));
    let same = |path: &'static str| (path, vec![path.to_owned()]);
    BTreeMap::from([
        same("/.well-known/jwks.json"),
        same("/api/channels"),
        same("/api/chat"),
        same("/api/invites"),
        same("/api/saved"),
        same("/api/sessions"),
        same("/api/sync"),
        same("/api/threads"),
        same("/api/users"),
        same("/api/workspaces"),
        same("/health/ready"),
        ("/api/chat/may", vec![format!("/api/chat/may?ids={chat}")]),
        ("/api/chat/{id}", vec![format!("/api/chat/{chat}")]),
        ("/api/chat/{id}/members", vec![format!("/api/chat/{chat}/members")]),
        ("/api/chat/{id}/messages", messages.into()),
        ("/api/chat/{id}/pins", vec![format!("/api/chat/{chat}/pins")]),
        ("/api/chat/{id}/messages/{message_id}", vec![format!("/api/chat/{chat}/messages/{message}")]),
        (
            "/api/chat/{id}/messages/{message_id}/reactions/{emoji}",
            vec![format!("/api/chat/{chat}/messages/{message}/reactions/%F0%9F%91%8D")],
        ),
        (
            "/api/chat/{id}/messages/{message_id}/thread",
            ["", "?before=3", "?after=1", "?around=2"]
                .map(|query| format!("/api/chat/{chat}/messages/{message}/thread{query}"))
                .into(),
        ),
    ])
}

#[tokio::test]
async fn no_list_costs_a_statement_for_each_of_its_items() {
    let counter = StatementCounter::start().await;
    with_app_configured(
        |config| counter.stand_before(config),
        async |app| {
            let ann = app.sign_up("acme", "Ann").await;
            let chat = ann.public_channel("general", &[]).await;
            let message = ann.post(&chat, "hello").await;
            let tested = lists(&chat, id_of(&message)).into_keys().map(str::to_owned).collect();
            let documented = documented_lists(app).await;
            assert!(documented.is_subset(&tested), "{:?} are lists as well", documented.difference(&tested));

            let mut growing = GrowingWorkspace { app, ann, chat, message, made: 0 };
            growing.grow(2).await;
            let mut before = costs(&growing, &counter).await;
            assert!(before.values().all(|statements| (1..=9).contains(statements)), "{before:?}");
            // Repeated, in case the maintenance of the server ran in between; a count that grows
            // does so each time.
            for _ in 0..3 {
                growing.grow(8).await;
                let now = costs(&growing, &counter).await;
                if now == before {
                    return;
                }
                before = now;
            }
            panic!("with 8 more of each: {before:?}");
        },
    )
    .await;
}

/// The number of statements of each list. Nothing of it is cached, since everything has just
/// changed.
async fn costs(growing: &GrowingWorkspace<'_>, counter: &StatementCounter) -> BTreeMap<String, usize> {
    let mut costs = BTreeMap::new();
    for paths in lists(&growing.chat, id_of(&growing.message)).into_values() {
        for path in paths {
            // The statements that any request needs have run by then.
            growing.ann.call("GET /api/users/me").await.ok();
            let before = counter.executed();
            let answer = growing.ann.call(&format!("GET {path}")).await.ok();
            let statements = counter.executed() - before;
            assert!(!answer.to_string().is_empty());
            costs.insert(path, statements);
        }
    }
    costs
}

/// The paths of all operations that return a list, by the document.
async fn documented_lists(app: &App) -> BTreeSet<String> {
    let document = app.call("GET /api/openapi.json").await.ok();
    let holds_list = |operation: &Value| {
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        has_array(&document, schema)
    };
    let paths = document["paths"].as_object().unwrap();
    let found: BTreeSet<String> =
        paths.iter().filter(|(_, item)| holds_list(&item["get"])).map(|(path, _)| path.clone()).collect();
    assert!(found.len() > 8, "{found:?}");
    found
}

fn has_array(document: &Value, schema: &Value) -> bool {
    if let Some(reference) = schema["$ref"].as_str() {
        return has_array(document, &document.pointer(reference.trim_start_matches('#')).unwrap().clone());
    }
    let is_array = schema["type"] == "array";
    let inner = [&schema["properties"], &schema["oneOf"], &schema["allOf"], &schema["anyOf"]];
    is_array
        || inner.iter().any(|inner| match inner {
            Value::Object(map) => map.values().any(|schema| has_array(document, schema)),
            Value::Array(list) => list.iter().any(|schema| has_array(document, schema)),
            _ => false,
        })
}
