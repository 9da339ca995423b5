//! How a certificate stands with the server, before anybody enrols it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Asks how a certificate stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientInspect {
    /// The certificate in PEM form.
    pub certificate: String,
}

/// How it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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

impl Standing {
    /// Why it would not do to enrol it.
    #[must_use]
    pub fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if let Some(held) = &self.holder {
            let refused = held.refused.as_ref();
            let refused = refused.map(|reason| format!(", and is refused: {reason}"));
            wrong.push(format!(
                "it is enrolled already, for client `{}` of instance `{}` ({}){}",
                held.client,
                held.instance,
                held.trust,
                refused.unwrap_or_default()
            ));
        }
        for by in self.trusted.iter().filter(|by| by.revoked) {
            wrong.push(format!(
                "the CA {} that is trusted for client `{}` has revoked it",
                by.authority, by.client
            ));
        }
        wrong
    }

    /// What is worth knowing before it is enrolled.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        for label in &self.removed_from {
            remarks.push(format!(
            "it, or another certificate of its key, was removed from client `{label}`: whoever enrols it lets it in again"
        ));
        }
        if self.pending {
            remarks.push("it waits for approval: its bearer has proved to hold its key".to_owned());
        }
        if let Some(ca) = &self.issued_by {
            remarks.push(format!("this server's own CA {ca} issued it"));
        }
        for by in self.trusted.iter().filter(|by| !by.revoked) {
            let (ca, client) = (&by.authority, &by.client);
            remarks.push(match &by.refused {
            Some(reason) => format!(
                "the CA {ca} that is trusted for client `{client}` signed it and does not let it in: {reason}"
            ),
            None => format!(
                "the CA {ca} vouches for it: it is let in as client `{client}`"
            ),
        });
        }
        if self.issued_by.is_none() && self.trusted.is_empty() {
            remarks.push(
                "no CA that is trusted here signed it: only its fingerprint can be trusted"
                    .to_owned(),
            );
        }
        remarks
    }
}

/// A client that has the certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
