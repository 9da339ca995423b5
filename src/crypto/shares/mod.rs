//! A secret in n shares of which any m give it back and fewer tell nothing: Shamir's scheme over GF(256), byte by byte.
//!
//! A share is a line of text for people: it can be printed, read out and typed. It says of which key it is, how many are needed and which
//! it is, and carries a checksum, so that a slip is told from a wrong share. Who combines shares must compare what comes out with what is
//! known of the secret: shares of one length always give something.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::str::FromStr;

use rand_core::{TryCryptoRng, TryRng};
use vsss_rs::Gf256;
use zeroize::{Zeroize as _, Zeroizing};

use super::digest::sha256;
use super::random::{Random, RandomError};
use super::secret::Secret;

// Stored state, on paper: `keyledger-share-v1`, then key id, threshold, index, share and checksum as hexadecimal digits in groups of four.
// Changing it needs another prefix.
const PREFIX: &str = "keyledger-share-v1";
const ID_LEN: usize = 8;
/// Key id, threshold, index.
const HEAD_LEN: usize = ID_LEN + 2;
const CHECK_LEN: usize = 4;
const SECRET_LEN: usize = 32;
const LEN: usize = HEAD_LEN + SECRET_LEN + CHECK_LEN;

/// The most shares of one key.
pub const SHARES_MAX: u8 = 16;

/// Why a secret was not split, or shares do not give one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// One person alone would do, or nobody could bring enough.
    #[error(
        "{threshold} of {shares} cannot be shared out: write at least 2 needed of at most {SHARES_MAX}, such as 2/3"
    )]
    Numbers {
        /// How many would be needed.
        threshold: u8,
        /// How many there would be.
        shares: u8,
    },
    /// It is no share.
    #[error("this is not a share: a share begins with `{PREFIX}`")]
    NotAShare,
    /// A digit is missing, too much or none.
    #[error("the share is not complete: after `{PREFIX}` come {} hexadecimal digits", 2 * LEN)]
    Incomplete,
    /// The checksum is another.
    #[error("the share has a slip in it: its checksum does not fit; compare it with the original")]
    Slip,
    /// Shares of several keys.
    #[error("the shares are of different keys: {0} and {1}")]
    Mixed(String, String),
    /// One share twice.
    #[error("share {0} was given twice; bring another one")]
    Twice(u8),
    /// Too few.
    #[error("{threshold} shares are needed, and {given} were given")]
    TooFew {
        /// How many are needed.
        threshold: u8,
        /// How many there are.
        given: usize,
    },
    /// They cannot be combined.
    #[error("the shares cannot be combined")]
    Unusable,
    /// The random source failed.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// One share of a secret.
pub struct Share {
    key: [u8; ID_LEN],
    threshold: u8,
    index: u8,
    /// The share of each byte of the secret.
    value: Secret,
}

impl Share {
    /// Of which key it is.
    #[must_use]
    pub const fn key(&self) -> [u8; ID_LEN] {
        self.key
    }

    /// How many are needed.
    #[must_use]
    pub const fn threshold(&self) -> u8 {
        self.threshold
    }

    /// Which one it is, from 1.
    #[must_use]
    pub const fn index(&self) -> u8 {
        self.index
    }

    /// The share as it is printed.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        let bytes = self.bytes();
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + 3 * LEN));
        text.push_str(PREFIX);
        for pair in bytes.chunks(2) {
            text.push(' ');
            for byte in pair {
                write!(text, "{byte:02x}").expect("a String takes every character");
            }
        }
        text
    }

    fn bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(LEN));
        bytes.extend_from_slice(&self.key);
        bytes.extend_from_slice(&[self.threshold, self.index]);
        bytes.extend_from_slice(self.value.expose());
        let check = checksum(&bytes);
        bytes.extend_from_slice(&check);
        bytes
    }
}

impl std::fmt::Debug for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Share {} of {}", self.index, hex::encode(self.key))
    }
}

fn checksum(bytes: &[u8]) -> [u8; CHECK_LEN] {
    let [a, b, c, d, ..] = sha256(&[PREFIX.as_bytes(), bytes]);
    [a, b, c, d]
}

