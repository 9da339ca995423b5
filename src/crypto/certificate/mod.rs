//! What is read of a certificate: fingerprint, names, validity, public key.
//!
//! Reading is tolerant on purpose. vCenter and its peers present version 1 certificates,
//! certificates without an extended key usage, with `CA:TRUE`, or with a key usage that fits nothing;
//! identity is the fingerprint, so none of that is judged here. A date is read, not compared: the
//! caller has the clock. The DER kept is the DER given, byte for byte.

mod canonical;
pub mod inspection;
pub mod issued;
pub mod presentable;
pub mod revocation;
pub mod serial;
pub mod subject;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_parser::asn1_rs::{FromDer, Sequence};
use x509_parser::certificate::X509Certificate;
use x509_parser::error::PEMError;
use x509_parser::pem::Pem;
use x509_parser::x509::X509Name;

use super::digest::sha256;
use super::fingerprint::Fingerprint;
use serial::Serial;

/// Letters of a line of PEM text (RFC 7468 §2).
const PEM_LINE: usize = 64;

/// Why no certificate was read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Nothing but white space was given.
    #[error("the file is empty; a certificate in PEM form is needed")]
    Empty,
    /// There is no PEM block.
    #[error("no `-----BEGIN CERTIFICATE-----` was found; a certificate in PEM form is needed")]
    NotPem,
    /// A PEM block is cut off or its base64 is damaged.
    #[error("the PEM text is damaged ({0}); copy the file again")]
    DamagedPem(&'static str),
    /// A private key was given, alone or along with a certificate.
    #[error(
        "this contains a private key; give the certificate only, and treat the key as exposed if it \
         was sent anywhere"
    )]
    PrivateKey,
    /// A PEM block of another kind; the field is its label.
    #[error("this is a PEM `{0}`, not a certificate")]
    OtherLabel(String),
    /// More than one certificate; the field is their number.
    #[error("this contains {0} certificates; give the one that is meant, without its chain")]
    Chain(usize),
    /// The bytes are not one X.509 certificate.
    #[error("the certificate cannot be read: it is not valid X.509")]
    NotX509,
    /// Bytes follow the certificate.
    #[error("the certificate is followed by {0} bytes that do not belong to it")]
    TrailingBytes(usize),
}

/// The public key of a certificate, in the pieces a TLS verifier takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectPublicKey {
    /// DER content inside the `AlgorithmIdentifier` SEQUENCE, without its tag and length.
    pub algorithm: Vec<u8>,
    /// The bits of the key, without the count of unused bits.
    pub key_bits: Vec<u8>,
}

/// What a certificate is still known by when its encoding, and so its fingerprint, is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digests {
    /// SHA-256 over its `SubjectPublicKeyInfo`: the same in every certificate of a key.
    pub key: [u8; 32],
    /// SHA-256 over what its CA signed: the same whatever the signature looks like, which for ECDSA has two valid forms.
    pub signed: [u8; 32],
}

/// A certificate and what is read of it once.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    fingerprint: Fingerprint,
    digests: Digests,
    not_before: i64,
    not_after: i64,
    subject: String,
    issuer: String,
    serial: String,
    self_signed: bool,
    public_key: SubjectPublicKey,
}

