//! `--demo`: a workspace with people and conversations to look at, made through the API, so by its real rules.
//!
//! A run that was cut short is finished by the next: every step looks first whether it was done. Once all is done a run
//! changes nothing, whatever people have made of the workspace since.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use anyhow::{Context as _, bail};
use reqwest::{Client, Method, StatusCode, header::RETRY_AFTER};
use serde_json::{Value, json};

const WORKSPACE: &str = "Parlor Demo";
const PASSWORD: &str = "parlor-demo";

/// How often a request waits for a rate to let it through.
const WAITS_MAX: u32 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Person {
    Ada,
    Grace,
    Alan,
    Katherine,
    Edsger,
}

use Person::{Ada, Alan, Edsger, Grace, Katherine};

impl Person {
    /// The first makes the workspace and invites the others.
    const ALL: [Self; 5] = [Ada, Grace, Alan, Katherine, Edsger];

    fn fullname(self) -> &'static str {
        match self {
            Ada => "Ada Lovelace",
            Grace => "Grace Hopper",
            Alan => "Alan Turing",
            Katherine => "Katherine Johnson",
            Edsger => "Edsger Dijkstra",
        }
    }

    fn email(self) -> String {
        format!("{self:?}@parlor.example").to_lowercase()
    }
}

/// A chat with its history.
struct Conversation {
    kind: &'static str,
    name: Option<&'static str>,
    description: Option<&'static str>,
    /// Who makes it.
    by: Person,
    /// Who else is in it.
    with: &'static [Person],
    lines: &'static [Line],
    /// Up to which message somebody has read; the senders have read up to their last.
    read: &'static [(Person, i64)],
}

/// A message. The n-th of a chat gets the `seq` n.
struct Line {
    by: Person,
    body: &'static str,
    /// The `seq` of the message that it answers.
    reply_to: Option<usize>,
    /// What it was changed to afterwards.
    edited: Option<&'static str>,
}

const fn says(by: Person, body: &'static str) -> Line {
    Line { by, body, reply_to: None, edited: None }
}

const fn answers(by: Person, reply_to: usize, body: &'static str) -> Line {
    Line { by, body, reply_to: Some(reply_to), edited: None }
}

const fn corrects(by: Person, body: &'static str, edited: &'static str) -> Line {
    Line { by, body, reply_to: None, edited: Some(edited) }
}

/// The last is a chat of two, which nobody can leave, rename or delete: when it is complete, everything is.
const CONVERSATIONS: [Conversation; 11] = [
    Conversation {
        kind: "public_channel",
        name: Some("general"),
        description: Some("Everybody, everything"),
        by: Ada,
        with: &[Grace, Alan, Katherine, Edsger],
        lines: &[
            says(Ada, "Welcome to **Parlor**! This is the channel where everybody is."),
            says(Grace, "Good morning. Is this thing on?"),
            answers(Ada, 2, "It is. And if your connection drops, you get what you missed."),
            corrects(
                Alan,
                "The release review is on Thrusday at 10:00.",
                "The release review is on Thursday at 10:00.",
            ),
            says(Katherine, "I checked the numbers twice; they hold."),
            answers(
                Edsger,
                5,
                "Testing shows the presence of errors, not their absence. Twice is a start, though.",
            ),
            says(Grace, "Found the reason for yesterday's outage: a moth. Taped it into the log book."),
            answers(Katherine, 7, "Please put *that* in the incident report."),
            says(Alan, "Office is closed on Monday. The machines are not, they never are."),
            says(
                Ada,
                "Minutes of the planning round:\n\n1. Offline reading ships first\n2. Search waits for *real* numbers\n\
                 3. Nobody deploys on a Friday\n\n> A plan is a list of things that will not happen in that order.",
            ),
            answers(Grace, 10, "Agreed on all three. I can take the first."),
            answers(Edsger, 10, "On 3: nor on a Thursday evening, which is a Friday with better manners."),
        ],
        read: &[(Ada, 10), (Alan, 12), (Katherine, 12)],
    },
    Conversation {
        kind: "public_channel",
        name: Some("engineering"),
        description: Some("How it works, and why it does not"),
        by: Edsger,
        with: &[Ada, Grace, Alan],
        lines: &[
            says(
                Edsger,
                "Who wrote this?\n\n```rust\nwhile !done {\n    thread::sleep(Duration::from_secs(1));\n}\n```",
            ),
            answers(Alan, 1, "It halts. I am fairly sure that it halts."),
            answers(
                Ada,
                1,
                "Mine, from the prototype. Wait for the event instead:\n\n```rust\nnotify.notified().await;\n```",
            ),
            says(Grace, "`cargo test` is green again; the flaky one waited for a fixed time as well."),
            corrects(
                Ada,
                "The slow query was missing an index on `messages (chat_id)`.",
                "The slow query was missing an index on `messages (chat_id, seq)`. 840 ms before, 0.6 ms now.",
            ),
            answers(Alan, 5, "| before | after |\n|---|---|\n| 840 ms | 0.6 ms |\n\nI like this table."),
            says(Edsger, "Two reviews are open since Tuesday. I mention it without emotion."),
            answers(Grace, 7, "On it. The second one has a moth in it, too."),
        ],
        read: &[(Ada, 5), (Alan, 8)],
    },
    Conversation {
        kind: "public_channel",
        name: Some("releases"),
        description: Some("What goes out, and when"),
        by: Grace,
        with: &[Ada, Edsger],
        lines: &[
            says(Grace, "Build 0.1 is tagged. Checklist:\n\n- [x] migrations\n- [x] docs\n- [ ] cake"),
            says(Ada, "Cake is ordered."),
            answers(Edsger, 1, "Simplicity is a prerequisite for reliability. One cake, not three."),
        ],
        read: &[],
    },
    Conversation {
        kind: "private_channel",
        name: Some("founders"),
        description: None,
        by: Ada,
        with: &[Grace],
        lines: &[
            says(Ada, "Offer for the second office came in. Numbers are in the sheet."),
            says(Grace, "It is easier to ask forgiveness than permission. I say we take it."),
        ],
        read: &[(Ada, 2)],
    },
    Conversation {
        kind: "group",
        name: Some("Lunch"),
        description: None,
        by: Katherine,
        with: &[Alan, Edsger],
        lines: &[
            says(Katherine, "Noodles at 12:30?"),
            says(Alan, "I cannot decide whether I will ever be hungry."),
            answers(Edsger, 1, "I know the shortest path."),
            says(
                Katherine,
                "12:30 it is. Table for three, by the window, away from the *other* mathematicians.",
            ),
            says(Alan, "Bringing an apple, just in case."),
        ],
        read: &[(Katherine, 4)],
    },
    Conversation {
        kind: "single",
        name: None,
        description: None,
        by: Grace,
        with: &[Ada],
        lines: &[
            says(Grace, "Do you have ten minutes to look at the compiler?"),
            says(Ada, "After lunch. Send me the listing?"),
            says(Grace, "```\nMOVE A TO B\n```\nThat is the line that puzzles me."),
        ],
        read: &[],
    },
    Conversation {
        kind: "public_channel",
        name: Some("random"),
        description: Some("Moths, apples and whatever else"),
        by: Alan,
        with: &[Ada, Grace, Katherine, Edsger],
        lines: &[
            says(Alan, "Found an apple on my desk. Nobody has claimed it."),
            says(Katherine, "It was on a ballistic trajectory from mine."),
            answers(Grace, 2, "Confirmed. I have the log."),
        ],
        read: &[(Ada, 3)],
    },
    Conversation {
        kind: "group",
        name: Some("Reading circle"),
        description: None,
        by: Edsger,
        with: &[Ada, Grace],
        lines: &[
            says(Edsger, "Next is the note on the harmfulness of a certain statement. I know the author."),
            says(Ada, "I have notes on it that are longer than the text."),
            answers(Grace, 2, "You always do. They are the better part."),
        ],
        read: &[(Ada, 3)],
    },
    Conversation {
        kind: "single",
        name: None,
        description: None,
        by: Katherine,
        with: &[Ada],
        lines: &[
            says(Ada, "Did the figures for Thursday come in?"),
            says(Katherine, "Yes, and they agree with mine to the ninth place. Shall I send the sheet?"),
        ],
        read: &[],
    },
    Conversation {
        kind: "single",
        name: None,
        description: None,
        by: Edsger,
        with: &[Ada],
        lines: &[
            says(Edsger, "I proved the queue empty. Then somebody put something in."),
            says(Ada, "That is what queues are for."),
        ],
        read: &[(Edsger, 2)],
    },
    Conversation {
        kind: "single",
        name: None,
        description: None,
        by: Alan,
        with: &[Katherine],
        lines: &[
            says(Alan, "Could you check an orbit for me?"),
            says(Katherine, "Give me the initial conditions."),
        ],
        read: &[(Alan, 2)],
    },
];

