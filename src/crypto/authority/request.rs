//! Reads certificate signing requests (PKCS#10, RFC 2986) that clients such as vCenter make.
//!
//! A request is taken only with a good signature by its own key, which proves that whoever made it holds that key, and only with a
//! key of a kind and size that stands. Of the rest nothing but three parts of the subject is kept; extensions, passwords and whatever
//! else it asks for are not read.

use rcgen::{KeyUsagePurpose, SubjectPublicKeyInfo};
use x509_parser::asn1_rs::FromDer;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::pem::Pem;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use super::COMMON_NAME_CHARS_MAX;
use crate::crypto::certificate::is_private_key_text;
use crate::crypto::signature::{SignatureError, verify};

/// The longest text a request is read from, in bytes.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Bits of an RSA key.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Why a request is not signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// There is not one PEM block of a request.
    #[error(
        "no `-----BEGIN CERTIFICATE REQUEST-----` was found; one certificate signing request in PEM form is needed"
    )]
    NotPem,
    /// A private key was given.
    #[error(
        "this contains a private key; give the request only, and treat the key as exposed if it was sent anywhere"
    )]
    PrivateKey,
    /// The bytes are not one PKCS#10 request.
    #[error("the request cannot be read: it is not valid PKCS#10")]
    NotPkcs10,
    /// The key is too short, or of a kind that is not accepted; the field says which.
    #[error("the request's key is not accepted: {0}; use RSA of 2048 to 8192 bits, P-256 or P-384")]
    Key(String),
    /// The signature is made in a way that is not accepted.
    #[error("the request's own signature: {0}; use SHA-256 or better")]
    Algorithm(SignatureError),
    /// The signature is not made with the request's key.
    #[error("the request is not signed with its own key; make it again")]
    BadSignature,
}

/// A request whose signature is good.
#[derive(Debug)]
pub struct SigningRequest {
    pub(super) public_key: SubjectPublicKeyInfo,
    pub(super) usages: Vec<KeyUsagePurpose>,
    pub(super) common_name: Option<String>,
    pub(super) organization: Option<String>,
    pub(super) organizational_unit: Option<String>,
}

impl SigningRequest {
    /// Reads text that holds exactly one request in PEM form, and checks its signature and key.
    ///
    /// # Errors
    /// [`RequestError`] says what is wrong.
    pub fn from_pem(text: &str) -> Result<Self, RequestError> {
        if is_private_key_text(text) {
            return Err(RequestError::PrivateKey);
        }
        let bounded = Some(text).filter(|text| text.len() <= TEXT_BYTES_MAX);
        let blocks = Pem::iter_from_buffer(bounded.unwrap_or_default().as_bytes());
        let blocks: Vec<_> = blocks
            .collect::<Result<_, _>>()
            .map_err(|_| RequestError::NotPem)?;
        match blocks.as_slice() {
            // OpenSSL and Windows write one or the other.
            [block] if block.label.ends_with("CERTIFICATE REQUEST") => {
                Self::from_der(&block.contents)
            }
            _ => Err(RequestError::NotPem),
        }
    }

    fn from_der(der: &[u8]) -> Result<Self, RequestError> {
        let (rest, request) =
            X509CertificationRequest::from_der(der).map_err(|_| RequestError::NotPkcs10)?;
        if !rest.is_empty() {
            return Err(RequestError::NotPkcs10);
        }
        let info = &request.certification_request_info;
        let key = &info.subject_pki;
        let usages = usages(key)?;
        let algorithm = &request.signature_algorithm;
        let signature = &request.signature_value.data;
        verify(algorithm, key, info.raw, signature).map_err(|error| match error {
            SignatureError::Algorithm(_) => RequestError::Algorithm(error),
            _ => RequestError::BadSignature,
        })?;
        let public_key = SubjectPublicKeyInfo::from_der(key.raw);
        let subject = &info.subject;
        Ok(Self {
            public_key: public_key
                .map_err(|_| RequestError::Key("its parameters are unusual".to_owned()))?,
            usages,
            common_name: part(subject.iter_common_name()),
            organization: part(X509Name::iter_organization(subject)),
            organizational_unit: part(subject.iter_organizational_unit()),
        })
    }
}

/// What a key of this kind may be used for, if it is one that stands.
fn usages(
    key: &x509_parser::x509::SubjectPublicKeyInfo<'_>,
) -> Result<Vec<KeyUsagePurpose>, RequestError> {
    let parsed = key.parsed();
    match parsed.map_err(|_| RequestError::Key("it cannot be read".to_owned()))? {
        PublicKey::RSA(rsa) if !RSA_BITS.contains(&rsa.key_size()) => {
            Err(RequestError::Key(format!("RSA of {} bits", rsa.key_size())))
        }
        // RSA key transport of TLS 1.2 needs encipherment.
        PublicKey::RSA(_) => Ok(vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
        ]),
        PublicKey::EC(_) => Ok(vec![KeyUsagePurpose::DigitalSignature]),
        _ => Err(RequestError::Key("its kind is unusual".to_owned())),
    }
}

