//! One file for each type of target, and the table of them.

pub mod cloud_logs;
pub mod cloud_object_storage;
pub mod command;
pub mod event_streams;
pub mod file;
mod foreign;
#[cfg(test)]
mod sample;
pub mod syslog;
pub mod webhook;

use std::borrow::Cow;
use std::pin::Pin;
use std::time::Duration;

use serde_json::Value;

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
            pub fn read(target_type: &str, json: &Value) -> Result<Self, EndpointError> {
                match target_type {
                    $(<$endpoint>::TYPE => parsed(<$endpoint>::MEMBER, json).map(Self::$variant),)+
                    _ => Err(unknown_type(target_type)),
                }
            }

            /// It as JSON, secrets masked.
            #[must_use]
            pub fn to_json(&self) -> Value {
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

/// Reads the endpoint of a target, which is its member of this name.
fn parsed<E: Endpoint>(member: &'static str, json: &Value) -> Result<E, EndpointError> {
    let json = foreign::without(member, json)?;
    serde_path_to_error::deserialize(json).map_err(|error| {
        let path = error.path().to_string();
        // Of the whole it is a full stop.
        let field = match &*path {
            "." => Cow::Borrowed(member),
            path => Cow::Owned(format!("{member}.{path}")),
        };
        EndpointError::new(field, without_value(&error.inner().to_string()))
    })
}

/// What is wrong with a text of JSON, without the value itself, which may be a secret that stands in the wrong place.
pub(crate) fn without_value(problem: &str) -> String {
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
    use crate::routing::RECORDS_MAX;

    #[test]
    fn no_batch_is_to_hold_more_than_the_worker_reads() {
        let endpoints = [
            (
                "cloud_logs",
                json!({"endpoint": "https://x", "api_key": "x"}),
            ),
            (
                "cloud_object_storage",
                json!({"endpoint": "x", "bucket": "abc", "access_key_id": "x", "secret_access_key": "x"}),
            ),
            ("command", json!({"program": "/x"})),
            ("event_streams", json!({"brokers": ["x:1"], "topic": "x"})),
            ("file", json!({"path": "/x"})),
            ("syslog", json!({"address": "x:1"})),
            ("webhook", json!({"url": "https://x"})),
        ];
        assert_eq!(endpoints.len(), AnyEndpoint::TYPES.len());
        for (target_type, fields) in endpoints {
            let endpoint = AnyEndpoint::read(target_type, &fields).unwrap();
            let records = endpoint.limits().records;
            assert!(
                (1..=RECORDS_MAX).contains(&records),
                "{target_type}: {records}"
            );
        }
    }

    #[test]
    fn what_is_wrong_with_an_endpoint_is_said_without_its_values() {
        let long = "hunter2, expected hunter2, hunter2";
        for (target_type, endpoint, field) in [
            (
                "file",
                json!({"path": "/tmp/x", "sync": "hunter2"}),
                "file_endpoint.sync",
            ),
            (
                "file",
                json!({"path": "/tmp/x", "rotate_bytes": long}),
                "file_endpoint.rotate_bytes",
            ),
            ("file", json!({"path": ["hunter2"]}), "file_endpoint.path"),
            ("file", json!("hunter2"), "file_endpoint"),
            (
                "command",
                json!({"program": "/x", "arguments": ["a", {"hunter2": 1}]}),
                "command_endpoint.arguments[1]",
            ),
            (
                "command",
                json!({"program": "/x", "secret_environment": {"A": ["hunter2"]}}),
                "command_endpoint.secret_environment.A",
            ),
            (
                "cloud_logs",
                json!({"endpoint": "https://x", "api_key": ["hunter2"]}),
                "cloudlogs_endpoint.api_key",
            ),
        ] {
            let error = AnyEndpoint::read(target_type, &endpoint).unwrap_err();
            assert_eq!(error.field, field);
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        let error = AnyEndpoint::read("file", &json!({})).unwrap_err();
        assert_eq!(error.to_string(), "file_endpoint: missing field `path`");
        let error = AnyEndpoint::read("file", &json!({"pat": "x"})).unwrap_err();
        assert!(error.to_string().contains("unknown field `pat`"), "{error}");
        let error = AnyEndpoint::read("fax", &json!({})).unwrap_err();
        assert_eq!(error.field, "target_type");
    }
}
