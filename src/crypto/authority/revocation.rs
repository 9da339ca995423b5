//! Our CA's own revocation list: what it issued and what counts no more, for others who rely on its certificates (RFC 5280 §5).

use std::time::Duration;

use rcgen::{
    CertificateRevocationListParams, KeyIdMethod, RevocationReason, RevokedCertParams, SerialNumber,
};
use x509_parser::extensions::ParsedExtension;

use super::{Authority, AuthorityError, TIME_MAX};
use crate::crypto::certificate::parse;
use crate::crypto::certificate::serial::Serial;

/// Why a certificate of our CA counts no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawal {
    /// It was removed from its client, or with it.
    Removed,
    /// Its client is disabled, and may be enabled again.
    Disabled,
    /// The time in which it counted beside its successor has ended.
    Superseded,
}

impl Withdrawal {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Removed, Self::Disabled, Self::Superseded];

    /// The word shown to people and kept in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::Disabled => "disabled",
            Self::Superseded => "superseded",
        }
    }

    /// The one a word names.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|held| held.as_str() == text)
    }

    /// The reason code of the standard (§5.3.1).
    const fn reason(self) -> RevocationReason {
        match self {
            Self::Removed => RevocationReason::CessationOfOperation,
            Self::Disabled => RevocationReason::CertificateHold,
            Self::Superseded => RevocationReason::Superseded,
        }
    }
}

/// A certificate of our CA that counts no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Withdrawn {
    /// Its serial number.
    pub serial: Serial,
    /// Since when, seconds since 1970.
    pub since: i64,
    /// Why.
    pub why: Withdrawal,
}

/// When a list is of, and its place among others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListDates {
    /// Greater than that of every list before.
    pub number: u64,
    /// When it is made, seconds since 1970.
    pub this_update: i64,
    /// Until when it is to be relied on, seconds since 1970.
    pub next_update: i64,
}

impl Authority {
    /// The list of what counts no more, as PEM text.
    ///
    /// # Errors
    /// The dates are impossible.
    pub fn revocation_list(
        &self,
        withdrawn: &[Withdrawn],
        dates: ListDates,
    ) -> Result<String, AuthorityError> {
        if dates.this_update < 0 || dates.next_update > TIME_MAX {
            return Err(AuthorityError::Validity(
                "its dates lie outside 1970 to 9999",
            ));
        }
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        let date = |time: i64| epoch + Duration::from_secs(time.unsigned_abs());
        let entry = |held: &Withdrawn| RevokedCertParams {
            serial_number: SerialNumber::from_slice(held.serial.value()),
            revocation_time: date(held.since.clamp(0, TIME_MAX)),
            reason_code: Some(held.why.reason()),
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date(dates.this_update),
            next_update: date(dates.next_update),
            crl_number: SerialNumber::from(dates.number),
            issuing_distribution_point: None,
            revoked_certs: withdrawn.iter().map(entry).collect(),
            key_identifier_method: self.key_identifier(),
        };
        Ok(list.signed_by(&self.issuer)?.pem()?)
    }

    /// The identifier of its key that its certificate states, whoever made that.
    fn key_identifier(&self) -> KeyIdMethod {
        let stated = parse(self.certificate.der()).ok().and_then(|certificate| {
            let mut extensions = certificate.extensions().iter();
            extensions.find_map(|extension| match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(stated) => Some(stated.0.to_vec()),
                _ => None,
            })
        });
        stated.map_or(KeyIdMethod::Sha256, KeyIdMethod::PreSpecified)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::KeyKind;
    use crate::crypto::certificate::revocation::RevocationList;

    const NOW: i64 = 1_700_000_000;

    #[test]
    fn a_list_is_one_that_we_would_take_and_says_what_was_withdrawn() {
        let ca = Authority::create("CA", NOW, 30, KeyKind::EcdsaP256).unwrap();
        let ca = Authority::load(
            &ca.certificate_pem(),
            str::from_utf8(ca.key_pem().expose()).unwrap(),
        )
        .unwrap();
        let serial = |name| {
            let made = ca.issue_client(name, KeyKind::EcdsaP256, NOW, 10).unwrap();
            made.certificate.serial_number().unwrap()
        };
        let (gone, held) = (serial("gone"), serial("held"));
        let withdrawn = [Withdrawn {
            serial: gone,
            since: NOW - 5,
            why: Withdrawal::Removed,
        }];
        let dates = ListDates {
            number: 7,
            this_update: NOW,
            next_update: NOW + 86_400,
        };
        let of = |withdrawn: &[Withdrawn]| {
            let text = ca.revocation_list(withdrawn, dates).unwrap();
            RevocationList::read(text.as_bytes(), ca.certificate().der(), NOW).unwrap()
        };
        let list = of(&withdrawn);
        assert!(list.revokes(&gone) && !list.revokes(&held));
        assert_eq!(list.number, Serial::of(&[7]));
        assert_eq!((list.this_update, list.next_update), (NOW, NOW + 86_400));
        assert!(of(&[]).is_empty());
        let late = ListDates {
            next_update: TIME_MAX + 1,
            ..dates
        };
        assert!(ca.revocation_list(&withdrawn, late).is_err());
    }

    #[test]
    fn a_word_names_one_withdrawal() {
        for held in Withdrawal::ALL {
            assert_eq!(Withdrawal::from_text(held.as_str()), Some(held));
        }
        assert_eq!(Withdrawal::from_text("kept"), None);
    }
}
