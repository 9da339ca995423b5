//! Whether a certificate of a CA elsewhere may stand for a client.
//!
//! Stricter than what is pinned: nobody here has looked at the leaf. The CA must have signed it itself, so there is no chain to
//! build: where an intermediate CA signs, its certificate is the one to trust.

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::x509::X509Version;

use super::canonical::is_canonical;
use super::{CertificateError, parse};
use crate::crypto::signature::{SignatureError, verify_signed_by};

/// Why a certificate cannot be trusted as a CA, or is no leaf of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssuedError {
    /// It cannot be read.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// It is not an authority's.
    #[error("it is not a CA's: it lacks CA:TRUE, or its key may not sign certificates")]
    NotAuthority,
    /// The CA has not signed it, or not in an accepted way.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// What its CA's signature does not cover is not encoded in the one way there is.
    #[error("it is not encoded in the one way that DER has")]
    Encoding,
    /// Either of the two is not valid at this time.
    #[error("its dates or its CA's do not include this moment")]
    Dates,
    /// It is a CA's, or not for clients, or of an old version.
    #[error(
        "it is not a client's: CA:TRUE, no clientAuth among its extended key usages, or not of version 3"
    )]
    NotClient,
    /// It has a critical extension that is not understood.
    #[error("it has a critical extension that is not understood")]
    Extension,
}

/// Checks that a certificate can be trusted as a CA at `now`, seconds since 1970.
///
/// # Errors
/// [`IssuedError`] says what is wrong.
pub fn check_authority(der: &[u8], now: i64) -> Result<(), IssuedError> {
    let authority = parse(der)?;
    check_extensions(&authority)?;
    let usage = authority.key_usage().map_err(|_| IssuedError::Extension)?;
    let may_sign = usage.is_none_or(|usage| usage.value.key_cert_sign());
    if authority.version != X509Version::V3 || !authority.is_ca() || !may_sign {
        return Err(IssuedError::NotAuthority);
    }
    check_dates(&authority, now)
}

/// Checks that `leaf` is a client's certificate that the CA of `authority` signed itself, at `now`.
///
/// # Errors
/// [`IssuedError`] says what is wrong.
pub fn check_issued(leaf: &[u8], authority: &[u8], now: i64) -> Result<(), IssuedError> {
    if !is_canonical(leaf) {
        return Err(IssuedError::Encoding);
    }
    verify_signed_by(leaf, authority)?;
    check_authority(authority, now)?;
    let leaf = parse(leaf)?;
    check_extensions(&leaf)?;
    check_dates(&leaf, now)?;
    let usages = leaf
        .extended_key_usage()
        .map_err(|_| IssuedError::Extension)?;
    let for_clients = usages.is_none_or(|usages| usages.value.client_auth || usages.value.any);
    if leaf.version != X509Version::V3 || leaf.is_ca() || !for_clients {
        return Err(IssuedError::NotClient);
    }
    Ok(())
}

fn check_dates(certificate: &X509Certificate<'_>, now: i64) -> Result<(), IssuedError> {
    let validity = certificate.validity();
    let is_valid =
        (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now);
    if is_valid {
        Ok(())
    } else {
        Err(IssuedError::Dates)
    }
}

/// What is critical must be among what is understood here (RFC 5280 §4.2); constraints on names are not.
fn check_extensions(certificate: &X509Certificate<'_>) -> Result<(), IssuedError> {
    let is_understood = |extension: &ParsedExtension<'_>| {
        matches!(
            extension,
            ParsedExtension::BasicConstraints(_)
                | ParsedExtension::KeyUsage(_)
                | ParsedExtension::ExtendedKeyUsage(_)
                | ParsedExtension::SubjectAlternativeName(_)
                | ParsedExtension::SubjectKeyIdentifier(_)
                | ParsedExtension::AuthorityKeyIdentifier(_)
        )
    };
    // None twice: the first one could say what the second takes back.
    let names = certificate.extensions_map();
    names.map_err(|_| IssuedError::Extension)?;
    let unknown = |extension: &&x509_parser::extensions::X509Extension<'_>| {
        let limits_names = matches!(
            extension.parsed_extension(),
            ParsedExtension::NameConstraints(_)
        );
        limits_names || (extension.critical && !is_understood(extension.parsed_extension()))
    };
    match certificate.extensions().iter().find(unknown) {
        Some(_) => Err(IssuedError::Extension),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Certificate;
    use crate::crypto::authority::{Authority, KeyKind, self_signed_client};
    use crate::crypto::version_one::version_one;

    const NOW: i64 = 1_700_000_000;
    const DAY: i64 = 86_400;

    /// The same certificate with two bytes after the signature, within the outer SEQUENCE.
    fn padded(der: &[u8]) -> Vec<u8> {
        let [_, 0x82, high, low, content @ ..] = der else {
            panic!("a length of two bytes")
        };
        let [high, low] = (u16::from_be_bytes([*high, *low]) + 2).to_be_bytes();
        [&[0x30, 0x82, high, low], content, &[5, 0]].concat()
    }

    #[test]
    fn only_a_valid_client_certificate_that_the_ca_signed_itself_is_taken() {
        let made = |name| Authority::create(name, NOW, 30, KeyKind::EcdsaP256).unwrap();
        let (ours, twin) = (made("VMCA"), made("VMCA"));
        let leaf = ours
            .issue_client("vc", KeyKind::EcdsaP256, NOW, 10)
            .unwrap();
        let (leaf, ca) = (leaf.certificate.der(), ours.certificate().der());
        assert_eq!(check_issued(leaf, ca, NOW), Ok(()));
        let twin = twin.certificate().der();
        let bad = Err(IssuedError::Signature(SignatureError::BadSignature));
        assert_eq!(check_issued(leaf, twin, NOW), bad);
        for now in [NOW - DAY, NOW + 11 * DAY] {
            assert_eq!(check_issued(leaf, ca, now), Err(IssuedError::Dates));
        }
        assert_eq!(check_issued(ca, ca, NOW), Err(IssuedError::NotClient));
        let padded = padded(leaf);
        assert!(Certificate::from_der(&padded).is_ok(), "it is read");
        assert_eq!(check_issued(&padded, ca, NOW), Err(IssuedError::Encoding));
        let names = ["vc.example.org".to_owned()];
        let server = ours
            .issue_server(&names, KeyKind::EcdsaP256, NOW, 10)
            .unwrap();
        let refused = check_issued(server.certificate.der(), ca, NOW);
        assert_eq!(refused, Err(IssuedError::NotClient));
    }

    #[test]
    fn only_a_ca_is_trusted_as_one() {
        let ca = Authority::create("VMCA", NOW, 30, KeyKind::EcdsaP256).unwrap();
        assert_eq!(check_authority(ca.certificate().der(), NOW), Ok(()));
        let late = check_authority(ca.certificate().der(), NOW + 31 * DAY);
        assert_eq!(late, Err(IssuedError::Dates));
        let plain = self_signed_client("x", KeyKind::EcdsaP256, NOW, 10).unwrap();
        let refused = check_authority(plain.certificate.der(), NOW);
        assert_eq!(refused, Err(IssuedError::NotAuthority));
        let refused = check_authority(&version_one("old"), NOW);
        assert_eq!(refused, Err(IssuedError::NotAuthority));
    }
}
