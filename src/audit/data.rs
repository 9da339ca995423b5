//! What was asked and what was answered: `requestData` and `responseData`.
//!
//! An ordered list of named values, held in the very bytes that are stored. There is deliberately no
//! way to put bytes in: a value is text, a number, a flag or a list of texts. Sizes are bounded when
//! a value is added, so that a client cannot make an event as large as it likes.
//!
//! Events that other systems performed carry an object of theirs instead, as JSON.

use serde_json::{Map, Value as Json};

use crate::domain::ObjectId;

macro_rules! fields {
    ($($variant:ident = $code:literal, $name:literal, $meaning:literal;)+) => {
        /// A field of an event's data. Codes are stored state: never changed, never reused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Field {
            $(#[doc = concat!("`", $name, "`: ", $meaning)] $variant,)+
        }

        impl Field {
            /// Every field.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code kept in stored events.
            #[must_use]
            pub const fn code(self) -> u8 {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The field with this stored code.
            #[must_use]
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }

            /// The name in JSON.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What it tells, for people.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)+ }
            }
        }
    };
}

fields! {
    Operation = 1, "operation", "asked: the operation, by its name in the standard";
    ProtocolVersion = 2, "protocolVersion", "asked: the version of the message, such as `1.4`";
    BatchItem = 3, "batchItem", "asked: the place of the item in its message, from 0";
    UniqueIdentifier = 4, "uniqueIdentifier", "asked: the key, as the client named it; absent where the ID Placeholder was meant. Answered: the key that was made";
    AttributeNames = 5, "attributeNames", "asked: the attributes that Get Attributes is to give, or that Locate searches by; never their values";
    AttributeName = 6, "attributeName", "asked: the attribute to add, modify or delete; never its value";
    RevocationReason = 7, "revocationReason", "asked: the Revocation Reason Code";
    ObjectType = 8, "objectType", "asked: what Create is to make";
    CryptographicAlgorithm = 9, "cryptographicAlgorithm", "asked: of the key that Create made";
    CryptographicLength = 10, "cryptographicLength", "asked: of the key that Create made, in bits";
    CryptographicUsageMask = 11, "cryptographicUsageMask", "asked: of the key that Create made, the sum of the bits";
    KeyFormatType = 12, "keyFormatType", "asked: the form of the key that Get is to give";
    Count = 14, "count", "how many refusals an event stands for, or how many values the master key wraps";
    ResultStatus = 15, "resultStatus", "answered: `Success`, `Operation Failed`, `Operation Undone`";
    ResultReason = 16, "resultReason", "answered: of a failure, the standard's reason";
    State = 17, "state", "answered: the key's state after the operation";
    ObjectVersion = 18, "objectVersion", "answered: moves with each change of the key's state and material, not with attributes; after the operation";
    LocatedItems = 20, "locatedItems", "answered: how many keys Locate gave";
    Fingerprint = 21, "fingerprint", "of a certificate, or a list of them";
    Label = 22, "label", "of a client, or a list of them";
    Subject = 23, "subject", "of a certificate";
    NotAfter = 24, "notAfter", "when a certificate lapses, in RFC 3339";
    Reason = 25, "reason", "why, in words";
    Window = 26, "window", "the seconds in which refusals were counted";
    Names = 28, "names", "asked: the Names of the key that Create made";
    Instance = 30, "instance", "the name of an instance";
    AttributeIndex = 33, "attributeIndex", "asked: which instance of the attribute";
    Trust = 39, "trust", "why a certificate is trusted: `pinned`, `issued`, `anchored`";
    DaysLeft = 41, "daysLeft", "until a certificate lapses; negative once it has";
    Authority = 42, "authority", "the fingerprint of a CA, or a list of them";
    OthersUntil = 43, "othersUntil", "until when the other certificates of a client count that was given one more, in RFC 3339";
    NextUpdate = 44, "nextUpdate", "when the next list of what a CA has revoked is due, in RFC 3339";
    Revoked = 45, "revoked", "how many certificates a CA's list revokes";
    Epoch = 60, "epoch", "of the trail";
    FirstSequence = 61, "firstSequence", "of the first event that is meant";
    Finding = 62, "finding", "why an epoch begins";
    LastEpoch = 63, "lastEpoch", "the epoch of the last checkpoint that is known";
    LastSealed = 64, "lastSealed", "how many events it seals";
    LastCheckpoint = 65, "lastCheckpoint", "the checkpoint itself";
    LastSequence = 66, "lastSequence", "of the last event that is meant";
    Operations = 80, "operations", "the operations that a client may perform; `all` where none is named";
    Windows = 81, "windows", "the hours in which a client may act; empty: at any time";
    Forced = 83, "forced", "whether an Active key may be destroyed, too";
    RequestedBy = 84, "requestedBy", "the initiator that asked for a destruction";
    Kin = 96, "kin", "the initiator that is or made both who asked for a destruction and who would approve it";
    ApprovedBy = 85, "approvedBy", "the initiator that approved it";
    Due = 86, "due", "when a scheduled destruction is carried out, in RFC 3339";
    Keys = 87, "keys", "how many keys that were not destroyed an instance had";
    Denied = 82, "denied", "the operations that an instance forbids all of its clients";
    Recipient = 90, "recipient", "the id of the key that a backup is sealed to";
    Bytes = 91, "bytes", "how long a backup is";
    MasterKeyIncluded = 92, "masterKeyIncluded", "whether a backup, or what is prepared for a node, holds the file of the master key";
    BackupTime = 93, "backupTime", "when a backup was made, in RFC 3339";
    Missing = 94, "missing", "how many events are known to have come after a backup";
    Event = 95, "event", "the id of the event that is done again";
    MovedFrom = 97, "movedFrom", "where the database was: `sqlite`, or the URL of a server";
    MovedTo = 98, "movedTo", "where it is now, likewise";
    Provider = 71, "provider", "of the master key";
    RecoveryKey = 72, "recoveryKey", "what tells a recovery key, as its shares have it";
    Threshold = 73, "threshold", "how many shares of a recovery key are needed";
    Shares = 74, "shares", "how many shares of a recovery key there are";
    Node = 100, "node", "the number of a node";
    Change = 120, "change", "of an API key: `add` or `remove`";
    Role = 121, "role", "of an administrator: `reader`, `operator` or `administrator`";
    Expires = 122, "expires", "when an API key ends, in RFC 3339";
}

