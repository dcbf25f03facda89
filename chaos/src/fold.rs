//! What a client does with events: applies them to the snapshot it has. Pure.
//!
//! Stricter than the web client's fold (web/src/store/slices/chatFold.ts): here an event that
//! cannot come is an error. tests/fold_cases.json holds the cases that both run; docs/events.md tells
//! the rules.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail, ensure};
use chat_core::{EventKind, event::MayChange};
use serde_json::{Value, json};

/// What `/api/sync` answers, with the chats by id.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    pub user: Value,
    pub workspace: Value,
    pub chats: BTreeMap<String, Value>,
    /// The threads that I follow, by the id of the root.
    pub threads: BTreeMap<String, Value>,
    /// Whether the snapshot had all of them. Otherwise they cannot be compared.
    pub has_all_threads: bool,
    /// Chats whose `may` an event could have changed: to be asked for at `GET /api/chat/may`.
    pub may_stale: BTreeSet<String>,
}

impl State {
    /// # Errors
    /// It is no snapshot, or only a part of one.
    pub fn of(snapshot: &Value) -> anyhow::Result<Self> {
        ensure!(snapshot["chats"]["has_more"] == false, "more chats than one page: {snapshot}");
        let items = snapshot["chats"]["items"].as_array().context("no chats")?;
        let threads = snapshot["threads"]["items"].as_array().context("no threads")?;
        Ok(Self {
            user: snapshot["user"].clone(),
            workspace: snapshot["workspace"].clone(),
            chats: items.iter().map(|item| (text(&item["chat"]["id"]), item.clone())).collect(),
            threads: threads.iter().map(|thread| (text(&thread["root_id"]), thread.clone())).collect(),
            has_all_threads: snapshot["threads"]["has_more"] == false,
            may_stale: BTreeSet::new(),
        })
    }

    /// Applies an event. They come in order; of a chat that I am not in, none but those that bring
    /// me in.
    ///
    /// # Errors
    /// An event that cannot come: of a chat that I am not in, a message without the one before it,
    /// a position that goes back, an unknown kind.
    pub fn apply(&mut self, event: &Value) -> anyhow::Result<()> {
        self.apply_by(event, |kind| kind.effect().changes_may)
    }

    /// The same by another table, so that a test can leave a kind out.
    ///
    /// # Errors
    /// As [`State::apply`].
    pub fn apply_by(&mut self, event: &Value, table: impl Fn(EventKind) -> MayChange) -> anyhow::Result<()> {
        self.fold(event)?;
        let kind = EventKind::parse(event["type"].as_str().unwrap_or_default()).context("no kind")?;
        let me = &self.user["id"];
        match table(kind) {
            MayChange::InChat => self.may_stale.extend([text(&event["chat_id"])]),
            MayChange::OfMember if event["member"]["user_id"] == *me => {
                self.may_stale.extend([text(&event["chat_id"])]);
            }
            MayChange::OfUser if event["user"]["id"] == *me => {
                self.may_stale.extend(self.chats.keys().cloned());
            }
            MayChange::Nowhere | MayChange::OfMember | MayChange::OfUser => {}
        }
        let chats = &self.chats;
        self.may_stale.retain(|id| chats.contains_key(id));
        Ok(())
    }

    /// Takes in what `GET /api/chat/may` answered.
    pub fn learn_may(&mut self, answer: &Value) {
        for found in answer["items"].as_array().into_iter().flatten() {
            let id = text(&found["chat_id"]);
            if let Some(item) = self.chats.get_mut(&id) {
                item["may"] = found["may"].clone();
                self.may_stale.remove(&id);
            }
        }
    }

    /// What a fresh snapshot has otherwise; the `may` of a chat counts unless it is stale. None:
    /// nothing.
    pub fn difference(&self, fresh: &Self) -> Option<String> {
        let differ = |what: &str, a: &Value, b: &Value| (a != b).then(|| format!("{what}: {a} is not {b}"));
        if let Some(found) = differ("user", &self.user, &fresh.user) {
            return Some(found);
        }
        if let Some(found) = differ("workspace", &self.workspace, &fresh.workspace) {
            return Some(found);
        }
        let mut roots: BTreeSet<_> = self.threads.keys().chain(fresh.threads.keys()).collect();
        if !(self.has_all_threads && fresh.has_all_threads) {
            roots.clear();
        }
        let of = |state: &Self, root: &String| state.threads.get(root).cloned().unwrap_or_default();
        if let Some(found) =
            roots.into_iter().find_map(|root| differ("thread", &of(self, root), &of(fresh, root)))
        {
            return Some(found);
        }
        let ids: BTreeSet<_> = self.chats.keys().chain(fresh.chats.keys()).collect();
        ids.into_iter().find_map(|id| {
            let mut folded = self.chats.get(id).cloned().unwrap_or_default();
            let fresh = fresh.chats.get(id).cloned().unwrap_or_default();
            if self.may_stale.contains(id) {
                folded["may"] = fresh["may"].clone();
            }
            differ("chat", &folded, &fresh)
        })
    }

