//! What is taken of a CA's list, and what is not.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};

use super::*;

const NOW: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

struct Ca {
    der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

fn ca(usages: Vec<KeyUsagePurpose>) -> Ca {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "VMCA");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = usages;
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let made = params.self_signed(&key).unwrap();
    Ca {
        der: made.der().to_vec(),
        issuer: Issuer::new(params, key),
    }
}

fn list(ca: &Ca, number: u64, from: i64, serials: &[u64]) -> Vec<u8> {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let at = |seconds: i64| epoch + std::time::Duration::from_secs(seconds.unsigned_abs());
    let revoked = |serial: &u64| RevokedCertParams {
        serial_number: SerialNumber::from(*serial),
        revocation_time: at(from),
        reason_code: None,
        invalidity_date: None,
    };
    let params = CertificateRevocationListParams {
        this_update: at(from),
        next_update: at(from + 7 * DAY),
        crl_number: SerialNumber::from(number),
        issuing_distribution_point: None,
        revoked_certs: serials.iter().map(revoked).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let der = params.signed_by(&ca.issuer).unwrap().der().to_vec();
    as_pem(&der).unwrap().into_bytes()
}

fn serial(number: u8) -> Serial {
    Serial::of(&[number]).unwrap()
}

#[test]
fn a_list_of_the_ca_revokes_what_it_names_and_nothing_else() {
    let ours = ca(vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign]);
    let der = list(&ours, 5, NOW, &[9, 3, 200]);
    let read = RevocationList::read(&der, &ours.der, NOW).unwrap();
    assert_eq!((read.len(), read.next_update), (3, NOW + 7 * DAY));
    for (number, expected) in [(3, true), (9, true), (200, true), (4, false)] {
        assert_eq!(read.revokes(&serial(number)), expected, "{number}");
    }
    let dates = (read.this_update, read.next_update);
    let kept = RevocationList::from_stored(read.fingerprint, read.number, dates, &read.serials());
    assert_eq!(kept, read);
}

#[test]
fn what_is_not_the_cas_own_valid_list_is_refused() {
    let usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let (ours, twin) = (ca(usages.clone()), ca(usages));
    let der = list(&ours, 5, NOW, &[1]);
    let refusal = |content: &[u8], ca: &Ca, now| RevocationList::read(content, &ca.der, now).err();
    let forged = Some(RevocationError::Signature(SignatureError::BadSignature));
    assert_eq!(refusal(&der, &twin, NOW), forged);
    assert_eq!(
        refusal(&der, &ours, NOW + 8 * DAY),
        Some(RevocationError::Lapsed)
    );
    assert_eq!(
        refusal(&der, &ours, NOW - DAY),
        Some(RevocationError::Future)
    );
    assert_eq!(
        refusal(b"nothing", &ours, NOW),
        Some(RevocationError::Unreadable)
    );
    let longer = as_pem(&[&der_of(&der).unwrap()[..], &[0]].concat()).unwrap();
    let longer = refusal(longer.as_bytes(), &ours, NOW);
    assert_eq!(longer, Some(RevocationError::Unreadable));
    let huge = vec![0x30; TEXT_BYTES_MAX + 1];
    assert_eq!(refusal(&huge, &ours, NOW), Some(RevocationError::TooLong));
    assert_eq!(as_pem(&huge), Err(RevocationError::TooLong));
    let mut altered = der_of(&der).unwrap();
    let place = altered
        .windows(4)
        .position(|bytes| bytes == b"VMCA")
        .unwrap();
    altered[place] = b'X';
    let altered = as_pem(&altered).unwrap();
    let refused = refusal(altered.as_bytes(), &ours, NOW);
    assert_eq!(refused, Some(RevocationError::OtherIssuer));
    let signs_none = ca(vec![KeyUsagePurpose::KeyCertSign]);
    assert_eq!(
        refusal(&der, &signs_none, NOW),
        Some(RevocationError::MayNotSign)
    );
}

#[test]
fn an_older_list_does_not_follow_a_newer_one() {
    let ours = ca(vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign]);
    let read = |number, from| {
        let der = list(&ours, number, from, &[1]);
        RevocationList::read(&der, &ours.der, NOW).unwrap()
    };
    let held = read(5, NOW - DAY);
    assert!(read(6, NOW).may_follow(&held) && held.may_follow(&held));
    assert!(!read(4, NOW).may_follow(&held), "an older number");
    assert!(!read(6, NOW - 2 * DAY).may_follow(&held), "an older date");
    let numberless = RevocationList {
        number: None,
        ..read(1, NOW)
    };
    assert!(
        !numberless.may_follow(&held)
            && held.may_follow(&RevocationList {
                this_update: NOW - 2 * DAY,
                ..numberless
            })
    );
}

#[test]
fn what_makes_a_list_partial_refuses_it_also_where_it_is_not_marked_as_critical() {
    use x509_parser::oid_registry::Oid;
    let extension = |oid: &[u64], critical| {
        let oid = Oid::from(oid).unwrap();
        X509Extension::new(oid, critical, &[], ParsedExtension::Unparsed)
    };
    for oid in [[2, 5, 29, 27], [2, 5, 29, 28], [2, 5, 29, 29]] {
        for critical in [true, false] {
            assert!(is_partial(&extension(&oid, critical)), "{oid:?}");
        }
    }
    let unknown = [1, 3, 6, 1, 4, 1, 311, 21, 4];
    assert!(is_partial(&extension(&unknown, true)));
    assert!(!is_partial(&extension(&unknown, false)));
    let number = ParsedExtension::CRLNumber(9_u8.into());
    let number = X509Extension::new(Oid::from(&[2, 5, 29, 20]).unwrap(), true, &[], number);
    assert!(!is_partial(&number));
}
