//! Responses, read field by field.

use super::node::{Content, Node, tag};
use super::outputs;

/// An answered message.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) version: (i32, i32),
    pub(crate) items: Vec<Answer>,
}

/// One answered batch item.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) operation: Option<u32>,
    pub(crate) id: Option<Vec<u8>>,
    /// 0 Success, 1 Operation Failed, 3 Operation Undone.
    pub(crate) status: u32,
    pub(crate) reason: Option<u32>,
    pub(crate) message: Option<String>,
    pub(crate) payload: Vec<Node>,
}

impl Response {
    pub(crate) fn decode(bytes: &[u8]) -> Self {
        let message = Node::decode(bytes);
        assert_eq!(message.tag, tag::RESPONSE_MESSAGE, "a Response Message");
        let header = message
            .child(tag::RESPONSE_HEADER)
            .expect("a Response Header");
        let version = header
            .child(tag::PROTOCOL_VERSION)
            .map(version)
            .expect("a version");
        let items = message
            .children()
            .iter()
            .filter(|node| node.tag == tag::BATCH_ITEM);
        let items: Vec<Answer> = items.map(Answer::read).collect();
        let count = header
            .child(tag::BATCH_COUNT)
            .and_then(Node::as_integer)
            .expect("a count");
        assert_eq!(
            usize::try_from(count).unwrap(),
            items.len(),
            "the Batch Count is right"
        );
        Self { version, items }
    }

    /// The only item.
    pub(crate) fn only(self) -> Answer {
        let [only] = <[Answer; 1]>::try_from(self.items).expect("one item");
        only
    }
}

fn version(node: &Node) -> (i32, i32) {
    let part = |tag| {
        node.child(tag)
            .and_then(Node::as_integer)
            .expect("part of a version")
    };
    (
        part(tag::PROTOCOL_VERSION_MAJOR),
        part(tag::PROTOCOL_VERSION_MINOR),
    )
}

impl Answer {
    fn read(item: &Node) -> Self {
        let enumeration = |tag| item.child(tag).and_then(Node::as_enumeration);
        let message = item.child(tag::RESULT_MESSAGE).and_then(Node::as_text);
        let payload = item.child(tag::RESPONSE_PAYLOAD).map(Node::children);
        Self {
            operation: enumeration(tag::OPERATION),
            id: item
                .child(tag::UNIQUE_BATCH_ITEM_ID)
                .and_then(Node::as_bytes)
                .map(<[u8]>::to_vec),
            status: enumeration(tag::RESULT_STATUS).expect("a Result Status"),
            reason: enumeration(tag::RESULT_REASON),
            message: message.map(str::to_owned),
            payload: payload.unwrap_or_default().to_vec(),
        }
    }

    /// This answer, which must be a success.
    #[track_caller]
    pub(crate) fn success(self) -> Self {
        assert_eq!(self.status, 0, "a success: {self:?}");
        assert_eq!(self.reason, None, "a success has no reason: {self:?}");
        if let Some(material) = self.key().and_then(material) {
            outputs::plant(material);
        }
        self
    }

    /// Checks that this is a failure with this reason, and that it carries nothing else.
    #[track_caller]
    pub(crate) fn failure(&self, reason: u32) {
        assert_eq!(
            (self.status, self.reason),
            (1, Some(reason)),
            "a failure: {self:?}"
        );
        assert!(self.message.is_some(), "a failure says why: {self:?}");
        assert_eq!(self.payload, [], "a failure has no payload");
    }

    fn field(&self, tag: u32) -> Option<&Node> {
        self.payload.iter().find(|node| node.tag == tag)
    }

    /// The Unique Identifier.
    #[track_caller]
    pub(crate) fn uid(&self) -> String {
        let uid = self.field(tag::UNIQUE_IDENTIFIER).and_then(Node::as_text);
        uid.unwrap_or_else(|| panic!("no Unique Identifier: {self:?}"))
            .to_owned()
    }