/// Seeds the workspace over the API at `address`, and returns how to sign in.
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
        "\nThe workspace \"{WORKSPACE}\" is there to look at. The password is {PASSWORD} for each of\n"
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

/// Everybody in the demo, signed in.
struct People {
    client: Client,
    address: String,
    signed_in: BTreeMap<Person, SignedIn>,
}

impl People {
    async fn sign_in_or_up(address: &str) -> anyhow::Result<Self> {
        // The server is on this machine, whatever proxy the environment names.
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
        Ok(found.is_some_and(|(_, last_seq)| last_seq >= conversation.lines.len()))
    }

    /// Makes the chat and its history, as far as they are not there.
    async fn hold(&self, conversation: &Conversation) -> anyhow::Result<()> {
        let (chat, last_seq) = match self.find_chat(conversation).await? {
            Some(found) => found,
            None => (self.create_chat(conversation).await?, 0),
        };
        if last_seq >= conversation.lines.len() {
            // Complete; and by now perhaps somebody's, who read, edited and deleted in it.
            return Ok(());
        }
        let mut sent: Vec<String> = Vec::new();
        for (index, line) in conversation.lines.iter().enumerate() {
            // With the same client_id, a message that an earlier run has sent is answered, not sent again.
            let mut message = json!({ "body": line.body, "client_id": format!("demo-{chat}-{index}") });
            if let Some(seq) = line.reply_to {
                message["reply_to"] =
                    sent.get(seq - 1).context("an answer comes after its question")?.clone().into();
            }
            let path = format!("/api/chat/{chat}/messages");
            let message = self.call(line.by, Method::POST, &path, Some(message)).await?;
            let id = text(&message, "/id")?;
            if let Some(edited) = line.edited {
                let path = format!("{path}/{id}");
                self.call(line.by, Method::PATCH, &path, Some(json!({ "body": edited }))).await?;
            }
            sent.push(id);
        }
        for (person, seq) in conversation.read {
            let path = format!("/api/chat/{chat}/read");
            self.call(*person, Method::POST, &path, Some(json!({ "seq": seq }))).await?;
        }
        Ok(())
    }

    /// The chat and the `seq` of its last message. Chats of two are found by creating them.
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
                let last_seq = item["chat"]["last_seq"].as_u64().unwrap_or(0);
                return Ok(Some((id, usize::try_from(last_seq)?)));
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

    /// Fails on every answer but success.
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
            // Seeding stays far below the default rates; somebody has set lower ones.
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
