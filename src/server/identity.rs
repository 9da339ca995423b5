//! From a certificate to a client: decided only once the peer has proved that it holds the
//! certificate's key.
//!
//! rustls shows a certificate before its holder has proved anything, and a public certificate can
//! be replayed by anyone. So the first look assents to everything that is a certificate of
//! reasonable size, and the decision stands in the check of the handshake's signature, after that
//! signature has proved good: only then is a refusal worth an event. Nothing of a certificate is
//! judged but its fingerprint, dates and public key and, where it was enrolled as issued by our CA,
//! that CA's signature: version 1, `CA:TRUE` and missing or odd key usages are all accepted.
//! rustls's own check of a signature refuses most of these, hence the check by hand.
//!
//! | refusal | TLS alert | event |
//! |---|---|---|
//! | no client has the certificate | `certificate_unknown` | yes |
//! | its client is disabled | `certificate_revoked` | yes |
//! | it has expired, longer ago than the grace allows, or is not yet valid | `certificate_expired` | yes |
//! | it is enrolled as issued, and our CA did not sign it | `unknown_ca` | yes |
//! | a trusted CA vouches for it, and it or its key was removed from the client | `certificate_revoked` | yes |
//! | the trusted CA that vouches for it has revoked it | `certificate_revoked` | yes |
//! | the revocation list of the trusted CA that vouches for it has lapsed, where that is to refuse | `access_denied` | yes |
//! | it fits trusted CAs of several clients, its CA has enrolled as many as it may, or its client has it already in another encoding | `access_denied` | yes |
//! | the handshake's signature is not made with its key | `decrypt_error` | no |
//! | it cannot be read or is too long | `bad_certificate` | no |

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};

use crate::crypto::{Certificate, Fingerprint, Serial, verify_signed_by};
use crate::domain::expiry::accepted_until;
use crate::domain::{Admission, Clock, Identity, NotAdmitted, Trust};
use crate::ops::{Decision, Sighting};
use crate::server::answerer::Directory;
use crate::server::counts::Counts;
use crate::server::knock;
use crate::server::possession::Possession;

/// Is told of a certificate whose key the peer has and that is not simply let in. It must not wait:
/// it is called within a handshake.
pub type OnSighting = Box<dyn Fn(Sighting) + Send + Sync>;

/// Decides whose certificate it is.
pub struct Gatekeeper {
    directory: Box<dyn Directory>,
    clock: Arc<dyn Clock>,
    /// How many days an expired certificate is still let in.
    grace_days: u32,
    /// Whether nobody is let in whose CA's revocation list has lapsed.
    refuses_lapsed_lists: bool,
    /// The DER of our CA's certificates.
    authorities: ArcSwap<Vec<Vec<u8>>>,
    on_sighting: OnSighting,
    counts: Arc<Counts>,
    possession: Possession,
}

impl fmt::Debug for Gatekeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gatekeeper").finish_non_exhaustive()
    }
}

impl Gatekeeper {
    /// A gatekeeper over the clients of a directory, in production the store. It tells whom it
    /// refuses.
    #[must_use]
    pub fn new(
        directory: impl Directory,
        clock: Arc<dyn Clock>,
        authorities: Vec<Vec<u8>>,
        on_sighting: OnSighting,
    ) -> Self {
        Self {
            directory: Box::new(directory),
            clock,
            grace_days: 0,
            refuses_lapsed_lists: false,
            authorities: ArcSwap::from_pointee(authorities),
            on_sighting,
            counts: Arc::default(),
            possession: Possession::new(),
        }
    }

    /// Lets expired certificates in for some days more, each time telling of it.
    #[must_use]
    pub fn with_grace(self, days: u32) -> Self {
        Self {
            grace_days: days,
            ..self
        }
    }

    /// Lets nobody in whose CA's revocation list has lapsed, or lets them in all the same.
    #[must_use]
    pub fn refusing_lapsed_lists(self, refuses: bool) -> Self {
        Self {
            refuses_lapsed_lists: refuses,
            ..self
        }
    }

    /// What our CA's certificates are from now on: the DER of each.
    pub fn replace_authorities(&self, authorities: Vec<Vec<u8>>) {
        self.authorities.store(Arc::new(authorities));
    }

