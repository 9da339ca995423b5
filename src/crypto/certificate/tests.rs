use super::issued::check_issued;
use super::{Certificate, CertificateError, parse, spki};
use crate::crypto::Fingerprint;
use crate::crypto::authority::{
    Authority, Issued, KeyKind, SelfSignedForm, self_signed_client, self_signed_client_as,
};
use crate::crypto::twins::{other_signature, renewed, self_signed_of};
use crate::crypto::version_one::version_one;

const NOW: i64 = 1_700_000_000;

fn client(common_name: &str) -> Issued {
    self_signed_client(common_name, KeyKind::EcdsaP256, NOW, 10).unwrap()
}

fn key_text(issued: &Issued) -> String {
    String::from_utf8(issued.key_pem.expose().to_vec()).unwrap()
}

#[test]
fn pem_gives_the_same_certificate_as_der() {
    let made = client("kmipClient20240101000000");
    let read = Certificate::from_pem(&made.certificate_pem).unwrap();
    assert!(read == made.certificate);
    assert_eq!(read.fingerprint(), Fingerprint::of(made.certificate.der()));
    assert_eq!(read.subject(), "kmipClient20240101000000");
    assert_eq!(read.issuer(), "kmipClient20240101000000");
    assert!(read.self_signed());
    assert_eq!(read.not_before(), NOW - 3600);
    assert_eq!(read.not_after(), NOW + 10 * 86_400);
    assert_eq!(read.serial().len(), 32);
}

#[test]
fn text_and_line_ends_around_the_block_are_ignored() {
    let pem = client("one").certificate_pem;
    for text in [
        format!("Bag Attributes\n  x: y\n{pem}\n\n"),
        pem.replace('\n', "\r\n"),
    ] {
        assert_eq!(Certificate::from_pem(&text).unwrap().subject(), "one");
    }
}

#[test]
fn each_wrong_file_has_its_own_error() {
    let (one, two) = (client("one"), client("two"));
    let error = |text: &str| Certificate::from_pem(text).unwrap_err();
    assert_eq!(error(""), CertificateError::Empty);
    assert_eq!(error(" \n\t\n"), CertificateError::Empty);
    assert_eq!(error("hello"), CertificateError::NotPem);
    assert_eq!(error(&key_text(&one)), CertificateError::PrivateKey);
    let both = one.certificate_pem.clone() + &key_text(&one);
    assert_eq!(error(&both), CertificateError::PrivateKey);
    let chain = one.certificate_pem.clone() + &two.certificate_pem;
    assert_eq!(error(&chain), CertificateError::Chain(2));
    let request = one
        .certificate_pem
        .replace("CERTIFICATE", "CERTIFICATE REQUEST");
    assert_eq!(
        error(&request),
        CertificateError::OtherLabel("CERTIFICATE REQUEST".to_owned())
    );
    let cut = &one.certificate_pem[..200];
    assert!(matches!(error(cut), CertificateError::DamagedPem(_)));
    let damaged = one.certificate_pem.replacen("\nMII", "\n?II", 1);
    let damaged = if damaged == one.certificate_pem {
        damaged.replacen('M', "?", 1)
    } else {
        damaged
    };
    assert!(matches!(error(&damaged), CertificateError::DamagedPem(_)));
    let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert_eq!(error(nonsense), CertificateError::NotX509);
}

#[test]
fn bytes_after_the_certificate_are_refused() {
    let mut der = client("one").certificate.der().to_vec();
    der.push(0);
    assert_eq!(
        Certificate::from_der(&der).unwrap_err(),
        CertificateError::TrailingBytes(1)
    );
}

#[test]
fn no_cut_or_flipped_byte_makes_reading_panic() {
    let der = client("one").certificate.der().to_vec();
    for at in 0..der.len() {
        assert!(Certificate::from_der(&der[..at]).is_err());
        let mut altered = der.clone();
        altered[at] ^= 0xff;
        if let Ok(read) = Certificate::from_der(&altered) {
            assert_ne!(read.fingerprint(), Fingerprint::of(&der));
        }
    }
}