/// Named values in the order they were added; none at all is `{}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Data(Vec<u8>);

/// A value as it lies in [`Data`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Text(&'a str),
    Number(i64),
    Flag(bool),
    List(List<'a>),
    Id(ObjectId),
    /// The target key's identifier; in stored records only.
    Target,
}

/// The elements of a list, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct List<'a> {
    pub(super) count: usize,
    bytes: &'a [u8],
}

// Stored state: changing these needs a migration and a new format version.
const TEXT: u8 = 0;
const NUMBER: u8 = 1;
const NO: u8 = 2;
const YES: u8 = 3;
const LIST: u8 = 4;
const ID: u8 = 5;
const TARGET: u8 = 6;
/// Begins data that is an object of another system; no field has the code 0.
const OBJECT: [u8; 2] = [0, 7];

/// The length of an identifier as text.
const ID_TEXT_BYTES: usize = 36;

/// The mark that something was cut.
pub(super) const CUT: &str = "…";

impl Data {
    /// The most bytes kept of one text, before the mark `…` that says it was cut.
    pub const TEXT_BYTES_MAX: usize = 1024;
    /// The most elements kept of one list, before a last element `…`.
    pub const LIST_ITEMS_MAX: usize = 256;
    /// The most bytes kept of one element of a list.
    pub const ITEM_BYTES_MAX: usize = 256;
    /// The most bytes of all values together; what is added beyond them is left out.
    pub const BYTES_MAX: usize = 64 * 1024;