    fn fold(&mut self, event: &Value) -> anyhow::Result<()> {
        let me = self.user["id"].clone();
        let chat_id = text(&event["chat_id"]);
        match event["type"].as_str().unwrap_or_default() {
            "message.new" => {
                self.add_message(&chat_id, &event["message"])?;
                self.add_reply(&chat_id, event)?;
            }
            "message.deleted" => {
                self.count_deletion(&chat_id, event)?;
                self.count_deleted_reply(&chat_id, event)?;
            }
            "thread.updated" => self.update_thread(&event["thread"])?,
            "reaction.added" | "reaction.removed" => {
                self.change(&chat_id, |item| count_reaction(&mut item["last_message"], &event["reaction"]))?;
            }
            "message.pinned" | "message.unpinned" => {
                self.change(&chat_id, |item| set_pin(&mut item["last_message"], &event["pin"]))?;
            }
            "chat.created" => {
                let members = event["members"].as_array().context("no members")?;
                if let Some(member) = members.iter().find(|member| member["user_id"] == me) {
                    self.add(&chat_id, &event["chat"], member, &Value::Null)?;
                }
            }
            "chat.read" => self.read(&chat_id, &event["read"])?,
            "member.joined" if event["member"]["user_id"] == me => {
                self.add(&chat_id, &event["chat"], &event["member"], &event["last_message"])?;
            }
            "member.updated" if event["member"]["user_id"] == me => {
                self.replace_chat(&chat_id, event)?;
                self.change(&chat_id, |item| item["member"] = event["member"].clone())?;
            }
            "member.left" if event["member"]["user_id"] == me => self.forget(&chat_id),
            "chat.updated" | "member.joined" | "member.updated" | "member.left" => {
                self.replace_chat(&chat_id, event)?;
            }
            "chat.deleted" => self.forget(&chat_id),
            "user.joined" | "user.updated" | "user.deactivated" => {
                if event["user"]["id"] == me {
                    self.user = event["user"].clone();
                }
            }
            "workspace.updated" => self.workspace = event["workspace"].clone(),
            // What is mine alone is in no chat of the snapshot. I may have left the chat since.
            "session.revoked" | "message.saved" | "message.unsaved" => {}
            // Any other event with a message shows that message as it is now.
            _ if event["message"].is_object() => self.change(&chat_id, |item| {
                if item["last_message"]["id"] == event["message"]["id"] {
                    item["last_message"] = event["message"].clone();
                }
            })?,
            unknown => bail!("no rule for {unknown:?}"),
        }
        Ok(())
    }

    fn add_message(&mut self, chat_id: &str, message: &Value) -> anyhow::Result<()> {
        let me = self.user["id"].clone();
        let last_seq = self.chats.get(chat_id).and_then(|item| item["chat"]["last_seq"].as_i64());
        if let (Some(seq), Some(last)) = (message["seq"].as_i64(), last_seq) {
            ensure!(seq <= last + 1, "message {seq} of {chat_id} came where {} was due", last + 1);
        }
        // A system line is unread to nobody, and is shown in a list only where nobody wrote anything.
        let is_line = message["kind"] == "system";
        if !is_in_main_line(message) {
            return self.change(chat_id, |item| {
                let chat = &mut item["chat"];
                if message["seq"].as_i64() > chat["last_seq"].as_i64() {
                    chat["last_seq"] = message["seq"].clone();
                }
            });
        }
        self.change(chat_id, |item| {
            let chat = &mut item["chat"];
            if message["seq"].as_i64() > chat["last_seq"].as_i64() {
                chat["last_seq"] = message["seq"].clone();
                if !is_line {
                    chat["last_root_no"] = json!(number(&chat["last_root_no"]) + 1);
                    item["unread_count"] = json!(number(&item["unread_count"]) + 1);
                }
                if !is_line || item["last_message"]["kind"] != "user" {
                    item["last_message"] = message.clone();
                }
            }
            if !is_line && message["sender_id"] == me && message["seq"].as_i64() > item["read_seq"].as_i64() {
                item["read_seq"] = message["seq"].clone();
                item["unread_count"] = json!(0);
            }
        })
    }

