//! One file for each type of target, and the table of them.

pub mod cloud_logs;
pub mod cloud_object_storage;
pub mod command;
pub mod event_streams;
pub mod file;
#[cfg(test)]
mod sample;
pub mod syslog;
pub mod webhook;

use std::borrow::Cow;
use std::pin::Pin;
use std::time::Duration;

use super::{Batch, BatchLimits, Deliver, Endpoint, EndpointError, Surroundings, Undelivered};
use crate::crypto::SecretText;

macro_rules! targets {
    ($($variant:ident: $endpoint:ty;)+) => {
        /// The endpoint of a target of any type.
        #[derive(Debug, Clone, PartialEq)]
        pub enum AnyEndpoint {
            $(#[doc = concat!("`", stringify!($endpoint), "`")] $variant($endpoint),)+
        }

        /// What delivers to a target of any type.
        pub enum AnyTarget {
            $(#[doc = concat!("Of `", stringify!($endpoint), "`")] $variant(Box<<$endpoint as Endpoint>::Target>),)+
        }

        impl AnyEndpoint {
            /// Every `target_type`, with the member of a target that holds its endpoint.
            pub const TYPES: &'static [(&'static str, &'static str)] = &[$((<$endpoint>::TYPE, <$endpoint>::MEMBER),)+];

            /// Reads an endpoint of a type from JSON. It is not checked.
            ///
            /// # Errors
            /// There is no such type, or a field is missing, unknown or of another form.
            pub fn read(target_type: &str, json: &serde_json::Value) -> Result<Self, EndpointError> {
                let json = json.clone();
                match target_type {
                    $(<$endpoint>::TYPE => serde_json::from_value(json)
                        .map(Self::$variant)
                        .map_err(|error| EndpointError::new(<$endpoint>::MEMBER, without_value(&error.to_string()))),)+
                    _ => Err(unknown_type(target_type)),
                }
            }

            /// It as JSON, secrets masked.
            #[must_use]
            pub fn to_json(&self) -> serde_json::Value {
                let json = match self {
                    $(Self::$variant(endpoint) => serde_json::to_value(endpoint),)+
                };
                json.expect("endpoints consist of texts, numbers and flags")
            }

            /// The member of a target that holds it.
            #[must_use]
            pub const fn member(&self) -> &'static str {
                match self { $(Self::$variant(_) => <$endpoint>::MEMBER,)+ }
            }

            /// See [`Endpoint::check`].
            ///
            /// # Errors
            /// The first field that cannot be used.
            pub fn check(&self) -> Result<(), EndpointError> {
                match self { $(Self::$variant(endpoint) => endpoint.check(),)+ }
            }

            /// See [`Endpoint::secrets`].
            pub fn secrets(&mut self) -> Vec<(Cow<'static, str>, &mut SecretText)> {
                match self { $(Self::$variant(endpoint) => endpoint.secrets(),)+ }
            }

            /// See [`Endpoint::limits`].
            #[must_use]
            pub fn limits(&self) -> BatchLimits {
                match self { $(Self::$variant(endpoint) => endpoint.limits(),)+ }
            }

            /// See [`Endpoint::linger`].
            #[must_use]
            pub fn linger(&self) -> Duration {
                match self { $(Self::$variant(endpoint) => endpoint.linger(),)+ }
            }

            /// See [`Endpoint::open`].
            ///
            /// # Errors
            /// A field that cannot be used after all.
            pub fn open(&self, surroundings: &Surroundings) -> Result<AnyTarget, EndpointError> {
                match self {
                    $(Self::$variant(endpoint) => {
                        endpoint.open(surroundings).map(|target| AnyTarget::$variant(Box::new(target)))
                    })+
                }
            }
        }

        impl Deliver for AnyTarget {
            async fn deliver(&mut self, batch: &Batch) -> Result<(), Undelivered> {
                // Behind a pointer: clients of others nest deeper than the compiler follows.
                let delivered: Delivery<'_> = match self {
                    $(Self::$variant(target) => Box::pin(target.deliver(batch)),)+
                };
                delivered.await
            }
        }
    };
}

/// A delivery under way, of whatever type.
type Delivery<'a> = Pin<Box<dyn Future<Output = Result<(), Undelivered>> + Send + 'a>>;

// A type of target is added by one line here; its file has the rest.
targets! {
    CloudLogs: cloud_logs::CloudLogsEndpoint;
    CloudObjectStorage: cloud_object_storage::CloudObjectStorageEndpoint;
    Command: command::CommandEndpoint;
    EventStreams: event_streams::EventStreamsEndpoint;
    File: file::FileEndpoint;
    Syslog: syslog::SyslogEndpoint;
    Webhook: webhook::WebhookEndpoint;
}

fn unknown_type(target_type: &str) -> EndpointError {
    let names: Vec<_> = AnyEndpoint::TYPES.iter().map(|(name, _)| *name).collect();
    EndpointError::new(
        "target_type",
        format!(
            "there is no type `{target_type}`; the types are: {}",
            names.join(", ")
        ),
    )
}

/// What is wrong with a text of JSON, without the value itself, which may be a secret that stands in the wrong place.
fn without_value(problem: &str) -> String {
    let names_value = ["invalid type: ", "invalid value: ", "unknown variant "];
    if !names_value.iter().any(|begin| problem.starts_with(begin)) {
        return problem.to_owned();
    }
    let expected = problem.rsplit_once(", expected ");
    expected.map_or_else(
        || "a value is of another type than is expected".to_owned(),
        |(_, expected)| format!("a value is of another type: expected {expected}"),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::AnyEndpoint;

    #[test]
    fn what_is_wrong_with_an_endpoint_is_said_without_its_values() {
        for endpoint in [
            json!({"path": "/tmp/x", "sync": "hunter2"}),
            json!({"path": "/tmp/x", "rotate_bytes": "hunter2, expected hunter2, hunter2"}),
            json!({"path": ["hunter2"]}),
            json!("hunter2"),
        ] {
            let error = AnyEndpoint::read("file", &endpoint).unwrap_err();
            assert_eq!(error.field, "file_endpoint");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        let error = AnyEndpoint::read("file", &json!({"pat": "x"})).unwrap_err();
        assert!(error.to_string().contains("unknown field `pat`"), "{error}");
        let error = AnyEndpoint::read("fax", &json!({})).unwrap_err();
        assert_eq!(error.field, "target_type");
    }
}
