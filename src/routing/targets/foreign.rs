//! What endpoints of IBM's own documents have and endpoints here do not.

use serde_json::Value;

use super::cloud_logs::CloudLogsEndpoint;
use super::cloud_object_storage::CloudObjectStorageEndpoint;
use super::event_streams::EventStreamsEndpoint;
use crate::routing::{Endpoint as _, EndpointError};

/// The members that hold endpoints of IBM's model.
const OF_THE_MODEL: [&str; 3] = [
    CloudLogsEndpoint::MEMBER,
    CloudObjectStorageEndpoint::MEMBER,
    EventStreamsEndpoint::MEMBER,
];

/// Whether one service of IBM Cloud lets the other in. Here credentials do, whatever it says.
const AUTHORIZED: &str = "service_to_service_enabled";

/// An endpoint, the member `member` of a target, without what only documents of IBM's have.
///
/// # Errors
/// It has a member that something else has to be given for.
pub(super) fn without(member: &'static str, json: &Value) -> Result<Value, EndpointError> {
    let mut json = json.clone();
    let Some(fields) = json.as_object_mut() else {
        return Ok(json);
    };
    if OF_THE_MODEL.contains(&member) {
        fields.remove(AUTHORIZED);
    }
    if member == CloudObjectStorageEndpoint::MEMBER && fields.contains_key("api_key") {
        let problem = "a bucket is written to with HMAC credentials: give access_key_id and secret_access_key in its place";
        return Err(EndpointError::new("cos_endpoint.api_key", problem));
    }
    Ok(json)
}
