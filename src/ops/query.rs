//! Query (KMIP 1.4 §4.25): what this server is and does, answered from the tables.

use crate::kmip::attribute::{AttributeValue, Field};
use crate::kmip::enums::{ObjectType, QueryFunction, RngAlgorithm};
use crate::kmip::operation::Operation;
use crate::kmip::payload::query::{Request, Response};
use crate::kmip::tag::Tag;
use crate::kmip::version::ProtocolVersion;

/// What Query names as the maker of this server.
const VENDOR: &str = "Keyledger";

pub(crate) fn run(request: &Request, version: ProtocolVersion) -> Response {
    let mut response = Response::default();
    for function in &request.functions {
        match function {
            QueryFunction::QueryOperations => response.operations = operations(version),
            QueryFunction::QueryObjects => response.object_types = vec![ObjectType::SymmetricKey],
            QueryFunction::QueryServerInformation => {
                response.vendor_identification = Some(VENDOR.to_owned());
            }
            QueryFunction::QueryRNGs => {
                let unspecified = AttributeValue::Enumeration(RngAlgorithm::Unspecified.code());
                response.rng_parameters = vec![vec![Field::new(Tag::RngAlgorithm, unspecified)]];
            }
            // The others have nothing to list here: no namespaces, extensions, attestation or profiles.
            _ => {}
        }
    }
    response
}

fn operations(version: ProtocolVersion) -> Vec<Operation> {
    let known = |operation: &Operation| operation.is_implemented() && operation.since() <= version;
    Operation::ALL.iter().copied().filter(known).collect()
}
