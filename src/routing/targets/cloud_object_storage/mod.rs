//! Buckets of the S3 API: each batch becomes one object of JSON lines for each location, in the layout of IBM Cloud's event routing.
//!
//! Nothing is ever parked: a bucket does not look at what it is given, so that whatever it refuses can be put right by the operator.

mod bucket;
mod connector;
mod objects;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use object_store::RetryConfig;
use object_store::aws::{AmazonS3Builder, Checksum};
use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::crypto::SecretText;
use crate::routing::http::{self, Http};
use crate::routing::{BatchLimits, Endpoint, EndpointError, RECORDS_MAX, Surroundings, TlsOptions};
pub use bucket::CloudObjectStorageTarget;
use connector::{Asked, Connector};

/// The region that requests are signed for unless the endpoint says otherwise; services other than Amazon's do not look at it.
const REGION: &str = "us-east-1";
/// An object is a request and has its price: it may be larger than what others take at once.
const LIMITS: BatchLimits = BatchLimits {
    records: RECORDS_MAX,
    bytes: 4 << 20,
};
/// How long events wait for more of them, unless the endpoint says otherwise, and the longest that it may say, in seconds.
const LINGER_SECONDS: u16 = 60;
const LINGER_SECONDS_MAX: u16 = 3600;

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloudObjectStorageEndpoint {
    /// The address of the service, without the bucket. One without a scheme is reached by `https`.
    pub endpoint: String,
    /// The CRN of the service's instance. It is kept for whoever reads it and used for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_crn: Option<String>,
    /// The bucket.
    pub bucket: String,
    /// The region that requests are signed for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Of the HMAC credentials, the key's identifier.
    pub access_key_id: String,
    /// Of the HMAC credentials, the key.
    pub secret_access_key: SecretText,
    /// Whether each object goes with a checksum in a header of its own. Buckets with locks ask for one; some services know no such header.
    #[serde(default = "yes")]
    pub checksum: bool,
    /// Whether the service is told to make an object only where there is none. Some services know no such header: there each name holds a digest of
    /// the content.
    #[serde(default = "yes")]
    pub conditional: bool,
    /// How old the first event of a batch is before it is written, in seconds, unless there is more than an object may hold.
    #[serde(default = "linger_seconds")]
    pub linger_seconds: u16,
    /// The CA certificates that are trusted, PEM. None: those of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_certificate: Option<String>,
    /// Whether an address without TLS is accepted.
    #[serde(default)]
    pub insecure: bool,
    /// How long writing one object may take, in seconds.
    #[serde(default = "http::timeout_seconds")]
    pub timeout_seconds: u16,
}

const fn yes() -> bool {
    true
}

const fn linger_seconds() -> u16 {
    LINGER_SECONDS
}

impl CloudObjectStorageEndpoint {
    fn address(&self) -> Result<Url, EndpointError> {
        let endpoint = &self.endpoint;
        if endpoint.contains("://") {
            http::base("endpoint", endpoint, self.insecure)
        } else {
            http::base("endpoint", &format!("https://{endpoint}"), false)
        }
    }

    fn tls(&self) -> TlsOptions<'_> {
        TlsOptions {
            ca_certificate: self.ca_certificate.as_deref(),
            ..TlsOptions::default()
        }
    }

    fn check_bucket(&self) -> Result<(), EndpointError> {
        let plain = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.')
        };
        if (3..=63).contains(&self.bucket.len()) && self.bucket.bytes().all(plain) {
            return Ok(());
        }
        let problem =
            "is no name of a bucket: 3 to 63 lower-case letters, digits, hyphens and full stops";
        Err(EndpointError::new("bucket", problem))
    }
}

/// Checks a text that stands in the header of each request.
fn check_word(field: &'static str, text: &str) -> Result<(), EndpointError> {
    let word = |byte: u8| byte.is_ascii_graphic() && byte != b'/' && byte != b',';
    if !text.is_empty() && text.bytes().all(word) {
        return Ok(());
    }
    let problem = "is empty, or holds a character that it cannot hold";
    Err(EndpointError::new(field, problem))
}

