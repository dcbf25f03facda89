//! What a client does with events: applies them to the snapshot it has. Pure; docs/events.md tells the same rules.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// What `/api/sync` answers, with the chats by id.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    pub user: Value,
    pub workspace: Value,
    pub chats: BTreeMap<String, Value>,
}

impl State {
    pub fn of(snapshot: &Value) -> Self {
        assert_eq!(snapshot["chats"]["has_more"], false, "the test has few chats");
        let items = snapshot["chats"]["items"].as_array().unwrap();
        Self {
            user: snapshot["user"].clone(),
            workspace: snapshot["workspace"].clone(),
            chats: items.iter().map(|item| (text(&item["chat"]["id"]), item.clone())).collect(),
        }
    }

    /// The state after `event`. Events come in order; of a chat that I am not in, none but those that bring me in.
    #[must_use]
    pub fn apply(mut self, event: &Value) -> Self {
        let me = self.user["id"].clone();
        let chat_id = text(&event["chat_id"]);
        match event["type"].as_str().unwrap() {
            "message.new" => self.change(&chat_id, |item| {
                let message = &event["message"];
                if message["seq"].as_i64() > item["chat"]["last_seq"].as_i64() {
                    item["chat"]["last_seq"] = message["seq"].clone();
                    item["last_message"] = message.clone();
                }
                if message["sender_id"] == me {
                    item["read_seq"] = message["seq"].clone();
                }
                count_unread(item);
            }),
            "message.edited" | "message.deleted" => self.change(&chat_id, |item| {
                if item["last_message"]["id"] == event["message"]["id"] {
                    item["last_message"] = event["message"].clone();
                }
            }),
            "chat.created" => {
                let members = event["members"].as_array().unwrap();
                if let Some(member) = members.iter().find(|member| member["user_id"] == me) {
                    self.add(&chat_id, &event["chat"], member, &Value::Null);
                }
            }
            "chat.read" => self.change(&chat_id, |item| {
                item["read_seq"] = event["read"]["seq"].clone();
                item["unread_count"] = event["read"]["unread_count"].clone();
            }),
            "member.joined" if event["member"]["user_id"] == me => {
                self.add(&chat_id, &event["chat"], &event["member"], &event["last_message"]);
            }
            "member.updated" if event["member"]["user_id"] == me => {
                self.replace_chat(&chat_id, event);
                self.change(&chat_id, |item| item["member"] = event["member"].clone());
            }
            "member.left" if event["member"]["user_id"] == me => {
                self.chats.remove(&chat_id);
            }
            "chat.updated" | "member.joined" | "member.updated" | "member.left" => {
                self.replace_chat(&chat_id, event);
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
            unknown => panic!("no rule for {unknown}"),
        }
        self
    }

    fn add(&mut self, id: &str, chat: &Value, member: &Value, last_message: &Value) {
        let item = json!({
            "chat": chat, "member": member, "last_message": last_message, "read_seq": chat["last_seq"],
            "unread_count": 0,
        });
        self.chats.insert(id.to_owned(), item);
    }

    fn replace_chat(&mut self, id: &str, event: &Value) {
        self.change(id, |item| {
            item["chat"] = event["chat"].clone();
            count_unread(item);
        });
    }

    fn change(&mut self, id: &str, change: impl FnOnce(&mut Value)) {
        let item = self.chats.get_mut(id);
        change(item.unwrap_or_else(|| panic!("an event of a chat that I am not in: {id}")));
    }
}

fn count_unread(item: &mut Value) {
    let (last, read) = (item["chat"]["last_seq"].as_i64().unwrap(), item["read_seq"].as_i64().unwrap());
    item["unread_count"] = json!(last - read);
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
