use x509_parser::extensions::GeneralName;

use super::{Authority, AuthorityError, KeyKind, self_signed_client};
use crate::crypto::certificate::parse;
use crate::crypto::signature::verify_signed_by;

const NOW: i64 = 1_700_000_000;

fn authority() -> Authority {
    Authority::create("Test authority", NOW, 3650, KeyKind::EcdsaP256).unwrap()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn the_authority_may_sign_leaves_and_nothing_else() {
    let ca = authority();
    let read = parse(ca.certificate().der()).unwrap();
    let constraints = read.basic_constraints().unwrap().unwrap();
    assert!(constraints.critical && constraints.value.ca);
    assert_eq!(constraints.value.path_len_constraint, Some(0));
    let usage = read.key_usage().unwrap().unwrap().value;
    assert!(usage.key_cert_sign() && usage.crl_sign() && !usage.digital_signature());
    assert_eq!(ca.certificate().not_before(), NOW - 3600);
    assert_eq!(ca.certificate().not_after(), NOW + 3650 * 86_400);
}

#[test]
fn a_server_certificate_carries_its_names_and_purpose() {
    let ca = authority();
    let wanted = names(&["kms.example.com", "192.0.2.7", "2001:db8::7"]);
    let server = ca
        .issue_server(&wanted, KeyKind::Rsa2048, NOW, 825)
        .unwrap();
    let read = parse(server.certificate.der()).unwrap();
    let alternatives = &read
        .subject_alternative_name()
        .unwrap()
        .unwrap()
        .value
        .general_names;
    assert_eq!(alternatives.len(), 3);
    assert!(alternatives.contains(&GeneralName::DNSName("kms.example.com")));
    assert!(alternatives.contains(&GeneralName::IPAddress(&[192, 0, 2, 7])));
    let purpose = read.extended_key_usage().unwrap().unwrap().value;
    assert!(purpose.server_auth && !purpose.client_auth);
    let usage = read.key_usage().unwrap().unwrap().value;
    assert!(usage.digital_signature() && usage.key_encipherment());
    assert!(!read.is_ca());
    assert_eq!(server.certificate.subject(), "kms.example.com");
    assert_eq!(server.certificate.not_after(), NOW + 825 * 86_400);
    assert_eq!(
        verify_signed_by(server.certificate.der(), ca.certificate().der()),
        Ok(())
    );
}

#[test]
fn the_identifiers_of_leaf_and_authority_match() {
    let ca = authority();
    let reloaded = reload(&ca);
    let subject_id = extension(ca.certificate().der(), "2.5.29.14").split_off(2);
    for issuer in [&ca, &reloaded] {
        let leaf = issuer
            .issue_client("one", KeyKind::EcdsaP256, NOW, 1)
            .unwrap();
        assert!(extension(leaf.certificate.der(), "2.5.29.35").ends_with(&subject_id));
        assert!(!extension(leaf.certificate.der(), "2.5.29.14").is_empty());
    }
}

#[test]
fn a_client_certificate_is_for_clients_only() {
    let leaf = authority()
        .issue_client("vcenter-1", KeyKind::EcdsaP256, NOW, 10)
        .unwrap();
    let read = parse(leaf.certificate.der()).unwrap();
    let purpose = read.extended_key_usage().unwrap().unwrap().value;
    assert!(purpose.client_auth && !purpose.server_auth);
    assert_eq!(leaf.certificate.subject(), "vcenter-1");
}

#[test]
fn a_loaded_authority_signs_like_the_one_that_was_saved() {
    let ca = authority();
    let reloaded = reload(&ca);
    assert!(reloaded.certificate() == ca.certificate());
    assert!(reloaded.key_pem().constant_time_eq(&ca.key_pem()));
    let leaf = reloaded
        .issue_client("one", KeyKind::EcdsaP256, NOW, 1)
        .unwrap();
    assert_eq!(
        verify_signed_by(leaf.certificate.der(), ca.certificate().der()),
        Ok(())
    );
}

#[test]
fn an_authority_with_the_wrong_pieces_is_refused() {
    let (ca, other) = (authority(), authority());
    let key = |of: &Authority| String::from_utf8(of.key_pem().expose().to_vec()).unwrap();
    let error = |cert: &str, key: &str| Authority::load(cert, key).unwrap_err();
    assert_eq!(
        error(&ca.certificate_pem(), &key(&other)),
        AuthorityError::KeyMismatch
    );
    assert_eq!(
        error(&ca.certificate_pem(), "no key"),
        AuthorityError::PrivateKey
    );
    let leaf = ca.issue_client("one", KeyKind::EcdsaP256, NOW, 1).unwrap();
    assert_eq!(
        error(&leaf.certificate_pem, &key(&ca)),
        AuthorityError::NotAuthority
    );
    assert!(matches!(
        error("", &key(&ca)),
        AuthorityError::Certificate(_)
    ));
}

#[test]
fn no_leaf_outlives_the_authority() {
    let ca = Authority::create("Short", NOW, 10, KeyKind::EcdsaP256).unwrap();
    let leaf = ca
        .issue_client("one", KeyKind::EcdsaP256, NOW, 825)
        .unwrap();
    assert_eq!(leaf.certificate.not_after(), ca.certificate().not_after());
    let late = ca.issue_client("one", KeyKind::EcdsaP256, NOW + 11 * 86_400, 1);
    assert!(matches!(late, Err(AuthorityError::Validity(_))));
}

#[test]
fn impossible_names_and_dates_are_refused() {
    let ca = authority();
    let server = |list: &[&str]| ca.issue_server(&names(list), KeyKind::EcdsaP256, NOW, 1);
    assert_eq!(server(&[]).err(), Some(AuthorityError::NoNames));
    for name in [
        "",
        "https://kms",
        "a b",
        "[::1]",
        "kms.example.com:5696",
        "kms\n",
    ] {
        assert!(
            matches!(server(&[name]), Err(AuthorityError::Name { .. })),
            "{name:?}"
        );
    }
    for label in ["", "  ", "a\u{0}b", &"x".repeat(65)] {
        let result = ca.issue_client(label, KeyKind::EcdsaP256, NOW, 1);
        assert!(
            matches!(result, Err(AuthorityError::Name { .. })),
            "{label:?}"
        );
    }
    for (now, days) in [
        (NOW, 0),
        (0, 1),
        (i64::MIN, 1),
        (i64::MAX, 1),
        (NOW, u32::MAX),
    ] {
        let result = self_signed_client("x", KeyKind::EcdsaP256, now, days);
        assert!(
            matches!(result, Err(AuthorityError::Validity(_))),
            "{now} {days}"
        );
    }
}

#[test]
fn a_long_dns_name_stays_in_the_alternative_names() {
    let long = format!("{}.{}.example.com", "a".repeat(40), "b".repeat(40));
    let server = authority()
        .issue_server(&[long], KeyKind::EcdsaP256, NOW, 1)
        .unwrap();
    assert_eq!(server.certificate.subject(), "Keyledger server");
}

#[test]
fn serial_numbers_are_positive_full_length_and_differ() {
    let ca = authority();
    let serial = || {
        let leaf = ca.issue_client("one", KeyKind::EcdsaP256, NOW, 1).unwrap();
        leaf.certificate.serial().to_owned()
    };
    let (first, second) = (serial(), serial());
    assert_ne!(first, second);
    assert_eq!(first.len(), 32);
    assert!(first.as_bytes()[0] < b'8');
}

#[test]
fn kinds_of_key_round_trip_through_their_names() {
    for name in ["rsa-2048", "rsa-3072", "ecdsa-p256", "ecdsa-p384"] {
        assert_eq!(name.parse::<KeyKind>().unwrap().to_string(), name);
    }
    assert!("RSA-2048".parse::<KeyKind>().is_err());
}

#[test]
fn debug_shows_no_private_key() {
    let text = format!("{:?}", authority());
    assert!(
        text.contains("Test authority") && !text.contains("key"),
        "{text}"
    );
}

fn reload(ca: &Authority) -> Authority {
    let key = String::from_utf8(ca.key_pem().expose().to_vec()).unwrap();
    Authority::load(&ca.certificate_pem(), &key).unwrap()
}

fn extension(der: &[u8], oid: &str) -> Vec<u8> {
    let read = parse(der).unwrap();
    let found = read
        .iter_extensions()
        .find(|extension| extension.oid.to_id_string() == oid);
    found.unwrap().value.to_vec()
}
