//! The promises to other programs: the OpenAPI document, the form of errors, and that events show
//! each thing as REST does.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use chat_core::{
    EventKind,
    ephemeral::EphemeralKind,
    event::{Audience, control},
};
use chat_server::openapi::events::{ControlFrame, EphemeralEvent, Event};
use serde_json::{Value, json};

use crate::support::{Actor, App, Device, with_app};

/// Compares with a file beside the tests. `UPDATE_SNAPSHOTS=1` in the environment accepts the
/// current text.
fn compare_with_snapshot(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    #[expect(clippy::disallowed_methods, reason = "set by the person who runs the test, not configuration")]
    let accept = std::env::var_os("UPDATE_SNAPSHOTS").is_some();
    if accept {
        fs::write(&file, text).unwrap();
    }
    let known = fs::read_to_string(&file).unwrap_or_default();
    if let Some((number, (ours, theirs))) =
        text.lines().zip(known.lines()).enumerate().find(|(_, (ours, theirs))| ours != theirs)
    {
        panic!("{name}:{}: now {ours}, was {theirs}; UPDATE_SNAPSHOTS=1 accepts it", number + 1);
    }
    assert_eq!(text.lines().count(), known.lines().count(), "{name}: UPDATE_SNAPSHOTS=1 accepts it");
}

#[tokio::test]
async fn the_openapi_document_is_the_one_we_know() {
    with_app(async |app| {
        let document = app.call("GET /api/openapi.json").await.ok();
        let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
        compare_with_snapshot("openapi.json", &text);
        // Every reference can be resolved, and a body with an unknown field is refused.
        for reference in text.split("\"$ref\": \"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer} leads nowhere");
        }
        let version = document["openapi"].as_str().unwrap();
        assert!(version.starts_with("3.1") || version.starts_with("3.2"), "{version}");
        let page = app.call("GET /api/docs/").await;
        assert_eq!((page.status, page.header("content-type")), (200, Some("text/html")), "{page}");
    })
    .await;
}

