//! Serial numbers: what a CA tells its certificates apart by, and what it names those by that it revokes.
//!
//! Of a fixed size, so that many of them lie side by side and are searched without a step in between.

use std::fmt;

/// Bytes of the longest serial number (RFC 5280 §4.1.2.2).
pub const SERIAL_BYTES: usize = 20;

/// A serial number: its value without leading zeroes, filled up with zeroes in front.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial([u8; SERIAL_BYTES]);

impl Serial {
    /// The serial number of this DER content; none if it is longer than the standard permits.
    #[must_use]
    pub fn of(content: &[u8]) -> Option<Self> {
        let leading = content.iter().take_while(|byte| **byte == 0).count();
        let value = content.get(leading..)?;
        let start = SERIAL_BYTES.checked_sub(value.len())?;
        let mut bytes = [0; SERIAL_BYTES];
        bytes.get_mut(start..)?.copy_from_slice(value);
        Some(Self(bytes))
    }

    /// The serial number that was stored as these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; SERIAL_BYTES]) -> Self {
        Self(bytes)
    }

    /// Its value without leading zeroes; of zero, one byte.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        let start = self.0.iter().take_while(|byte| **byte == 0).count();
        self.0
            .get(start.min(SERIAL_BYTES - 1)..)
            .unwrap_or_default()
    }

    /// Its bytes, as they are stored.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; SERIAL_BYTES] {
        &self.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.value()))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_has_one_form_and_a_longer_one_has_none() {
        assert_eq!(Serial::of(&[0, 0x80, 1]), Serial::of(&[0x80, 1]));
        assert_ne!(Serial::of(&[1]), Serial::of(&[1, 0]));
        assert_eq!(Serial::of(&[0, 0x80]).unwrap().to_string(), "80");
        assert_eq!(Serial::of(&[0]).unwrap().to_string(), "00");
        assert!(Serial::of(&[1; 20]).is_some());
        assert_eq!(Serial::of(&[1; 21]), None);
    }
}
