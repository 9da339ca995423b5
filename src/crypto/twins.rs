//! Makes second certificates for tests: of the same key, of the same authority, of the same signed bytes.

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

use super::authority::{Authority, Issued, SigningRequest};
use super::certificate::{Certificate, parse};
use super::version_one::tlv;

/// The order of P-256 (SEC 2 §2.4.2).
const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

fn key_pair(pem: &[u8]) -> KeyPair {
    KeyPair::from_pem(str::from_utf8(pem).unwrap()).unwrap()
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A certificate with a name of any length, as only others make them.
pub(crate) fn self_signed_of(name: &str) -> Certificate {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    Certificate::from_der(named(name).self_signed(&key).unwrap().der()).unwrap()
}

/// Another certificate for the key of `made`, of the same subject.
pub(crate) fn reissued(ca: &Authority, made: &Issued, now: i64, days: u32) -> Certificate {
    let name = made.certificate.subject();
    let request = named(name).serialize_request(&key_pair(made.key_pem.expose()));
    let request = SigningRequest::from_pem(&request.unwrap().pem().unwrap()).unwrap();
    ca.sign(&request, name, now, days).unwrap().1
}

/// Another certificate of an authority, with the same name and key; valid far into the future.
pub(crate) fn renewed(ca: &Authority) -> Authority {
    let key = ca.key_pem();
    let mut params = named(ca.certificate().subject());
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let made = params.self_signed(&key_pair(key.expose())).unwrap();
    Authority::load(&made.pem(), str::from_utf8(key.expose()).unwrap()).unwrap()
}

/// The same certificate with the other valid signature: for (r, s), (r, n - s). P-256 only.
pub(crate) fn other_signature(certificate: &Certificate) -> Certificate {
    let der = certificate.der();
    let read = parse(der).unwrap();
    let signature = read.signature_value.data.to_vec();
    let r_length = usize::from(signature[3]);
    let (r, s) = (&signature[2..4 + r_length], &signature[6 + r_length..]);
    let s = integer(&subtracted(&hex::decode(ORDER).unwrap(), s));
    let signature = tlv(0x30, &[r, &s].concat());
    let signed = read.tbs_certificate.as_ref();
    // ecdsa-with-SHA256, 1.2.840.10045.4.3.2.
    let algorithm = hex::decode("300a06082a8648ce3d040302").unwrap();
    let bits = tlv(0x03, &[&[0], &signature[..]].concat());
    let content = [signed, &algorithm, &bits].concat();
    Certificate::from_der(&tlv(0x30, &content)).unwrap()
}

/// `from` less `what`, both big-endian, `what` the smaller and perhaps with a leading zero.
fn subtracted(from: &[u8], what: &[u8]) -> Vec<u8> {
    let what = what.iter().rev().chain(std::iter::repeat(&0));
    let mut borrowed = false;
    let mut digits: Vec<_> = from
        .iter()
        .rev()
        .zip(what)
        .map(|(from, what)| {
            let (digit, first) = from.overflowing_sub(*what);
            let (digit, second) = digit.overflowing_sub(u8::from(borrowed));
            borrowed = first || second;
            digit
        })
        .collect();
    digits.reverse();
    digits
}

/// A positive INTEGER in DER.
fn integer(digits: &[u8]) -> Vec<u8> {
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    let mut digits = digits[zeros..].to_vec();
    if digits[0] >= 0x80 {
        digits.insert(0, 0);
    }
    tlv(0x02, &digits)
}