#[tokio::test]
async fn every_operation_has_a_name_of_its_own_and_says_what_it_answers() {
    with_app(async |app| {
        let document = app.call("GET /api/openapi.json").await.ok();
        let mut names = BTreeMap::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let name = operation["operationId"].as_str().unwrap();
                assert_eq!(names.insert(name.to_owned(), (method.clone(), path.clone())), None, "{name}");
                assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
                let responses = operation["responses"].as_object().unwrap();
                assert!(responses.keys().any(|status| status.starts_with('2')), "{name}");
                assert!(responses.contains_key("default"), "{name}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn every_refusal_is_a_problem_with_a_code_and_a_request_id() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let refusals = [
            app.call("GET /api/users/me").await,
            app.call("GET /api/nowhere").await,
            app.call("GET /nowhere").await,
            app.call("PUT /api/chat").await,
            ann.call("GET /api/chat/00000000-0000-7000-8000-000000000000").await,
            ann.call_with("POST /api/chat", json!({})).await,
            ann.call_with("POST /api/chat", json!({ "kind": "group" })).await,
            ann.call("POST /api/chat").await,
            ann.request("POST /api/chat", &[("content-type", "application/json")], None).await,
            ann.call_with("POST /api/chat", json!({ "name": "x".repeat(300_000) })).await,
            ann.call("GET /api/chat?limit=0").await,
            ann.call("GET /api/chat?nonsense=0").await,
            app.try_sign_up(json!({ "workspace": "acme", "fullname": "E", "email": "e@x.example", "password": "a new horse" })).await,
        ];
        let expected = [401, 404, 404, 405, 404, 422, 422, 415, 400, 413, 422, 422, 409];
        for (reply, status) in refusals.into_iter().zip(expected) {
            assert_eq!(reply.status, status, "{reply:?}");
            assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{reply:?}");
            assert_eq!(reply.header("cache-control"), Some("no-store"), "{reply:?}");
            let problem = &reply.body;
            assert_eq!((&problem["type"], &problem["status"]), (&json!("about:blank"), &json!(status)));
            for text in ["title", "code", "detail"] {
                assert!(problem[text].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
            }
            assert_eq!(problem["request_id"].as_str(), reply.header("x-request-id"), "{reply:?}");
            assert!(reply.header("x-request-id").is_some_and(|id| !id.is_empty()));
        }
        let reply = ann.request("GET /api/nowhere", &[("x-request-id", "mine-1")], None).await;
        assert_eq!(reply.body["request_id"], "mine-1", "a client's own request id is kept");
    })
    .await;
}

#[tokio::test]
async fn the_servers_own_pages_are_there() {
    with_app(async |app| {
        assert_eq!(app.call("GET /health/live").await.ok(), json!({ "status": "ok" }));
        crate::support::eventually(async || {
            let reply = app.call("GET /health/ready").await;
            if reply.status == 200 { Ok(()) } else { Err(reply.to_string()) }
        })
        .await;
        let ann = app.sign_up("acme", "Ann").await;
        ann.call("GET /api/chat/00000000-0000-7000-8000-000000000000").await.refused(404, "not_found");
        let metrics = app.call("GET /metrics").await.ok();
        assert!(metrics.as_str().unwrap().contains("/api/chat/{id}"), "{metrics}");
        assert!(!metrics.as_str().unwrap().contains("00000000-0000"), "no ids in labels");
    })
    .await;
}

#[tokio::test]
async fn web_pages_of_known_origins_may_call_and_others_may_not() {
    let known =
        |config: &mut chat_core::config::Config| config.cors.origins = vec!["https://app.example".into()];
    crate::support::with_app_configured(known, async |app| {
        let preflight = async |origin: &str| {
            let url = format!("{}/api/chat", app.chat.url);
            let request = app
                .client
                .request(reqwest::Method::OPTIONS, url)
                .header("origin", origin)
                .header("access-control-request-method", "PATCH")
                .header("access-control-request-headers", "authorization,content-type");
            let reply = crate::support::Reply::of("OPTIONS /api/chat", request).await;
            reply.header("access-control-allow-origin").map(ToOwned::to_owned)
        };
        assert_eq!(preflight("https://app.example").await.as_deref(), Some("https://app.example"));
        assert_eq!(preflight("https://evil.example").await, None);
        // Errors have the header too. Otherwise a page could not read the reason.
        let refused = async |origin: Option<&str>| {
            let mut request = app.client.get(format!("{}/api/chat", app.chat.url));
            if let Some(origin) = origin {
                request = request.header("origin", origin);
            }
            let reply = crate::support::Reply::of("GET /api/chat", request).await;
            assert_eq!(reply.status, 401);
            assert!(reply.header("vary").unwrap().contains("origin"), "{origin:?}");
            reply.header("access-control-allow-origin").map(ToOwned::to_owned)
        };
        assert_eq!(refused(Some("https://app.example")).await.as_deref(), Some("https://app.example"));
        assert_eq!(refused(Some("https://evil.example")).await, None);
        assert_eq!(refused(None).await, None);
    })
    .await;
}

#[tokio::test]
async fn who_reads_compressed_answers_gets_them() {
    with_app(async |app| {
        let get = async |encodings: Option<&str>| {
            let mut request = app.client.get(format!("{}/api/openapi.json", app.chat.url));
            if let Some(encodings) = encodings {
                request = request.header("accept-encoding", encodings);
            }
            let answer = request.send().await.unwrap();
            let encoding =
                answer.headers().get("content-encoding").map(|value| value.to_str().unwrap().to_owned());
            (encoding, answer.bytes().await.unwrap())
        };
        let (encoding, plain) = get(None).await;
        assert_eq!(encoding, None);
        for none_of_ours in ["identity", "br", "identity;q=0"] {
            assert_eq!(get(Some(none_of_ours)).await, (None, plain.clone()), "{none_of_ours}");
        }
        let (encoding, short) = get(Some("gzip, br")).await;
        assert_eq!(encoding.as_deref(), Some("gzip"));
        assert!(short.starts_with(&[0x1f, 0x8b]) && short.len() < plain.len() / 2, "{} bytes", short.len());
    })
    .await;
}

/// The payloads of the log, oldest first.
async fn payloads(app: &App, kind: &str) -> Vec<Value> {
    let texts: Vec<String> =
        sqlx::query_scalar("select payload from event_log where kind = $1 order by shard, id")
            .bind(kind)
            .fetch_all(&app.db)
            .await
            .unwrap();
    texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect()
}

async fn last(app: &App, kind: EventKind) -> Value {
    let payload = payloads(app, kind.as_str()).await.pop().unwrap_or_else(|| panic!("no {kind:?}"));
    assert_eq!(payload["type"], kind.as_str());
    let at = payload["at"].as_str().unwrap();
    assert_eq!((at.len(), &at[23..]), (24, "Z"), "{at}: milliseconds, UTC");
    let document = app.call("GET /api/openapi.json").await.ok();
    assert_in_document(&document, "Event", &payload);
    let event: Event = serde_json::from_value(payload.clone()).unwrap();
    assert_eq!(serde_json::to_value(event).unwrap(), payload, "the type lacks nothing");
    payload
}

/// Checks that `frame` is a variant of `union` in the document, with exactly its fields, at every
/// depth.
fn assert_in_document(document: &Value, union: &str, frame: &Value) {
    let kind = frame["type"].as_str().unwrap();
    let union = &document["components"]["schemas"][union];
    let reference = union["discriminator"]["mapping"][kind].as_str().unwrap();
    assert!(union["oneOf"].as_array().unwrap().contains(&json!({ "$ref": reference })), "{kind}");
    let variant = document.pointer(&reference[1..]).unwrap();
    assert_eq!(variant["properties"]["type"]["enum"], json!([kind]));
    assert_fields(document, variant, frame, kind);
}

fn assert_fields(document: &Value, schema: &Value, value: &Value, path: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        return assert_fields(document, document.pointer(&reference[1..]).unwrap(), value, path);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        // A choice between a type and null, or of the types that have this `type`.
        let is_it = |choice: &&Value| match value["type"].as_str() {
            Some(kind) => choice["properties"]["type"]["enum"] == json!([kind]),
            None => choice["type"] != "null",
        };
        let thing = choices.iter().find(is_it).unwrap_or_else(|| panic!("{path}: {value}"));
        if !value.is_null() {
            assert_fields(document, thing, value, path);
        }
        return;
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        assert_fields(document, &schema["items"], item, &format!("{path}[{index}]"));
    }
    if let Some(fields) = value.as_object() {
        let known = schema["properties"].as_object().unwrap();
        let is_there = |name: &&String| !may_be_left_out(schema, name) || fields.contains_key(*name);
        assert!(known.keys().filter(is_there).eq(fields.keys()), "{path}: {known:?}, not {value}");
        for (name, field) in fields {
            assert_fields(document, &known[name], field, &format!("{path}.{name}"));
        }
    }
}

