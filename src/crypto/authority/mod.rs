//! Makes certificates: our own authority, the server's certificate, clients' certificates.
//!
//! All of it happens in memory; where the texts are kept is decided elsewhere. Times are passed in
//! as unix seconds. Keys, serial numbers and signatures draw on aws-lc-rs' own generator, because
//! the certificate library accepts no other source. No certificate outlives the authority that
//! signed it, and none starts in the future for a peer whose clock is an hour slow.

mod error;
mod key_kind;
mod request;
mod revocation;

pub use error::AuthorityError;
pub use key_kind::KeyKind;
pub use request::{RequestError, SigningRequest};
pub use revocation::{ListDates, Withdrawal, Withdrawn};

use std::fmt;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SerialNumber,
};

use super::certificate::{Certificate, parse};
use super::random::{Random, RandomError, SystemRandom};
use super::secret::Secret;

/// Days the authority's own certificate is valid for by default: ten years.
pub const AUTHORITY_DAYS: u32 = 3650;
/// Days a server certificate is valid for by default: what strict peers accept at most.
pub const SERVER_DAYS: u32 = 825;

/// Seconds a certificate is valid before it is made, for peers whose clock is slow.
const CLOCK_SKEW_SECONDS: i64 = 3600;
const DAY_SECONDS: i64 = 86_400;
/// The last second X.509 can write: 9999-12-31T23:59:59Z (RFC 5280 §4.1.2.5).
const TIME_MAX: i64 = 253_402_300_799;
/// Characters of a common name at most (RFC 5280, ub-common-name).
const COMMON_NAME_CHARS_MAX: usize = 64;

/// A certificate that was just made, with its private key.
#[derive(Debug)]
pub struct Issued {
    /// The certificate as PEM text.
    pub certificate_pem: String,
    /// The private key as PEM text, PKCS#8 without a passphrase.
    pub key_pem: Secret,
    /// The same certificate, read.
    pub certificate: Certificate,
}

impl Issued {
    fn new(made: &rcgen::Certificate, key: &KeyPair) -> Result<Self, AuthorityError> {
        Ok(Self {
            certificate_pem: made.pem(),
            key_pem: Secret::new(key.serialize_pem().into_bytes()),
            certificate: Certificate::from_der(made.der())?,
        })
    }
}

/// Our certificate authority: certificate and private key.
pub struct Authority {
    certificate: Certificate,
    certificate_pem: String,
    key_pem: Secret,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes a new authority called `name`, valid for `days` from `now` (unix seconds).
    ///
    /// # Errors
    /// The name or the dates are impossible, or the random source failed.
    pub fn create(name: &str, now: i64, days: u32, kind: KeyKind) -> Result<Self, AuthorityError> {
        let mut params = params(name, Validity::new(now, days)?)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = kind.generate()?;
        let made = params.self_signed(&key)?;
        let issued = Issued::new(&made, &key)?;
        Ok(Self {
            certificate: issued.certificate,
            certificate_pem: issued.certificate_pem,
            key_pem: issued.key_pem,
            issuer: Issuer::new(params, key),
        })
    }

    /// Loads an authority from the PEM texts that [`Authority::certificate_pem`] and
    /// [`Authority::key_pem`] gave.
    ///
    /// # Errors
    /// One of the two cannot be read, they do not belong together, or the certificate is not an
    /// authority's.
    pub fn load(cert_pem: &str, key_pem: &str) -> Result<Self, AuthorityError> {
        let certificate = Certificate::from_pem(cert_pem)?;
        if !parse(certificate.der())?.is_ca() {
            return Err(AuthorityError::NotAuthority);
        }
        let key = KeyPair::from_pem(key_pem).map_err(|_| AuthorityError::PrivateKey)?;
        if key.der_bytes() != certificate.public_key().key_bits {
            return Err(AuthorityError::KeyMismatch);
        }
        let issuer = Issuer::from_ca_cert_der(&certificate.der().into(), key)?;
        Ok(Self {
            certificate,
            certificate_pem: cert_pem.to_owned(),
            key_pem: Secret::new(key_pem.as_bytes().to_vec()),
            issuer,
        })
    }

