//! From a certificate to a client: decided only once the peer has proved that it holds the certificate's key.
//!
//! rustls shows a certificate before its holder has proved anything, and a public certificate can be replayed by anyone; so the first look
//! assents, and the decision stands in the check of the handshake's signature. A refusal is handed to whoever records it; a peer that
//! proved nothing leaves no trace but a debug line.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, PeerMisbehaved,
    SignatureScheme,
};
use tokio::sync::mpsc;

use crate::crypto::{Certificate, Fingerprint, spki, verify_signed_by};
use crate::domain::{Clock, Identity, NotAdmitted, Trust};
use crate::ops::Refusal;
use crate::store::Store;

/// The longest certificate that is looked at, in bytes.
const CERTIFICATE_BYTES_MAX: usize = 16 * 1024;
/// The most bytes kept of a refused certificate's subject.
const SUBJECT_BYTES_MAX: usize = 256;

/// Decides whose certificate it is.
pub struct Gatekeeper {
    store: Store,
    clock: Arc<dyn Clock>,
    /// The DER of our CA's certificates.
    authorities: Vec<Vec<u8>>,
    refusals: mpsc::Sender<Refusal>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl std::fmt::Debug for Gatekeeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gatekeeper").finish_non_exhaustive()
    }
}

impl Gatekeeper {
    /// A gatekeeper over the clients of a store. Refusals go to the channel; where it is full they are dropped.
    #[must_use]
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        authorities: Vec<Vec<u8>>,
        refusals: mpsc::Sender<Refusal>,
    ) -> Self {
        let algorithms =
            rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms;
        Self {
            store,
            clock,
            authorities,
            refusals,
            algorithms,
        }
    }

    /// Who holds this certificate. Asked again after the handshake, for the snapshot may have changed since.
    ///
    /// # Errors
    /// The rule that refuses it.
    pub fn identity(&self, der: &[u8]) -> Result<Arc<Identity>, NotAdmitted> {
        let fingerprint = Fingerprint::of(der);
        let (identity, trust) = self.store.clients().admit(&fingerprint, self.clock.now())?;
        let issued = || {
            self.authorities
                .iter()
                .any(|ours| verify_signed_by(der, ours).is_ok())
        };
        match trust {
            Trust::Issued if !issued() => Err(NotAdmitted::NotIssued),
            Trust::Issued | Trust::Pinned => Ok(identity),
        }
    }

    /// The decision, once possession is proved.
    fn decide(&self, der: &[u8]) -> Result<HandshakeSignatureValid, Error> {
        let Err(reason) = self.identity(der) else {
            return Ok(HandshakeSignatureValid::assertion());
        };
        let subject = Certificate::from_der(der).map_or_else(
            |_| String::new(),
            |certificate| {
                certificate
                    .subject()
                    .chars()
                    .take(SUBJECT_BYTES_MAX / 4)
                    .collect()
            },
        );
        let refusal = Refusal {
            fingerprint: Fingerprint::of(der),
            subject,
            reason,
        };
        if self.refusals.try_send(refusal).is_err() {
            tracing::debug!("A refused certificate was not recorded: too many at once.");
        }
        Err(alert(reason).into())
    }

    fn check_signature(
        &self,
        message: &[u8],
        der: &[u8],
        signed: &DigitallySignedStruct,
    ) -> Result<(), Error> {
        let key = spki(der).map_err(|_| CertificateError::BadEncoding)?;
        let scheme = self
            .algorithms
            .mapping
            .iter()
            .find(|(scheme, _)| *scheme == signed.scheme);
        let (_, candidates) =
            scheme.ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
        let fitting = candidates
            .iter()
            .filter(|algorithm| algorithm.public_key_alg_id().as_ref() == key.algorithm.as_slice());
        let mut verdicts = fitting.map(|algorithm| {
            algorithm.verify_signature(&key.key_bits, message, signed.signature())
        });
        if verdicts.any(|verdict| verdict.is_ok()) {
            Ok(())
        } else {
            Err(CertificateError::BadSignature.into())
        }
    }
}

/// The TLS alert of a refusal: `certificate_unknown`, `certificate_revoked`, `certificate_expired` or `unknown_ca`.
fn alert(reason: NotAdmitted) -> CertificateError {
    match reason {
        NotAdmitted::Unknown => CertificateError::Other(OtherError(Arc::new(reason))),
        NotAdmitted::Disabled => CertificateError::Revoked,
        NotAdmitted::NotYetValid => CertificateError::NotValidYet,
        NotAdmitted::Expired => CertificateError::Expired,
        NotAdmitted::NotIssued => CertificateError::UnknownIssuer,
    }
}

impl ClientCertVerifier for Gatekeeper {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if end_entity.len() > CERTIFICATE_BYTES_MAX || spki(end_entity).is_err() {
            return Err(CertificateError::BadEncoding.into());
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature(message, certificate, signed)?;
        self.decide(certificate)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let pkcs1 = matches!(
            signed.scheme,
            SignatureScheme::RSA_PKCS1_SHA1
                | SignatureScheme::RSA_PKCS1_SHA256
                | SignatureScheme::RSA_PKCS1_SHA384
                | SignatureScheme::RSA_PKCS1_SHA512
        );
        if pkcs1 {
            // RFC 8446 §4.2.3: these do not sign handshakes of TLS 1.3.
            return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        }
        self.check_signature(message, certificate, signed)?;
        self.decide(certificate)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