impl Certificate {
    /// Reads one certificate in DER form.
    ///
    /// # Errors
    /// The bytes are not exactly one certificate.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let certificate = parse(der)?;
        let validity = certificate.validity();
        Ok(Self {
            der: der.to_vec(),
            fingerprint: Fingerprint::of(der),
            digests: Digests {
                key: sha256(&[certificate.public_key().raw]),
                signed: sha256(&[certificate.tbs_certificate.as_ref()]),
            },
            not_before: validity.not_before.timestamp(),
            not_after: validity.not_after.timestamp(),
            subject: short_name(certificate.subject()),
            issuer: short_name(certificate.issuer()),
            serial: hex::encode(certificate.raw_serial()),
            self_signed: certificate.subject().as_raw() == certificate.issuer().as_raw(),
            public_key: public_key(&certificate)?,
        })
    }

    /// Reads text that holds exactly one certificate in PEM form; text around the block is ignored.
    ///
    /// # Errors
    /// The text holds no certificate, several, or something else; each has its own error.
    pub fn from_pem(text: &str) -> Result<Self, CertificateError> {
        // Looked for before anything is decoded, so that no copy of the key is made.
        if is_private_key_text(text) {
            return Err(CertificateError::PrivateKey);
        }
        let blocks = pem_blocks(text)?;
        if let Some(other) = blocks
            .iter()
            .find(|block| !is_certificate_label(&block.label))
        {
            return Err(CertificateError::OtherLabel(printable(&other.label)));
        }
        match blocks.as_slice() {
            [] if text.trim().is_empty() => Err(CertificateError::Empty),
            [] => Err(CertificateError::NotPem),
            [block] => Self::from_der(&block.contents),
            several => Err(CertificateError::Chain(several.len())),
        }
    }

    /// Reads text that holds certificates in PEM form and nothing else of PEM, such as `certs/ca.pem` while CAs overlap.
    ///
    /// # Errors
    /// The text holds none, or something else.
    pub fn all_from_pem(text: &str) -> Result<Vec<Self>, CertificateError> {
        if is_private_key_text(text) {
            return Err(CertificateError::PrivateKey);
        }
        let blocks = pem_blocks(text)?;
        let other = |block: &&Pem| !is_certificate_label(&block.label);
        if let Some(other) = blocks.iter().find(other) {
            return Err(CertificateError::OtherLabel(printable(&other.label)));
        }
        if blocks.is_empty() {
            return Err(CertificateError::NotPem);
        }
        let read = |block: &Pem| Self::from_der(&block.contents);
        blocks.iter().map(read).collect()
    }

    /// Its PEM text, with an end of line after it.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem_text("CERTIFICATE", &self.der)
    }

    /// The encoding that was read.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// SHA-256 over the DER.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// What it is known by in any encoding.
    #[must_use]
    pub const fn digests(&self) -> Digests {
        self.digests
    }

    /// Start of the validity, unix seconds; negative before 1970.
    #[must_use]
    pub fn not_before(&self) -> i64 {
        self.not_before
    }

    /// Last second of the validity, unix seconds.
    #[must_use]
    pub fn not_after(&self) -> i64 {
        self.not_after
    }

    /// The common name of the subject, or the whole name if it has none. For display only.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The common name of the issuer, or the whole name if it has none. For display only.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The serial number as lower-case hex of its DER content, so with a leading `00` if its first
    /// bit is set.
    #[must_use]
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// The serial number; none if it is longer than the standard permits.
    #[must_use]
    pub fn serial_number(&self) -> Option<Serial> {
        Serial::of(&hex::decode(&self.serial).ok()?)
    }

    /// Whether subject and issuer are the same name. The signature is not checked.
    #[must_use]
    pub fn self_signed(&self) -> bool {
        self.self_signed
    }

    /// The public key, in the pieces a TLS verifier takes.
    #[must_use]
    pub fn public_key(&self) -> &SubjectPublicKey {
        &self.public_key
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("fingerprint", &self.fingerprint)
            .field("subject", &self.subject)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// The public key of the certificate `der`, for a caller that needs nothing else of it.
///
/// # Errors
/// The bytes are not exactly one certificate.
pub fn spki(der: &[u8]) -> Result<SubjectPublicKey, CertificateError> {
    public_key(&parse(der)?)
}

/// Parses `der`, which must hold one certificate and nothing after it.
pub(super) fn parse(der: &[u8]) -> Result<X509Certificate<'_>, CertificateError> {
    let (rest, certificate) =
        X509Certificate::from_der(der).map_err(|_| CertificateError::NotX509)?;
    if rest.is_empty() {
        Ok(certificate)
    } else {
        // Fingerprint and signature would cover different bytes.
        Err(CertificateError::TrailingBytes(rest.len()))
    }
}

pub(super) fn public_key(
    certificate: &X509Certificate<'_>,
) -> Result<SubjectPublicKey, CertificateError> {
    let info = certificate.public_key();
    let (_, outer) = Sequence::from_der(info.raw).map_err(|_| CertificateError::NotX509)?;
    let (_, algorithm) =
        Sequence::from_der(&outer.content).map_err(|_| CertificateError::NotX509)?;
    Ok(SubjectPublicKey {
        algorithm: algorithm.content.to_vec(),
        key_bits: info.subject_public_key.data.to_vec(),
    })
}

/// PEM text of some kind, with an end of line after it.
fn pem_text(label: &str, der: &[u8]) -> String {
    let mut pem = format!("-----BEGIN {label}-----\n");
    for (place, letter) in STANDARD.encode(der).chars().enumerate() {
        if place > 0 && place % PEM_LINE == 0 {
            pem.push('\n');
        }
        pem.push(letter);
    }
    pem.push_str(&format!("\n-----END {label}-----\n"));
    pem
}

/// Whether a text holds a private key in PEM form.
pub(super) fn is_private_key_text(text: &str) -> bool {
    text.lines()
        .any(|line| line.trim_end().ends_with("PRIVATE KEY-----"))
}

fn pem_blocks(text: &str) -> Result<Vec<Pem>, CertificateError> {
    Pem::iter_from_buffer(text.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| match error {
            PEMError::Base64DecodeError => CertificateError::DamagedPem("its base64 is invalid"),
            PEMError::IncompletePEM => CertificateError::DamagedPem("its END line is missing"),
            PEMError::InvalidHeader => CertificateError::DamagedPem("its BEGIN line is invalid"),
            PEMError::MissingHeader | PEMError::IOError(_) => CertificateError::NotPem,
        })
}

// OpenSSL writes and accepts all three.
fn is_certificate_label(label: &str) -> bool {
    matches!(
        label,
        "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE"
    )
}

fn short_name(name: &X509Name<'_>) -> String {
    let common_name = name.iter_common_name().find_map(|part| part.as_str().ok());
    common_name.map_or_else(|| printable(&name.to_string()), printable)
}

/// Whether a letter is not to be seen, or changes how those around it are seen: a control character, one without width, a
/// separator of lines, or one that turns the direction of writing. They could forge lines in logs and on terminals.
#[must_use]
pub fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{2069}'
                | '\u{feff}'
        )
}

/// The peer chose this text, so nothing hidden is left in it.
fn printable(text: &str) -> String {
    text.replace(is_hidden, "\u{fffd}")
}

#[cfg(test)]
mod tests;
