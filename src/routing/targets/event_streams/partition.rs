//! Which partition a key belongs to: as the clients of Apache Kafka decide it, so that consumers find one key's records in one place whoever
//! wrote them.

/// The partition of a key, among at least one.
pub(super) fn partition(key: &[u8], partitions: &[i32]) -> Option<i32> {
    let count = u32::try_from(partitions.len())
        .ok()
        .filter(|count| *count > 0)?;
    // The sign is masked away and not taken off, as Kafka does it.
    let index = (murmur2(key) & 0x7fff_ffff) % count;
    partitions.get(usize::try_from(index).ok()?).copied()
}

/// MurmurHash2, 32 bits, with Kafka's seed.
fn murmur2(key: &[u8]) -> u32 {
    const MULTIPLIER: u32 = 0x5bd1_e995;
    const SEED: u32 = 0x9747_b28c;
    // Keys are far shorter than 4 GiB; the remainder is what Kafka's 32 bits would hold of a longer one.
    let length = u32::try_from(key.len() & 0xffff_ffff).unwrap_or(u32::MAX);
    let mut hash = SEED ^ length;
    let (words, rest) = key.as_chunks::<4>();
    for word in words {
        let mut word = u32::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        word ^= word >> 24;
        hash = hash.wrapping_mul(MULTIPLIER) ^ word.wrapping_mul(MULTIPLIER);
    }
    if !rest.is_empty() {
        let mut last = [0; 4];
        for (byte, place) in rest.iter().zip(&mut last) {
            *place = *byte;
        }
        hash = (hash ^ u32::from_le_bytes(last)).wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MULTIPLIER);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::{murmur2, partition};

    #[test]
    fn the_hash_is_the_one_of_apache_kafka() {
        let known: [(&[u8], i32); 6] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (
                b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                -58_897_971,
            ),
            (b"abc", 479_470_107),
        ];
        for (key, hash) in known {
            assert_eq!(murmur2(key).cast_signed(), hash, "{key:?}");
        }
    }

    #[test]
    fn a_key_has_one_partition_of_those_there_are() {
        assert_eq!(partition(b"x", &[]), None);
        assert_eq!(partition(b"x", &[7]), Some(7));
        // The masked hash of "foobar" is 1357151166.
        assert_eq!(partition(b"foobar", &[0, 1, 2, 3]), Some(2));
    }
}
