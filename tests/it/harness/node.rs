//! A TTLV item as an owned tree, and the numbers of the standard that tests use.

use ttlv::{Item, ItemType, Tag, Writer};

/// An item.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) tag: u32,
    pub(crate) content: Content,
}

/// What an item holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    Structure(Vec<Node>),
    Integer(i32),
    LongInteger(i64),
    BigInteger(Vec<u8>),
    Enumeration(u32),
    Boolean(bool),
    Text(String),
    Bytes(Vec<u8>),
    DateTime(i64),
    Interval(u32),
    DateTimeExtended(i64),
}

impl Node {
    pub(crate) fn structure(tag: u32, children: Vec<Self>) -> Self {
        Self {
            tag,
            content: Content::Structure(children),
        }
    }

    pub(crate) fn integer(tag: u32, value: i32) -> Self {
        Self {
            tag,
            content: Content::Integer(value),
        }
    }

    pub(crate) fn enumeration(tag: u32, value: u32) -> Self {
        Self {
            tag,
            content: Content::Enumeration(value),
        }
    }

    pub(crate) fn text(tag: u32, value: &str) -> Self {
        Self {
            tag,
            content: Content::Text(value.to_owned()),
        }
    }

    pub(crate) fn bytes(tag: u32, value: &[u8]) -> Self {
        Self {
            tag,
            content: Content::Bytes(value.to_vec()),
        }
    }

    /// Reads one whole message.
    pub(crate) fn decode(bytes: &[u8]) -> Self {
        let item = ttlv::read(bytes).expect("a TTLV item");
        item.check(32, &mut 100_000).expect("a well-formed message");
        Self::from_item(&item)
    }

    fn from_item(item: &Item<'_>) -> Self {
        let content = match item.value.item_type() {
            ItemType::Structure => {
                let children = item.structure().unwrap().items();
                Content::Structure(
                    children
                        .map(|child| Self::from_item(&child.unwrap()))
                        .collect(),
                )
            }
            ItemType::Integer => Content::Integer(item.integer().unwrap()),
            ItemType::LongInteger => Content::LongInteger(item.long_integer().unwrap()),
            ItemType::BigInteger => Content::BigInteger(item.big_integer().unwrap().to_vec()),
            ItemType::Enumeration => Content::Enumeration(item.enumeration().unwrap()),
            ItemType::Boolean => Content::Boolean(item.boolean().unwrap()),
            ItemType::TextString => Content::Text(item.text().unwrap().to_owned()),
            ItemType::ByteString => Content::Bytes(item.byte_string().unwrap().to_vec()),
            ItemType::DateTime => Content::DateTime(item.date_time().unwrap()),
            ItemType::Interval => Content::Interval(item.interval().unwrap()),
            ItemType::DateTimeExtended => {
                Content::DateTimeExtended(item.date_time_extended().unwrap())
            }
        };
        Self {
            tag: item.tag.code(),
            content,
        }
    }

