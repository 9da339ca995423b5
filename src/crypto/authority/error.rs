//! Why an authority was not made or loaded, or did not issue.
//!
//! The texts are for the person who asked; none of them repeats key material.

use crate::crypto::certificate::CertificateError;
use crate::crypto::random::RandomError;

/// Why no certificate was made, or no authority loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// The kind of key is unknown; the field is what was given.
    #[error("unknown kind of key `{0}`: use rsa-2048, rsa-3072, ecdsa-p256 or ecdsa-p384")]
    KeyKind(String),
    /// A name or label is empty, too long, or has characters it must not have.
    #[error("`{name}` cannot be used as a name: {problem}")]
    Name {
        /// What was given.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A server certificate needs at least one name.
    #[error("a server certificate needs at least one DNS name or IP address")]
    NoNames,
    /// The dates cannot be written in a certificate, or the authority has expired.
    #[error("the validity is impossible: {0}")]
    Validity(&'static str),
    /// The authority's certificate cannot be read.
    #[error("the authority's certificate: {0}")]
    Certificate(#[from] CertificateError),
    /// The certificate given as the authority's may not sign others.
    #[error("the authority's certificate is not one: it lacks CA:TRUE")]
    NotAuthority,
    /// The authority's private key cannot be read.
    #[error("the authority's private key cannot be read; it must be PEM without a passphrase")]
    PrivateKey,
    /// The private key belongs to another certificate.
    #[error("the authority's private key does not belong to its certificate")]
    KeyMismatch,
    /// The random source failed.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The certificate library refused; the field is its text.
    #[error("the certificate could not be made: {0}")]
    Refused(String),
}

impl From<rcgen::Error> for AuthorityError {
    fn from(error: rcgen::Error) -> Self {
        Self::Refused(error.to_string())
    }
}
