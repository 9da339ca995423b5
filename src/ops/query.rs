//! Query (KMIP 1.4 §4.25): what this server is and does, answered from the tables.
//!
//! A function that the version of the request does not know has no answer in it, and one that is asked twice has one answer.

use crate::domain::Access;
use crate::kmip::attribute::{AttributeValue, Field};
use crate::kmip::enums::{DestroyAction, ObjectType, QueryFunction, RngAlgorithm};
use crate::kmip::operation::Operation;
use crate::kmip::payload::query::{Request, Response};
use crate::kmip::tag::Tag;
use crate::kmip::version::ProtocolVersion;

/// What Query names as the maker of this server.
const VENDOR: &str = "Keyledger";

pub(crate) fn run(request: &Request, version: ProtocolVersion, access: &Access) -> Response {
    let mut response = Response::default();
    let functions = request.functions.iter();
    for function in functions.filter(|function| function.since() <= version) {
        match function {
            QueryFunction::QueryOperations => {
                response.operations = operations(version, access);
            }
            QueryFunction::QueryObjects => response.object_types = vec![ObjectType::SymmetricKey],
            // Server Information is the vendor's own and of use to nobody else's client: it is left out.
            QueryFunction::QueryServerInformation => {
                response.vendor_identification = Some(VENDOR.to_owned());
            }
            QueryFunction::QueryRNGs => {
                let unspecified = AttributeValue::Enumeration(RngAlgorithm::Unspecified.code());
                response.rng_parameters = vec![vec![Field::new(Tag::RngAlgorithm, unspecified)]];
            }
            QueryFunction::QueryCapabilities => {
                response.capability_information = vec![capabilities()];
            }
            // There is nothing to list: no application data is made here, there are no extensions, no attestation, no way to
            // register oneself, and no profile or validation is claimed.
            QueryFunction::QueryApplicationNamespaces
            | QueryFunction::QueryExtensionList
            | QueryFunction::QueryExtensionMap
            | QueryFunction::QueryAttestationTypes
            | QueryFunction::QueryValidations
            | QueryFunction::QueryProfiles
            | QueryFunction::QueryClientRegistrationMethods => {}
            // Of KMIP 2.
            QueryFunction::QueryDefaultsInformation
            | QueryFunction::QueryStorageProtectionMasks => {}
        }
    }
    response
}

/// What this client can use: it plans by this list, and what is refused for lack of a permission would be an alarm each time. The hours in
/// which it may act play no part, for such lists are kept.
fn operations(version: ProtocolVersion, access: &Access) -> Vec<Operation> {
    let known = |operation: &Operation| operation.is_implemented() && operation.since() <= version;
    let usable = |operation: &Operation| known(operation) && access.includes(*operation);
    Operation::ALL.iter().copied().filter(usable).collect()
}

/// What clients may rely on, in the order of KMIP 1.4 §2.1.20; what the version does not know is left out when it is written.
fn capabilities() -> Vec<Field> {
    let is = |tag, value| Field::new(tag, AttributeValue::Boolean(value));
    let destroy = AttributeValue::Enumeration(DestroyAction::KeyMaterialDeleted.code());
    vec![
        is(Tag::StreamingCapability, false),
        is(Tag::AsynchronousCapability, false),
        is(Tag::AttestationCapability, false),
        is(Tag::BatchUndoCapability, true),
        is(Tag::BatchContinueCapability, true),
        Field::new(Tag::DestroyAction, destroy),
    ]
}
