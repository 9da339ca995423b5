//! Whether a certificate with its chain can be shown to peers as a server's.
//!
//! Asked before a running server takes up another one: what no client would accept must not take the place of what they do.

use std::net::IpAddr;

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;

use super::{CertificateError, parse};
use crate::crypto::signature::verify_signed_by;

/// Why clients would not accept it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PresentableError {
    /// One of the chain cannot be read.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// There is none.
    #[error("there is no certificate")]
    Empty,
    /// It is not valid now.
    #[error("it is not valid at this moment")]
    Dates,
    /// It says what it is for, and servers are not among that.
    #[error("it is not a server's: serverAuth is not among its extended key usages")]
    NotServer,
    /// One of the chain is not signed by the next; the field is its place, from 1.
    #[error(
        "certificate {0} of the file is not signed by the one after it; the server's own comes first, then each CA that signed the one before"
    )]
    Chain(usize),
}

/// Checks a chain, the server's own first, at `now`, seconds since 1970.
///
/// # Errors
/// [`PresentableError`] says why clients would not accept it.
pub fn check_presentable(chain: &[&[u8]], now: i64) -> Result<(), PresentableError> {
    let own = parse(chain.first().ok_or(PresentableError::Empty)?)?;
    let validity = own.validity();
    if !(validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now) {
        return Err(PresentableError::Dates);
    }
    if !is_for_servers(&own) {
        return Err(PresentableError::NotServer);
    }
    let links = chain.iter().zip(chain.iter().skip(1));
    for (place, (signed, signer)) in (1..).zip(links) {
        verify_signed_by(signed, signer).map_err(|_| PresentableError::Chain(place))?;
    }
    Ok(())
}

/// The DNS names and IP addresses that a certificate is for, as `init --name` takes them; others are left out.
#[must_use]
pub fn names(der: &[u8]) -> Vec<String> {
    let Ok(certificate) = parse(der) else {
        return Vec::new();
    };
    let Ok(Some(names)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let text = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(octets) => address(octets).map(|address| address.to_string()),
        _ => None,
    };
    names.value.general_names.iter().filter_map(text).collect()
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from))
        .ok()
}

fn is_for_servers(certificate: &X509Certificate<'_>) -> bool {
    let usages = certificate.extended_key_usage();
    usages.is_ok_and(|usages| {
        usages.is_none_or(|usages| usages.value.server_auth || usages.value.any)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{Authority, KeyKind};

    const NOW: i64 = 1_700_000_000;

    #[test]
    fn a_server_certificate_with_its_chain_in_order_is_presentable() {
        let ca = Authority::create("CA", NOW, 30, KeyKind::EcdsaP256).unwrap();
        let wanted = ["kms.example.org", "192.0.2.1", "2001:db8::1"].map(str::to_owned);
        let server = ca
            .issue_server(&wanted, KeyKind::EcdsaP256, NOW, 10)
            .unwrap();
        assert_eq!(names(server.certificate.der()), wanted);
        let client = ca.issue_client("x", KeyKind::EcdsaP256, NOW, 10).unwrap();
        let (own, ca) = (server.certificate.der(), ca.certificate().der());
        assert_eq!(check_presentable(&[own], NOW), Ok(()));
        assert_eq!(check_presentable(&[own, ca], NOW), Ok(()));
        let late = check_presentable(&[own], NOW + 11 * 86_400);
        assert_eq!(late, Err(PresentableError::Dates));
        let refused = check_presentable(&[client.certificate.der()], NOW);
        assert_eq!(refused, Err(PresentableError::NotServer));
        let mixed = check_presentable(&[own, client.certificate.der(), ca], NOW);
        assert_eq!(mixed, Err(PresentableError::Chain(1)));
        assert_eq!(check_presentable(&[], NOW), Err(PresentableError::Empty));
    }
}
