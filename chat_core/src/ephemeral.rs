//! What is true only now, such as that a member is typing. It is in no log: it has no id, may be
//! lost, and is never sent again. [`EphemeralKind`] names what clients are told. A [`Notice`] is
//! what a chat_server tells the notify_servers, by a NOTIFY.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{ChatId, UserId, WorkspaceId};

/// The NOTIFY channel. A payload is a [`Notice`] as JSON.
pub const CHANNEL: &str = "parlor_ephemeral";

/// For how long a client shows that a member is typing, unless it is told so again.
pub const TYPING_SECONDS: u32 = 6;

/// The most chats and users that a stream can name. Both fit into one NOTIFY, whose payload has
/// less than 8,000 bytes.
pub const INTEREST_CHATS_MAX: usize = 50;
pub const INTEREST_USERS_MAX: usize = 200;

/// What clients are told. `as_str` is the `event:` line of a frame and the `type` in its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EphemeralKind {
    Typing,
}

impl EphemeralKind {
    pub const ALL: [Self; 1] = [Self::Typing];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Typing => "typing",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What a chat_server tells the notify_servers. It carries ids and no text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    Typing(Typing),
    Interest(Interest),
}

/// A member of a chat began to type there, goes on, or stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Typing {
    pub workspace: WorkspaceId,
    pub chat: ChatId,
    pub user: UserId,
    pub is_typing: bool,
}

/// What one stream of a user wants to be told. It replaces what the stream wanted before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Packed", try_from = "Packed")]
pub struct Interest {
    pub workspace: WorkspaceId,
    pub user: UserId,
    pub stream: StreamId,
    /// None: all chats of the user.
    pub chats: Option<Vec<ChatId>>,
    pub users: Vec<UserId>,
}

/// Names a stream towards its client. It cannot be guessed, and means nothing on another server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamId(u64);

impl StreamId {
    /// Sixteen hexadecimal digits.
    pub const DIGITS: usize = 16;

    pub fn random() -> Self {
        Self(rand::random())
    }

    /// Spreads periodic work over the streams.
    pub fn spread(self) -> u64 {
        self.0
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The text is no stream id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a stream")]
pub struct NotAStreamId;

impl FromStr for StreamId {
    type Err = NotAStreamId;

    fn from_str(text: &str) -> Result<Self, NotAStreamId> {
        let is_hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if text.len() != Self::DIGITS || !is_hex {
            return Err(NotAStreamId);
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| NotAStreamId)
    }
}

impl Serialize for StreamId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StreamId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// An [`Interest`] in few bytes: a list of ids is the base64 of their bytes.
#[derive(Serialize, Deserialize)]
struct Packed {
    workspace: WorkspaceId,
    user: UserId,
    stream: StreamId,
    chats: Option<String>,
    users: String,
}

impl From<Interest> for Packed {
    fn from(interest: Interest) -> Self {
        let Interest { workspace, user, stream, chats, users } = interest;
        let chats = chats.map(|chats| pack(chats.iter().map(|chat| chat.0)));
        Self { workspace, user, stream, chats, users: pack(users.iter().map(|user| user.0)) }
    }
}

impl TryFrom<Packed> for Interest {
    type Error = NotIds;

    fn try_from(packed: Packed) -> Result<Self, NotIds> {
        let Packed { workspace, user, stream, chats, users } = packed;
        let chats = chats.map(|chats| unpack(&chats)).transpose()?;
        Ok(Self { workspace, user, stream, chats, users: unpack(&users)? })
    }
}

/// The text is no packed list of ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a list of ids")]
pub struct NotIds;

fn pack(ids: impl Iterator<Item = Uuid>) -> String {
    let bytes: Vec<u8> = ids.flat_map(Uuid::into_bytes).collect();
    URL_SAFE_NO_PAD.encode(bytes)
}

fn unpack<T: From<Uuid>>(text: &str) -> Result<Vec<T>, NotIds> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| NotIds)?;
    let (ids, rest) = bytes.as_chunks::<16>();
    if rest.is_empty() {
        Ok(ids.iter().map(|id| Uuid::from_bytes(*id).into()).collect())
    } else {
        Err(NotIds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Postgres refuses a payload of 8,000 bytes, and with it all others of its transaction.
    const PAYLOAD_MAX: usize = 7900;

    fn interest(chats: Option<usize>, users: usize) -> Notice {
        Notice::Interest(Interest {
            workspace: WorkspaceId::generate(),
            user: UserId::generate(),
            stream: StreamId::random(),
            chats: chats.map(|count| (0..count).map(|_| ChatId::generate()).collect()),
            users: (0..users).map(|_| UserId::generate()).collect(),
        })
    }

    #[test]
    fn a_notice_fits_into_a_notify_and_is_read_back() {
        let typing = Typing {
            workspace: WorkspaceId::generate(),
            chat: ChatId::generate(),
            user: UserId::generate(),
            is_typing: true,
        };
        let largest = interest(Some(INTEREST_CHATS_MAX), INTEREST_USERS_MAX);
        for notice in [Notice::Typing(typing), interest(None, 0), interest(Some(0), 1), largest] {
            let text = serde_json::to_string(&notice).unwrap();
            assert!(text.len() < PAYLOAD_MAX, "{}", text.len());
            assert_eq!(serde_json::from_str::<Notice>(&text).unwrap(), notice);
        }
    }

    #[test]
    fn what_is_no_notice_is_refused() {
        let good = serde_json::to_string(&interest(Some(1), 1)).unwrap();
        for (part, broken) in
            [("\"chats\":\"", "\"chats\":\"A"), ("\"stream\":\"", "\"stream\":\"0"), ("interest", "dance")]
        {
            assert!(good.contains(part));
            assert!(serde_json::from_str::<Notice>(&good.replacen(part, broken, 1)).is_err(), "{broken}");
        }
    }

    #[test]
    fn a_stream_id_has_one_spelling() {
        let id = StreamId::random();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(StreamId(10).to_string(), "000000000000000a");
        for text in ["", "a", "000000000000000A", "+00000000000000a", "000000000000000a0", "é000000000000a"]
        {
            assert_eq!(text.parse::<StreamId>(), Err(NotAStreamId), "{text}");
        }
    }

    #[test]
    fn each_kind_has_a_name_that_no_event_has() {
        for kind in EphemeralKind::ALL {
            assert_eq!(EphemeralKind::parse(kind.as_str()), Some(kind));
            assert_eq!(crate::EventKind::parse(kind.as_str()), None);
            assert!(!crate::event::control::ALL.contains(&kind.as_str()));
        }
        assert_eq!(EphemeralKind::ALL.len(), EphemeralKind::Typing as usize + 1);
    }
}