/// A field is always there, as null if need be, unless it can be neither.
fn may_be_left_out(schema: &Value, name: &str) -> bool {
    let field = &schema["properties"][name];
    let is_nullable = field["oneOf"][0]["type"] == "null" || field["type"].is_array();
    let required = schema["required"].as_array();
    !is_nullable && !required.is_some_and(|required| required.contains(&json!(name)))
}

/// Checks that a message event has exactly what REST responds for that message.
async fn assert_message(app: &App, actor: &Actor, kind: EventKind) {
    let event = last(app, kind).await;
    let message = &event["message"];
    let path = format!(
        "GET /api/chat/{}/messages/{}",
        event["chat_id"].as_str().unwrap(),
        message["id"].as_str().unwrap()
    );
    assert_eq!(*message, actor.call(&path).await.ok(), "{kind:?}");
}

/// Checks the events of a thread about a message.
async fn assert_replies(app: &App, ann: &Actor, bob: &Actor, question: &Value) {
    let [chat, id] = ["chat_id", "id"].map(|key| question[key].as_str().unwrap());
    let reply = bob.reply(question, "in the thread").await;
    let event = last(app, EventKind::MessageNew).await;
    assert_eq!(event["message"], reply);
    assert_thread(ann, &event, question).await;
    let read = json!({ "thread_no": 2 });
    let thread = format!("/api/chat/{chat}/messages/{id}/thread");
    ann.call(&format!("PUT {thread}/follow")).await.no_content();
    bob.reply(question, "and another").await;
    let state = ann.call_with(&format!("POST {thread}/read"), read).await.ok();
    assert_eq!(last(app, EventKind::ThreadUpdated).await["thread"], state);
    assert_eq!(ann.call("GET /api/sync").await.ok()["threads"]["items"][0], state);
    bob.call(&format!("DELETE /api/chat/{chat}/messages/{}", reply["id"].as_str().unwrap()))
        .await
        .no_content();
    assert_message(app, ann, EventKind::MessageDeleted).await;
    assert_thread(ann, &last(app, EventKind::MessageDeleted).await, question).await;
}

