//! What the stream sends, as schemas. The database's triggers write the events and notify_server
//! writes the control frames; tests/contract.rs compares real ones with these types.

use chat_core::{
    ChatId, EventKind, MessageId, SessionId, Timestamp, UserId,
    ephemeral::EphemeralKind,
    event::control::{self, ResetReason},
    text::Emoji,
};
use serde::{Deserialize, Serialize};
use utoipa::{
    ToSchema,
    openapi::{
        Components, Ref, RefOr, Schema,
        extensions::ExtensionsBuilder,
        schema::{Discriminator, Object},
    },
};

use crate::db::{
    chats::Chat,
    members::{Member, ReadPosition},
    messages::{Message, threads::ThreadState},
    users::User,
    workspaces::Workspace,
};

/// What happened: the `data` of a frame of the stream. Ignore types and fields that you do not
/// know. The extension `x-changes-may` names whose permissions an event can change: those of
/// everyone in the chat (`chat`), of the member that it is about (`member`), or of the user that it
/// is about, in every chat (`user`).
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type")]
pub enum Event {
    /// A message was sent.
    #[serde(rename = "message.new")]
    MessageNew {
        at: Timestamp,
        chat_id: ChatId,
        message: Message,
        /// There if the message is a reply: its thread as it is now.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        thread: Option<ChangedThread>,
    },
    /// A message has another text.
    #[serde(rename = "message.edited")]
    MessageEdited { at: Timestamp, chat_id: ChatId, message: Message },
    /// A message is deleted: its place stays, its text is empty.
    #[serde(rename = "message.deleted")]
    MessageDeleted {
        at: Timestamp,
        chat_id: ChatId,
        message: Message,
        /// The `deleted_count` of the chat with this one. An unread message is no longer unread:
        /// take one off, unless the count of the chat was as high before. A reply that is not in the
        /// main line leaves the count as it is.
        deleted_count: i64,
        /// There if the message was a reply: its thread as it is now.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        thread: Option<ChangedThread>,
    },
    /// A member reacted to a message.
    #[serde(rename = "reaction.added")]
    ReactionAdded { at: Timestamp, chat_id: ChatId, reaction: ChangedReaction },
    /// A member took a reaction back.
    #[serde(rename = "reaction.removed")]
    ReactionRemoved { at: Timestamp, chat_id: ChatId, reaction: ChangedReaction },
    /// A message is pinned.
    #[serde(rename = "message.pinned")]
    MessagePinned { at: Timestamp, chat_id: ChatId, pin: NewPin },
    /// A message is pinned no more.
    #[serde(rename = "message.unpinned")]
    MessageUnpinned { at: Timestamp, chat_id: ChatId, pin: MessagePlace },
    /// The user keeps a message for later, for their other devices.
    #[serde(rename = "message.saved")]
    MessageSaved { at: Timestamp, chat_id: ChatId, saved: NewSaved },
    /// The user keeps a message no more, for their other devices.
    #[serde(rename = "message.unsaved")]
    MessageUnsaved { at: Timestamp, chat_id: ChatId, saved: MessagePlace },
    /// The user follows a thread, follows it no more, or has read on, for their other devices.
    #[serde(rename = "thread.updated")]
    ThreadUpdated { at: Timestamp, chat_id: ChatId, thread: ThreadState },
    /// A chat is new. For its first members, whose joining is not told one by one.
    #[serde(rename = "chat.created")]
    ChatCreated { at: Timestamp, chat_id: ChatId, chat: Chat, members: Vec<Member> },
    /// A chat has another name, description or `auto_join`.
    #[serde(rename = "chat.updated")]
    ChatUpdated { at: Timestamp, chat_id: ChatId, chat: Chat },
    /// A chat and its messages are gone.
    #[serde(rename = "chat.deleted")]
    ChatDeleted { at: Timestamp, chat_id: ChatId, chat: DeletedChat },
    /// How far the user has read, for their other devices.
    #[serde(rename = "chat.read")]
    ChatRead { at: Timestamp, chat_id: ChatId, read: ReadPosition },
    /// A member came into the chat, which is shown as it is with them.
    #[serde(rename = "member.joined")]
    MemberJoined {
        at: Timestamp,
        chat_id: ChatId,
        chat: Chat,
        member: Member,
        /// For the member who joined, to whom the chat is new: what a list shows of it. Null where
        /// nothing is.
        last_message: Option<Message>,
    },
    /// A member left or was removed.
    #[serde(rename = "member.left")]
    MemberLeft { at: Timestamp, chat_id: ChatId, chat: Chat, member: Member },
    /// A member has another role.
    #[serde(rename = "member.updated")]
    MemberUpdated { at: Timestamp, chat_id: ChatId, chat: Chat, member: Member },
    /// A user is new in the workspace.
    #[serde(rename = "user.joined")]
    UserJoined { at: Timestamp, user: User },
    /// A user has another name, role or e-mail address, or is active again.
    #[serde(rename = "user.updated")]
    UserUpdated { at: Timestamp, user: User },
    /// A user is deactivated. Their own streams end here.
    #[serde(rename = "user.deactivated")]
    UserDeactivated { at: Timestamp, user: User },
    /// The workspace has another name.
    #[serde(rename = "workspace.updated")]
    WorkspaceUpdated { at: Timestamp, workspace: Workspace },
    /// A sign-in of the user was ended. Its own streams end here.
    #[serde(rename = "session.revoked")]
    SessionRevoked { at: Timestamp, session: RevokedSession },
}