    /// No values.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// An object that another system gave, in place of named values: nothing may be added to it, and it is written as it is. Who records
    /// it sees to it that the event fits [`super::Event::BYTES_MAX`].
    #[must_use]
    pub fn object(object: &Map<String, Json>) -> Self {
        if object.is_empty() {
            return Self::new();
        }
        let text = serde_json::to_string(object).expect("values of JSON with names are JSON");
        let mut data = OBJECT.to_vec();
        push_text(&mut data, &text);
        Self(data)
    }

    /// The object of another system as JSON, if this is one.
    pub(super) fn as_object(&self) -> Option<&str> {
        let mut rest = self.0.strip_prefix(&OBJECT)?;
        take_text(&mut rest)
    }

    /// Whether there are no values.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a text.
    #[must_use]
    pub fn text(mut self, field: Field, text: impl AsRef<str>) -> Self {
        let text = text.as_ref();
        if self.is_full() {
            return self;
        }
        // An identifier of ours takes 16 bytes instead of 36.
        if text.len() == ID_TEXT_BYTES
            && let Ok(id) = text.parse::<ObjectId>()
        {
            return self.id(field, id);
        }
        self.0.extend_from_slice(&[field.code(), TEXT]);
        push_cut_text(&mut self.0, text, Self::TEXT_BYTES_MAX);
        self
    }

    /// Adds the identifier of a key.
    #[must_use]
    pub fn id(mut self, field: Field, id: ObjectId) -> Self {
        if !self.is_full() {
            self.0.extend_from_slice(&[field.code(), ID]);
            self.0.extend_from_slice(id.as_bytes());
        }
        self
    }

    /// Adds a number.
    #[must_use]
    pub fn number(mut self, field: Field, number: i64) -> Self {
        if !self.is_full() {
            self.0.extend_from_slice(&[field.code(), NUMBER]);
            push_varint(&mut self.0, zigzag(number));
        }
        self
    }

    /// Adds a flag.
    #[must_use]
    pub fn flag(mut self, field: Field, flag: bool) -> Self {
        if !self.is_full() {
            self.0
                .extend_from_slice(&[field.code(), if flag { YES } else { NO }]);
        }
        self
    }

    /// Adds a list of texts.
    #[must_use]
    pub fn list<T: AsRef<str>>(mut self, field: Field, items: impl IntoIterator<Item = T>) -> Self {
        if self.is_full() {
            return self;
        }
        let mut elements = Vec::new();
        let mut count = 0_u64;
        for (index, item) in items.into_iter().enumerate() {
            count += 1;
            if index == Self::LIST_ITEMS_MAX {
                push_cut_text(&mut elements, CUT, Self::ITEM_BYTES_MAX);
                break;
            }
            push_cut_text(&mut elements, item.as_ref(), Self::ITEM_BYTES_MAX);
        }
        self.0.extend_from_slice(&[field.code(), LIST]);
        push_varint(&mut self.0, count);
        self.0.extend_from_slice(&elements);
        self
    }

