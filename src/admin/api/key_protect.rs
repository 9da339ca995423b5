//! What the requests and answers in Key Protect's form have in common: lists with their metadata, pages, the account, names.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{ObjectBuilder, Type};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::gate::Call;
use super::problem::Problem;
use crate::admin::message::adapter::{Adapter, AdapterCertificate, AdapterObject};
use crate::crypto::{Random as _, SystemRandom};
use crate::domain::Instance;

/// The header that names the account.
const ACCOUNT: &str = "Bluemix-Instance";
/// How many a page holds if nothing is said.
const PER_PAGE: usize = 100;

/// What a list is of.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Metadata {
    /// The type of its members.
    #[serde(rename = "collectionType")]
    collection_type: String,
    /// How many it has.
    #[serde(rename = "collectionTotal")]
    collection_total: usize,
    /// How many there are, whatever the page.
    #[serde(rename = "totalCount", skip_serializing_if = "Option::is_none")]
    total_count: Option<u64>,
}

impl Metadata {
    /// Of a list of one error.
    pub(super) fn of_errors() -> Self {
        Self {
            collection_type: "application/vnd.ibm.kms.error+json".to_owned(),
            collection_total: 1,
            total_count: None,
        }
    }
}

/// A list that is answered.
#[derive(Serialize, ToSchema)]
pub(super) struct Listing<T> {
    /// What it is of.
    metadata: Metadata,
    /// Its members.
    resources: Vec<T>,
}

impl<T> Listing<T> {
    pub(super) fn new(collection: &str, resources: Vec<T>, total: Option<u64>) -> Self {
        Self {
            metadata: Metadata {
                collection_type: collection.to_owned(),
                collection_total: resources.len(),
                total_count: total,
            },
            resources,
        }
    }
}

/// A list of one.
pub(super) fn one<T>(collection: &str, resource: T) -> Listing<T> {
    Listing::new(collection, vec![resource], None)
}

/// A list that is sent: of one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Collection<T> {
    /// What it is of.
    metadata: SentMetadata,
    /// Its member.
    #[schema(min_items = 1, max_items = 1)]
    resources: Vec<T>,
}

/// What a list is of.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SentMetadata {
    /// The type of its members.
    #[serde(rename = "collectionType")]
    collection_type: String,
    /// How many it has: 1.
    #[serde(rename = "collectionTotal")]
    collection_total: u64,
}

impl<T> Collection<T> {
    /// The one member of a list of this type.
    pub(super) fn only(self, collection: &str) -> Result<T, Problem> {
        if self.metadata.collection_type != collection {
            let message = format!("metadata.collectionType: write {collection}");
            return Err(Problem::invalid(message));
        }
        if self.metadata.collection_total != 1 {
            return Err(Problem::invalid("metadata.collectionTotal: write 1"));
        }
        let mut resources = self.resources.into_iter();
        match (resources.next(), resources.next()) {
            (Some(only), None) => Ok(only),
            _ => Err(Problem::invalid("resources: give exactly one")),
        }
    }
}

impl Adapter {
    pub(super) const COLLECTION: &str = "application/vnd.ibm.kms.kmip_adapter+json";
}

impl AdapterCertificate {
    pub(super) const COLLECTION: &str = "application/vnd.ibm.kms.kmip_client_certificate+json";
}

impl AdapterObject {
    pub(super) const COLLECTION: &str = "application/vnd.ibm.kms.kmip_object+json";
}

/// Which page of a list.
pub(super) struct Paging {
    pub(super) limit: usize,
    offset: usize,
    pub(super) count: bool,
}

impl Paging {
    /// Of at most `most`.
    pub(super) fn read(
        limit: Option<usize>,
        offset: Option<usize>,
        count: Option<bool>,
        most: usize,
    ) -> Result<Self, Problem> {
        let limit = limit.unwrap_or(PER_PAGE);
        if !(1..=most).contains(&limit) {
            return Err(Problem::invalid(format!("limit: write 1 to {most}")));
        }
        Ok(Self {
            limit,
            offset: offset.unwrap_or(0),
            count: count.unwrap_or(false),
        })
    }

    pub(super) fn page<T>(&self, collection: &str, all: Vec<T>) -> Listing<T> {
        let total = u64::try_from(all.len()).ok().filter(|_| self.count);
        let page = all.into_iter().skip(self.offset).take(self.limit);
        Listing::new(collection, page.collect(), total)
    }
}

