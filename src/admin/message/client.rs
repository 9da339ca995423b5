//! Clients and their certificates, as they are asked for and shown.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Enrols a certificate: for a new client, or one more for a client that exists.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientAdd {
    /// The client's label.
    pub label: String,
    /// The instance's name; none: the only one, or `default`. Not used for a renewal.
    pub instance: Option<String>,
    /// One certificate in PEM form.
    pub certificate: String,
    /// Whether our own CA issued it; it is then checked against that CA now and at every connection.
    pub issued: bool,
    /// Whether the client exists and gets one more certificate.
    pub renew: bool,
    /// Of a renewal: how many days the certificates that the client has still count at most; none: to their own end.
    pub overlap_days: Option<u32>,
}

/// Enables or disables a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientStatusChange {
    /// The client's label.
    pub label: String,
    /// Whether it may connect from now on.
    pub enabled: bool,
}

/// Removes a client, or one certificate of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientRemove {
    /// The client's label.
    pub label: String,
    /// The fingerprint of the one certificate to remove; none: the whole client.
    #[serde(default)]
    pub certificate: Option<String>,
    /// The fingerprint of the one trusted CA to remove, with what it enrolled.
    #[serde(default)]
    pub ca: Option<String>,
    /// The name of the instance it must be a client of; none: whichever.
    #[serde(default)]
    pub instance: Option<String>,
    /// Whether the client goes with a certificate that is its only one.
    #[serde(default)]
    pub with_last: bool,
}

/// Trusts a CA of others for a client: what it signs for one exact subject is enrolled at its first use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientTrust {
    /// The client's label.
    pub label: String,
    /// The instance's name; none: the only one, or `default`. Not used for a client that exists.
    pub instance: Option<String>,
    /// The CA's certificate in PEM form.
    pub certificate: String,
    /// The whole subject of the certificates meant, such as `CN=vcenter-1,O=Example`.
    pub subject: String,
    /// Whether the client exists.
    pub renew: bool,
    /// What the CA has revoked, in PEM form: its certificate revocation list.
    pub list: Option<String>,
}

/// Enrols a certificate that waits for approval, as pinned.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientApprove {
    /// Its fingerprint; capitals and colons are allowed.
    pub fingerprint: String,
    /// The client's label.
    pub label: String,
    /// The instance's name; none: the only one, or `default`. Not used for a client that exists.
    pub instance: Option<String>,
    /// Whether the client exists and gets one more certificate.
    pub renew: bool,
}

/// A client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Client {
    /// Its identifier.
    pub id: String,
    /// Its label.
    pub label: String,
    /// Its instance's name.
    pub instance: String,
    /// `enabled` or `disabled`.
    pub status: String,
    /// When it was added, RFC 3339.
    pub created: String,
    /// Its certificates.
    pub certificates: Vec<EnrolledCertificate>,
    /// The CAs of others that are trusted for it.
    #[serde(default)]
    pub authorities: Vec<TrustedAuthority>,
    /// The operations it may perform; none: all.
    #[serde(default)]
    pub operations: Option<Vec<String>>,
    /// When it may act; empty: at any time.
    #[serde(default)]
    pub windows: Vec<String>,
    /// The operations that its instance denies all clients.
    #[serde(default)]
    pub denied: Vec<String>,
}

/// A CA of others that is trusted for a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrustedAuthority {
    /// SHA-256 over its certificate's DER.
    pub fingerprint: String,
    /// Its subject.
    pub subject: String,
    /// End of its validity, RFC 3339.
    pub not_after: String,
    /// What a certificate's subject must be.
    pub must_be: String,
    /// How many certificates it has enrolled.
    pub enrolled: usize,
    /// What it has revoked, as far as is known here.
    #[serde(default)]
    pub revocations: Option<Revocations>,
}

/// What a CA of others has revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Revocations {
    /// When the list was issued, RFC 3339.
    pub this_update: String,
    /// When the next one is due, RFC 3339.
    pub next_update: String,
    /// How many certificates it revokes.
    pub revoked: usize,
}

/// Takes up what a CA of others has revoked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientCrl {
    /// The label of a client that the CA is trusted for.
    pub label: String,
    /// The CA's fingerprint; none: the only one that is trusted for the client.
    pub ca: Option<String>,
    /// The list in PEM form.
    pub list: String,
}

/// A certificate of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnrolledCertificate {
    /// SHA-256 over its DER, as in `CertificateID-<fingerprint>`.
    pub fingerprint: String,
    /// Its subject.
    pub subject: String,
    /// `pinned`, `issued` or `anchored`.
    pub trust: String,
    /// Start of its validity, RFC 3339.
    pub not_before: String,
    /// End of its validity, RFC 3339.
    pub not_after: String,
    /// Whether that end has passed.
    pub expired: bool,
    /// Whole days until then; negative once it has passed.
    #[serde(default)]
    pub days_left: i64,
}

/// A certificate that proved possession of its key, belongs to no client, and waits for approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PendingCertificate {
    /// SHA-256 over its DER.
    pub fingerprint: String,
    /// Its subject, the common name if it has one; cut if it is very long.
    pub subject: String,
    /// Its subject as [`ClientTrust::subject`] wants it; none if it is very long, or has a part that is no text or cannot be seen.
    #[serde(default)]
    pub whole_subject: Option<String>,
    /// Its issuer, likewise cut.
    pub issuer: String,
    /// Start of its validity, RFC 3339.
    pub not_before: String,
    /// End of its validity, RFC 3339.
    pub not_after: String,
    /// Whether that end has passed.
    pub expired: bool,
    /// When it came first, RFC 3339.
    pub first_seen: String,
    /// When it came last, RFC 3339.
    pub last_seen: String,
    /// How often it came.
    pub count: u64,
    /// The address it came from last.
    pub address: String,
}
