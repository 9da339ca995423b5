//! Certificate revocation lists: what a CA says of its certificates that count no more (RFC 5280 §5).
//!
//! A list is taken only whole and only from the CA itself: one that speaks for part of the certificates, for other CAs or as a difference to another
//! list would leave out what somebody relies on. What is kept of it is what is asked later: its dates, its number, and the serial numbers in order.

use x509_parser::asn1_rs::FromDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{ParsedExtension, X509Extension};
use x509_parser::pem::Pem;
use x509_parser::revocation_list::CertificateRevocationList;

use super::serial::{SERIAL_BYTES, Serial};
use super::{CertificateError, parse, pem_text};
use crate::crypto::fingerprint::Fingerprint;
use crate::crypto::signature::{SignatureError, verify};

/// Bytes of the longest PEM text that is read: such a list passes the control socket.
pub const TEXT_BYTES_MAX: usize = 768 * 1024;
/// The most certificates that a list revokes.
pub const REVOKED_MAX: usize = 10_000;
/// What its PEM text is of (RFC 7468 §6).
const LABEL: &str = "X509 CRL";
/// Of a list that is a difference to another one (RFC 5280 §5.2.4).
const DELTA_LIST: &str = "2.5.29.27";
/// Of a list for part of the certificates, or for those of other CAs (§5.2.5).
const DISTRIBUTION_POINT: &str = "2.5.29.28";
/// Of an entry about another CA's certificate (§5.3.3).
const CERTIFICATE_ISSUER: &str = "2.5.29.29";
/// Seconds that the clock of a CA may be ahead.
const CLOCK_SKEW_SECONDS: i64 = 3600;

/// Why a revocation list is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevocationError {
    /// It is longer than is read.
    #[error("it is longer than {TEXT_BYTES_MAX} bytes")]
    TooLong,
    /// It revokes more than is kept.
    #[error("it revokes more than {REVOKED_MAX} certificates")]
    TooMany,
    /// It cannot be read.
    #[error("it cannot be read: a certificate revocation list in PEM or DER form is needed")]
    Unreadable,
    /// The CA's certificate cannot be read.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// Another CA issued it.
    #[error("it is of another CA")]
    OtherIssuer,
    /// The CA may not sign lists.
    #[error("the CA's key may not sign revocation lists")]
    MayNotSign,
    /// Its signature is not the CA's.
    #[error("its signature is not the CA's, or not made in an accepted way")]
    Signature(SignatureError),
    /// It does not say when the next one comes.
    #[error("it does not say when the next one comes (nextUpdate)")]
    NoEnd,
    /// It is of the future.
    #[error("it is dated in the future; is a clock wrong?")]
    Future,
    /// It has lapsed.
    #[error("it has lapsed: fetch the next one")]
    Lapsed,
    /// It speaks for part of the certificates, for other CAs, or says something else that is not understood.
    #[error(
        "it is not a whole list of this CA alone: it has a critical extension, or is a difference to another one"
    )]
    Partial,
    /// A serial number is longer than the standard permits.
    #[error("it has a serial number of more than {SERIAL_BYTES} bytes")]
    Serial,
}

/// What a CA revokes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationList {
    /// SHA-256 over the list's DER.
    pub fingerprint: Fingerprint,
    /// Its number; none where it has none.
    pub number: Option<Serial>,
    /// When it was issued, seconds since 1970.
    pub this_update: i64,
    /// When the next one is due, seconds since 1970.
    pub next_update: i64,
    /// In ascending order.
    revoked: Vec<Serial>,
}

impl RevocationList {
    /// Reads a list in PEM form that the CA of `authority` issued, at `now`, seconds since 1970.
    ///
    /// # Errors
    /// [`RevocationError`] says why it is not taken.
    pub fn read(text: &[u8], authority: &[u8], now: i64) -> Result<Self, RevocationError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(RevocationError::TooLong);
        }
        let der = der_of(text)?;
        let (rest, list) =
            CertificateRevocationList::from_der(&der).map_err(|_| RevocationError::Unreadable)?;
        if !rest.is_empty() {
            return Err(RevocationError::Unreadable);
        }
        check_signed(&list, &parse(authority)?)?;
        check_whole(&list)?;
        let this_update = list.last_update().timestamp();
        let next_update = list.next_update().ok_or(RevocationError::NoEnd)?;
        let next_update = next_update.timestamp();
        if this_update > now.saturating_add(CLOCK_SKEW_SECONDS) {
            return Err(RevocationError::Future);
        }
        if next_update < now {
            return Err(RevocationError::Lapsed);
        }
        Ok(Self {
            fingerprint: Fingerprint::of(&der),
            number: number(&list)?,
            this_update,
            next_update,
            revoked: revoked(&list)?,
        })
    }

    /// The list of what was stored of it: [`Self::serials`].
    #[must_use]
    pub fn from_stored(
        fingerprint: Fingerprint,
        number: Option<Serial>,
        (this_update, next_update): (i64, i64),
        serials: &[u8],
    ) -> Self {
        let (whole, _) = serials.as_chunks::<SERIAL_BYTES>();
        Self {
            fingerprint,
            number,
            this_update,
            next_update,
            revoked: whole.iter().copied().map(Serial::from_bytes).collect(),
        }
    }

    /// The serial numbers as they are stored: one after the other, in ascending order.
    #[must_use]
    pub fn serials(&self) -> Vec<u8> {
        self.revoked
            .iter()
            .flat_map(Serial::as_bytes)
            .copied()
            .collect()
    }

    /// Whether it revokes the certificate with this serial number.
    #[must_use]
    pub fn revokes(&self, serial: &Serial) -> bool {
        self.revoked.binary_search(serial).is_ok()
    }

    /// How many certificates it revokes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.revoked.len()
    }

    /// Whether it revokes none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.revoked.is_empty()
    }

    /// Whether it may take the place of `held`: it is newer, or the very same.
    #[must_use]
    pub fn may_follow(&self, held: &Self) -> bool {
        let number_goes_on = match (self.number, held.number) {
            (Some(new), Some(old)) => new >= old,
            // A CA that began to number its lists, or never did.
            (_, None) => true,
            (None, Some(_)) => false,
        };
        number_goes_on && self.this_update >= held.this_update
    }
}