    /// What a reply changes in its thread, and in what the list shows of its root.
    fn add_reply(&mut self, chat_id: &str, event: &Value) -> anyhow::Result<()> {
        let (message, thread) = (&event["message"], &event["thread"]);
        ensure!(thread["root_id"] == message["root_id"], "{event} is of two threads");
        if thread.is_null() {
            return Ok(());
        }
        self.change(chat_id, |item| show_thread(&mut item["last_message"], thread))?;
        let (root, me) = (text(&thread["root_id"]), &self.user["id"]);
        let (no, known) = (number(&message["thread_no"]), self.threads.get(&root));
        if let Some(known) = known {
            let last = number(&known["last_no"]);
            ensure!(no == last + 1, "reply {no} of {root} came where {} was due", last + 1);
        }
        let is_mine = message["sender_id"] == *me;
        let begins = no == 1 && thread["root_sender_id"] == *me;
        if known.is_none() && !is_mine && !begins {
            return Ok(());
        }
        let mut state = known.cloned().unwrap_or_else(|| {
            json!({
                "root_id": root, "chat_id": chat_id, "following": true, "read_no": 0, "unread_count": 0,
                "last_no": 0, "deleted_count": thread["deleted_count"],
            })
        });
        state["last_no"] = json!(no);
        if is_mine {
            state["read_no"] = json!(no);
            state["unread_count"] = json!(0);
        } else {
            state["unread_count"] = json!(number(&state["unread_count"]) + 1);
        }
        self.threads.insert(root, state);
        Ok(())
    }

    fn count_deleted_reply(&mut self, chat_id: &str, event: &Value) -> anyhow::Result<()> {
        let (message, thread) = (&event["message"], &event["thread"]);
        if thread.is_null() {
            return Ok(());
        }
        self.change(chat_id, |item| show_thread(&mut item["last_message"], thread))?;
        let Some(state) = self.threads.get_mut(&text(&thread["root_id"])) else { return Ok(()) };
        let (count, before) = (number(&thread["deleted_count"]), number(&state["deleted_count"]));
        ensure!(count <= before + 1, "deletion {count} of {state}");
        if count > before {
            state["deleted_count"] = json!(count);
            if message["thread_no"].as_i64() > state["read_no"].as_i64() {
                state["unread_count"] = json!(number(&state["unread_count"]) - 1);
            }
        }
        Ok(())
    }

    fn update_thread(&mut self, thread: &Value) -> anyhow::Result<()> {
        let root = text(&thread["root_id"]);
        ensure!(self.chats.contains_key(&text(&thread["chat_id"])), "{thread} is of no chat of mine");
        if thread["following"] != true {
            self.threads.remove(&root);
            return Ok(());
        }
        if let Some(known) = self.threads.get(&root) {
            ensure!(number(&thread["read_no"]) >= number(&known["read_no"]), "{thread} after {known}");
            for of in ["last_no", "deleted_count"] {
                ensure!(thread[of] == known[of], "{of} of {thread} is not that of {known}");
            }
        }
        self.threads.insert(root, thread.clone());
        Ok(())
    }

    /// I am in the chat no more.
    fn forget(&mut self, chat_id: &str) {
        self.chats.remove(chat_id);
        self.threads.retain(|_, thread| thread["chat_id"] != *chat_id);
    }

    fn count_deletion(&mut self, chat_id: &str, event: &Value) -> anyhow::Result<()> {
        let (message, count) = (&event["message"], number(&event["deleted_count"]));
        let before = self.chats.get(chat_id).map(|item| number(&item["chat"]["deleted_count"]));
        // The same deletion comes again if a person writes to the row of a deleted message
        // by hand.
        ensure!(
            Some(count) <= before.map(|before| before + 1),
            "deletion {count} of {chat_id} after {before:?}"
        );
        self.change(chat_id, |item| {
            if item["last_message"]["id"] == message["id"] {
                item["last_message"] = message.clone();
            }
            // The count is that of the main line.
            if count > number(&item["chat"]["deleted_count"]) && is_in_main_line(message) {
                item["chat"]["deleted_count"] = json!(count);
                if message["seq"].as_i64() > item["read_seq"].as_i64() {
                    item["unread_count"] = json!(number(&item["unread_count"]) - 1);
                }
            }
        })
    }

    fn read(&mut self, chat_id: &str, read: &Value) -> anyhow::Result<()> {
        let before = self.chats.get(chat_id).and_then(|item| item["read_seq"].as_i64());
        ensure!(read["seq"].as_i64() >= before, "read {read} of {chat_id} after {before:?}");
        let chat = self.chats.get(chat_id).map_or(&Value::Null, |item| &item["chat"]);
        for of in ["last_seq", "last_root_no", "deleted_count"] {
            ensure!(read[of] == chat[of], "{of} of {read} is not that of {chat}");
        }
        self.change(chat_id, |item| {
            item["read_seq"] = read["seq"].clone();
            item["unread_count"] = read["unread_count"].clone();
        })
    }