    /// What is counted at the door.
    #[must_use]
    pub const fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }

    /// Who has this certificate. Asked again after the handshake, for the snapshot may have changed
    /// since; the CA's signature cannot have, and is not checked again.
    ///
    /// # Errors
    /// The rule that refuses it.
    pub fn identity(&self, der: &[u8]) -> Result<Arc<Identity>, NotAdmitted> {
        self.admit(der).map(|admission| admission.identity)
    }

    /// Whether the certificate of a connection is still accepted: it may have expired meanwhile, or its CA's revocation list lapsed.
    #[must_use]
    pub fn is_current(&self, identity: &Identity) -> bool {
        let (clients, now) = (self.directory.clients(), self.clock.now());
        // How long it counts may have been changed since the handshake.
        let held = clients.held(identity);
        let not_after = held.map_or(identity.not_after, |held| held.not_after);
        now <= accepted_until(not_after, self.grace_days)
            && !(self.refuses_lapsed_lists && clients.list_has_lapsed(&identity.fingerprint, now))
    }

    fn admit(&self, der: &[u8]) -> Result<Admission, NotAdmitted> {
        let (clients, now) = (self.directory.clients(), self.clock.now());
        let fingerprint = Fingerprint::of(der);
        let admission = clients.admit(&fingerprint, now, self.grace_days)?;
        // What was enrolled before serial numbers were kept is known by the certificate itself.
        if admission.trust == Trust::Anchored
            && serial(der).is_some_and(|serial| clients.is_leaf_revoked(&fingerprint, &serial))
        {
            return Err(NotAdmitted::Revoked);
        }
        if self.refuses_lapsed_lists && clients.list_has_lapsed(&fingerprint, now) {
            return Err(NotAdmitted::ListLapsed);
        }
        Ok(admission)
    }

    /// The decision, once possession is proved.
    fn decide(&self, der: &[u8]) -> Result<Passed, NotAdmitted> {
        let admission = match self.admit(der) {
            Err(NotAdmitted::Unknown) => return self.sponsored(der),
            admitted => admitted?,
        };
        let passed = if admission.in_grace {
            Passed::InGrace
        } else {
            Passed::Known
        };
        let signed = |authority: &Vec<u8>| verify_signed_by(der, authority).is_ok();
        match admission.trust {
            Trust::Pinned | Trust::Anchored => Ok(passed),
            Trust::Issued if self.authorities.load().iter().any(signed) => Ok(passed),
            Trust::Issued => Err(NotAdmitted::NotIssued),
        }
    }

    /// A stranger passes the door if a CA that is trusted for a client vouches for it; it is enrolled before it is served.
    fn sponsored(&self, der: &[u8]) -> Result<Passed, NotAdmitted> {
        let clients = self.directory.clients();
        if clients.anchors().is_empty() {
            return Err(NotAdmitted::Unknown);
        }
        let leaf = Certificate::from_der(der).map_err(|_| NotAdmitted::Unknown)?;
        let now = self.clock.now();
        let (_, anchor) = clients.sponsor(&leaf, now)?;
        if self.refuses_lapsed_lists && clients.list_of_has_lapsed(anchor, now) {
            return Err(NotAdmitted::ListLapsed);
        }
        Ok(Passed::Sponsored)
    }

    /// Tells of a certificate that passed the door and was refused after it: what holds has changed meanwhile, or its enrolment
    /// failed.
    pub(super) fn refused_inside(&self, der: &[u8], reason: NotAdmitted, address: IpAddr) {
        self.counts.refusals.add_one();
        self.report(der, Decision::Refused(reason), address);
    }

    fn report(&self, der: &[u8], decision: Decision, address: IpAddr) {
        let Ok(certificate) = Certificate::from_der(der) else {
            return;
        };
        let fingerprint = certificate.fingerprint();
        tracing::debug!(%fingerprint, %address, ?decision, "A certificate is not simply let in.");
        (self.on_sighting)(Sighting {
            certificate,
            decision,
            address,
        });
    }

    /// The decision about a certificate whose key the peer has.
    fn judge(&self, certificate: &CertificateDer<'_>) -> Result<HandshakeSignatureValid, Error> {
        match self.decide(certificate) {
            Ok(Passed::InGrace) => {
                self.report(certificate, Decision::InGrace, knock::address());
            }
            Ok(Passed::Known | Passed::Sponsored) => {}
            Err(reason) => {
                self.counts.refusals.add_one();
                self.report(certificate, Decision::Refused(reason), knock::address());
                return Err(alert(reason).into());
            }
        }
        Ok(HandshakeSignatureValid::assertion())
    }
}

fn serial(der: &[u8]) -> Option<Serial> {
    Certificate::from_der(der).ok()?.serial_number()
}

/// Why a certificate passes the door.
enum Passed {
    Known,
    InGrace,
    Sponsored,
}

impl ClientCertVerifier for Gatekeeper {
    /// None: a client chooses its certificate itself, and pinned ones have no issuer to name.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Possession::is_readable(end_entity).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.possession.prove_tls12(message, certificate, signed)?;
        self.judge(certificate)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.possession.prove_tls13(message, certificate, signed)?;
        self.judge(certificate)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.possession.schemes()
    }
}

/// What rustls turns into the alert of the table above.
fn alert(reason: NotAdmitted) -> CertificateError {
    match reason {
        NotAdmitted::Unknown => CertificateError::Other(OtherError(Arc::new(reason))),
        NotAdmitted::Disabled => CertificateError::Revoked,
        NotAdmitted::NotYetValid => CertificateError::NotValidYet,
        NotAdmitted::Expired => CertificateError::Expired,
        NotAdmitted::NotIssued => CertificateError::UnknownIssuer,
        NotAdmitted::Removed | NotAdmitted::Revoked | NotAdmitted::Suspended => {
            CertificateError::Revoked
        }
        NotAdmitted::Ambiguous
        | NotAdmitted::ListLapsed
        | NotAdmitted::TooMany
        | NotAdmitted::Twice
        | NotAdmitted::Unstored => CertificateError::ApplicationVerificationFailure,
    }
}
