//! Checks that one certificate signed another.
//!
//! This is the signature and the name, nothing more: dates, key usages and path lengths are not
//! judged. The algorithms are those an authority in the field uses today; SHA-1 and MD5 are refused.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1,
    ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    UnparsedPublicKey, VerificationAlgorithm,
};
use x509_parser::oid_registry::{
    OID_EC_P256, OID_NIST_EC_P384, OID_PKCS1_SHA256WITHRSA, OID_PKCS1_SHA384WITHRSA,
    OID_PKCS1_SHA512WITHRSA, OID_SIG_ECDSA_WITH_SHA256, OID_SIG_ECDSA_WITH_SHA384, OID_SIG_ED25519,
    Oid,
};
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use super::certificate::{CertificateError, parse};

/// Why a certificate does not count as signed by another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// One of the two cannot be read.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The issuer named in the certificate is not the subject of the other.
    #[error("the certificate names another issuer")]
    OtherIssuer,
    /// The algorithm, or its combination with the issuer's key, is not supported; the field is its
    /// object identifier.
    #[error("signatures with algorithm {0} are not accepted")]
    Algorithm(String),
    /// The certificate states two different algorithms for its one signature (RFC 5280 §4.1.1.2).
    #[error("the certificate contradicts itself about its signature's algorithm")]
    Contradiction,
    /// The signature is not the issuer's.
    #[error("the certificate's signature is not its issuer's")]
    BadSignature,
}

/// Checks that the certificate `leaf_der` names `issuer_der` as its issuer and carries its signature.
///
/// # Errors
/// It does not, or one of the two cannot be read.
pub fn verify_signed_by(leaf_der: &[u8], issuer_der: &[u8]) -> Result<(), SignatureError> {
    let leaf = parse(leaf_der)?;
    let issuer = parse(issuer_der)?;
    if leaf.issuer().as_raw() != issuer.subject().as_raw() {
        return Err(SignatureError::OtherIssuer);
    }
    if leaf.signature_algorithm != leaf.tbs_certificate.signature {
        return Err(SignatureError::Contradiction);
    }
    verify(
        &leaf.signature_algorithm,
        issuer.public_key(),
        leaf.tbs_certificate.as_ref(),
        &leaf.signature_value.data,
    )
}

/// Checks that `signature` over `message` was made with `key`, in the way `stated` says.
///
/// # Errors
/// It was not, or that way is not accepted.
pub(super) fn verify(
    stated: &AlgorithmIdentifier<'_>,
    key: &SubjectPublicKeyInfo<'_>,
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    let oid = &stated.algorithm;
    let algorithm =
        algorithm(oid, key).ok_or_else(|| SignatureError::Algorithm(oid.to_id_string()))?;
    UnparsedPublicKey::new(algorithm, &key.subject_public_key.data)
        .verify(message, signature)
        .map_err(|_| SignatureError::BadSignature)
}

fn algorithm(
    signature: &Oid<'_>,
    key: &SubjectPublicKeyInfo<'_>,
) -> Option<&'static dyn VerificationAlgorithm> {
    let curve = || {
        key.algorithm
            .parameters
            .as_ref()
            .and_then(|any| any.as_oid().ok())
    };
    if *signature == OID_SIG_ECDSA_WITH_SHA256 {
        match curve()? {
            name if name == OID_EC_P256 => Some(&ECDSA_P256_SHA256_ASN1),
            name if name == OID_NIST_EC_P384 => Some(&ECDSA_P384_SHA256_ASN1),
            _ => None,
        }
    } else if *signature == OID_SIG_ECDSA_WITH_SHA384 {
        match curve()? {
            name if name == OID_EC_P256 => Some(&ECDSA_P256_SHA384_ASN1),
            name if name == OID_NIST_EC_P384 => Some(&ECDSA_P384_SHA384_ASN1),
            _ => None,
        }
    } else if *signature == OID_PKCS1_SHA256WITHRSA {
        Some(&RSA_PKCS1_2048_8192_SHA256)
    } else if *signature == OID_PKCS1_SHA384WITHRSA {
        Some(&RSA_PKCS1_2048_8192_SHA384)
    } else if *signature == OID_PKCS1_SHA512WITHRSA {
        Some(&RSA_PKCS1_2048_8192_SHA512)
    } else if *signature == OID_SIG_ED25519 {
        Some(&ED25519)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::authority::{Authority, KeyKind, self_signed_client};
    use super::super::version_one::version_one;
    use super::{SignatureError, verify_signed_by};

    const NOW: i64 = 1_700_000_000;

    #[test]
    fn every_kind_of_authority_is_recognised_and_no_other() {
        for kind in [KeyKind::EcdsaP256, KeyKind::EcdsaP384, KeyKind::Rsa2048] {
            let ours = Authority::create("Same name", NOW, 30, kind).unwrap();
            let theirs = Authority::create("Same name", NOW, 30, kind).unwrap();
            let leaf = ours
                .issue_client("one", KeyKind::EcdsaP256, NOW, 10)
                .unwrap();
            let (leaf, ours, theirs) = (
                leaf.certificate.der(),
                ours.certificate().der(),
                theirs.certificate().der(),
            );
            assert_eq!(verify_signed_by(leaf, ours), Ok(()), "{kind}");
            assert_eq!(verify_signed_by(ours, ours), Ok(()), "{kind}");
            assert_eq!(
                verify_signed_by(leaf, theirs),
                Err(SignatureError::BadSignature),
                "{kind}"
            );
        }
    }

    #[test]
    fn another_issuer_name_is_refused_by_name() {
        let ours = Authority::create("Ours", NOW, 30, KeyKind::EcdsaP256).unwrap();
        let stranger = self_signed_client("x", KeyKind::EcdsaP256, NOW, 10).unwrap();
        let result = verify_signed_by(stranger.certificate.der(), ours.certificate().der());
        assert_eq!(result, Err(SignatureError::OtherIssuer));
    }

    #[test]
    fn an_altered_certificate_is_refused() {
        let ours = Authority::create("Ours", NOW, 30, KeyKind::EcdsaP256).unwrap();
        let leaf = ours
            .issue_client("label-one", KeyKind::EcdsaP256, NOW, 10)
            .unwrap();
        let mut der = leaf.certificate.der().to_vec();
        let at = der
            .windows(9)
            .position(|window| window == b"label-one")
            .unwrap();
        der[at] = b'L';
        let result = verify_signed_by(&der, ours.certificate().der());
        assert_eq!(result, Err(SignatureError::BadSignature));
    }

    #[test]
    fn a_version_one_certificate_can_sign_itself() {
        let der = version_one("CN only");
        assert_eq!(verify_signed_by(&der, &der), Ok(()));
    }
}