    fn add(&mut self, id: &str, chat: &Value, member: &Value, last_message: &Value) -> anyhow::Result<()> {
        ensure!(!self.chats.contains_key(id), "I came into {id}, which I am in");
        let item = json!({
            "chat": chat, "member": member, "last_message": last_message, "read_seq": chat["last_seq"],
            "unread_count": 0, "may": [],
        });
        self.chats.insert(id.to_owned(), item);
        Ok(())
    }

    fn replace_chat(&mut self, id: &str, event: &Value) -> anyhow::Result<()> {
        let chat = &event["chat"];
        let before = self.chats.get(id).and_then(|item| item["chat"]["last_seq"].as_i64());
        ensure!(chat["last_seq"].as_i64() == before, "{chat} after message {before:?}");
        self.change(id, |item| item["chat"] = chat.clone())
    }

    fn change(&mut self, id: &str, change: impl FnOnce(&mut Value)) -> anyhow::Result<()> {
        let item = self.chats.get_mut(id);
        change(item.with_context(|| format!("an event of a chat that I am not in: {id}"))?);
        Ok(())
    }
}

/// Sets the count of one emoji, if the reaction is to this message. New ones come last.
fn count_reaction(message: &mut Value, reaction: &Value) {
    if message["id"] != reaction["message_id"] {
        return;
    }
    let mut counts = message["reactions"].as_array().cloned().unwrap_or_default();
    let (emoji, count) = (&reaction["emoji"], &reaction["count"]);
    match counts.iter_mut().find(|of| of["emoji"] == *emoji) {
        Some(of) => of["count"] = count.clone(),
        None => counts.push(json!({ "emoji": emoji, "count": count })),
    }
    counts.retain(|of| of["count"] != 0);
    if counts.is_empty() {
        message.as_object_mut().map(|message| message.remove("reactions"));
    } else {
        message["reactions"] = json!(counts);
    }
}

fn is_in_main_line(message: &Value) -> bool {
    message["root_id"].is_null() || message["also_in_chat"] == true
}

/// Sets the thread of a message, if it is the root.
fn show_thread(message: &mut Value, changed: &Value) {
    if message["id"] != changed["root_id"] {
        return;
    }
    let mut thread = changed.clone();
    if let Some(thread) = thread.as_object_mut() {
        for about_root in ["root_id", "root_seq", "root_sender_id"] {
            thread.remove(about_root);
        }
    }
    message["thread"] = thread;
}

/// Marks the message as pinned, or as pinned no more, if it is this one.
fn set_pin(message: &mut Value, pin: &Value) {
    if message["id"] != pin["message_id"] {
        return;
    }
    if pin["by"].is_null() {
        message.as_object_mut().map(|message| message.remove("pinned"));
    } else {
        message["pinned"] = json!({ "by": pin["by"], "at": pin["at"] });
    }
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use chat_core::event::Audience;
    use chat_server::openapi::events::Event;

    use super::*;

    #[test]
    fn each_kind_of_event_does_what_its_cases_say() {
        let file: Value = serde_json::from_str(include_str!("../../tests/fold_cases.json")).unwrap();
        let mut tried = BTreeSet::new();
        for case in file["cases"].as_array().unwrap() {
            let (name, event) = (&case["name"], &case["event"]);
            let mut folded = state(&file["state"]);
            if case["cannot_come"] == true {
                assert!(folded.apply(event).is_err(), "{name}");
            } else {
                folded.apply(event).unwrap_or_else(|e| panic!("{name}: {e}"));
                let mut after = file["state"].clone();
                for (pointer, value) in case["after"].as_object().unwrap() {
                    let (parent, key) = pointer.rsplit_once('/').unwrap();
                    after.pointer_mut(parent).unwrap()[key] = value.clone();
                }
                folded.may_stale.clear(); // tests/sync.rs holds what becomes stale
                assert_eq!(folded, state(&after), "{name}");
            }
            if let Some(kind) = EventKind::parse(event["type"].as_str().unwrap()) {
                let whole: Event = serde_json::from_value(event.clone()).unwrap();
                assert_eq!(&serde_json::to_value(whole).unwrap(), event, "{name}");
                tried.insert(kind.as_str());
            }
        }
        let kinds = EventKind::ALL.into_iter().filter(|kind| kind.effect().audience != Audience::Nobody);
        assert_eq!(tried, kinds.map(EventKind::as_str).collect());
    }

    fn state(value: &Value) -> State {
        let [chats, threads] = ["chats", "threads"].map(|part| value[part].as_object().unwrap());
        let by_id = |all: &serde_json::Map<String, Value>| {
            all.iter().map(|(id, item)| (id.clone(), item.clone())).collect()
        };
        State {
            user: value["user"].clone(),
            workspace: value["workspace"].clone(),
            chats: by_id(chats),
            threads: by_id(threads),
            has_all_threads: true,
            may_stale: BTreeSet::new(),
        }
    }
}
