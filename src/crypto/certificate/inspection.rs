//! What is to be said of a certificate before it is enrolled: what it is, and what would be wrong with it here.
//!
//! Only what the server itself goes by is called wrong: vCenter presents certificates of old versions, with `CA:TRUE`, without an extended key
//! usage, and is let in.

use x509_parser::certificate::X509Certificate;
use x509_parser::oid_registry::{OID_EC_P256, OID_NIST_EC_P384, OID_NIST_EC_P521, OID_SIG_ED25519};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::presentable::names;
use super::subject::Subject;
use super::{Certificate, CertificateError, parse, printable};

/// Bits of an RSA key that a handshake is accepted with.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Its whole subject, as `client trust-ca --subject` takes it; none where it has a part that is no text.
    pub whole_subject: Option<String>,
    /// Its whole issuer, for display.
    pub issuer: String,
    /// Kind and size of its key.
    pub key: String,
    /// Its version of X.509.
    pub version: u32,
    /// Whether it is a CA's.
    pub is_ca: bool,
    /// What it is for, if it says so: key usages and extended ones.
    pub usages: Vec<String>,
    /// DNS names and IP addresses.
    pub names: Vec<String>,
    /// Why no handshake with it succeeds.
    pub wrong: Vec<String>,
    /// What is worth knowing and refuses nothing.
    pub remarks: Vec<String>,
}

/// Looks at a certificate at `now`, seconds since 1970.
///
/// # Errors
/// It cannot be read.
pub fn inspect(certificate: &Certificate, now: i64) -> Result<Inspection, CertificateError> {
    let parsed = parse(certificate.der())?;
    let (key, accepted) = key(parsed.public_key());
    let mut wrong = Vec::new();
    let mut remarks = Vec::new();
    if !accepted {
        wrong.push(format!(
            "its key ({key}) is not accepted: RSA of 2048 to 8192 bits, P-256, P-384, P-521 or Ed25519 is"
        ));
    }
    if now > certificate.not_after() {
        wrong.push("it has expired".to_owned());
    }
    if now < certificate.not_before() {
        wrong.push("it is not valid yet: is a clock wrong?".to_owned());
    }
    if parsed.is_ca() {
        remarks.push("it says CA:TRUE, which a pinned certificate may".to_owned());
    }
    if let Some(digest) = weak_digest(&parsed).filter(|_| !certificate.self_signed()) {
        remarks.push(format!(
            "it is signed with {digest}, which is broken: pinned it is known by its fingerprint all the same, for a trusted CA it is refused"
        ));
    }
    if !is_for_clients(&parsed) {
        remarks.push(
            "clientAuth is not among its extended key usages: pinned it is let in all the same, for a trusted CA it is refused"
                .to_owned(),
        );
    }
    if parsed
        .key_usage()
        .is_ok_and(|usage| usage.is_some_and(|usage| !usage.value.digital_signature()))
    {
        remarks.push(
            "its key usages leave out digitalSignature, which this server lets pass".to_owned(),
        );
    }
    Ok(Inspection {
        whole_subject: Subject::of(certificate.der()).map(|subject| subject.to_string()),
        issuer: printable(&parsed.issuer().to_string()),
        key,
        version: parsed.version().0.saturating_add(1),
        is_ca: parsed.is_ca(),
        usages: usages(&parsed),
        names: names(certificate.der()),
        wrong,
        remarks,
    })
}