    /// The children of a structure, to be changed.
    #[track_caller]
    pub(crate) fn children_mut(&mut self) -> &mut Vec<Self> {
        match &mut self.content {
            Content::Structure(children) => children,
            other => panic!("no structure: {other:?}"),
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        self.write(&mut writer);
        writer.into_bytes()
    }

    fn write(&self, writer: &mut Writer) {
        let tag = Tag::new(self.tag);
        match &self.content {
            Content::Structure(children) => writer.structure(tag, |writer| {
                children.iter().for_each(|child| child.write(writer));
            }),
            Content::Integer(value) => writer.integer(tag, *value),
            Content::LongInteger(value) => writer.long_integer(tag, *value),
            Content::BigInteger(value) => writer.big_integer(tag, value),
            Content::Enumeration(value) => writer.enumeration(tag, *value),
            Content::Boolean(value) => writer.boolean(tag, *value),
            Content::Text(value) => writer.text(tag, value),
            Content::Bytes(value) => writer.byte_string(tag, value),
            Content::DateTime(value) => writer.date_time(tag, *value),
            Content::Interval(value) => writer.interval(tag, *value),
            Content::DateTimeExtended(value) => writer.date_time_extended(tag, *value),
        }
    }

    /// The items inside, none where this is no structure.
    pub(crate) fn children(&self) -> &[Self] {
        match &self.content {
            Content::Structure(children) => children,
            _ => &[],
        }
    }

    pub(crate) fn child(&self, tag: u32) -> Option<&Self> {
        self.children().iter().find(|child| child.tag == tag)
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_integer(&self) -> Option<i32> {
        match self.content {
            Content::Integer(value) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn as_enumeration(&self) -> Option<u32> {
        match self.content {
            Content::Enumeration(value) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn as_bytes(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Bytes(value) => Some(value),
            _ => None,
        }
    }
}

/// Tags (KMIP 1.4 §9.1.3.1).
pub(crate) mod tag {
    pub(crate) const APPLICATION_NAMESPACE: u32 = 0x42_0003;
    pub(crate) const ATTRIBUTE: u32 = 0x42_0008;
    pub(crate) const ATTRIBUTE_INDEX: u32 = 0x42_0009;
    pub(crate) const ATTRIBUTE_NAME: u32 = 0x42_000a;
    pub(crate) const ATTRIBUTE_VALUE: u32 = 0x42_000b;
    pub(crate) const AUTHENTICATION: u32 = 0x42_000c;
    pub(crate) const BATCH_COUNT: u32 = 0x42_000d;
    pub(crate) const BATCH_ERROR_CONTINUATION_OPTION: u32 = 0x42_000e;
    pub(crate) const BATCH_ITEM: u32 = 0x42_000f;
    pub(crate) const CREDENTIAL: u32 = 0x42_0023;
    pub(crate) const CREDENTIAL_TYPE: u32 = 0x42_0024;
    pub(crate) const CREDENTIAL_VALUE: u32 = 0x42_0025;
    pub(crate) const CRITICALITY_INDICATOR: u32 = 0x42_0026;
    pub(crate) const CRYPTOGRAPHIC_ALGORITHM: u32 = 0x42_0028;
    pub(crate) const CRYPTOGRAPHIC_LENGTH: u32 = 0x42_002a;
    pub(crate) const DIGEST_VALUE: u32 = 0x42_0035;
    pub(crate) const ENCRYPTION_KEY_INFORMATION: u32 = 0x42_0036;
    pub(crate) const KEY_BLOCK: u32 = 0x42_0040;
    pub(crate) const KEY_FORMAT_TYPE: u32 = 0x42_0042;
    pub(crate) const KEY_MATERIAL: u32 = 0x42_0043;
    pub(crate) const KEY_VALUE: u32 = 0x42_0045;
    pub(crate) const KEY_WRAPPING_SPECIFICATION: u32 = 0x42_0047;
    pub(crate) const MAXIMUM_ITEMS: u32 = 0x42_004f;
    pub(crate) const MAXIMUM_RESPONSE_SIZE: u32 = 0x42_0050;
    pub(crate) const MESSAGE_EXTENSION: u32 = 0x42_0051;
    pub(crate) const LINK_TYPE: u32 = 0x42_004b;
    pub(crate) const LINKED_OBJECT_IDENTIFIER: u32 = 0x42_004c;
    pub(crate) const NAME_TYPE: u32 = 0x42_0054;
    pub(crate) const NAME_VALUE: u32 = 0x42_0055;
    pub(crate) const OBJECT_TYPE: u32 = 0x42_0057;
    pub(crate) const OPERATION: u32 = 0x42_005c;
    pub(crate) const PROTOCOL_VERSION: u32 = 0x42_0069;
    pub(crate) const PROTOCOL_VERSION_MAJOR: u32 = 0x42_006a;
    pub(crate) const PROTOCOL_VERSION_MINOR: u32 = 0x42_006b;
    pub(crate) const QUERY_FUNCTION: u32 = 0x42_0074;
    pub(crate) const REQUEST_HEADER: u32 = 0x42_0077;
    pub(crate) const REQUEST_MESSAGE: u32 = 0x42_0078;
    pub(crate) const REQUEST_PAYLOAD: u32 = 0x42_0079;
    pub(crate) const RESPONSE_HEADER: u32 = 0x42_007a;
    pub(crate) const RESPONSE_MESSAGE: u32 = 0x42_007b;
    pub(crate) const RESPONSE_PAYLOAD: u32 = 0x42_007c;
    pub(crate) const RESULT_MESSAGE: u32 = 0x42_007d;
    pub(crate) const RESULT_REASON: u32 = 0x42_007e;
    pub(crate) const RESULT_STATUS: u32 = 0x42_007f;
    pub(crate) const REVOCATION_MESSAGE: u32 = 0x42_0080;
    pub(crate) const REVOCATION_REASON: u32 = 0x42_0081;
    pub(crate) const REVOCATION_REASON_CODE: u32 = 0x42_0082;
    pub(crate) const STORAGE_STATUS_MASK: u32 = 0x42_008e;
    pub(crate) const SYMMETRIC_KEY: u32 = 0x42_008f;
    pub(crate) const TEMPLATE_ATTRIBUTE: u32 = 0x42_0091;
    pub(crate) const UNIQUE_BATCH_ITEM_ID: u32 = 0x42_0093;
    pub(crate) const UNIQUE_IDENTIFIER: u32 = 0x42_0094;
    pub(crate) const USERNAME: u32 = 0x42_0099;
    pub(crate) const VENDOR_EXTENSION: u32 = 0x42_009c;
    pub(crate) const VENDOR_IDENTIFICATION: u32 = 0x42_009d;
    pub(crate) const WRAPPING_METHOD: u32 = 0x42_009e;
    pub(crate) const PASSWORD: u32 = 0x42_00a1;
    pub(crate) const ALTERNATIVE_NAME_VALUE: u32 = 0x42_00c0;
    pub(crate) const ALTERNATIVE_NAME_TYPE: u32 = 0x42_00c1;
    pub(crate) const OBJECT_GROUP_MEMBER: u32 = 0x42_00ac;
    pub(crate) const OFFSET_ITEMS: u32 = 0x42_00d4;
    pub(crate) const LOCATED_ITEMS: u32 = 0x42_00d5;
    pub(crate) const RNG_PARAMETERS: u32 = 0x42_00d9;
    pub(crate) const CAPABILITY_INFORMATION: u32 = 0x42_00f7;
}

/// Operations (KMIP 1.4 §9.1.3.2.27).
pub(crate) mod op {
    pub(crate) const CREATE: u32 = 0x01;
    pub(crate) const LOCATE: u32 = 0x08;
    pub(crate) const GET: u32 = 0x0a;
    pub(crate) const GET_ATTRIBUTES: u32 = 0x0b;
    pub(crate) const GET_ATTRIBUTE_LIST: u32 = 0x0c;
    pub(crate) const ADD_ATTRIBUTE: u32 = 0x0d;
    pub(crate) const MODIFY_ATTRIBUTE: u32 = 0x0e;
    pub(crate) const DELETE_ATTRIBUTE: u32 = 0x0f;
    pub(crate) const ACTIVATE: u32 = 0x12;
    pub(crate) const REVOKE: u32 = 0x13;
    pub(crate) const DESTROY: u32 = 0x14;
    pub(crate) const QUERY: u32 = 0x18;
    pub(crate) const DISCOVER_VERSIONS: u32 = 0x1e;
}

/// Result Reasons (KMIP 1.4 §9.1.3.2.29).
pub(crate) mod reason {
    pub(crate) const ITEM_NOT_FOUND: u32 = 0x01;
    pub(crate) const RESPONSE_TOO_LARGE: u32 = 0x02;
    pub(crate) const INDEX_OUT_OF_BOUNDS: u32 = 0x0e;
    pub(crate) const AUTHENTICATION_NOT_SUCCESSFUL: u32 = 0x03;
    pub(crate) const INVALID_MESSAGE: u32 = 0x04;
    pub(crate) const OPERATION_NOT_SUPPORTED: u32 = 0x05;
    pub(crate) const INVALID_FIELD: u32 = 0x07;
    pub(crate) const FEATURE_NOT_SUPPORTED: u32 = 0x08;
    pub(crate) const ILLEGAL_OPERATION: u32 = 0x0b;
    pub(crate) const PERMISSION_DENIED: u32 = 0x0c;
    pub(crate) const APPLICATION_NAMESPACE_NOT_SUPPORTED: u32 = 0x0f;
    pub(crate) const KEY_FORMAT_TYPE_NOT_SUPPORTED: u32 = 0x10;
    pub(crate) const SENSITIVE: u32 = 0x16;
    pub(crate) const NOT_EXTRACTABLE: u32 = 0x17;
    pub(crate) const GENERAL_FAILURE: u32 = 0x100;
}
