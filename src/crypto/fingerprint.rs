//! The fingerprint of a certificate: SHA-256 over its DER, written as 64 lower-case hex digits.
//!
//! It identifies a certificate, not a client: a client has several certificates over its life. The
//! text form is part of the event format and of the store, and accepts no other spelling, so that
//! two spellings can never mean one certificate.

use std::fmt;
use std::str::FromStr;

use super::digest::sha256;

/// SHA-256 over the DER of a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 32]);

/// A text that is not a fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is 64 lower-case hexadecimal digits without colons")]
pub struct FingerprintError;

impl Fingerprint {
    /// What stands before the fingerprint in an initiator ID.
    pub const INITIATOR_PREFIX: &str = "CertificateID-";

    /// The fingerprint of the certificate with this DER encoding.
    #[must_use]
    pub fn of(der: &[u8]) -> Self {
        Self(sha256(&[der]))
    }

    /// Takes a fingerprint that was computed before, as the store holds it.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The initiator ID events carry: `CertificateID-` and the fingerprint.
    #[must_use]
    pub fn initiator_id(&self) -> String {
        format!("{}{self}", Self::INITIATOR_PREFIX)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0_u8; 64];
        hex::encode_to_slice(self.0, &mut text).map_err(|_| fmt::Error)?;
        f.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(FingerprintError);
        }
        let mut bytes = [0_u8; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| FingerprintError)?;
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::Fingerprint;

    #[test]
    fn text_form_round_trips() {
        let fingerprint = Fingerprint::of(b"abc");
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(fingerprint.to_string(), text);
        assert_eq!(text.parse(), Ok(fingerprint));
        assert_eq!(fingerprint.initiator_id(), format!("CertificateID-{text}"));
        assert_eq!(
            Fingerprint::from_bytes(*fingerprint.as_bytes()),
            fingerprint
        );
    }

    #[test]
    fn other_spellings_are_refused() {
        let text = Fingerprint::of(b"abc").to_string();
        let colons = text
            .as_bytes()
            .chunks(2)
            .map(|pair| str::from_utf8(pair).unwrap());
        let colons = colons.collect::<Vec<_>>().join(":");
        for wrong in [
            text.to_uppercase(),
            colons,
            text[1..].to_owned(),
            format!(" {text}"),
        ] {
            assert!(wrong.parse::<Fingerprint>().is_err(), "{wrong}");
        }
    }
}
