//! Makes the material of 3DES keys of three parts, 168 bits of key in 24 bytes (SP 800-67 §3.1).
//!
//! The lowest bit of each byte gives the byte odd parity. No part is one of the weak or semi-weak DES keys and no two are the same: with
//! two alike the cipher is that of a shorter key. Keys of two parts are not made at all.

use super::generate::GenerateError;
use super::random::{Random, RandomError};
use super::secret::Secret;

/// The bytes of one part, and of a key.
const PART_BYTES: usize = 8;
const KEY_BYTES: usize = 3 * PART_BYTES;

/// How many drafts are made. Of sound random bytes the first is refused once in 2^50 times.
const DRAFTS_MAX: usize = 4;

/// The weak keys, then the semi-weak ones in pairs (SP 800-67 §3.4.2).
const WEAK: [u64; 16] = [
    0x0101_0101_0101_0101,
    0xfefe_fefe_fefe_fefe,
    0xe0e0_e0e0_f1f1_f1f1,
    0x1f1f_1f1f_0e0e_0e0e,
    0x011f_011f_010e_010e,
    0x1f01_1f01_0e01_0e01,
    0x01e0_01e0_01f1_01f1,
    0xe001_e001_f101_f101,
    0x01fe_01fe_01fe_01fe,
    0xfe01_fe01_fe01_fe01,
    0x1fe0_1fe0_0ef1_0ef1,
    0xe01f_e01f_f10e_f10e,
    0x1ffe_1ffe_0efe_0efe,
    0xfe1f_fe1f_fe0e_fe0e,
    0xe0fe_e0fe_f1fe_f1fe,
    0xfee0_fee0_fef1_fef1,
];

/// Random material of a 3DES key of 168 bits.
///
/// # Errors
/// The random source failed, or gives nothing a key can be made of.
pub fn triple_des_key(random: &dyn Random) -> Result<Secret, GenerateError> {
    for _ in 0..DRAFTS_MAX {
        let mut bytes = vec![0_u8; KEY_BYTES];
        random.fill(&mut bytes)?;
        bytes
            .iter_mut()
            .for_each(|byte| *byte = with_odd_parity(*byte));
        // Wiped when it is refused.
        let draft = Secret::new(bytes);
        if is_sound(draft.expose()) {
            return Ok(draft);
        }
    }
    Err(GenerateError::Random(RandomError))
}

/// The byte with its lowest bit set so that it has an odd number of ones.
const fn with_odd_parity(byte: u8) -> u8 {
    let upper = byte & 0xfe;
    if upper.count_ones().is_multiple_of(2) {
        upper | 1
    } else {
        upper
    }
}

fn is_sound(key: &[u8]) -> bool {
    let (parts, rest) = key.as_chunks::<PART_BYTES>();
    let [first, second, third] = parts else {
        return false;
    };
    let strong = |part: &[u8; PART_BYTES]| !WEAK.contains(&u64::from_be_bytes(*part));
    let distinct = first != second && second != third && first != third;
    rest.is_empty() && distinct && parts.iter().all(strong)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::random::{BrokenRandom, SystemRandom};
    use super::*;

    /// Gives these drafts one after the other, then the last again and again.
    struct Drafts(Vec<[u8; KEY_BYTES]>, AtomicUsize);

    impl Random for Drafts {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
            let next = self.1.fetch_add(1, Ordering::Relaxed);
            bytes.copy_from_slice(&self.0[next.min(self.0.len() - 1)]);
            Ok(())
        }
    }

    fn key(drafts: &[[u64; 3]]) -> Result<Secret, GenerateError> {
        let bytes = |parts: &[u64; 3]| {
            let bytes = parts.map(u64::to_be_bytes).concat();
            bytes.try_into().expect("24 bytes")
        };
        let drafts = drafts.iter().map(bytes).collect();
        triple_des_key(&Drafts(drafts, AtomicUsize::new(0)))
    }

    const SOUND: [u64; 3] = [
        0x0123_4567_89ab_cdef,
        0x2345_6789_abcd_ef01,
        0x4567_89ab_cdef_0123,
    ];

    #[test]
    fn every_byte_has_odd_parity_and_every_key_is_new() {
        let first = triple_des_key(&SystemRandom).unwrap();
        let second = triple_des_key(&SystemRandom).unwrap();
        assert_eq!(first.len(), KEY_BYTES);
        assert!(!first.constant_time_eq(&second));
        for byte in first.expose().iter().chain(second.expose()) {
            assert_eq!(byte.count_ones() % 2, 1, "{byte:08b}");
        }
        assert_eq!((with_odd_parity(0), with_odd_parity(0xff)), (0x01, 0xfe));
    }

    #[test]
    fn only_the_parity_of_random_bytes_is_changed() {
        let made = key(&[[0, 0xffff_ffff_ffff_ffff, 1], SOUND]).unwrap();
        let expected: Vec<u8> = SOUND.map(u64::to_be_bytes).concat();
        assert_eq!(made.expose(), expected, "the first draft is weak");
        let flipped = SOUND.map(|part| part ^ 0x0101_0101_0101_0101);
        assert_eq!(key(&[flipped]).unwrap().expose(), expected);
    }

    #[test]
    fn weak_parts_and_parts_that_are_alike_make_no_key() {
        let [a, b, c] = SOUND;
        for weak in WEAK {
            // Parity does not make a weak key strong.
            for part in [weak, weak ^ 0x0101_0101_0101_0101] {
                for draft in [[part, b, c], [a, part, c], [a, b, part]] {
                    assert!(key(&[draft]).is_err(), "{weak:x}");
                }
            }
        }
        for draft in [[a, a, c], [a, b, a], [a, b, b], [a ^ 1, a, c]] {
            assert!(key(&[draft]).is_err(), "{draft:x?}");
        }
    }

    #[test]
    fn a_failing_random_source_makes_no_key() {
        let error = triple_des_key(&BrokenRandom).err();
        assert_eq!(error, Some(GenerateError::Random(RandomError)));
    }
}
