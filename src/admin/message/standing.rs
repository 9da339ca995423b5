//! How a certificate stands with the server, before anybody enrols it.

use serde::{Deserialize, Serialize};

/// Asks how a certificate stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientInspect {
    /// The certificate in PEM form.
    pub certificate: String,
}

/// How it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Standing {
    /// Who has it.
    pub holder: Option<Holder>,
    /// The labels of clients that it, or another certificate of its key, was removed from.
    pub removed_from: Vec<String>,
    /// Whether it waits for approval.
    pub pending: bool,
    /// The fingerprint of the CA of this server that issued it.
    pub issued_by: Option<String>,
    /// The trusted CAs that signed it.
    pub trusted: Vec<Vouching>,
}

/// A client that has the certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Holder {
    /// The client's label.
    pub client: String,
    /// Its instance's name.
    pub instance: String,
    /// `pinned`, `issued` or `anchored`.
    pub trust: String,
    /// Why it is not let in, in words; none: it is.
    pub refused: Option<String>,
}

/// A CA that is trusted for a client and signed the certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Vouching {
    /// The client's label.
    pub client: String,
    /// The CA's fingerprint.
    pub authority: String,
    /// Whether its revocation list names the certificate.
    pub revoked: bool,
    /// Why it does not let the certificate in, in words; none: it does, at its first use.
    pub refused: Option<String>,
}
