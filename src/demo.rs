//! `--demo`: fills a workspace with people and conversations, over the API and so by its rules.
//!
//! Every step first checks whether it was done, so a run completes an unfinished earlier one. Once
//! everything is done, a run changes nothing, whatever people did in the workspace since.

mod conversations;
pub mod removal;

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use anyhow::{Context as _, bail};
use reqwest::{Client, Method, StatusCode, header::RETRY_AFTER};
use serde_json::{Value, json};

use conversations::{CONVERSATIONS, Conversation, Person};

const WORKSPACE: &str = "Parlor Demo";
const PASSWORD: &str = "parlor-demo";

/// How often a rate-limited request is retried.
const WAITS_MAX: u32 = 3;

/// Fills the workspace over the API at `address`, and returns how to sign in.
pub async fn seed(address: &str) -> anyhow::Result<String> {
    let people = People::sign_in_or_up(address).await?;
    let done = match CONVERSATIONS.last() {
        Some(last) => people.is_complete(last).await?,
        None => true,
    };
    for conversation in CONVERSATIONS.iter().filter(|_| !done) {
        people
            .hold(conversation)
            .await
            .with_context(|| format!("{} {}", conversation.kind, conversation.name.unwrap_or("of two")))?;
    }
    let mut text = format!(
        "\nDemo accounts, for trying out alone: `parlor demo remove` removes them.\nThe workspace \"{WORKSPACE}\" is there to look at. The password is {PASSWORD} for each of\n"
    );
    for person in Person::ALL {
        writeln!(text, "  {:<28} {}", person.email(), person.fullname())?;
    }
    Ok(text)
}

struct SignedIn {
    id: String,
    token: String,
}

/// All people of the demo, signed in.
struct People {
    client: Client,
    address: String,
    signed_in: BTreeMap<Person, SignedIn>,
}

impl People {
    async fn sign_in_or_up(address: &str) -> anyhow::Result<Self> {
        // The server is on this machine, so no proxy is used.
        let client = Client::builder().no_proxy().build()?;
        let mut people = Self { client, address: address.to_owned(), signed_in: BTreeMap::new() };
        for person in Person::ALL {
            let credentials =
                json!({ "email": person.email(), "password": PASSWORD, "workspace": WORKSPACE });
            let (status, answer) = people.send(None, Method::POST, "/api/signin", Some(credentials)).await?;
            let answer = match status {
                StatusCode::UNAUTHORIZED => people.sign_up(person).await?,
                _ => succeeded(status, answer).with_context(|| person.email())?,
            };
            let signed_in =
                SignedIn { id: text(&answer, "/user/id")?, token: text(&answer, "/access_token")? };
            people.signed_in.insert(person, signed_in);
        }
        Ok(people)
    }

    async fn sign_up(&self, person: Person) -> anyhow::Result<Value> {
        let mut form =
            json!({ "fullname": person.fullname(), "email": person.email(), "password": PASSWORD });
        if person == Person::ALL[0] {
            form["workspace"] = WORKSPACE.into();
        } else {
            let invite = self
                .call(Person::ALL[0], Method::POST, "/api/invites", Some(json!({ "max_uses": 1 })))
                .await?;
            form["invite"] = text(&invite, "/code")?.into();
        }
        let (status, answer) = self.send(None, Method::POST, "/api/signup", Some(form)).await?;
        succeeded(status, answer).with_context(|| person.email())
    }

    async fn is_complete(&self, conversation: &Conversation) -> anyhow::Result<bool> {
        let found = self.find_chat(conversation).await?;
        Ok(found.is_some_and(|(_, count)| count >= conversation.lines.len()))
    }