impl Endpoint for CloudObjectStorageEndpoint {
    const TYPE: &'static str = "cloud_object_storage";
    const MEMBER: &'static str = "cos_endpoint";
    type Target = CloudObjectStorageTarget;

    fn check(&self) -> Result<(), EndpointError> {
        self.address()?;
        self.check_bucket()?;
        check_word("region", self.region.as_deref().unwrap_or(REGION))?;
        check_word("access_key_id", &self.access_key_id)?;
        if self.secret_access_key.is_empty() {
            return Err(EndpointError::new("secret_access_key", "is empty"));
        }
        self.tls().check()?;
        if self.linger_seconds > LINGER_SECONDS_MAX {
            let problem = format!("is more than {LINGER_SECONDS_MAX}");
            return Err(EndpointError::new("linger_seconds", problem));
        }
        http::check_timeout(self.timeout_seconds)
    }

    fn secrets(&mut self) -> Vec<(Cow<'static, str>, &mut SecretText)> {
        vec![("secret_access_key".into(), &mut self.secret_access_key)]
    }

    fn limits(&self) -> BatchLimits {
        LIMITS
    }

    fn linger(&self) -> Duration {
        Duration::from_secs(self.linger_seconds.into())
    }

    fn open(
        &self,
        _surroundings: &Surroundings,
    ) -> Result<CloudObjectStorageTarget, EndpointError> {
        let url = self.address()?;
        let http = Http::new("endpoint", &[&url], &self.tls(), self.timeout_seconds)?;
        // Failures are the worker's to repeat.
        let never = RetryConfig {
            max_retries: 0,
            ..RetryConfig::default()
        };
        let mut builder = AmazonS3Builder::new();
        if self.checksum {
            builder = builder.with_checksum_algorithm(Checksum::SHA256);
        }
        let asked = Arc::<Asked>::default();
        let connector = Connector {
            client: http.client(),
            asked: Arc::clone(&asked),
        };
        let store = builder
            .with_endpoint(url.as_str().trim_end_matches('/'))
            .with_virtual_hosted_style_request(false)
            .with_bucket_name(&self.bucket)
            .with_region(self.region.as_deref().unwrap_or(REGION))
            .with_access_key_id(&self.access_key_id)
            .with_secret_access_key(self.secret_access_key.expose())
            .with_retry(never)
            .with_http_connector(connector)
            .build()
            .map_err(|error| EndpointError::new("endpoint", http::root_cause(&error)))?;
        Ok(CloudObjectStorageTarget {
            store,
            is_conditional: self.conditional,
            asked,
            place: format!(
                "bucket {} of {}",
                self.bucket,
                url.host_str().unwrap_or_default()
            ),
            secret: self.secret_access_key.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::CloudObjectStorageEndpoint;
    use crate::routing::Endpoint as _;

    fn read(fields: &Value) -> CloudObjectStorageEndpoint {
        let mut object = json!({
            "endpoint": "s3.eu-de.cloud-object-storage.appdomain.cloud", "bucket": "audit", "access_key_id": "id", "secret_access_key": "hunter2",
        });
        for (name, value) in fields.as_object().unwrap() {
            object[name] = value.clone();
        }
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn the_wrong_field_is_named() {
        read(&json!({})).check().unwrap();
        read(&json!({"endpoint": "http://h:9000", "insecure": true, "region": "eu-de"}))
            .check()
            .unwrap();
        for (fields, field) in [
            (json!({"endpoint": "http://h:9000"}), "endpoint"),
            (json!({"endpoint": "h/?x"}), "endpoint"),
            (json!({"endpoint": ""}), "endpoint"),
            (json!({"bucket": "A"}), "bucket"),
            (json!({"bucket": "a/b/c"}), "bucket"),
            (json!({"region": "a/b"}), "region"),
            (json!({"access_key_id": "a b"}), "access_key_id"),
            (json!({"secret_access_key": ""}), "secret_access_key"),
            (json!({"ca_certificate": "x"}), "ca_certificate"),
            (json!({"timeout_seconds": 301}), "timeout_seconds"),
            (json!({"linger_seconds": 3601}), "linger_seconds"),
        ] {
            let error = read(&fields).check().unwrap_err();
            assert_eq!(error.field, field, "{fields}: {error}");
        }
    }
}