/// The first part of a kind, as a name that can stand in a certificate; none where there is nothing of use.
fn part<'a>(mut parts: impl Iterator<Item = &'a AttributeTypeAndValue<'a>>) -> Option<String> {
    let text = parts.find_map(|part| part.as_str().ok())?;
    let letters = text.chars().filter(|letter| !letter.is_control());
    let kept: String = letters.take(COMMON_NAME_CHARS_MAX).collect();
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, IsCa, KeyPair};

    use super::super::{Authority, KeyKind};
    use super::{RequestError, SigningRequest};
    use crate::crypto::certificate::{parse, spki};
    use crate::crypto::verify_signed_by;

    const NOW: i64 = 1_700_000_000;

    fn request(names: &[(DnType, &str)], key: &KeyPair) -> String {
        let mut params = CertificateParams::new(["other.example.org".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, name) in names {
            params.distinguished_name.push(kind.clone(), *name);
        }
        params.serialize_request(key).unwrap().pem().unwrap()
    }

    #[test]
    fn only_the_key_and_a_clean_subject_are_taken() {
        let authority = Authority::create("Ours", NOW, 30, KeyKind::EcdsaP256).unwrap();
        for kind in [KeyKind::Rsa2048, KeyKind::EcdsaP256, KeyKind::EcdsaP384] {
            let key = kind.generate().unwrap();
            let names = [
                (DnType::CommonName, "kmip\u{1b}Client"),
                (DnType::OrganizationName, "VMware"),
                (DnType::CountryName, "US"),
            ];
            let request = SigningRequest::from_pem(&request(&names, &key)).unwrap();
            let (pem, made) = authority.sign(&request, "vc", NOW, 10).unwrap();
            assert!(pem.contains("BEGIN CERTIFICATE"));
            let public_key = spki(made.der()).unwrap();
            assert_eq!(public_key.key_bits, rcgen::PublicKeyData::der_bytes(&key));
            assert_eq!(
                verify_signed_by(made.der(), authority.certificate().der()),
                Ok(())
            );
            let read = parse(made.der()).unwrap();
            assert_eq!(read.subject().to_string(), "CN=kmipClient, O=VMware");
            assert!(!read.is_ca(), "it asked for CA:TRUE");
            assert!(read.subject_alternative_name().unwrap().is_none());
            let usage = read.extended_key_usage().unwrap().unwrap().value;
            assert!(usage.client_auth && !usage.server_auth);
        }
    }

    #[test]
    fn a_request_without_a_name_gets_the_label() {
        let authority = Authority::create("Ours", NOW, 30, KeyKind::EcdsaP256).unwrap();
        let key = KeyKind::EcdsaP256.generate().unwrap();
        let request = SigningRequest::from_pem(&request(&[], &key)).unwrap();
        let (_, made) = authority.sign(&request, "vcenter-1", NOW, 10).unwrap();
        assert_eq!(made.subject(), "vcenter-1");
    }

    #[test]
    fn an_altered_request_is_refused() {
        let key = KeyKind::EcdsaP256.generate().unwrap();
        let good = request(&[(DnType::CommonName, "kmipClient")], &key);
        let block = x509_parser::pem::Pem::iter_from_buffer(good.as_bytes());
        let mut der = block.map(Result::unwrap).next().unwrap().contents;
        let at = der.windows(10).position(|w| w == b"kmipClient").unwrap();
        der[at] = b'K';
        let refused = SigningRequest::from_der(&der).unwrap_err();
        assert_eq!(refused, RequestError::BadSignature);
        der.push(0);
        let refused = SigningRequest::from_der(&der).unwrap_err();
        assert_eq!(refused, RequestError::NotPkcs10);
    }

    #[test]
    fn weak_keys_and_wrong_files_are_refused_by_name() {
        let error = |text: &str| SigningRequest::from_pem(text).unwrap_err();
        for text in ["", "hello", &"x".repeat(100_000)] {
            assert_eq!(error(text), RequestError::NotPem);
        }
        let key = KeyKind::EcdsaP256.generate().unwrap();
        let good = request(&[], &key);
        assert_eq!(error(&(good.clone() + &good)), RequestError::NotPem);
        let with_key = good + &key.serialize_pem();
        assert_eq!(error(&with_key), RequestError::PrivateKey);
        for algorithm in [&rcgen::PKCS_ED25519, &rcgen::PKCS_ECDSA_P521_SHA512] {
            let key = KeyPair::generate_for(algorithm).unwrap();
            let refused = error(&request(&[], &key));
            assert!(
                matches!(refused, RequestError::Key(_) | RequestError::Algorithm(_)),
                "{refused:?}"
            );
        }
    }
}
