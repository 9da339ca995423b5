//! Requests, built field by field.

use super::node::{Content, Node, op, tag};

/// A message on its way to the server.
pub(crate) struct Request {
    version: (i32, i32),
    credential: Option<(String, String)>,
    continuation: Option<u32>,
    maximum: Option<i32>,
    items: Vec<BatchItem>,
}

/// One batch item.
#[derive(Clone, Debug)]
pub(crate) struct BatchItem {
    pub(crate) operation: u32,
    pub(crate) id: Option<Vec<u8>>,
    pub(crate) payload: Vec<Node>,
    extension: Option<Node>,
}

impl BatchItem {
    pub(crate) fn new(operation: u32, payload: Vec<Node>) -> Self {
        Self {
            operation,
            id: None,
            payload,
            extension: None,
        }
    }

    /// Gives the item a Unique Batch Item ID.
    pub(crate) fn with_id(mut self, id: &[u8]) -> Self {
        self.id = Some(id.to_vec());
        self
    }

    /// Gives the item a vendor's extension.
    pub(crate) fn with_extension(mut self, critical: bool) -> Self {
        let fields = vec![
            Node::text(tag::VENDOR_IDENTIFICATION, "Acme"),
            Node {
                tag: tag::CRITICALITY_INDICATOR,
                content: Content::Boolean(critical),
            },
            Node::structure(tag::VENDOR_EXTENSION, vec![Node::text(0x54_0001, "na")]),
        ];
        self.extension = Some(Node::structure(tag::MESSAGE_EXTENSION, fields));
        self
    }

    fn node(&self) -> Node {
        let mut fields = vec![Node::enumeration(tag::OPERATION, self.operation)];
        fields.extend(
            self.id
                .iter()
                .map(|id| Node::bytes(tag::UNIQUE_BATCH_ITEM_ID, id)),
        );
        fields.push(Node::structure(tag::REQUEST_PAYLOAD, self.payload.clone()));
        fields.extend(self.extension.clone());
        Node::structure(tag::BATCH_ITEM, fields)
    }
}

impl Request {
    pub(crate) fn new(version: (i32, i32), items: &[BatchItem]) -> Self {
        Self {
            version,
            credential: None,
            continuation: None,
            maximum: None,
            items: items.to_vec(),
        }
    }

    /// Adds a Username and Password credential.
    pub(crate) fn with_credential(mut self, username: &str, password: &str) -> Self {
        self.credential = Some((username.to_owned(), password.to_owned()));
        self
    }

    /// Sets the Batch Error Continuation Option: 1 Continue, 2 Stop, 3 Undo.
    pub(crate) fn with_continuation(mut self, option: u32) -> Self {
        self.continuation = Some(option);
        self
    }

    /// Sets the Maximum Response Size.
    pub(crate) fn with_maximum(mut self, bytes: i32) -> Self {
        self.maximum = Some(bytes);
        self
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let (major, minor) = self.version;
        let version = vec![
            Node::integer(tag::PROTOCOL_VERSION_MAJOR, major),
            Node::integer(tag::PROTOCOL_VERSION_MINOR, minor),
        ];
        let mut header = vec![Node::structure(tag::PROTOCOL_VERSION, version)];
        let maximum = |bytes| Node::integer(tag::MAXIMUM_RESPONSE_SIZE, bytes);
        header.extend(self.maximum.map(maximum));
        header.extend(
            self.credential
                .as_ref()
                .map(|(user, word)| credential(user, word)),
        );
        let option = |code| Node::enumeration(tag::BATCH_ERROR_CONTINUATION_OPTION, code);
        header.extend(self.continuation.map(option));
        let count = i32::try_from(self.items.len()).expect("few items");
        header.push(Node::integer(tag::BATCH_COUNT, count));
        let mut message = vec![Node::structure(tag::REQUEST_HEADER, header)];
        message.extend(self.items.iter().map(BatchItem::node));
        Node::structure(tag::REQUEST_MESSAGE, message).encode()
    }
}

fn credential(username: &str, password: &str) -> Node {
    let value = vec![
        Node::text(tag::USERNAME, username),
        Node::text(tag::PASSWORD, password),
    ];
    let fields = vec![
        Node::enumeration(tag::CREDENTIAL_TYPE, 1),
        Node::structure(tag::CREDENTIAL_VALUE, value),
    ];
    Node::structure(
        tag::AUTHENTICATION,
        vec![Node::structure(tag::CREDENTIAL, fields)],
    )
}

/// An attribute with its value.
pub(crate) fn attribute(name: &str, value: Content) -> Node {
    let fields = vec![
        Node::text(tag::ATTRIBUTE_NAME, name),
        Node {
            tag: tag::ATTRIBUTE_VALUE,
            content: value,
        },
    ];
    Node::structure(tag::ATTRIBUTE, fields)
}