    /// Adds the values of another.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        if !self.is_full() {
            self.0.extend_from_slice(&other.0);
        }
        self
    }

    fn is_full(&self) -> bool {
        self.0.len() >= Self::BYTES_MAX
    }

    /// The values in order. What is held was checked when it was added or decoded, so the iteration
    /// ends at the first value that is not whole rather than report it.
    pub(super) fn values(&self) -> impl Iterator<Item = (Field, Value<'_>)> {
        let mut rest = self.0.as_slice();
        std::iter::from_fn(move || take_value(&mut rest))
    }

    /// Appends the stored form; the key's identifier, where it is the target's, takes two bytes.
    pub(super) fn encode(&self, target: Option<&ObjectId>, out: &mut Vec<u8>) {
        if self.as_object().is_some() {
            return out.extend_from_slice(&self.0);
        }
        let mut rest = self.0.as_slice();
        while let (before, Some((field, value))) = (rest, take_value(&mut rest)) {
            match value {
                Value::Id(id) if Some(&id) == target => {
                    out.extend_from_slice(&[field.code(), TARGET]);
                }
                Value::Text(_)
                | Value::Number(_)
                | Value::Flag(_)
                | Value::List(_)
                | Value::Id(_)
                | Value::Target => {
                    let length = before.len() - rest.len();
                    out.extend_from_slice(before.get(..length).unwrap_or_default());
                }
            }
        }
    }

    /// The values of a stored form, or nothing if it is damaged.
    pub(super) fn decode(mut bytes: &[u8], target: Option<&ObjectId>) -> Option<Self> {
        if let Some(mut object) = bytes.strip_prefix(&OBJECT) {
            let text = take_text(&mut object)?;
            let is_whole =
                object.is_empty() && serde_json::from_str::<Map<String, Json>>(text).is_ok();
            return is_whole.then(|| Self(bytes.to_vec()));
        }
        let mut data = Vec::with_capacity(bytes.len() + 32);
        while !bytes.is_empty() {
            let before = bytes;
            let (field, value) = take_value(&mut bytes)?;
            if value == Value::Target {
                data.extend_from_slice(&[field.code(), ID]);
                data.extend_from_slice(target?.as_bytes());
            } else {
                data.extend_from_slice(before.get(..before.len() - bytes.len())?);
            }
        }
        Some(Self(data))
    }
}

impl<'a> List<'a> {
    pub(super) fn items(self) -> impl Iterator<Item = &'a str> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || take_text(&mut rest))
    }
}

fn take_value<'a>(rest: &mut &'a [u8]) -> Option<(Field, Value<'a>)> {
    let (&[code, tag], tail) = rest.split_first_chunk::<2>()?;
    *rest = tail;
    let field = Field::from_code(code)?;
    let value = match tag {
        TEXT => Value::Text(take_text(rest)?),
        NUMBER => Value::Number(unzigzag(take_varint(rest)?)),
        NO => Value::Flag(false),
        YES => Value::Flag(true),
        LIST => Value::List(take_list(rest)?),
        ID => Value::Id(ObjectId::from_bytes(take_array(rest)?)),
        TARGET => Value::Target,
        _ => return None,
    };
    Some((field, value))
}

fn take_list<'a>(rest: &mut &'a [u8]) -> Option<List<'a>> {
    let count = usize::try_from(take_varint(rest)?).ok()?;
    let before = *rest;
    for _ in 0..count {
        take_text(rest)?;
    }
    Some(List {
        count,
        bytes: before.get(..before.len() - rest.len())?,
    })
}

pub(super) fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(take_varint(rest)?).ok()?;
    let (text, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    std::str::from_utf8(text).ok()
}

pub(super) fn take_array<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (array, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*array)
}

pub(super) fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let [byte] = take_array(rest)?;
        let part = u64::from(byte & 0x7f);
        if shift == 63 && part > 1 {
            return None;
        }
        number |= part << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

pub(super) fn push_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).unwrap_or(0) | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap_or(0));
}

pub(super) fn push_text(out: &mut Vec<u8>, text: &str) {
    push_varint(out, u64::try_from(text.len()).unwrap_or(u64::MAX));
    out.extend_from_slice(text.as_bytes());
}

fn push_cut_text(out: &mut Vec<u8>, text: &str, bytes_max: usize) {
    if text.len() <= bytes_max {
        return push_text(out, text);
    }
    let kept = cut(text, bytes_max);
    push_varint(
        out,
        u64::try_from(kept.len() + CUT.len()).unwrap_or(u64::MAX),
    );
    out.extend_from_slice(kept.as_bytes());
    out.extend_from_slice(CUT.as_bytes());
}

/// The longest start of `text` of at most `bytes_max` bytes that ends between two characters.
pub(super) fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = bytes_max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

const fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}
