//! Makes the material of symmetric keys.
//!
//! Which lengths an algorithm allows is decided in `domain`; here only a length that is no whole
//! number of bytes, or absurd, is refused.

use super::random::{Random, RandomError};
use super::secret::Secret;

/// The longest symmetric key that is generated, in bits.
pub const SYMMETRIC_KEY_BITS_MAX: u32 = 4096;

/// Why no key was generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GenerateError {
    /// The length is zero, no multiple of eight, or above [`SYMMETRIC_KEY_BITS_MAX`].
    #[error("a key of {0} bits cannot be made: use a multiple of 8, at most 4096")]
    Length(u32),
    /// The random source failed.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// Random material of `bits` bits.
///
/// # Errors
/// The length is refused, or the random source failed.
pub fn symmetric_key(bits: u32, random: &dyn Random) -> Result<Secret, GenerateError> {
    if bits == 0 || !bits.is_multiple_of(8) || bits > SYMMETRIC_KEY_BITS_MAX {
        return Err(GenerateError::Length(bits));
    }
    let length = usize::try_from(bits / 8).map_err(|_| GenerateError::Length(bits))?;
    let mut bytes = vec![0_u8; length];
    random.fill(&mut bytes)?;
    Ok(Secret::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::super::random::{BrokenRandom, RandomError, SystemRandom};
    use super::{GenerateError, symmetric_key};

    #[test]
    fn the_key_has_the_length_asked_for_and_is_new_each_time() {
        for bits in [128, 192, 256] {
            let first = symmetric_key(bits, &SystemRandom).unwrap();
            let second = symmetric_key(bits, &SystemRandom).unwrap();
            assert_eq!(first.len() * 8, usize::try_from(bits).unwrap());
            assert!(!first.constant_time_eq(&second));
        }
    }

    #[test]
    fn lengths_that_make_no_sense_are_refused() {
        for bits in [0, 7, 129, 4104, u32::MAX] {
            assert_eq!(
                symmetric_key(bits, &SystemRandom).err(),
                Some(GenerateError::Length(bits))
            );
        }
    }

    #[test]
    fn a_failing_random_source_makes_no_key() {
        let error = symmetric_key(256, &BrokenRandom).err();
        assert_eq!(error, Some(GenerateError::Random(RandomError)));
    }
}
