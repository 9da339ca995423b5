//! The payloads: one file for each operation, with its `Request` and its `Response`.
//!
//! Both directions of both are here, because the server reads requests and writes responses and the
//! client does the reverse. Each decoder is told the version of the message and refuses what that
//! version does not define; each encoder leaves out what that version does not define. An absent
//! Unique Identifier in a request means the ID Placeholder.

pub mod activate;
pub mod add_attribute;
pub mod create;
pub mod delete_attribute;
pub mod destroy;
pub mod discover_versions;
pub mod get;
pub mod get_attribute_list;
pub mod get_attributes;
pub mod locate;
pub mod modify_attribute;
pub mod query;
pub mod revoke;
mod template;

#[cfg(test)]
mod tests;

pub use template::{TemplateAttribute, TemplateName};

use ttlv::{Structure, Writer};

use super::{
    error::DecodeError,
    fields::{Scope, Taken, once, required, text},
    operation::Operation,
    tag::Tag,
    version::ProtocolVersion,
};

macro_rules! request_payloads {
    ($($Operation:ident: $module:ident;)*) => {
        /// The payload of a request.
        #[derive(Clone, Debug, PartialEq)]
        pub enum RequestPayload {
            $(
                #[doc = concat!("See `", stringify!($module), "`.")]
                $Operation($module::Request),
            )*
            /// An operation of the standard that has no payload here, and the one object that it names, if it names one.
            Unsupported(Operation, Option<String>),
        }

        impl RequestPayload {
            /// Which operation this is the payload of.
            #[must_use]
            pub const fn operation(&self) -> Operation {
                match self {
                    $(Self::$Operation(_) => Operation::$Operation,)*
                    Self::Unsupported(operation, _) => *operation,
                }
            }

            /// Reads the payload of an operation. Of an unsupported one only which object it is about,
            /// whatever else it holds.
            ///
            /// # Errors
            /// When it is not what the version defines for the operation.
            pub fn decode(
                operation: Operation,
                payload: Structure<'_>,
                version: ProtocolVersion,
            ) -> Result<Self, DecodeError> {
                Ok(match operation {
                    $(Operation::$Operation => {
                        Self::$Operation($module::Request::decode(payload, version)?)
                    })*
                    // The table of operations says which ones have a module; a test compares.
                    other => Self::Unsupported(other, only_identifier(payload)),
                })
            }

            /// Writes the fields of the payload; nothing for an unsupported operation.
            pub fn encode(&self, writer: &mut Writer, version: ProtocolVersion) {
                match self {
                    $(Self::$Operation(request) => request.encode(writer, version),)*
                    Self::Unsupported(..) => {}
                }
            }
        }
    };
}

request_payloads! {
    Activate: activate;
    AddAttribute: add_attribute;
    Create: create;
    DeleteAttribute: delete_attribute;
    Destroy: destroy;
    DiscoverVersions: discover_versions;
    Get: get;
    GetAttributeList: get_attribute_list;
    GetAttributes: get_attributes;
    Locate: locate;
    ModifyAttribute: modify_attribute;
    Query: query;
    Revoke: revoke;
}

impl RequestPayload {
    /// The identifier of the object that is asked about; none inside means the ID Placeholder. Nothing for operations that are not about
    /// one object.
    #[must_use]
    pub fn subject(&self) -> Option<Option<&str>> {
        let unique_identifier = match self {
            Self::Activate(request) => &request.unique_identifier,
            Self::AddAttribute(request) | Self::ModifyAttribute(request) => {
                &request.unique_identifier
            }
            Self::DeleteAttribute(request) => &request.unique_identifier,
            Self::Destroy(request) => &request.unique_identifier,
            Self::Get(request) => &request.unique_identifier,
            Self::GetAttributeList(request) => &request.unique_identifier,
            Self::GetAttributes(request) => &request.unique_identifier,
            Self::Revoke(request) => &request.unique_identifier,
            Self::Create(_) | Self::DiscoverVersions(_) | Self::Locate(_) | Self::Query(_) => {
                return None;
            }
            Self::Unsupported(_, named) => return named.as_deref().map(Some),
        };
        Some(unique_identifier.as_deref())
    }
}

/// The Unique Identifier of a payload that holds exactly one.
fn only_identifier(payload: Structure<'_>) -> Option<String> {
    let items = payload.items().filter_map(Result::ok);
    let mut identifiers = items.filter(|item| item.tag == Tag::UniqueIdentifier.raw());
    let first = identifiers.next()?;
    let is_only = identifiers.next().is_none();
    is_only.then(|| text(first).ok()).flatten()
}

const fn request_scope(version: ProtocolVersion) -> Scope {
    Scope::new(Tag::RequestPayload, version)
}

const fn response_scope(version: ProtocolVersion) -> Scope {
    Scope::new(Tag::ResponsePayload, version)
}

/// A request that holds nothing but an optional Unique Identifier.
fn decode_optional_identifier(
    payload: Structure<'_>,
    version: ProtocolVersion,
) -> Result<Option<String>, DecodeError> {
    let mut unique_identifier = None;
    request_scope(version).read(payload, |tag, item| match tag {
        Tag::UniqueIdentifier => once(&mut unique_identifier, tag, text(item)?),
        _ => Ok(Taken::No),
    })?;
    Ok(unique_identifier)
}

/// A response that holds nothing but the Unique Identifier.
fn decode_identifier(
    payload: Structure<'_>,
    version: ProtocolVersion,
) -> Result<String, DecodeError> {
    let mut unique_identifier = None;
    response_scope(version).read(payload, |tag, item| match tag {
        Tag::UniqueIdentifier => once(&mut unique_identifier, tag, text(item)?),
        _ => Ok(Taken::No),
    })?;
    required(unique_identifier, Tag::UniqueIdentifier)
}

fn encode_optional_identifier(writer: &mut Writer, unique_identifier: Option<&str>) {
    if let Some(unique_identifier) = unique_identifier {
        writer.text(Tag::UniqueIdentifier, unique_identifier);
    }
}