    /// The authority's certificate, read.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The authority's certificate as PEM text.
    #[must_use]
    pub fn certificate_pem(&self) -> String {
        self.certificate_pem.clone()
    }

    /// The authority's private key as PEM text.
    #[must_use]
    pub fn key_pem(&self) -> Secret {
        Secret::new(self.key_pem.expose().to_vec())
    }

    /// Issues a server certificate for `names`, DNS names and IP addresses; the first is its subject.
    ///
    /// # Errors
    /// A name or the dates are impossible, or the random source failed.
    pub fn issue_server(
        &self,
        names: &[String],
        kind: KeyKind,
        now: i64,
        days: u32,
    ) -> Result<Issued, AuthorityError> {
        names.iter().try_for_each(|name| check_server_name(name))?;
        let first = names.first().ok_or(AuthorityError::NoNames)?;
        // A DNS name may be longer than a common name; peers compare the alternative names anyway.
        let subject = if first.chars().count() <= COMMON_NAME_CHARS_MAX {
            first
        } else {
            "Keyledger server"
        };
        let mut params = params(subject, self.validity(now, days)?)?;
        params.subject_alt_names = CertificateParams::new(names)?.subject_alt_names;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.issue(params, kind)
    }

    /// Issues a client certificate whose subject is `label`.
    ///
    /// # Errors
    /// The label or the dates are impossible, or the random source failed.
    pub fn issue_client(
        &self,
        label: &str,
        kind: KeyKind,
        now: i64,
        days: u32,
    ) -> Result<Issued, AuthorityError> {
        let mut params = params(label, self.validity(now, days)?)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(params, kind)
    }

