//! The kinds of key a certificate is made for.
//!
//! These are what every KMIP client in the field can verify.
//! The names are part of the configuration and the command line.

use std::fmt;
use std::str::FromStr;

use rcgen::{KeyPair, KeyUsagePurpose, RsaKeySize};

use super::AuthorityError;

/// The kind of key a certificate is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA with 2048 bits: every KMIP client reads it.
    Rsa2048,
    /// RSA with 3072 bits.
    Rsa3072,
    /// ECDSA on NIST P-256.
    EcdsaP256,
    /// ECDSA on NIST P-384.
    EcdsaP384,
}

impl KeyKind {
    pub(super) fn generate(self) -> Result<KeyPair, AuthorityError> {
        let rsa = |size| KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, size);
        Ok(match self {
            Self::Rsa2048 => rsa(RsaKeySize::_2048)?,
            Self::Rsa3072 => rsa(RsaKeySize::_3072)?,
            Self::EcdsaP256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?,
            Self::EcdsaP384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384)?,
        })
    }

    /// Key usages of a TLS end: RSA key transport of TLS 1.2 needs encipherment.
    pub(super) fn tls_usages(self) -> Vec<KeyUsagePurpose> {
        match self {
            Self::Rsa2048 | Self::Rsa3072 => {
                vec![
                    KeyUsagePurpose::DigitalSignature,
                    KeyUsagePurpose::KeyEncipherment,
                ]
            }
            Self::EcdsaP256 | Self::EcdsaP384 => vec![KeyUsagePurpose::DigitalSignature],
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rsa2048 => "rsa-2048",
            Self::Rsa3072 => "rsa-3072",
            Self::EcdsaP256 => "ecdsa-p256",
            Self::EcdsaP384 => "ecdsa-p384",
        })
    }
}

impl FromStr for KeyKind {
    type Err = AuthorityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [
            Self::Rsa2048,
            Self::Rsa3072,
            Self::EcdsaP256,
            Self::EcdsaP384,
        ]
        .into_iter()
        .find(|kind| kind.to_string() == text)
        .ok_or_else(|| AuthorityError::KeyKind(text.to_owned()))
    }
}
