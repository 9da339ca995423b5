//! Protocol versions: which exist, which this program speaks, which it answers in.
//!
//! No negotiation happens here; a message carries its version and every codec is told it.
//! `SUPPORTED` is the single list: Discover Versions and the header rules both read it.

use std::fmt;

use ttlv::{Structure, Writer};

use super::{
    error::DecodeError,
    fields::{Scope, Taken, once, required},
    tag::Tag,
};

/// A protocol version as the header of every message carries it (KMIP 1.4 §6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProtocolVersion {
    /// Versions of one major number understand each other's messages.
    pub major: u16,
    /// A newer minor number only adds.
    pub minor: u16,
}

impl ProtocolVersion {
    /// KMIP 1.0.
    pub const V1_0: Self = Self::new(1, 0);
    /// KMIP 1.1, the version vCenter speaks.
    pub const V1_1: Self = Self::new(1, 1);
    /// KMIP 1.2.
    pub const V1_2: Self = Self::new(1, 2);
    /// KMIP 1.3.
    pub const V1_3: Self = Self::new(1, 3);
    /// KMIP 1.4.
    pub const V1_4: Self = Self::new(1, 4);
    /// KMIP 2.0, known to the tables but not spoken.
    pub const V2_0: Self = Self::new(2, 0);
    /// KMIP 2.1, known to the tables but not spoken.
    pub const V2_1: Self = Self::new(2, 1);

    /// The versions spoken, best first.
    pub const SUPPORTED: &'static [Self] =
        &[Self::V1_4, Self::V1_3, Self::V1_2, Self::V1_1, Self::V1_0];

    /// A version from its two numbers.
    #[must_use]
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    /// Reads the form `1.4`; nothing else is accepted.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        let digits = |part: &str| {
            let plain = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| part.parse().ok()).flatten()
        };
        Some(Self::new(digits(major)?, digits(minor)?))
    }

    /// Reads a Protocol Version structure.
    ///
    /// # Errors
    /// When a number is missing or is no version number.
    pub fn decode(structure: Structure<'_>) -> Result<Self, DecodeError> {
        let (mut major, mut minor) = (None, None);
        Scope::new(Tag::ProtocolVersion, Self::best()).read(structure, |tag, item| {
            let slot = match tag {
                Tag::ProtocolVersionMajor => &mut major,
                Tag::ProtocolVersionMinor => &mut minor,
                _ => return Ok(Taken::No),
            };
            let number = u16::try_from(item.integer()?).map_err(|_| DecodeError::InvalidValue {
                tag,
                rule: "is no version number",
            })?;
            once(slot, tag, number)
        })?;
        Ok(Self::new(
            required(major, Tag::ProtocolVersionMajor)?,
            required(minor, Tag::ProtocolVersionMinor)?,
        ))
    }

    /// Writes a Protocol Version structure.
    pub fn encode(self, writer: &mut Writer) {
        writer.structure(Tag::ProtocolVersion, |writer| {
            writer.integer(Tag::ProtocolVersionMajor, i32::from(self.major));
            writer.integer(Tag::ProtocolVersionMinor, i32::from(self.minor));
        });
    }

    /// Whether this exact version is spoken.
    #[must_use]
    pub fn is_supported(self) -> bool {
        Self::SUPPORTED.contains(&self)
    }

    /// Whether messages of this version can be read, though perhaps with unknown fields.
    #[must_use]
    pub fn is_major_supported(self) -> bool {
        Self::SUPPORTED
            .iter()
            .any(|version| version.major == self.major)
    }

    /// The version to answer in: this one when spoken, else the best of the same major number, else
    /// the best of all.
    #[must_use]
    pub fn answer(self) -> Self {
        if self.is_supported() {
            return self;
        }
        let same_major = Self::SUPPORTED
            .iter()
            .find(|version| version.major == self.major);
        same_major.copied().unwrap_or_else(Self::best)
    }

    /// The best version spoken.
    #[must_use]
    pub fn best() -> Self {
        Self::SUPPORTED.first().copied().unwrap_or(Self::V1_4)
    }

    /// Whether a peer of this version may use fields that this program has never heard of: its
    /// minor number is newer than ours. Such fields are skipped instead of refused.
    #[must_use]
    pub fn may_hold_unknown_fields(self) -> bool {
        self > self.answer()
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_version_are_inverse() {
        for version in ProtocolVersion::SUPPORTED {
            assert_eq!(
                ProtocolVersion::from_text(&version.to_string()),
                Some(*version)
            );
        }
        for text in [
            "",
            "1",
            "1.",
            ".4",
            "1.4.0",
            "+1.4",
            "1.-4",
            "1.x",
            "1.99999999",
        ] {
            assert_eq!(ProtocolVersion::from_text(text), None, "{text}");
        }
    }

    #[test]
    fn the_answer_is_the_closest_spoken_version() {
        assert_eq!(ProtocolVersion::V1_1.answer(), ProtocolVersion::V1_1);
        assert_eq!(ProtocolVersion::new(1, 9).answer(), ProtocolVersion::V1_4);
        assert_eq!(ProtocolVersion::V2_1.answer(), ProtocolVersion::V1_4);
        assert_eq!(ProtocolVersion::new(0, 9).answer(), ProtocolVersion::V1_4);
    }

    #[test]
    fn only_a_newer_minor_may_hold_unknown_fields() {
        assert!(ProtocolVersion::new(1, 5).may_hold_unknown_fields());
        assert!(!ProtocolVersion::V1_4.may_hold_unknown_fields());
        assert!(!ProtocolVersion::V1_0.may_hold_unknown_fields());
    }

    #[test]
    fn supported_is_sorted_best_first() {
        assert!(ProtocolVersion::SUPPORTED.is_sorted_by(|left, right| left > right));
    }
}
