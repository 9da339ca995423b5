//! Discover Versions (KMIP 1.4 §4.26): the versions spoken, best first, or those of the client's list that are.

use crate::kmip::payload::discover_versions::{Request, Response};
use crate::kmip::version::ProtocolVersion;

pub(crate) fn run(request: &Request) -> Response {
    let spoken = ProtocolVersion::SUPPORTED.iter().copied();
    let asked = &request.versions;
    let versions = spoken
        .filter(|version| asked.is_empty() || asked.contains(version))
        .collect();
    Response { versions }
}
