//! One call per operation: its request built, its answer read.

use crate::client::{Client, ClientError};
use crate::kmip::attribute::{Attribute, AttributeName};
use crate::kmip::enums::{ObjectType, QueryFunction};
use crate::kmip::payload::{self, RequestPayload, TemplateAttribute};
use crate::kmip::version::ProtocolVersion;

impl Client {
    /// Create: a symmetric key with these attributes; its Unique Identifier.
    ///
    /// # Errors
    /// Those of [`ClientError`], as for every call.
    pub async fn create(&mut self, attributes: Vec<Attribute>) -> Result<String, ClientError> {
        let request = payload::create::Request {
            object_type: ObjectType::SymmetricKey,
            template: TemplateAttribute::of(attributes),
        };
        let read = payload::create::Response::decode;
        Ok(self
            .call(RequestPayload::Create(request), read)
            .await?
            .unique_identifier)
    }

    /// Get: the key itself.
    ///
    /// # Errors
    /// Those of [`ClientError`].
    pub async fn get(&mut self, uid: &str) -> Result<payload::get::Response<'static>, ClientError> {
        let request = payload::get::Request {
            unique_identifier: Some(uid.to_owned()),
            key_format_type: None,
            key_wrap_type: None,
            key_compression_type: None,
            key_wrapping_specification: None,
        };
        self.call(RequestPayload::Get(request), payload::get::Response::decode)
            .await
    }

    /// Get Attributes: those named, or all.
    ///
    /// # Errors
    /// Those of [`ClientError`].
    pub async fn attributes(
        &mut self,
        uid: &str,
        names: Vec<AttributeName>,
    ) -> Result<Vec<Attribute>, ClientError> {
        let unique_identifier = Some(uid.to_owned());
        let request = payload::get_attributes::Request {
            unique_identifier,
            names,
        };
        let read = payload::get_attributes::Response::decode;
        Ok(self
            .call(RequestPayload::GetAttributes(request), read)
            .await?
            .attributes)
    }

    /// Get Attribute List: the names of all attributes.
    ///
    /// # Errors
    /// Those of [`ClientError`].
    pub async fn attribute_list(&mut self, uid: &str) -> Result<Vec<AttributeName>, ClientError> {
        let unique_identifier = Some(uid.to_owned());
        let request = payload::get_attribute_list::Request { unique_identifier };
        let read = payload::get_attribute_list::Response::decode;
        Ok(self
            .call(RequestPayload::GetAttributeList(request), read)
            .await?
            .names)
    }

    /// Add Attribute: one more instance; as the server keeps it.
    ///
    /// # Errors
    /// Those of [`ClientError`].
    pub async fn add_attribute(
        &mut self,
        uid: &str,
        attribute: Attribute,
    ) -> Result<Attribute, ClientError> {
        let unique_identifier = Some(uid.to_owned());
        let request = payload::add_attribute::Request {
            unique_identifier,
            attribute,
        };
        let read = payload::add_attribute::Response::decode;
        Ok(self
            .call(RequestPayload::AddAttribute(request), read)
            .await?
            .attribute)
    }

    /// Modify Attribute: the instance of the attribute's index, or of index 0; as the server keeps it.
    ///
    /// # Errors
    /// Those of [`ClientError`].
    pub async fn modify_attribute(
        &mut self,
        uid: &str,
        attribute: Attribute,
    ) -> Result<Attribute, ClientError> {
        let unique_identifier = Some(uid.to_owned());
        let request = payload::modify_attribute::Request {
            unique_identifier,
            attribute,
        };
        let read = payload::modify_attribute::Response::decode;
        Ok(self
            .call(RequestPayload::ModifyAttribute(request), read)
            .await?
            .attribute)
    }

    /// Delete Attribute: the instance of this index, or of index 0; as it was.
    ///
    /// # Errors
    /// Those of [`ClientError`].
    pub async fn delete_attribute(
        &mut self,
        uid: &str,
        name: AttributeName,
        index: Option<u32>,
    ) -> Result<Attribute, ClientError> {
        let request = payload::delete_attribute::Request {
            unique_identifier: Some(uid.to_owned()),
            name,
            index,
        };
        let read = payload::delete_attribute::Response::decode;
        Ok(self
            .call(RequestPayload::DeleteAttribute(request), read)
            .await?
            .attribute)
    }

    /// Activate.
    ///
    /// # Errors
    /// Those of [`ClientError`].
    pub async fn activate(&mut self, uid: &str) -> Result<(), ClientError> {
        let request = payload::activate::Request {
            unique_identifier: Some(uid.to_owned()),
        };
        let read = payload::activate::Response::decode;
        self.call(RequestPayload::Activate(request), read)
            .await
            .map(|_| ())
    }

    /// Revoke, for this reason; the occurrence date goes with compromises only, seconds since 1970.
    ///
    /// # Errors
    /// Those of [`ClientError`].
    pub async fn revoke(
        &mut self,
        uid: &str,
        reason: payload::revoke::RevocationReason,
        compromise_occurrence_date: Option<i64>,
    ) -> Result<(), ClientError> {
        let unique_identifier = Some(uid.to_owned());
        let request = payload::revoke::Request {
            unique_identifier,
            reason,
            compromise_occurrence_date,
        };
        let read = payload::revoke::Response::decode;
        self.call(RequestPayload::Revoke(request), read)
            .await
            .map(|_| ())
    }

    /// Destroy.
    ///
    /// # Errors
    /// Those of [`ClientError`].
    pub async fn destroy(&mut self, uid: &str) -> Result<(), ClientError> {
        let request = payload::destroy::Request {
            unique_identifier: Some(uid.to_owned()),
        };
        let read = payload::destroy::Response::decode;
        self.call(RequestPayload::Destroy(request), read)
            .await
            .map(|_| ())
    }

    /// Locate: the identifiers of the objects that meet every criterion, asked for page after page since 1.3, where the server tells how
    /// many there are. Objects that are destroyed meanwhile may leave others out.
    ///
    /// # Errors
    /// Those of [`ClientError`].
    pub async fn locate(
        &mut self,
        attributes: Vec<Attribute>,
        maximum_items: Option<u32>,
    ) -> Result<Vec<String>, ClientError> {
        let mut request = payload::locate::Request {
            maximum_items,
            offset_items: None,
            storage_status_mask: None,
            object_group_member: None,
            attributes,
            template_names: Vec::new(),
        };
        let mut found = Vec::new();
        loop {
            let payload = RequestPayload::Locate(request.clone());
            let read = payload::locate::Response::decode;
            let page = self.call(payload, read).await?;
            let is_empty = page.unique_identifiers.is_empty();
            found.extend(page.unique_identifiers);
            let count = u32::try_from(found.len()).unwrap_or(u32::MAX);
            let wanted = maximum_items.unwrap_or(u32::MAX);
            let wanted = page.located_items.unwrap_or(0).min(wanted);
            if is_empty || count >= wanted {
                return Ok(found);
            }
            request.maximum_items = maximum_items.map(|most| most.saturating_sub(count));
            request.offset_items = Some(count);
        }
    }

    /// Query: what the server says of itself.
    ///
    /// # Errors
    /// Those of [`ClientError`].
    pub async fn query(
        &mut self,
        functions: Vec<QueryFunction>,
    ) -> Result<payload::query::Response, ClientError> {
        let request = payload::query::Request { functions };
        self.call(
            RequestPayload::Query(request),
            payload::query::Response::decode,
        )
        .await
    }

    /// Discover Versions: those the server speaks, best first.
    ///
    /// # Errors
    /// Those of [`ClientError`].
    pub async fn discover_versions(&mut self) -> Result<Vec<ProtocolVersion>, ClientError> {
        let request = payload::discover_versions::Request {
            versions: Vec::new(),
        };
        let read = payload::discover_versions::Response::decode;
        Ok(self
            .call(RequestPayload::DiscoverVersions(request), read)
            .await?
            .versions)
    }
}