    /// All Unique Identifiers: what Locate found.
    pub(crate) fn uids(&self) -> Vec<String> {
        let uids = self
            .payload
            .iter()
            .filter(|node| node.tag == tag::UNIQUE_IDENTIFIER);
        uids.map(|uid| uid.as_text().expect("a text").to_owned())
            .collect()
    }

    /// The attributes: name, index and value.
    pub(crate) fn attributes(&self) -> Vec<(String, Option<i32>, Content)> {
        let attributes = self
            .payload
            .iter()
            .filter(|node| node.tag == tag::ATTRIBUTE);
        let read = |node: &Node| {
            let name = node
                .child(tag::ATTRIBUTE_NAME)
                .and_then(Node::as_text)
                .expect("a name");
            let index = node.child(tag::ATTRIBUTE_INDEX).and_then(Node::as_integer);
            let value = node.child(tag::ATTRIBUTE_VALUE).expect("a value");
            (name.to_owned(), index, value.content.clone())
        };
        attributes.map(read).collect()
    }

    /// The value of the only attribute of this name.
    pub(crate) fn value(&self, name: &str) -> Option<Content> {
        let mut found = self
            .attributes()
            .into_iter()
            .filter(|(found, ..)| found == name);
        let first = found.next().map(|(_, _, value)| value);
        assert!(found.next().is_none(), "{name} once: {self:?}");
        first
    }

    /// The names that Get Attribute List answers.
    pub(crate) fn names(&self) -> Vec<String> {
        let names = self
            .payload
            .iter()
            .filter(|node| node.tag == tag::ATTRIBUTE_NAME);
        names
            .map(|name| name.as_text().expect("a text").to_owned())
            .collect()
    }

    /// The versions that Discover Versions answers.
    pub(crate) fn versions(&self) -> Vec<(i32, i32)> {
        let versions = self
            .payload
            .iter()
            .filter(|node| node.tag == tag::PROTOCOL_VERSION);
        versions.map(version).collect()
    }

    /// The operations that Query answers.
    pub(crate) fn operations(&self) -> Vec<u32> {
        let operations = self
            .payload
            .iter()
            .filter(|node| node.tag == tag::OPERATION);
        operations.filter_map(Node::as_enumeration).collect()
    }

    /// The raw AES key of an answered Get, after a look at the block around it.
    #[track_caller]
    pub(crate) fn key_material(&self) -> Vec<u8> {
        let (algorithm, length, material) = self.key_block();
        assert_eq!(algorithm, 3, "AES");
        let bits = i32::try_from(material.len() * 8);
        assert_eq!(Ok(length), bits, "the length is the key's");
        material
    }

    /// Algorithm, length in bits and raw material of the key of an answered Get.
    #[track_caller]
    pub(crate) fn key_block(&self) -> (u32, i32, Vec<u8>) {
        let block = self
            .key()
            .unwrap_or_else(|| panic!("no key block: {self:?}"));
        let enumeration = |tag| block.child(tag).and_then(Node::as_enumeration);
        assert_eq!(enumeration(tag::KEY_FORMAT_TYPE), Some(1), "Raw");
        let algorithm = enumeration(tag::CRYPTOGRAPHIC_ALGORITHM).expect("an algorithm");
        let length = block
            .child(tag::CRYPTOGRAPHIC_LENGTH)
            .and_then(Node::as_integer)
            .expect("a length");
        let material = material(block).expect("key material");
        outputs::plant(material);
        (algorithm, length, material.to_vec())
    }

    /// The key block of an answered Get.
    fn key(&self) -> Option<&Node> {
        self.field(tag::SYMMETRIC_KEY)?.child(tag::KEY_BLOCK)
    }
}

fn material(block: &Node) -> Option<&[u8]> {
    let value = block.child(tag::KEY_VALUE)?;
    value.child(tag::KEY_MATERIAL)?.as_bytes()
}
