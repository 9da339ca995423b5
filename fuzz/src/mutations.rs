//! Damage to messages that is the same in every run: what a fuzzer does first, without a fuzzer.
//!
//! Used by the tests that run the fuzz bodies over the corpus. Not a random source for anything
//! else.

/// Numbers that look random and follow from the seed (xorshift).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `end`, or 0 if `end` is 0.
    fn below(&mut self, end: usize) -> usize {
        let number = usize::try_from(self.next() >> 33).unwrap_or(0);
        number.checked_rem(end).unwrap_or(0)
    }
}

/// Bytes that matter in headers: type codes, range borders, the ends of a byte.
const BYTES: [u8; 12] = [
    0x00, 0x01, 0x02, 0x04, 0x07, 0x08, 0x0b, 0x42, 0x54, 0x7f, 0x80, 0xff,
];

/// `count` damaged forms of `message`, each with one to three faults.
pub fn mutations(message: &[u8], seed: u64, count: usize) -> impl Iterator<Item = Vec<u8>> {
    let mut numbers = Numbers(seed | 1);
    (0..count).map(move |_| {
        let mut bytes = message.to_vec();
        for _ in 0..=numbers.below(3) {
            damage(&mut bytes, &mut numbers);
        }
        bytes
    })
}

fn damage(bytes: &mut Vec<u8>, numbers: &mut Numbers) {
    let place = numbers.below(bytes.len());
    // Faults at word borders hit headers, where they do most.
    let word = place / 8 * 8;
    match numbers.below(8) {
        0 => bytes.truncate(place),
        1 => bytes.truncate(word),
        2 => drop(bytes.drain(word..(word + 8).min(bytes.len()))),
        3 => {
            let copy: Vec<u8> = bytes.iter().skip(word).take(16).copied().collect();
            bytes.splice(word..word, copy);
        }
        4 => set(bytes, place, |old| old ^ (1 << (place % 8))),
        5 => {
            let new = BYTES.get(numbers.below(BYTES.len())).copied().unwrap_or(0);
            set(bytes, place, |_| new);
        }
        6 => {
            let new = BYTES.get(numbers.below(BYTES.len())).copied().unwrap_or(0);
            set(bytes, word + 3, |_| new);
        }
        _ => {
            let new = BYTES.get(numbers.below(BYTES.len())).copied().unwrap_or(0);
            set(bytes, word + 4 + numbers.below(4), |_| new);
        }
    }
}

fn set(bytes: &mut [u8], place: usize, change: impl FnOnce(u8) -> u8) {
    if let Some(byte) = bytes.get_mut(place) {
        *byte = change(*byte);
    }
}
