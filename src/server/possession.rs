//! Whether a peer has the private key of the certificate that it shows.
//!
//! Nothing of a certificate is judged but its public key: version 1, `CA:TRUE` and odd key usages are all accepted, which rustls's own check
//! of a handshake's signature refuses, hence the check by hand.

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm};
use rustls::{CertificateError, DigitallySignedStruct, Error, PeerMisbehaved, SignatureScheme};

use super::tls::provider;
use crate::crypto::spki;

/// The longest certificate that is looked at, in bytes.
const CERTIFICATE_BYTES_MAX: usize = 16 * 1024;

/// The check of a handshake's signature.
pub(super) struct Possession(WebPkiSupportedAlgorithms);

type Algorithms = &'static [&'static dyn SignatureVerificationAlgorithm];

impl Possession {
    /// The check with the algorithms of our TLS.
    pub(super) fn new() -> Self {
        Self(provider().signature_verification_algorithms)
    }

    /// Whether this is a certificate of reasonable size: the first look, before its holder has proved anything.
    pub(super) fn is_readable(certificate: &CertificateDer<'_>) -> Result<(), Error> {
        if certificate.len() > CERTIFICATE_BYTES_MAX || spki(certificate).is_err() {
            return Err(CertificateError::BadEncoding.into());
        }
        Ok(())
    }

    /// Checks the signature of a handshake of TLS 1.2.
    pub(super) fn prove_tls12(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<(), Error> {
        // In TLS 1.2 a scheme does not fix the curve: each of its algorithms may be the one.
        let algorithms = self.algorithms_of(signed.scheme)?;
        prove(algorithms, message, certificate, signed)
    }

    /// Checks the signature of a handshake of TLS 1.3.
    pub(super) fn prove_tls13(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<(), Error> {
        // RFC 8446 §4.2.3: in TLS 1.3, PKCS#1 1.5 signs certificates only.
        if is_pkcs1(signed.scheme) {
            return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        }
        // A scheme fixes the curve, too; rustls lists the algorithm of TLS 1.3 first.
        let algorithms = self.algorithms_of(signed.scheme)?;
        let first = algorithms.get(..1).unwrap_or_default();
        prove(first, message, certificate, signed)
    }

    /// The schemes of signatures that are checked here.
    pub(super) fn schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }

    fn algorithms_of(&self, scheme: SignatureScheme) -> Result<Algorithms, Error> {
        let mut offered = self.0.mapping.iter();
        let found = offered.find(|(offered, _)| *offered == scheme);
        let unadvertised = PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme;
        found
            .map(|(_, algorithms)| *algorithms)
            .ok_or_else(|| unadvertised.into())
    }
}

/// Checks the signature with the algorithm that fits the certificate's key.
fn prove(
    algorithms: &[&dyn SignatureVerificationAlgorithm],
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<(), Error> {
    let key = spki(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let fits = |algorithm: &&&dyn SignatureVerificationAlgorithm| {
        algorithm.public_key_alg_id().as_ref() == key.algorithm.as_slice()
    };
    let algorithm = algorithms
        .iter()
        .find(fits)
        .ok_or(CertificateError::BadSignature)?;
    algorithm
        .verify_signature(&key.key_bits, message, signed.signature())
        .map_err(|_| CertificateError::BadSignature.into())
}

const fn is_pkcs1(scheme: SignatureScheme) -> bool {
    matches!(
        scheme,
        SignatureScheme::RSA_PKCS1_SHA1
            | SignatureScheme::RSA_PKCS1_SHA256
            | SignatureScheme::RSA_PKCS1_SHA384
            | SignatureScheme::RSA_PKCS1_SHA512
    )
}
