//! Bytes that must not leak: key material, data keys, private keys as PEM text.
//!
//! A [`Secret`] is overwritten when dropped, prints only its length, and has no `Clone`, no
//! `Serialize` and no `PartialEq`: its content leaves through [`Secret::expose`] alone, whose call
//! sites can be listed. It does not lock memory pages against swapping.

use std::fmt;
use std::io;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use zeroize::{Zeroize as _, Zeroizing};

/// Bytes that are overwritten when dropped and never printed.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes over `bytes`.
    ///
    /// The vector must not have been reallocated while it was filled: the allocator keeps what it
    /// was moved out of. Reserve its final length first.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The content. Every call is a place where a secret may leak.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Compares in time that depends on the lengths only.
    #[must_use]
    pub fn constant_time_eq(&self, other: &Self) -> bool {
        constant_time_eq(&self.0, &other.0)
    }
}

/// Bytes that are added to, and may hold a secret. Where they outgrow their place they move to a larger one, and what they leave is overwritten.
///
/// More than [`SecretBuffer::OVERWRITTEN_BYTES_MAX`] are a list and no secret, and are let go as they are: overwriting takes its time.
#[derive(Default)]
pub struct SecretBuffer(Vec<u8>);

impl SecretBuffer {
    /// The most bytes that are overwritten: several times the longest secret.
    pub const OVERWRITTEN_BYTES_MAX: usize = 256 * 1024;

    /// Adds `bytes` at the end.
    pub fn push(&mut self, bytes: &[u8]) {
        let length = self.0.len() + bytes.len();
        if length > self.0.capacity() {
            let room = length.max(self.0.capacity() * 2);
            let mut larger = Self(Vec::with_capacity(room));
            larger.0.extend_from_slice(&self.0);
            std::mem::swap(self, &mut larger);
        }
        self.0.extend_from_slice(bytes);
    }

    /// The content. Every call is a place where a secret may leak.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for SecretBuffer {
    fn drop(&mut self) {
        if self.0.len() <= Self::OVERWRITTEN_BYTES_MAX {
            self.0.zeroize();
        }
    }
}

impl io::Write for SecretBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for SecretBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretBuffer({} bytes)", self.0.len())
    }
}

/// Compares in time that depends on the lengths only.
#[must_use]
pub fn constant_time_eq(one: &[u8], other: &[u8]) -> bool {
    verify_slices_are_equal(one, other).is_ok()
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::{Secret, SecretBuffer};

    #[test]
    fn a_buffer_grows_without_the_vector_growing_by_itself() {
        let mut buffer = SecretBuffer::default();
        let mut written = Vec::new();
        for piece in 1..100_u8 {
            // What reallocates without us leaves a copy behind.
            let needed = written.len() + usize::from(piece);
            let before = (buffer.0.as_ptr(), buffer.0.capacity());
            buffer.write_all(&vec![piece; piece.into()]).unwrap();
            written.extend(vec![piece; piece.into()]);
            let after = (buffer.0.as_ptr(), buffer.0.capacity());
            assert_eq!(before == after, needed <= before.1, "{piece}");
        }
        assert_eq!(buffer.expose(), written);
        assert_eq!(format!("{buffer:?}"), "SecretBuffer(4950 bytes)");
    }

    #[test]
    fn debug_prints_the_length_and_no_content() {
        let secret = Secret::new(b"hunter2hunter2".to_vec());
        assert_eq!(format!("{secret:?}"), "Secret(14 bytes)");
        assert_eq!(format!("{secret:#?}"), "Secret(14 bytes)");
    }

    #[test]
    fn equality_sees_content_and_length() {
        let secret = Secret::new(vec![1, 2, 3]);
        assert!(secret.constant_time_eq(&Secret::new(vec![1, 2, 3])));
        assert!(!secret.constant_time_eq(&Secret::new(vec![1, 2, 4])));
        assert!(!secret.constant_time_eq(&Secret::new(vec![1, 2])));
        assert!(!secret.is_empty());
        assert_eq!(secret.len(), 3);
    }
}
