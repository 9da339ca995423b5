//! Instances, their certificates and keys in the form of Key Protect's KMIP adapters, as they are asked for and shown.
//!
//! The names are those of that form, so that they are served as they are.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Reads what an adapter is or holds. What changes it are requests for instances, clients and keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdapterRequest {
    /// Every adapter.
    List,
    /// The certificates of an adapter, without their text.
    Certificates {
        /// The instance's name.
        instance: String,
    },
    /// One certificate of an adapter.
    Certificate {
        /// The instance's name.
        instance: String,
        /// The certificate's identifier or name.
        id: String,
    },
    /// A page of the keys of an adapter.
    Objects(AdapterObjects),
    /// One key of an adapter.
    Object {
        /// The instance's name.
        instance: String,
        /// Its Unique Identifier.
        id: String,
    },
}

impl AdapterRequest {
    /// The name of the instance that is meant; none: all of them.
    #[must_use]
    pub fn instance(&self) -> Option<&str> {
        match self {
            Self::List => None,
            Self::Certificates { instance }
            | Self::Certificate { instance, .. }
            | Self::Object { instance, .. }
            | Self::Objects(AdapterObjects { instance, .. }) => Some(instance),
        }
    }
}

/// Which keys of an adapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdapterObjects {
    /// The instance's name.
    pub instance: String,
    /// Only keys in one of these states, as KMIP numbers them.
    pub states: Vec<u32>,
    /// Without the first so many of them.
    pub offset: u64,
    /// At most so many.
    pub limit: usize,
    /// Whether all of them are counted.
    pub count: bool,
}

/// What an adapter is or holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdapterResponse {
    /// Adapters, in the order in which they were made.
    Adapters(Vec<Adapter>),
    /// Certificates, in the order in which they were added.
    Certificates(Vec<AdapterCertificate>),
    /// A page of keys in the order of their identifiers, and how many there are if that was asked for.
    Objects(Vec<AdapterObject>, Option<u64>),
}

/// What a script gives an adapter that it makes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewAdapter {
    /// Its description; may be empty.
    pub description: String,
    /// The root key it was to use; may be empty.
    pub crk_id: String,
}

/// An instance as a KMIP adapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Adapter {
    /// The instance's identifier.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it was described as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `native_1.0`.
    pub profile: String,
    /// What goes with the profile.
    pub profile_data: ProfileData,
    /// When it was made, RFC 3339.
    pub created_at: String,
    /// The initiator who made it; empty where that was not kept.
    pub created_by: String,
    /// When a certificate of it was last added or removed, or it was made, RFC 3339.
    pub updated_at: String,
    /// The initiator who did that; empty where that was not kept.
    pub updated_by: String,
}

/// What goes with the profile of an adapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileData {
    /// The root key as it was given; it is used for nothing: the instance has a data key of its own.
    pub crk_id: String,
}

/// A certificate of an adapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdapterCertificate {
    /// Its identifier: a UUID made of its fingerprint.
    pub id: String,
    /// The label of its client; where that has newer ones, with the first digits of the fingerprint after it.
    pub name: String,
    /// When it was added, RFC 3339.
    pub created_at: String,
    /// The initiator who added it; empty where that was not kept.
    pub created_by: String,
    /// It, in PEM form; empty where it was enrolled before its text was kept. Told of one certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

/// A key of an adapter, without its material.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct AdapterObject {
    /// Its Unique Identifier.
    pub id: String,
    /// What it is, as KMIP numbers it: 2 is a symmetric key.
    pub kmip_object_type: u32,
    /// Its state now, as KMIP numbers it: 1 Pre-Active, 2 Active, 3 Deactivated, 4 Compromised, 5 Destroyed, 6 Destroyed Compromised.
    pub state: u32,
    /// When it was made, RFC 3339.
    pub created_at: String,
    /// The certificate that made it; empty where that was not kept.
    pub created_by_kmip_client_cert_id: String,
    /// The initiator who added that certificate, if it is still there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// When it was last changed, RFC 3339.
    pub updated_at: String,
    /// The certificate that changed it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_by_kmip_client_cert_id: Option<String>,
    /// The initiator who added that certificate, or who changed the key without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_by: Option<String>,
    /// When it was destroyed, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destroyed_at: Option<String>,
    /// The certificate that destroyed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destroyed_by_kmip_client_cert_id: Option<String>,
    /// The initiator who added that certificate, or who destroyed the key without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destroyed_by: Option<String>,
    /// Whether its destruction is scheduled and can be undone.
    pub recoverable: bool,
}
