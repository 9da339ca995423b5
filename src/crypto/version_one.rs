//! Makes version 1 certificates for tests, since the certificate library makes version 3 only.
//!
//! A version 3 certificate is taken apart, its `[0]` version and `[3]` extensions are left out, and
//! the rest is signed anew, so that subject, dates and key stay what the library wrote.

use aws_lc_rs::rand::SystemRandom as LibraryRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use x509_parser::asn1_rs::{Any, FromDer, Sequence};
use x509_parser::pem::Pem;

use super::authority::{KeyKind, self_signed_client};

/// A self-signed version 1 certificate in DER form, valid for a day of November 2023.
pub(super) fn version_one(common_name: &str) -> Vec<u8> {
    let made = self_signed_client(common_name, KeyKind::EcdsaP256, 1_700_000_000, 1).unwrap();
    let (_, outer) = Sequence::from_der(made.certificate.der()).unwrap();
    let parts = elements(&outer.content);
    let (_, tbs) = Sequence::from_der(&parts[0]).unwrap();
    // 0xa0 is the explicit version, 0xa3 the extensions; what is between is version 1.
    let kept = elements(&tbs.content)
        .into_iter()
        .filter(|part| part[0] != 0xa0 && part[0] != 0xa3);
    let tbs = tlv(0x30, &kept.flatten().collect::<Vec<u8>>());
    let signature = [&[0_u8][..], &sign(&tbs, made.key_pem.expose())].concat();
    tlv(
        0x30,
        &[tbs, parts[1].clone(), tlv(0x03, &signature)].concat(),
    )
}

fn sign(tbs: &[u8], key_pem: &[u8]) -> Vec<u8> {
    let pem = Pem::iter_from_buffer(key_pem).next().unwrap().unwrap();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &pem.contents).unwrap();
    key.sign(&LibraryRandom::new(), tbs)
        .unwrap()
        .as_ref()
        .to_vec()
}

fn elements(mut content: &[u8]) -> Vec<Vec<u8>> {
    let mut elements = Vec::new();
    while !content.is_empty() {
        let (rest, _) = Any::from_der(content).unwrap();
        elements.push(content[..content.len() - rest.len()].to_vec());
        content = rest;
    }
    elements
}

pub(super) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap();
    let mut bytes = match (u8::try_from(length), length.to_be_bytes()) {
        (Ok(short @ 0..128), _) => vec![tag, short],
        (Ok(long), _) => vec![tag, 0x81, long],
        (Err(_), [high, low]) => vec![tag, 0x82, high, low],
    };
    bytes.extend_from_slice(content);
    bytes
}