/// Checks that the event of a reply shows the thread as its root does in REST, but for what is the
/// viewer's.
async fn assert_thread(actor: &Actor, event: &Value, root: &Value) {
    let [chat, id] = ["chat_id", "id"].map(|key| root[key].as_str().unwrap());
    let mut shown = actor.call(&format!("GET /api/chat/{chat}/messages/{id}")).await.ok()["thread"].clone();
    let mut told = event["thread"].clone();
    for (name, of_root) in [("root_id", "id"), ("root_seq", "seq"), ("root_sender_id", "sender_id")] {
        assert_eq!(told.as_object_mut().unwrap().remove(name).as_ref(), root.get(of_root), "{name}");
    }
    for name in ["following", "unread_count"] {
        assert!(shown.as_object_mut().unwrap().remove(name).is_some(), "{name}");
    }
    assert_eq!(told, shown);
}

/// Checks that a chat event has exactly the chat that REST returns, and the member as in the list
/// of members.
async fn assert_chat(app: &App, actor: &Actor, kind: EventKind) {
    let event = last(app, kind).await;
    let id = event["chat_id"].as_str().unwrap();
    let item = actor.call(&format!("GET /api/chat/{id}")).await.ok();
    let mut chat = item["chat"].clone();
    if kind == EventKind::ChatCreated {
        // The line that tells it comes next.
        chat["last_seq"] = json!(0);
    }
    assert_eq!(event["chat"], chat, "{kind:?}");
    let members = actor.call(&format!("GET /api/chat/{id}/members")).await.ok();
    let members = members["items"].as_array().unwrap();
    if let Some(member) = event.get("member") {
        let known = members.iter().find(|m| m["user_id"] == member["user_id"]);
        assert!(known.is_none_or(|known| known == member), "{kind:?}: {member}");
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(member), keys(&members[0]), "{kind:?}");
    }
    if let Some(listed) = event.get("members") {
        let sorted = |members: &[Value]| {
            let mut members = members.to_vec();
            members.sort_by_key(|member| member["user_id"].to_string());
            members
        };
        assert_eq!(sorted(listed.as_array().unwrap()), sorted(members), "{kind:?}");
    }
    if let Some(message) = event.get("last_message") {
        assert_eq!(*message, item["last_message"], "{kind:?}");
    }
}

