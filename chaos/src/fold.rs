//! What a client does with events: applies them to the snapshot it has. Pure; docs/events.md tells the same rules.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

/// What `/api/sync` answers, with the chats by id.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    pub user: Value,
    pub workspace: Value,
    pub chats: BTreeMap<String, Value>,
}

impl State {
    /// # Errors
    /// It is no snapshot, or only a part of one.
    pub fn of(snapshot: &Value) -> anyhow::Result<Self> {
        ensure!(snapshot["chats"]["has_more"] == false, "more chats than one page: {snapshot}");
        let items = snapshot["chats"]["items"].as_array().context("no chats")?;
        Ok(Self {
            user: snapshot["user"].clone(),
            workspace: snapshot["workspace"].clone(),
            chats: items.iter().map(|item| (text(&item["chat"]["id"]), item.clone())).collect(),
        })
    }

    /// Applies an event. They come in order; of a chat that I am not in, none but those that bring me in.
    ///
    /// # Errors
    /// An event that must not come: of a chat that I am not in, a message without the one before it, an unknown kind.
    pub fn apply(&mut self, event: &Value) -> anyhow::Result<()> {
        let me = self.user["id"].clone();
        let chat_id = text(&event["chat_id"]);
        match event["type"].as_str().unwrap_or_default() {
            "message.new" => {
                let message = &event["message"];
                let last_seq = self.chats.get(&chat_id).and_then(|item| item["chat"]["last_seq"].as_i64());
                if let (Some(seq), Some(last)) = (message["seq"].as_i64(), last_seq) {
                    ensure!(seq <= last + 1, "message {seq} of {chat_id} came where {} was due", last + 1);
                }
                self.change(&chat_id, |item| {
                    if message["seq"].as_i64() > item["chat"]["last_seq"].as_i64() {
                        item["chat"]["last_seq"] = message["seq"].clone();
                        item["last_message"] = message.clone();
                    }
                    if message["sender_id"] == me {
                        item["read_seq"] = message["seq"].clone();
                    }
                    count_unread(item);
                })?;
            }
            "message.edited" | "message.deleted" => self.change(&chat_id, |item| {
                if item["last_message"]["id"] == event["message"]["id"] {
                    item["last_message"] = event["message"].clone();
                }
            })?,
            "chat.created" => {
                let members = event["members"].as_array().context("no members")?;
                if let Some(member) = members.iter().find(|member| member["user_id"] == me) {
                    self.add(&chat_id, &event["chat"], member, &Value::Null);
                }
            }
            "chat.read" => self.change(&chat_id, |item| {
                item["read_seq"] = event["read"]["seq"].clone();
                item["unread_count"] = event["read"]["unread_count"].clone();
            })?,
            "member.joined" if event["member"]["user_id"] == me => {
                self.add(&chat_id, &event["chat"], &event["member"], &event["last_message"]);
            }
            "member.updated" if event["member"]["user_id"] == me => {
                self.replace_chat(&chat_id, event)?;
                self.change(&chat_id, |item| item["member"] = event["member"].clone())?;
            }
            "member.left" if event["member"]["user_id"] == me => {
                self.chats.remove(&chat_id);
            }
            "chat.updated" | "member.joined" | "member.updated" | "member.left" => {
                self.replace_chat(&chat_id, event)?;
            }
            "chat.deleted" => {
                self.chats.remove(&chat_id);
            }
            "user.joined" | "user.updated" | "user.deactivated" => {
                if event["user"]["id"] == me {
                    self.user = event["user"].clone();
                }
            }
            "workspace.updated" => self.workspace = event["workspace"].clone(),
            "session.revoked" => {}
            unknown => bail!("no rule for {unknown:?}"),
        }
        Ok(())
    }

    fn add(&mut self, id: &str, chat: &Value, member: &Value, last_message: &Value) {
        let item = json!({
            "chat": chat, "member": member, "last_message": last_message, "read_seq": chat["last_seq"],
            "unread_count": 0,
        });
        self.chats.insert(id.to_owned(), item);
    }

    fn replace_chat(&mut self, id: &str, event: &Value) -> anyhow::Result<()> {
        self.change(id, |item| {
            item["chat"] = event["chat"].clone();
            count_unread(item);
        })
    }

    fn change(&mut self, id: &str, change: impl FnOnce(&mut Value)) -> anyhow::Result<()> {
        let item = self.chats.get_mut(id);
        change(item.with_context(|| format!("an event of a chat that I am not in: {id}"))?);
        Ok(())
    }
}

fn count_unread(item: &mut Value) {
    let number = |value: &Value| value.as_i64().unwrap_or_default();
    item["unread_count"] = json!(number(&item["chat"]["last_seq"]) - number(&item["read_seq"]));
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
