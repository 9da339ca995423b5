//! Whether what a CA's signature does not cover of a certificate is encoded in the one way there is.
//!
//! A signature covers the first of three fields. Bytes after the fields, lengths written longer than needed and parameters of the
//! algorithm could be changed by anyone who holds the certificate, and each time it would have another fingerprint.

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
/// The explicit tag of a certificate's version, which may be absent.
const VERSION: u8 = 0xa0;

/// Whether `der` is a SEQUENCE of exactly a certificate's three fields (RFC 5280 §4.1), each with the shortest length and the
/// algorithm of the signature as the signed field states it, byte for byte.
pub(super) fn is_canonical(der: &[u8]) -> bool {
    fields(der).is_some()
}

fn fields(der: &[u8]) -> Option<()> {
    let (outer, rest) = element(der)?;
    let (signed, after) = element(outer.content)?;
    let (algorithm, after) = element(after)?;
    let (signature, after) = element(after)?;
    let (first, within) = element(signed.content)?;
    let serial_passed = if first.tag == VERSION {
        element(within)?.1
    } else {
        within
    };
    let (stated, _) = element(serial_passed)?;
    let holds = rest.is_empty()
        && after.is_empty()
        && [outer.tag, signed.tag, algorithm.tag] == [SEQUENCE; 3]
        && signature.tag == BIT_STRING
        && signature.content.first() == Some(&0)
        && algorithm.whole == stated.whole;
    holds.then_some(())
}

struct Element<'a> {
    tag: u8,
    whole: &'a [u8],
    content: &'a [u8],
}

/// The first element and what follows it; none where its length is not written in the shortest way (X.690 §10.1).
fn element(der: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (&tag, after) = der.split_first()?;
    let (&first, after) = after.split_first()?;
    let (length, after) = match first {
        0..=0x7f => (usize::from(first), after),
        0x81..=0x83 => {
            let (digits, after) = after.split_at_checked(usize::from(first - 0x80))?;
            let value = |value, digit: &u8| value << 8 | usize::from(*digit);
            let length = digits.iter().fold(0_usize, value);
            if digits.first() == Some(&0) || length < 0x80 {
                return None;
            }
            (length, after)
        }
        _ => return None,
    };
    let (content, rest) = after.split_at_checked(length)?;
    let whole = der.get(..der.len() - rest.len())?;
    let element = Element {
        tag,
        whole,
        content,
    };
    Some((element, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::version_one::version_one;
    use crate::crypto::{KeyKind, self_signed_client};

    /// The content of a certificate of ours in an outer SEQUENCE whose length is written as given.
    fn wrapped(length: &[u8], content: &[u8]) -> Vec<u8> {
        [&[SEQUENCE], length, content].concat()
    }

    #[test]
    fn only_the_one_encoding_is_canonical() {
        assert!(is_canonical(&version_one("old")));
        let made = self_signed_client("vc", KeyKind::EcdsaP256, 1_700_000_000, 10).unwrap();
        let der = made.certificate.der();
        assert!(is_canonical(der));
        let (outer, _) = element(der).unwrap();
        let content = outer.content;
        let length = |bytes: usize| u16::try_from(bytes).unwrap().to_be_bytes();
        let [high, low] = length(content.len());
        assert_eq!(wrapped(&[0x82, high, low], content), der);
        assert!(!is_canonical(&wrapped(&[0x83, 0, high, low], content)));
        let longer = [content, &[5, 0]].concat();
        let [high, low] = length(longer.len());
        assert!(!is_canonical(&wrapped(&[0x82, high, low], &longer)));
        assert!(!is_canonical(&[der, &[0]].concat()));
        for at in 0..der.len() {
            assert!(!is_canonical(&der[..at]));
        }
    }

    #[test]
    fn the_algorithm_beside_the_signature_is_the_signed_one() {
        let made = self_signed_client("vc", KeyKind::Rsa2048, 1_700_000_000, 10).unwrap();
        let (outer, _) = element(made.certificate.der()).unwrap();
        let (signed, after) = element(outer.content).unwrap();
        let (algorithm, signature) = element(after).unwrap();
        let stated = algorithm.content;
        // The parameters of RSA are NULL; without them the same algorithm is meant.
        let other = [&[SEQUENCE, 11], stated.get(..11).unwrap()].concat();
        let content = [signed.whole, &other, signature].concat();
        let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
        assert!(!is_canonical(&wrapped(&[0x82, high, low], &content)));
    }
}
