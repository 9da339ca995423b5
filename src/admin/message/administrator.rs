//! API keys and administrators, as they are asked for and shown. The key itself never stands here, only its digest: who asks has made it.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::Role;

/// A new API key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyAdd {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The name of the one instance it may reach; none: everything.
    #[serde(default)]
    pub instance: Option<String>,
    /// The last second it is good, since 1970; none: until it is removed.
    #[serde(default)]
    pub expires: Option<i64>,
    /// SHA-256 of its text, in hexadecimal.
    pub digest: String,
}

impl fmt::Debug for ApiKeyAdd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeyAdd")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// An API key, without the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// Its identifier: events name it as `ApiKey-<id>`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The name of the one instance it may reach; none: everything.
    pub instance: Option<String>,
    /// When it was made, RFC 3339.
    pub created: String,
    /// The last second it is good, RFC 3339; none: until it is removed.
    pub expires: Option<String>,
    /// Whether that has passed.
    pub expired: bool,
    /// When it was last used, to the hour, RFC 3339.
    pub last_used: Option<String>,
    /// The initiators that made it over the API, the nearest first, each by its identifier: where two administrators are needed, it counts as
    /// them. None: it was made on the server's machine, or before this was kept. Of API keys that made one another the first stands for all.
    #[serde(default)]
    pub made_by: Vec<String>,
}

/// Allows a certificate to administer the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdministratorAdd {
    /// The administrator's label.
    pub label: String,
    /// What they may do.
    pub role: Role,
    /// The name of the one instance they may reach; none: everything.
    #[serde(default)]
    pub instance: Option<String>,
    /// One certificate in PEM form.
    pub certificate: String,
}

/// A certificate that may administer the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Administrator {
    /// The administrator's label.
    pub label: String,
    /// What they may do.
    pub role: Role,
    /// The name of the one instance they may reach; none: everything.
    pub instance: Option<String>,
    /// SHA-256 over the certificate's DER: events name it as `CertificateID-<fingerprint>`.
    pub fingerprint: String,
    /// The certificate's subject.
    pub subject: String,
    /// Start of its validity, RFC 3339.
    pub not_before: String,
    /// End of its validity, RFC 3339.
    pub not_after: String,
    /// Whether that end has passed.
    pub expired: bool,
    /// When it was added, RFC 3339.
    pub added: String,
    /// The initiators that made it over the API, the nearest first, each by its identifier: where two administrators are needed, it counts as
    /// them. None: it was made on the server's machine, or before this was kept. Of API keys that made one another the first stands for all.
    #[serde(default)]
    pub made_by: Vec<String>,
}