#[test]
fn a_version_one_certificate_is_read() {
    let der = version_one("old vCenter");
    assert_eq!(parse(&der).unwrap().version.0, 0);
    let read = Certificate::from_der(&der).unwrap();
    assert_eq!(read.subject(), "old vCenter");
    assert!(read.self_signed());
    assert_eq!(read.not_after(), NOW + 86_400);
    assert_eq!(read.public_key().key_bits.len(), 65);
}

#[test]
fn a_leaf_that_claims_to_be_an_authority_is_read() {
    let form = SelfSignedForm::CaTrue;
    let made = self_signed_client_as(form, "ca leaf", KeyKind::EcdsaP384, NOW, 1).unwrap();
    assert!(parse(made.certificate.der()).unwrap().is_ca());
    assert_eq!(made.certificate.subject(), "ca leaf");
}

#[test]
fn dates_long_past_and_far_away_are_readable() {
    let old = self_signed_client("old", KeyKind::EcdsaP256, 86_400, 1).unwrap();
    assert_eq!(old.certificate.not_after(), 2 * 86_400);
    // Beyond 2049 the encoding changes from UTCTime to GeneralizedTime.
    let far = self_signed_client("far", KeyKind::EcdsaP256, NOW, 40_000).unwrap();
    assert_eq!(far.certificate.not_after(), NOW + 40_000 * 86_400);
}

#[test]
fn the_public_key_comes_in_the_pieces_a_tls_verifier_takes() {
    // id-ecPublicKey 1.2.840.10045.2.1 and prime256v1 1.2.840.10045.3.1.7, without the SEQUENCE.
    let expected = "06072a8648ce3d020106082a8648ce3d030107";
    let made = client("one");
    let key = spki(made.certificate.der()).unwrap();
    assert_eq!(hex::encode(&key.algorithm), expected);
    assert_eq!(key.key_bits[0], 4, "an uncompressed point");
    assert_eq!(&key, made.certificate.public_key());
    let rsa = self_signed_client("rsa", KeyKind::Rsa2048, NOW, 1).unwrap();
    let algorithm = &rsa.certificate.public_key().algorithm;
    assert_eq!(hex::encode(algorithm), "06092a864886f70d0101010500");
}

#[test]
fn an_issued_certificate_names_its_authority() {
    let ca = Authority::create("The authority", NOW, 30, KeyKind::EcdsaP256).unwrap();
    let leaf = ca.issue_client("one", KeyKind::EcdsaP256, NOW, 1).unwrap();
    assert_eq!(leaf.certificate.issuer(), "The authority");
    assert!(!leaf.certificate.self_signed());
    assert!(!format!("{:?}", leaf).contains("BEGIN PRIVATE"));
}

#[test]
fn what_is_hidden_in_a_name_is_shown() {
    for hidden in [
        '\n', '\u{1b}', '\u{202e}', '\u{2066}', '\u{200b}', '\u{2028}', '\u{feff}',
    ] {
        let read = self_signed_of(&format!("vc{hidden}x"));
        assert_eq!(read.subject(), "vc\u{fffd}x", "{hidden:?}");
    }
}

#[test]
fn a_key_is_known_again_in_another_certificate() {
    let ca = Authority::create("The authority", NOW, 30, KeyKind::EcdsaP256).unwrap();
    let renewed = renewed(&ca);
    let (old, new) = (ca.certificate().digests(), renewed.certificate().digests());
    assert_eq!(old.key, new.key);
    assert_ne!(old.signed, new.signed);
    assert_ne!(client("one").certificate.digests().key, old.key);
    let leaf = ca.issue_client("one", KeyKind::EcdsaP256, NOW, 1).unwrap();
    let twin = other_signature(&leaf.certificate);
    assert_ne!(twin.fingerprint(), leaf.certificate.fingerprint());
    assert_eq!(twin.digests(), leaf.certificate.digests());
    let issued = check_issued(twin.der(), ca.certificate().der(), NOW);
    assert_eq!(issued, Ok(()), "the signature is as good");
}