/// The digest of its signature, if nobody should rely on that.
fn weak_digest(certificate: &X509Certificate<'_>) -> Option<&'static str> {
    let known = [
        ("1.2.840.113549.1.1.2", "MD2"),
        ("1.2.840.113549.1.1.4", "MD5"),
        ("1.2.840.113549.1.1.5", "SHA-1"),
        ("1.3.14.3.2.29", "SHA-1"),
        ("1.2.840.10040.4.3", "SHA-1"),
        ("1.2.840.10045.4.1", "SHA-1"),
    ];
    let algorithm = certificate.signature_algorithm.algorithm.to_id_string();
    let weak = known.iter().find(|(oid, _)| *oid == algorithm);
    weak.map(|(_, name)| *name)
}

/// Whether it is for clients, or does not say what it is for.
fn is_for_clients(certificate: &X509Certificate<'_>) -> bool {
    let usages = certificate.extended_key_usage();
    usages.is_ok_and(|usages| {
        usages.is_none_or(|usages| usages.value.client_auth || usages.value.any)
    })
}

/// Kind and size of a key, and whether a handshake is accepted with it.
fn key(info: &SubjectPublicKeyInfo<'_>) -> (String, bool) {
    match info.parsed() {
        Ok(PublicKey::RSA(key)) => {
            let bits = key.key_size();
            (format!("RSA, {bits} bits"), RSA_BITS.contains(&bits))
        }
        Ok(PublicKey::EC(_)) => {
            let parameters = info.algorithm.parameters.as_ref();
            let curve = parameters.and_then(|any| any.as_oid().ok());
            let known = [
                (OID_EC_P256, "P-256"),
                (OID_NIST_EC_P384, "P-384"),
                (OID_NIST_EC_P521, "P-521"),
            ];
            let name = known.iter().find(|(oid, _)| curve.as_ref() == Some(oid));
            name.map_or_else(
                || ("an elliptic curve of another kind".to_owned(), false),
                |(_, name)| ((*name).to_owned(), true),
            )
        }
        _ if info.algorithm.algorithm == OID_SIG_ED25519 => ("Ed25519".to_owned(), true),
        _ => (format!("of kind {}", info.algorithm.algorithm), false),
    }
}

fn usages(certificate: &X509Certificate<'_>) -> Vec<String> {
    let mut usages = Vec::new();
    if let Ok(Some(usage)) = certificate.key_usage() {
        usages.push(usage.value.to_string());
    }
    if let Ok(Some(extended)) = certificate.extended_key_usage() {
        let known = [
            (extended.value.any, "any"),
            (extended.value.server_auth, "serverAuth"),
            (extended.value.client_auth, "clientAuth"),
        ];
        let set = known.iter().filter(|(is_set, _)| *is_set);
        usages.extend(set.map(|(_, name)| (*name).to_owned()));
    }
    usages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::authority::{SelfSignedForm, self_signed_client_as};
    use crate::crypto::version_one::version_one;
    use crate::crypto::{Authority, KeyKind};

    const NOW: i64 = 1_700_000_000;

    #[test]
    fn what_a_certificate_says_is_shown_and_only_what_refuses_it_is_wrong() {
        let ca = Authority::create("CA", NOW, 30, KeyKind::EcdsaP384).unwrap();
        let made = ca.issue_client("vc", KeyKind::EcdsaP256, NOW, 10).unwrap();
        let seen = inspect(&made.certificate, NOW).unwrap();
        assert_eq!(seen.whole_subject.as_deref(), Some("CN=vc"));
        assert_eq!(
            (seen.issuer.as_str(), seen.key.as_str()),
            ("CN=CA", "P-256")
        );
        assert!(seen.usages.contains(&"clientAuth".to_owned()), "{seen:?}");
        assert_eq!((seen.version, seen.is_ca), (3, false));
        assert_eq!(seen.wrong, [""; 0]);
        for (now, word) in [
            (NOW + 11 * 86_400, "expired"),
            (NOW - 86_400, "not valid yet"),
        ] {
            let wrong = inspect(&made.certificate, now).unwrap().wrong;
            assert!(wrong[0].contains(word), "{wrong:?}");
        }
        let form = SelfSignedForm::CaTrue;
        let made = self_signed_client_as(form, "vc", KeyKind::Rsa2048, NOW, 10).unwrap();
        let seen = inspect(&made.certificate, NOW).unwrap();
        assert_eq!((seen.key.as_str(), seen.is_ca), ("RSA, 2048 bits", true));
        assert!(seen.wrong.is_empty() && seen.remarks.len() == 1, "{seen:?}");
        let old = Certificate::from_der(&version_one("old")).unwrap();
        let seen = inspect(&old, old.not_before()).unwrap();
        assert_eq!((seen.version, seen.wrong.len()), (1, 0), "{seen:?}");
    }
}