fn der_of(text: &[u8]) -> Result<Vec<u8>, RevocationError> {
    let mut blocks = Pem::iter_from_buffer(text);
    match (blocks.next(), blocks.next()) {
        (Some(Ok(block)), None) if block.label == LABEL => Ok(block.contents),
        _ => Err(RevocationError::Unreadable),
    }
}

/// The PEM text of a list in PEM or DER form. What the form is of is not looked at.
///
/// # Errors
/// It is too long, or neither.
pub fn as_pem(content: &[u8]) -> Result<String, RevocationError> {
    if content.len() > TEXT_BYTES_MAX {
        return Err(RevocationError::TooLong);
    }
    match content.first() {
        // A SEQUENCE, and no letter that PEM text begins with.
        Some(0x30) => Ok(pem_text(LABEL, content)),
        _ => String::from_utf8(content.to_vec()).map_err(|_| RevocationError::Unreadable),
    }
}

fn check_signed(
    list: &CertificateRevocationList<'_>,
    authority: &X509Certificate<'_>,
) -> Result<(), RevocationError> {
    if list.issuer().as_raw() != authority.subject().as_raw() {
        return Err(RevocationError::OtherIssuer);
    }
    let usage = authority
        .key_usage()
        .map_err(|_| RevocationError::MayNotSign)?;
    if usage.is_some_and(|usage| !usage.value.crl_sign()) {
        return Err(RevocationError::MayNotSign);
    }
    if list.signature_algorithm != list.tbs_cert_list.signature {
        return Err(RevocationError::Signature(SignatureError::Contradiction));
    }
    verify(
        &list.signature_algorithm,
        authority.public_key(),
        list.tbs_cert_list.as_ref(),
        &list.signature_value.data,
    )
    .map_err(RevocationError::Signature)
}

/// No extension that makes it a part of a list, a difference to one, or one of others, and no critical one but those that change nothing.
fn check_whole(list: &CertificateRevocationList<'_>) -> Result<(), RevocationError> {
    let of_entries = list
        .iter_revoked_certificates()
        .flat_map(|entry| entry.extensions());
    if list.extensions().iter().chain(of_entries).any(is_partial) {
        return Err(RevocationError::Partial);
    }
    Ok(())
}

/// Whether a list or an entry with this extension says something else than it does without.
fn is_partial(extension: &X509Extension<'_>) -> bool {
    // The standard has both of them critical; a CA that does not say so means the same.
    let names = [DELTA_LIST, DISTRIBUTION_POINT, CERTIFICATE_ISSUER];
    if names.contains(&extension.oid.to_id_string().as_str()) {
        return true;
    }
    let harmless = matches!(
        extension.parsed_extension(),
        ParsedExtension::CRLNumber(_)
            | ParsedExtension::ReasonCode(_)
            | ParsedExtension::InvalidityDate(_)
            | ParsedExtension::AuthorityKeyIdentifier(_)
    );
    extension.critical && !harmless
}

fn number(list: &CertificateRevocationList<'_>) -> Result<Option<Serial>, RevocationError> {
    let number = list
        .crl_number()
        .map(|number| Serial::of(&number.to_bytes_be()));
    match number {
        None => Ok(None),
        Some(None) => Err(RevocationError::Serial),
        Some(number) => Ok(number),
    }
}

fn revoked(list: &CertificateRevocationList<'_>) -> Result<Vec<Serial>, RevocationError> {
    let entries = &list.tbs_cert_list.revoked_certificates;
    if entries.len() > REVOKED_MAX {
        return Err(RevocationError::TooMany);
    }
    let serials = entries.iter().map(|entry| Serial::of(entry.raw_serial()));
    let mut serials: Vec<_> = serials
        .collect::<Option<_>>()
        .ok_or(RevocationError::Serial)?;
    serials.sort_unstable();
    serials.dedup();
    Ok(serials)
}

#[cfg(test)]
mod tests;