/// The value of a Name.
pub(crate) fn name(text: &str) -> Content {
    Content::Structure(vec![
        Node::text(tag::NAME_VALUE, text),
        Node::enumeration(tag::NAME_TYPE, 1),
    ])
}

/// What describes an AES key of 256 bits for encryption and decryption.
pub(crate) fn key_template() -> Vec<Node> {
    vec![
        attribute("Cryptographic Algorithm", Content::Enumeration(3)),
        attribute("Cryptographic Usage Mask", Content::Integer(12)),
        attribute("Cryptographic Length", Content::Integer(256)),
    ]
}

/// Create of a symmetric key with these attributes.
pub(crate) fn create(attributes: Vec<Node>) -> BatchItem {
    let payload = vec![
        Node::enumeration(tag::OBJECT_TYPE, 2),
        Node::structure(tag::TEMPLATE_ATTRIBUTE, attributes),
    ];
    BatchItem::new(op::CREATE, payload)
}

/// The identifier a payload starts with; none means the ID Placeholder.
fn about(uid: &str) -> Vec<Node> {
    match uid {
        "" => Vec::new(),
        uid => vec![Node::text(tag::UNIQUE_IDENTIFIER, uid)],
    }
}

/// Get; an empty identifier is left out, here and below.
pub(crate) fn get(uid: &str) -> BatchItem {
    BatchItem::new(op::GET, about(uid))
}

pub(crate) fn get_attributes(uid: &str, names: &[&str]) -> BatchItem {
    let mut payload = about(uid);
    payload.extend(
        names
            .iter()
            .map(|name| Node::text(tag::ATTRIBUTE_NAME, name)),
    );
    BatchItem::new(op::GET_ATTRIBUTES, payload)
}

pub(crate) fn get_attribute_list(uid: &str) -> BatchItem {
    BatchItem::new(op::GET_ATTRIBUTE_LIST, about(uid))
}

pub(crate) fn add_attribute(uid: &str, name: &str, value: Content) -> BatchItem {
    let mut payload = about(uid);
    payload.push(attribute(name, value));
    BatchItem::new(op::ADD_ATTRIBUTE, payload)
}

/// Modify Attribute; without an index the instance of index 0 is meant, here and below.
pub(crate) fn modify_attribute(
    uid: &str,
    name: &str,
    index: Option<i32>,
    value: Content,
) -> BatchItem {
    let mut payload = about(uid);
    let mut node = attribute(name, value);
    if let (Content::Structure(fields), Some(index)) = (&mut node.content, index) {
        fields.insert(1, Node::integer(tag::ATTRIBUTE_INDEX, index));
    }
    payload.push(node);
    BatchItem::new(op::MODIFY_ATTRIBUTE, payload)
}

pub(crate) fn delete_attribute(uid: &str, name: &str, index: Option<i32>) -> BatchItem {
    let mut payload = about(uid);
    payload.push(Node::text(tag::ATTRIBUTE_NAME, name));
    payload.extend(index.map(|index| Node::integer(tag::ATTRIBUTE_INDEX, index)));
    BatchItem::new(op::DELETE_ATTRIBUTE, payload)
}

pub(crate) fn activate(uid: &str) -> BatchItem {
    BatchItem::new(op::ACTIVATE, about(uid))
}

/// Revoke with a Revocation Reason Code: 1 Unspecified, 2 Key Compromise, 6 Cessation of Operation.
pub(crate) fn revoke(uid: &str, code: u32) -> BatchItem {
    let mut payload = about(uid);
    let code = Node::enumeration(tag::REVOCATION_REASON_CODE, code);
    payload.push(Node::structure(tag::REVOCATION_REASON, vec![code]));
    BatchItem::new(op::REVOKE, payload)
}

pub(crate) fn destroy(uid: &str) -> BatchItem {
    BatchItem::new(op::DESTROY, about(uid))
}

/// Locate by these attributes.
pub(crate) fn locate(attributes: Vec<Node>) -> BatchItem {
    BatchItem::new(op::LOCATE, attributes)
}

/// Query: 1 Operations, 2 Objects, 3 Server Information.
pub(crate) fn query(functions: &[u32]) -> BatchItem {
    let function = |code: &u32| Node::enumeration(tag::QUERY_FUNCTION, *code);
    BatchItem::new(op::QUERY, functions.iter().map(function).collect())
}

/// Discover Versions, of these or of all.
pub(crate) fn discover(versions: &[(i32, i32)]) -> BatchItem {
    let version = |(major, minor): &(i32, i32)| {
        let fields = vec![
            Node::integer(tag::PROTOCOL_VERSION_MAJOR, *major),
            Node::integer(tag::PROTOCOL_VERSION_MINOR, *minor),
        ];
        Node::structure(tag::PROTOCOL_VERSION, fields)
    };
    BatchItem::new(
        op::DISCOVER_VERSIONS,
        versions.iter().map(version).collect(),
    )
}