/// The account that a script names in place of its Key Protect instance: adapters of others are not there for it. Not named, all are.
pub(super) struct Account(Option<String>);

impl FromRequestParts<Arc<Api>> for Account {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Api>) -> Result<Self, Problem> {
        let mut given = parts.headers.get_all(ACCOUNT).iter();
        match (given.next(), given.next()) {
            (None, _) => Ok(Self(None)),
            (Some(value), None) => match value.to_str() {
                Ok(text) => Ok(Self(Some(text.to_owned()))),
                Err(_) => Err(Problem::invalid(format!("{ACCOUNT}: write an account"))),
            },
            (Some(_), Some(_)) => Err(Problem::invalid(format!("{ACCOUNT}: write it once"))),
        }
    }
}

impl Account {
    fn is(&self, account: &str) -> bool {
        self.0.as_ref().is_none_or(|named| named == account)
    }

    /// Whether the instance of this name belongs to it.
    pub(super) fn has(&self, call: &Call, name: &str) -> bool {
        self.held(call, name).is_some()
    }

    /// The instance of this identifier or name that belongs to it and that the caller may reach.
    pub(super) fn held(&self, call: &Call, id: &str) -> Option<Arc<Instance>> {
        let instances = call.api.admin.store().clients().instances();
        let mut own = instances
            .into_iter()
            .filter(|held| self.is(&held.scope.account))
            .filter(|held| call.caller.instance.is_none_or(|own| own == held.id));
        let identified = own.clone().find(|held| held.id.to_string() == id);
        identified.or_else(|| own.find(|held| held.name == id))
    }

    /// The name of the instance that is meant. Where it is not there, a text that is no name: the router says so to who may ask.
    pub(super) fn instance(&self, call: &Call, id: &str) -> String {
        match (self.held(call, id), &self.0) {
            (Some(held), _) => held.name.clone(),
            (None, None) => id.to_owned(),
            (None, Some(account)) => format!("{account}/{id}"),
        }
    }

    /// An instance that is made belongs to the account of the settings.
    pub(super) fn is_of_new_instances(&self, call: &Call) -> Result<(), Problem> {
        match call.api.admin.account() {
            Some(account) if !self.is(account) => Err(Problem::invalid(format!(
                "{ACCOUNT}: instances are made in the account {account}"
            ))),
            _ => Ok(()),
        }
    }
}

impl IntoParams for Account {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = ObjectBuilder::new().schema_type(Type::String).build();
        let account = ParameterBuilder::new()
            .name(ACCOUNT)
            .parameter_in(ParameterIn::Header)
            .description(Some(
                "The account; adapters of others are not there. Not given: all of them.",
            ))
            .schema(Some(text))
            .build();
        vec![account]
    }
}

/// A name that a script gives: it must not be taken for an identifier.
pub(super) fn name_checked(name: String) -> Result<String, Problem> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !starts_well || name.len() > 64 || !name.chars().all(is_plain) {
        let message = "resources[0].name: write 1 to 64 letters, digits, '_' or '-', the first a letter or digit";
        return Err(Problem::invalid(message));
    }
    if uuid_like(&name) {
        let message = "resources[0].name: it must not be a UUID, which identifiers are";
        return Err(Problem::invalid(message));
    }
    Ok(name)
}

fn uuid_like(name: &str) -> bool {
    let digits = name.chars().filter(|c| *c != '-');
    digits.clone().count() == 32 && digits.into_iter().all(|c| c.is_ascii_hexdigit())
}

/// A name for what a script gave none.
pub(super) fn drawn_name(prefix: &str) -> Result<String, Problem> {
    let mut random = [0; 8];
    SystemRandom.fill(&mut random)?;
    Ok(format!("{prefix}{}", hex::encode(random)))
}

#[cfg(test)]
mod tests {
    use super::name_checked;

    #[test]
    fn a_name_is_plain_and_cannot_be_taken_for_an_identifier() {
        for name in ["vc", "kmip_cert_0a", "a-b_c", &"x".repeat(64)] {
            assert!(name_checked(name.to_owned()).is_ok(), "{name}");
        }
        let uuid = "0199f1d2-7a3b-7c4d-8e5f-0123456789ab";
        for name in [
            "",
            "-a",
            "a.b",
            "a b",
            "ä",
            &"x".repeat(65),
            uuid,
            &uuid.replace('-', ""),
        ] {
            assert!(name_checked(name.to_owned()).is_err(), "{name}");
        }
    }
}
