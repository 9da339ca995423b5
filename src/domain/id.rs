//! Identifiers of the things Keyledger keeps.
//!
//! Each is a type of its own, so that one cannot stand where another is meant. All are UUIDs written in lower case.
//! They are built from time and random bytes that are passed in: nothing here reads a clock or a random source.

use std::fmt;
use std::str::FromStr;

use uuid::{Builder, Uuid};

use crate::crypto::Fingerprint;

/// A text that is no identifier: not a UUID, or not in its lower-case hyphenated form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a lower-case UUID")]
pub struct NotAnId;

macro_rules! identifiers {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// The identifier held in 16 bytes, as the store keeps it.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The 16 bytes of this identifier.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// A new identifier (UUIDv7) from the time in milliseconds since 1970 and ten random bytes.
            #[must_use]
            pub fn new(now_ms: i64, random: [u8; 10]) -> Self {
                Self(from_parts(now_ms, random))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self.0.as_hyphenated(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            /// Accepts only the form that `Display` writes, so that one identifier has one text.
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                parse(text).map(Self)
            }
        }
    )+};
}

identifiers! {
    /// A managed object: its text is KMIP's Unique Identifier. Time-ordered, so that objects made one after
    /// another lie side by side in the store.
    ObjectId;
    /// An instance: the boundary of keys.
    InstanceId;
    /// A client: a party that connects, whatever certificates it has.
    ClientId;
    /// An enrolled certificate, where it is to be known by a UUID: made of its fingerprint, so that it is the same for ever.
    CertificateId;
    /// An event of the trail; receivers drop repeats by it.
    EventId;
    /// A target that events are delivered to.
    TargetId;
    /// A route that says which events go to which targets.
    RouteId;
    /// An API key of an administrator.
    ApiKeyId;
    /// One request; the events of all its batch items share it as correlationId.
    RequestId;
}

impl ObjectId {
    /// Whether the text of this identifier holds a letter. A real client mis-encodes Unique Identifiers of digits
    /// only, so an identifier without a letter is not given out.
    #[must_use]
    pub fn has_letter(&self) -> bool {
        self.as_bytes()
            .iter()
            .any(|byte| byte >> 4 > 9 || byte & 0x0f > 9)
    }
}

impl CertificateId {
    /// The identifier (UUIDv8) of the certificate with this fingerprint.
    #[must_use]
    pub fn of(fingerprint: &Fingerprint) -> Self {
        let mut bytes = [0; 16];
        bytes
            .iter_mut()
            .zip(fingerprint.as_bytes())
            .for_each(|(byte, from)| *byte = *from);
        Self(Builder::from_custom_bytes(bytes).into_uuid())
    }
}

fn from_parts(now_ms: i64, random: [u8; 10]) -> Uuid {
    let millis = u64::try_from(now_ms).unwrap_or(0);
    Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

fn parse(text: &str) -> Result<Uuid, NotAnId> {
    let uuid = Uuid::try_parse(text).map_err(|_| NotAnId)?;
    let mut canonical = [0_u8; 36];
    if uuid.as_hyphenated().encode_lower(&mut canonical) == text {
        Ok(uuid)
    } else {
        Err(NotAnId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_has_one_text() {
        let id = ObjectId::new(1_700_000_000_000, [0xab; 10]);
        let text = id.to_string();
        assert_eq!(text.parse::<ObjectId>(), Ok(id));
        assert_eq!(text.to_uppercase().parse::<ObjectId>(), Err(NotAnId));
        assert_eq!(text.replace('-', "").parse::<ObjectId>(), Err(NotAnId));
        assert_eq!("44".parse::<ObjectId>(), Err(NotAnId));
    }

    #[test]
    fn later_identifiers_sort_later() {
        let early = ObjectId::new(1_700_000_000_000, [0xff; 10]);
        let late = ObjectId::new(1_700_000_000_001, [0x00; 10]);
        assert!(early < late);
    }

    #[test]
    fn digits_only_is_seen() {
        assert!(!ObjectId::from_bytes([0x11; 16]).has_letter());
        assert!(ObjectId::from_bytes([0x1a; 16]).has_letter());
    }
}
