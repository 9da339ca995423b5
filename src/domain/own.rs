//! The certificates of the server's own: what it is known by, and its CA's.

use crate::crypto::{Certificate, Fingerprint, verify_signed_by};

/// The certificates of the server's own.
#[derive(Debug, Clone, Default)]
pub struct OwnCertificates {
    /// What KMIP is served with; none where it cannot be read.
    pub server: Option<Certificate>,
    /// Our CA's: the one that issues first, then those whose certificates still count.
    pub authorities: Vec<Certificate>,
}

impl OwnCertificates {
    /// The certificate of our CA that signed this one.
    #[must_use]
    pub fn issuer(&self, certificate: &Certificate) -> Option<&Certificate> {
        let signed = |ca: &&Certificate| verify_signed_by(certificate.der(), ca.der()).is_ok();
        self.authorities.iter().find(signed)
    }

    /// Whether this is the fingerprint of a certificate of our CA.
    #[must_use]
    pub fn has_authority(&self, fingerprint: Fingerprint) -> bool {
        let is_it = |ca: &Certificate| ca.fingerprint() == fingerprint;
        self.authorities.iter().any(is_it)
    }
}