/// Checks that the events of reactions, of pins and of what is kept for later say what REST does.
async fn assert_marks(app: &App, ann: &Actor, bob: &Actor, answer: &Value) {
    let chat = answer["chat_id"].as_str().unwrap();
    let path = format!("/api/chat/{chat}/messages/{}", answer["id"].as_str().unwrap());
    let reaction = format!("{path}/reactions/%F0%9F%91%8D");
    for (method, kind) in [("PUT", EventKind::ReactionAdded), ("DELETE", EventKind::ReactionRemoved)] {
        bob.call(&format!("{method} {reaction}")).await.no_content();
        let event = last(app, kind).await;
        let told =
            json!({ "message_id": answer["id"], "seq": answer["seq"], "user_id": bob.id, "emoji": "👍" });
        let count = ann.call(&format!("GET {path}")).await.ok()["reactions"][0]["count"].as_i64();
        let mut event = event["reaction"].clone();
        assert_eq!(event["count"].take(), count.unwrap_or_default());
        event.as_object_mut().unwrap().remove("count");
        assert_eq!(event, told, "{kind:?}");
    }
    let place = json!({ "message_id": answer["id"], "seq": answer["seq"] });
    let saved = format!("/api/saved/{}", answer["id"].as_str().unwrap());
    bob.call(&format!("PUT {path}/pin")).await.no_content();
    bob.call(&format!("PUT {saved}")).await.no_content();
    let pins = ann.call(&format!("GET /api/chat/{chat}/pins")).await.ok();
    let kept = bob.call("GET /api/saved").await.ok();
    let shown = ann.call(&format!("GET {path}")).await.ok();
    assert_eq!(pins["items"][0]["message"], shown);
    let with = |more: Value| {
        let mut all = place.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    assert_eq!(last(app, EventKind::MessagePinned).await["pin"], with(shown["pinned"].clone()));
    let at = json!({ "at": kept["items"][0]["saved_at"] });
    assert_eq!(last(app, EventKind::MessageSaved).await["saved"], with(at));
    bob.call(&format!("DELETE {path}/pin")).await.no_content();
    bob.call(&format!("DELETE {saved}")).await.no_content();
    assert_eq!(last(app, EventKind::MessageUnpinned).await["pin"], place);
    assert_eq!(last(app, EventKind::MessageUnsaved).await["saved"], place);
}

#[tokio::test]
async fn events_show_things_in_the_very_shape_that_rest_gives() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let me = |actor: &Actor| format!("GET /api/users/{}", actor.id);
        assert_eq!(last(app, EventKind::UserJoined).await["user"], ann.call(&me(&bob)).await.ok());
        bob.call_with("PATCH /api/users/me", json!({ "fullname": "Robert \"Bob\" \\ O'Neil" })).await.ok();
        assert_eq!(last(app, EventKind::UserUpdated).await["user"], ann.call(&me(&bob)).await.ok());
        let rename = format!("PATCH /api/workspaces/{}", ann.workspace_id);
        let renamed = ann.call_with(&rename, json!({ "name": "Acme Ltd" })).await.ok();
        assert_eq!(last(app, EventKind::WorkspaceUpdated).await["workspace"], renamed);

        // A group, since only groups show member_ids.
        let cid = app.invite(&ann, "Cid").await;
        let dora = app.invite(&ann, "Dora").await;
        let chat = ann.group(&[&bob, &cid]).await;
        assert_chat(app, &ann, EventKind::ChatCreated).await;
        let question = bob.post(&chat, "lunch? \u{1F600}\n\"quoted\" \\ \u{7f}\u{2028}").await;
        assert_message(app, &ann, EventKind::MessageNew).await;
        let send = json!({ "body": "yes", "reply_to": question["id"], "client_id": "k-1" });
        let answer = ann.try_post(&chat, send).await.created();
        assert_eq!(last(app, EventKind::MessageNew).await["message"], answer);
        let path = format!("/api/chat/{chat}/messages/{}", answer["id"].as_str().unwrap());
        ann.call_with(&format!("PATCH {path}"), json!({ "body": "no" })).await.ok();
        assert_message(app, &bob, EventKind::MessageEdited).await;
        assert_marks(app, &ann, &bob, &answer).await;

        assert_replies(app, &ann, &bob, &question).await;

        ann.call_with(&format!("PATCH /api/chat/{chat}"), json!({ "name": "lunch", "description": "at 12" }))
            .await
            .ok();
        assert_chat(app, &ann, EventKind::ChatUpdated).await;
        bob.add(&chat, &[&dora]).await;
        assert_chat(app, &ann, EventKind::MemberJoined).await;
        ann.call_with(&format!("PATCH /api/chat/{chat}/members/{}", bob.id), json!({ "role": "owner" }))
            .await
            .ok();
        assert_chat(app, &ann, EventKind::MemberUpdated).await;
        bob.remove(&chat, &dora).await;
        assert_chat(app, &ann, EventKind::MemberLeft).await;

        let read = bob.mark_read(&chat, 2).await;
        assert_eq!(last(app, EventKind::ChatRead).await["read"], read);
        ann.call(&format!("DELETE {path}")).await.no_content();
        assert_message(app, &bob, EventKind::MessageDeleted).await;
        // The earlier events now lack the text as well.
        let told = payloads(app, "message.edited").await;
        let deleted = last(app, EventKind::MessageDeleted).await;
        assert_eq!(told.last().unwrap()["message"], deleted["message"]);

        bob.call(&format!("DELETE /api/chat/{chat}")).await.no_content();
        let event = last(app, EventKind::ChatDeleted).await;
        assert_eq!((&event["chat_id"], &event["chat"]), (&json!(chat.0), &json!({ "id": chat.0 })));
        ann.call_with(&format!("PATCH /api/users/{}", bob.id), json!({ "active": false })).await.ok();
        assert_eq!(last(app, EventKind::UserDeactivated).await["user"], ann.call(&me(&bob)).await.ok());
        let phone = app.sign_in(&ann).await;
        let session = phone.claims().sid;
        ann.call(&format!("DELETE /api/sessions/{session}")).await.no_content();
        assert_eq!(last(app, EventKind::SessionRevoked).await["session"], json!({ "id": session }));

        // The triggers write the audience of the table of events.
        let written: Vec<(String, String)> =
            sqlx::query_as("select distinct kind, audience from event_log").fetch_all(&app.db).await.unwrap();
        let written: BTreeSet<(&str, &str)> =
            written.iter().map(|(kind, audience)| (kind.as_str(), audience.as_str())).collect();
        let table = EventKind::ALL.map(|kind| (kind.as_str(), kind.effect().audience.as_str()));
        assert_eq!(written, BTreeSet::from(table));
    })
    .await;
}