    /// Signs the key of a client's own request. The subject is the request's, or `label` where it has no common name; it decides
    /// nothing else of the certificate. Gives the certificate as PEM text, and read.
    ///
    /// # Errors
    /// The dates are impossible, or the random source failed.
    pub fn sign(
        &self,
        request: &SigningRequest,
        label: &str,
        now: i64,
        days: u32,
    ) -> Result<(String, Certificate), AuthorityError> {
        let common_name = request.common_name.as_deref().unwrap_or(label);
        let mut params = params(common_name, self.validity(now, days)?)?;
        let others = [
            (DnType::OrganizationName, &request.organization),
            (DnType::OrganizationalUnitName, &request.organizational_unit),
        ];
        for (kind, name) in others {
            if let Some(name) = name {
                params.distinguished_name.push(kind, name.as_str());
            }
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.key_usages.clone_from(&request.usages);
        let made = self.certify(params, &request.public_key)?;
        Ok((made.pem(), Certificate::from_der(made.der())?))
    }

    fn issue(
        &self,
        mut params: CertificateParams,
        kind: KeyKind,
    ) -> Result<Issued, AuthorityError> {
        params.key_usages = kind.tls_usages();
        let key = kind.generate()?;
        let made = self.certify(params, &key)?;
        Issued::new(&made, &key)
    }

    fn certify(
        &self,
        mut params: CertificateParams,
        key: &impl PublicKeyData,
    ) -> Result<rcgen::Certificate, AuthorityError> {
        // Stated rather than left out, since the library writes the subject key identifier only then.
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        Ok(params.signed_by(key, &self.issuer)?)
    }

    fn validity(&self, now: i64, days: u32) -> Result<Validity, AuthorityError> {
        if now > self.certificate.not_after() {
            return Err(AuthorityError::Validity(
                "the authority's certificate has expired",
            ));
        }
        let mut validity = Validity::new(now, days)?;
        validity.not_after = validity.not_after.min(self.certificate.not_after());
        Ok(validity)
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

/// What a self-signed client certificate says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelfSignedForm {
    /// No extension at all: no extended key usage, nothing about being an authority.
    Plain,
    /// `CA:TRUE` and nothing else, as `openssl req -x509` makes them.
    CaTrue,
}

/// Makes a self-signed client certificate without an extended key usage, as vCenter makes them.
///
/// # Errors
/// The name or the dates are impossible, or the random source failed.
pub fn self_signed_client(
    common_name: &str,
    kind: KeyKind,
    now: i64,
    days: u32,
) -> Result<Issued, AuthorityError> {
    self_signed_client_as(SelfSignedForm::Plain, common_name, kind, now, days)
}

/// Makes a self-signed client certificate of the given form.
///
/// # Errors
/// The name or the dates are impossible, or the random source failed.
pub fn self_signed_client_as(
    form: SelfSignedForm,
    common_name: &str,
    kind: KeyKind,
    now: i64,
    days: u32,
) -> Result<Issued, AuthorityError> {
    let mut params = params(common_name, Validity::new(now, days)?)?;
    params.is_ca = match form {
        SelfSignedForm::Plain => IsCa::NoCa,
        SelfSignedForm::CaTrue => IsCa::Ca(BasicConstraints::Unconstrained),
    };
    let key = kind.generate()?;
    Issued::new(&params.self_signed(&key)?, &key)
}

/// First and last second of a certificate, both within what X.509 can write.
struct Validity {
    not_before: i64,
    not_after: i64,
}

impl Validity {
    fn new(now: i64, days: u32) -> Result<Self, AuthorityError> {
        if days == 0 {
            return Err(AuthorityError::Validity("it must last at least one day"));
        }
        let not_after = now.saturating_add(i64::from(days).saturating_mul(DAY_SECONDS));
        let not_before = now.saturating_sub(CLOCK_SKEW_SECONDS);
        if not_before < 0 || not_after > TIME_MAX {
            return Err(AuthorityError::Validity(
                "its dates lie outside 1970 to 9999",
            ));
        }
        Ok(Self {
            not_before,
            not_after,
        })
    }
}

fn params(common_name: &str, validity: Validity) -> Result<CertificateParams, AuthorityError> {
    check_common_name(common_name)?;
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let seconds = |time: i64| Duration::from_secs(time.unsigned_abs());
    let mut params = CertificateParams::default();
    params.not_before = epoch + seconds(validity.not_before);
    params.not_after = epoch + seconds(validity.not_after);
    params.serial_number = Some(serial_number(&SystemRandom)?);
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    Ok(params)
}

/// Sixteen random bytes, positive and of full length (RFC 5280 §4.1.2.2).
fn serial_number(random: &dyn Random) -> Result<SerialNumber, RandomError> {
    let mut bytes = [0_u8; 16];
    random.fill(&mut bytes)?;
    if let Some(first) = bytes.first_mut() {
        *first = (*first & 0x7f) | 0x40;
    }
    Ok(SerialNumber::from_slice(&bytes))
}

fn check_common_name(name: &str) -> Result<(), AuthorityError> {
    let problem = if name.trim().is_empty() {
        "it is empty"
    } else if name.chars().count() > COMMON_NAME_CHARS_MAX {
        "it is longer than 64 characters"
    } else if name.chars().any(char::is_control) {
        "it contains control characters"
    } else {
        return Ok(());
    };
    Err(AuthorityError::Name {
        name: name.escape_debug().to_string(),
        problem,
    })
}

fn check_server_name(name: &str) -> Result<(), AuthorityError> {
    let is_dns = |byte: u8| byte.is_ascii_alphanumeric() || b"-._*".contains(&byte);
    let fits = !name.is_empty() && name.len() <= 253 && name.bytes().all(is_dns);
    if fits || name.parse::<std::net::IpAddr>().is_ok() {
        return Ok(());
    }
    Err(AuthorityError::Name {
        name: name.escape_debug().to_string(),
        problem: "it is neither a DNS name nor an IP address",
    })
}

#[cfg(test)]
mod tests;
