//! Choices that a seed repeats.

/// A sequence of choices (SplitMix64); the same seed gives the same ones.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Dice by the seed of the environment or of the clock, which is printed, and how many rounds are played with them.
    pub(crate) fn and_rounds(usual: u64) -> (Self, u64) {
        let rounds = setting("KEYLEDGER_TEST_ROUNDS").unwrap_or(usual);
        let seed = setting("KEYLEDGER_TEST_SEED").unwrap_or_else(clock);
        println!("{rounds} rounds; to repeat them: KEYLEDGER_TEST_SEED={seed}");
        (Self::new(seed), rounds)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `below` - 1.
    pub(crate) fn below(&mut self, below: usize) -> usize {
        let below = u64::try_from(below).expect("64 bits");
        usize::try_from(self.next() % below).expect("64 bits")
    }
}

/// A number in the environment.
pub(crate) fn setting(variable: &str) -> Option<u64> {
    let text = std::env::var_os(variable)?.into_string();
    text.ok().and_then(|text| text.parse().ok())
}

fn clock() -> u64 {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed();
    now.expect("the clock is after 1970").subsec_nanos().into()
}
