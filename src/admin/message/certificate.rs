//! The certificates of the server's own, as they are shown and taken up.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::crypto::{ListDates, Serial, Withdrawal, Withdrawn};
use crate::domain::clock::from_rfc3339;

/// Takes up the server's certificate and its CA's as they lie in the files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CertificateReload {
    /// Whether certificates that a CA issued are removed from their clients where that CA is there no more; otherwise it is refused.
    pub force: bool,
}

/// Asks what is to stand in the revocation list of the server's own CA, which whoever has its key signs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CertificateCrl {
    /// The fingerprint of the CA whose key signs.
    pub authority: String,
    /// Days until the next list is due.
    pub days: u32,
}

/// What is to stand in that list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnRevocations {
    /// The list's number: greater than that of every list before.
    pub number: u64,
    /// When it is made, RFC 3339.
    pub this_update: String,
    /// When the next one is due, RFC 3339.
    pub next_update: String,
    /// What counts no more, by serial number.
    pub revoked: Vec<OwnRevocation>,
}

impl OwnRevocations {
    /// What is signed; none where it cannot be read.
    #[must_use]
    pub fn to_sign(&self) -> Option<(ListDates, Vec<Withdrawn>)> {
        let dates = ListDates {
            number: self.number,
            this_update: from_rfc3339(&self.this_update)?,
            next_update: from_rfc3339(&self.next_update)?,
        };
        let entries = self.revoked.iter().map(OwnRevocation::to_sign);
        Some((dates, entries.collect::<Option<_>>()?))
    }
}

/// A certificate that counts no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnRevocation {
    /// Its serial number in hex digits.
    pub serial: String,
    /// Since when, RFC 3339.
    pub since: String,
    /// `removed`, `disabled` or `superseded`.
    pub reason: String,
}

impl OwnRevocation {
    fn to_sign(&self) -> Option<Withdrawn> {
        Some(Withdrawn {
            serial: Serial::of(&hex::decode(&self.serial).ok()?)?,
            since: from_rfc3339(&self.since)?,
            why: Withdrawal::from_text(&self.reason)?,
        })
    }
}

/// What the server has of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Certificates {
    /// The server's certificate; none: it cannot be read.
    pub server: Option<OwnCertificate>,
    /// The CA's certificates: the one that issues first.
    pub authorities: Vec<OwnAuthority>,
}

/// A certificate of the server's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnCertificate {
    /// SHA-256 over its DER.
    pub fingerprint: String,
    /// Its subject.
    pub subject: String,
    /// Its issuer.
    pub issuer: String,
    /// Start of its validity, RFC 3339.
    pub not_before: String,
    /// End of its validity, RFC 3339.
    pub not_after: String,
    /// Whole days until then; negative once it has passed.
    pub days_left: i64,
    /// The fingerprint of the CA of ours that issued it; none: it is of another one.
    pub authority: Option<String>,
}

/// A certificate of our CA.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnAuthority {
    /// The certificate.
    #[serde(flatten)]
    pub certificate: OwnCertificate,
    /// Whether new certificates come from it.
    pub issues: bool,
    /// The labels of the clients that have certificates of it.
    pub clients: Vec<String>,
    /// Whether the server's certificate is one of it.
    pub server: bool,
}