/// A frame about the stream itself. It is in no log, and carries a cursor like an event.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ControlFrame {
    /// The first frame of each stream.
    Connected {
        at: Timestamp,
        /// Whether the stream goes on from the cursor that the client sent.
        resumed: bool,
        /// Names this stream in `PUT /api/streams/{stream_id}/interest`, until it ends.
        stream_id: String,
    },
    /// Sent while nothing else is.
    Heartbeat { at: Timestamp },
    /// The stream cannot go on from the client's cursor: take a new snapshot.
    Reset { at: Timestamp, reason: ResetReason },
}

/// What is true only now. It is in no log: its frame has no id, may be lost, and is never sent again.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EphemeralEvent {
    /// Another member of a chat types there, or stopped.
    Typing {
        at: Timestamp,
        chat_id: ChatId,
        user_id: UserId,
        /// False: they stopped.
        is_typing: bool,
        /// How long to show it, unless it comes again.
        seconds: u32,
    },
}

/// A reaction that was given or taken back, and how often its emoji is on the message now.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ChangedReaction {
    pub message_id: MessageId,
    /// The message's place in its chat.
    pub seq: i64,
    pub user_id: UserId,
    pub emoji: Emoji,
    /// 0: the message has it no more.
    pub count: i64,
}

/// A message that is pinned, by whom and since when.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct NewPin {
    pub message_id: MessageId,
    /// The message's place in its chat.
    pub seq: i64,
    pub by: UserId,
    pub at: Timestamp,
}

/// A message that is kept for later, and since when.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct NewSaved {
    pub message_id: MessageId,
    /// The message's place in its chat.
    pub seq: i64,
    pub at: Timestamp,
}

/// A message, and its place in its chat.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct MessagePlace {
    pub message_id: MessageId,
    pub seq: i64,
}

/// A thread after a reply came or was deleted.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ChangedThread {
    /// The message that it is about, and that one's place in the chat and sender.
    pub root_id: MessageId,
    pub root_seq: i64,
    pub root_sender_id: UserId,
    /// The rest as on the root itself.
    pub reply_count: i64,
    pub last_no: i64,
    pub deleted_count: i64,
    pub last_reply_at: Timestamp,
    pub participants: Vec<UserId>,
}

/// What is left of a deleted chat.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct DeletedChat {
    pub id: ChatId,
}

/// The session that is over.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RevokedSession {
    pub id: SessionId,
}

/// Moves each variant into a schema of its own name (`MessageNewEvent`), so that generated clients
/// have a type for it.
pub fn name_variants(components: &mut Components) {
    let kinds = EventKind::ALL.map(|kind| (kind.as_str(), kind.effect().changes_may.as_str()));
    name_variants_of(components, "Event", &kinds);
    name_variants_of(components, "ControlFrame", &control::ALL.map(|kind| (kind, None)));
    name_variants_of(components, "EphemeralEvent", &EphemeralKind::ALL.map(|kind| (kind.as_str(), None)));
}

/// `kinds` are the values of `type`, each with its `x-changes-may`.
fn name_variants_of(components: &mut Components, union: &str, kinds: &[(&str, Option<&str>)]) {
    let mut named = Vec::new();
    if let Some(RefOr::T(Schema::OneOf(one_of))) = components.schemas.get_mut(union) {
        let mut discriminator = Discriminator::new("type");
        for variant in &mut one_of.items {
            let RefOr::T(Schema::Object(object)) = variant else { continue };
            let Some((kind, changes_may)) = kinds.iter().find(|(kind, _)| is_of_kind(object, kind)) else {
                continue;
            };
            if let Some(whose) = changes_may {
                object.extensions = Some(ExtensionsBuilder::new().add("x-changes-may", *whose).build());
            }
            let name = schema_name(kind, union);
            let reference = Ref::from_schema_name(&name);
            discriminator.mapping.insert((*kind).to_owned(), reference.ref_location.clone());
            named.push((name, std::mem::replace(variant, RefOr::Ref(reference))));
        }
        one_of.discriminator = Some(discriminator);
    }
    components.schemas.extend(named);
}

fn is_of_kind(variant: &Object, kind: &str) -> bool {
    match variant.properties.get("type") {
        Some(RefOr::T(Schema::Object(of))) => of.enum_values.iter().flatten().any(|value| value == kind),
        _ => false,
    }
}

/// `message.new` of `Event` is `MessageNewEvent`, `reset` of `ControlFrame` is `ResetFrame`, `typing` of
/// `EphemeralEvent` is `TypingEvent`.
fn schema_name(kind: &str, union: &str) -> String {
    let capitalized = kind.split('.').map(|word| word[..1].to_uppercase() + &word[1..]);
    capitalized.collect::<String>() + union.trim_start_matches("Control").trim_start_matches("Ephemeral")
}