    /// Creates the chat and its history, unless they exist.
    async fn hold(&self, conversation: &Conversation) -> anyhow::Result<()> {
        let (chat, count) = match self.find_chat(conversation).await? {
            Some(found) => found,
            None => (self.create_chat(conversation).await?, 0),
        };
        if count >= conversation.lines.len() {
            // It is complete, and people may have read, edited and deleted in it since.
            return Ok(());
        }
        if let Some(description) = conversation.description {
            // The workspace began with one of them, which has none.
            let path = format!("/api/chat/{chat}");
            let changes = json!({ "description": description });
            self.call(conversation.by, Method::PATCH, &path, Some(changes)).await?;
        }
        let mut sent: Vec<(String, Value)> = Vec::new();
        for (index, line) in conversation.lines.iter().enumerate() {
            // With the same client_id, a message of an earlier run is returned and not sent again.
            let mut message = json!({ "body": line.body, "client_id": format!("demo-{chat}-{index}") });
            if let Some(number) = line.reply_to {
                let (id, _) = sent.get(number - 1).context("an answer comes after its question")?;
                message["reply_to"] = id.clone().into();
            }
            let path = format!("/api/chat/{chat}/messages");
            let message = self.call(line.by, Method::POST, &path, Some(message)).await?;
            let id = text(&message, "/id")?;
            if let Some(edited) = line.edited {
                let path = format!("{path}/{id}");
                self.call(line.by, Method::PATCH, &path, Some(json!({ "body": edited }))).await?;
            }
            sent.push((id, message["seq"].clone()));
        }
        for (person, number) in conversation.read {
            let path = format!("/api/chat/{chat}/read");
            let (_, seq) = sent.get(number - 1).context("a message that was read is there")?;
            self.call(*person, Method::POST, &path, Some(json!({ "seq": seq }))).await?;
        }
        Ok(())
    }

    /// The chat and how many messages people wrote there. A chat of two is found by creating it.
    async fn find_chat(&self, conversation: &Conversation) -> anyhow::Result<Option<(String, usize)>> {
        let chats = self.call(conversation.by, Method::GET, "/api/chat?limit=200", None).await?;
        let wanted = match conversation.kind {
            "single" => Some(self.create_chat(conversation).await?),
            _ => None,
        };
        for item in chats["items"].as_array().into_iter().flatten() {
            let id = text(item, "/chat/id")?;
            let same = match &wanted {
                Some(wanted) => id == *wanted,
                None => {
                    item["chat"]["kind"] == conversation.kind
                        && item["chat"]["name"].as_str() == conversation.name
                }
            };
            if same {
                let count = item["chat"]["last_root_no"].as_u64().unwrap_or(0);
                return Ok(Some((id, usize::try_from(count)?)));
            }
        }
        Ok(wanted.map(|id| (id, 0)))
    }

    async fn create_chat(&self, conversation: &Conversation) -> anyhow::Result<String> {
        let members: Vec<&str> =
            conversation.with.iter().map(|person| self.signed_in[person].id.as_str()).collect();
        let mut chat = json!({ "kind": conversation.kind, "members": members });
        for (key, value) in [("name", conversation.name), ("description", conversation.description)] {
            if let Some(value) = value {
                chat[key] = value.into();
            }
        }
        let item = self.call(conversation.by, Method::POST, "/api/chat", Some(chat)).await?;
        text(&item, "/chat/id").or_else(|_| text(&item, "/id"))
    }

    /// Sends a request; any other answer than a success is an error.
    async fn call(
        &self,
        person: Person,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<Value> {
        let (status, answer) = self.send(Some(person), method.clone(), path, body).await?;
        succeeded(status, answer).with_context(|| format!("{method} {path}"))
    }

    async fn send(
        &self,
        person: Option<Person>,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<(StatusCode, Value)> {
        let mut request = self.client.request(method, format!("{}{path}", self.address));
        if let Some(person) = person.and_then(|person| self.signed_in.get(&person)) {
            request = request.bearer_auth(&person.token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let mut waits = 0;
        let response = loop {
            let attempt = request.try_clone().context("a request without a stream can be repeated")?;
            let response = attempt.send().await?;
            if response.status() != StatusCode::TOO_MANY_REQUESTS || waits == WAITS_MAX {
                break response;
            }
            // Only configured rates below the defaults are hit.
            let seconds =
                response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            tokio::time::sleep(Duration::from_secs(seconds.unwrap_or(1))).await;
            waits += 1;
        };
        let status = response.status();
        let answer = serde_json::from_slice(&response.bytes().await?).unwrap_or(Value::Null);
        Ok((status, answer))
    }
}

fn succeeded(status: StatusCode, answer: Value) -> anyhow::Result<Value> {
    if !status.is_success() {
        bail!("{status}: {}", answer["detail"].as_str().unwrap_or("no reason given"));
    }
    Ok(answer)
}

fn text(answer: &Value, pointer: &str) -> anyhow::Result<String> {
    let found = answer.pointer(pointer).and_then(Value::as_str);
    Ok(found.with_context(|| format!("the answer has no {pointer}"))?.to_owned())
}