/// Reads a share, however its digits are grouped.
impl FromStr for Share {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Self, ShareError> {
        let digits = text.trim().strip_prefix(PREFIX);
        let digits = digits.ok_or(ShareError::NotAShare)?;
        let is_gap = |c: &char| c.is_ascii_whitespace() || *c == '-';
        let mut plain = Zeroizing::new(String::with_capacity(2 * LEN));
        for digit in digits.chars().filter(|c| !is_gap(c)) {
            if plain.len() == 2 * LEN {
                return Err(ShareError::Incomplete);
            }
            plain.push(digit);
        }
        let mut bytes = Zeroizing::new([0_u8; LEN]);
        let decoded = hex::decode_to_slice(plain.as_bytes(), &mut bytes[..]);
        decoded.map_err(|_| ShareError::Incomplete)?;
        let (content, check) = bytes.split_at(LEN - CHECK_LEN);
        if checksum(content) != check {
            return Err(ShareError::Slip);
        }
        let (head, value) = content.split_at(HEAD_LEN);
        let (key, numbers) = head.split_at(ID_LEN);
        match (key.try_into(), numbers) {
            (Ok(key), &[threshold, index]) if threshold >= 2 && index >= 1 => Ok(Self {
                key,
                threshold,
                index,
                value: Secret::new(value.to_vec()),
            }),
            _ => Err(ShareError::NotAShare),
        }
    }
}

/// Splits a secret of 32 bytes into `shares`, of which `threshold` give it back. `key` tells of which key they are.
///
/// # Errors
/// The numbers or the length cannot be used, or the random source failed.
pub fn split(
    secret: &Secret,
    key: [u8; ID_LEN],
    (threshold, shares): (u8, u8),
    random: &dyn Random,
) -> Result<Vec<Share>, ShareError> {
    if threshold < 2 || shares < threshold || shares > SHARES_MAX {
        return Err(ShareError::Numbers { threshold, shares });
    }
    if secret.len() != SECRET_LEN {
        return Err(ShareError::Unusable);
    }
    let mut source = Source {
        random,
        failed: false,
    };
    let (needed, count) = (usize::from(threshold), usize::from(shares));
    let split = Gf256::split_bytes(needed, count, secret.expose(), &mut source);
    let split = split.map(Zeroizing::new);
    if source.failed {
        return Err(RandomError.into());
    }
    let mut split = split.map_err(|_| ShareError::Unusable)?;
    split
        .drain(..)
        .map(|mut share| {
            let (index, value) = share.split_first().ok_or(ShareError::Unusable)?;
            let made = Share {
                key,
                threshold,
                index: *index,
                value: Secret::new(value.to_vec()),
            };
            share.zeroize();
            Ok(made)
        })
        .collect()
}

/// The secret that shares of one key give. What is more than is needed is left out of account.
///
/// # Errors
/// They are too few, of different keys, or one twice.
pub fn combine(shares: &[Share]) -> Result<Secret, ShareError> {
    let threshold = shares.first().map_or(2, |share| share.threshold);
    for (place, share) in shares.iter().enumerate() {
        let mut before = shares.iter().take(place);
        if let Some(other) = before.clone().find(|other| other.key != share.key) {
            let (one, other) = (hex::encode(other.key), hex::encode(share.key));
            return Err(ShareError::Mixed(one, other));
        }
        if before.any(|other| other.index == share.index) {
            return Err(ShareError::Twice(share.index));
        }
    }
    if shares.len() < usize::from(threshold) {
        let given = shares.len();
        return Err(ShareError::TooFew { threshold, given });
    }
    let parts = shares.iter().take(usize::from(threshold)).map(|share| {
        let mut part = Vec::with_capacity(1 + SECRET_LEN);
        part.push(share.index);
        part.extend_from_slice(share.value.expose());
        part
    });
    let parts = Zeroizing::new(parts.collect::<Vec<_>>());
    let combined = Gf256::combine_bytes(&parts[..]);
    combined.map(Secret::new).map_err(|_| ShareError::Unusable)
}

/// The source that is passed in, as the crate takes one. A failure is noted, and what came of it is thrown away.
struct Source<'a> {
    random: &'a dyn Random,
    failed: bool,
}

impl TryRng for Source<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.failed |= self.random.fill(bytes).is_err();
        Ok(())
    }
}

impl TryCryptoRng for Source<'_> {}

#[cfg(test)]
mod tests;
