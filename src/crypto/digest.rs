//! SHA-256 over parts, and the leaf and node hashes of the trail's Merkle tree (RFC 6962 §2.1).
//!
//! The tree itself lives in `audit`; this module only fixes how its hashes are separated by domain,
//! so that no event can be passed off as a node. Stored and signed state depends on it: changing a
//! hash here invalidates every checkpoint.

use sha2::{Digest, Sha256};

const LEAF: u8 = 0x00;
const NODE: u8 = 0x01;

/// SHA-256 over the concatenation of `parts`.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// SHA-256 over bytes that come one after the other.
#[derive(Debug, Clone, Default)]
pub struct Summing(Sha256);

impl Summing {
    /// Takes the next bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of all that was taken.
    #[must_use]
    pub fn sum(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// The hash of a leaf: SHA-256(0x00 || event), RFC 6962 §2.1.
#[must_use]
pub fn leaf_hash(event: &[u8]) -> [u8; 32] {
    sha256(&[&[LEAF], event])
}

/// The hash of an inner node: SHA-256(0x01 || left || right), RFC 6962 §2.1.
#[must_use]
pub fn node_hash(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    sha256(&[&[NODE], left, right])
}

#[cfg(test)]
mod tests {
    use super::{leaf_hash, node_hash, sha256};

    #[test]
    fn sha256_matches_the_vector_of_fips_180() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex::encode(sha256(&[b"abc"])), expected);
        assert_eq!(hex::encode(sha256(&[b"a", b"", b"bc"])), expected);
    }

    #[test]
    fn the_leaf_of_nothing_matches_the_known_value() {
        // SHA-256 of the single byte 0x00: the first leaf of the reference test of RFC 6962.
        let expected = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
        assert_eq!(hex::encode(leaf_hash(b"")), expected);
    }

    #[test]
    fn a_leaf_is_never_a_node() {
        let (left, right) = (leaf_hash(b"a"), leaf_hash(b"b"));
        let joined = [left, right].concat();
        assert_ne!(leaf_hash(&joined), node_hash(&left, &right));
        assert_ne!(node_hash(&left, &right), node_hash(&right, &left));
    }
}