#[tokio::test]
async fn every_frame_of_the_stream_stands_in_the_document() {
    with_app(async |app| {
        let document = app.call("GET /api/openapi.json").await.ok();
        let names = |union: &str| {
            let mapping = &document["components"]["schemas"][union]["discriminator"]["mapping"];
            mapping.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
        };
        let kinds = EventKind::ALL.into_iter().filter(|kind| kind.effect().audience != Audience::Nobody);
        let kinds: BTreeSet<&str> = kinds.map(EventKind::as_str).collect();
        assert_eq!(names("Event"), Vec::from_iter(kinds));
        assert_eq!(names("ControlFrame"), control::ALL);
        assert_eq!(names("EphemeralEvent"), EphemeralKind::ALL.map(EphemeralKind::as_str));
        let may_change = &document["components"]["schemas"]["MemberUpdatedEvent"]["x-changes-may"];
        assert_eq!(may_change, "member");

        let ann = app.sign_up("acme", "Ann").await;
        let notify = app.start_notify_server_configured(|notify| notify.heartbeat_seconds = 1).await;
        let mut device = Device::connect(&ann, &notify).await;
        let mut frames = vec![device.reconnect().await];
        while frames.last().unwrap().event != control::HEARTBEAT {
            frames.push(device.next_frame().await.unwrap());
        }
        device.last_id = Some("no cursor".to_owned());
        device.reconnect().await;
        frames.push(device.next_frame().await.unwrap());
        assert_eq!(frames.last().unwrap().event, control::RESET);
        for frame in frames.iter().filter(|frame| frame.is_control()) {
            assert_in_document(&document, "ControlFrame", &frame.data);
            let known: ControlFrame = serde_json::from_value(frame.data.clone()).unwrap();
            assert_eq!(serde_json::to_value(known).unwrap(), frame.data);
        }

        let bob = app.invite(&ann, "Bob").await;
        let chat = ann.single(&bob).await;
        let mut device = Device::connect_live(&bob, &notify).await;
        ann.call(&format!("POST /api/chat/{chat}/typing")).await.no_content();
        let frame = device.next_ephemeral().await;
        assert_in_document(&document, "EphemeralEvent", &frame.data);
        let known: EphemeralEvent = serde_json::from_value(frame.data.clone()).unwrap();
        assert_eq!(serde_json::to_value(known).unwrap(), frame.data);
    })
    .await;
}

#[tokio::test]
async fn every_event_belongs_to_its_chain() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let eve = app.sign_up("other", "Eve").await;
        let chat = ann.public_channel("general", &[&bob]).await;
        let own = eve.public_channel("general", &[]).await;
        let there = bob.at(&app.start_chat_server().await);
        let sends = (0..60).map(|n| match n % 3 {
            0 => ann.try_post(&chat, json!({ "body": "a" })),
            1 => there.try_post(&chat, json!({ "body": "b" })),
            _ => eve.try_post(&own, json!({ "body": "e" })),
        });
        for reply in futures_util::future::join_all(sends).await {
            reply.created();
        }
        let rows: Vec<(i16, i64, i64)> =
            sqlx::query_as("select shard, id, prev_id from event_log order by shard, id")
                .fetch_all(&app.db)
                .await
                .unwrap();
        let mut ends: BTreeMap<i16, i64> = BTreeMap::new();
        for (shard, id, prev_id) in rows {
            let end = ends.insert(shard, id).unwrap_or(0);
            assert_eq!(prev_id, end, "shard {shard} at {id}");
        }
        // Within a chat, the log has messages in order of seq.
        let seqs: Vec<i64> = payloads(app, "message.new")
            .await
            .iter()
            .filter(|event| event["chat_id"] == chat.0.as_str())
            .map(|event| event["message"]["seq"].as_i64().unwrap())
            .collect();
        assert_eq!(seqs, (1..=41).collect::<Vec<_>>());
    })
    .await;
}
