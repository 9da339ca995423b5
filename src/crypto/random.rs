//! The source of random bytes, as a trait, so that callers pass it in and tests repeat a run.
//!
//! [`SystemRandom`] is the only source a running server uses. `SeededRandom` is compiled for this
//! crate's unit tests only: no released program contains it.

/// Fills buffers with random bytes.
pub trait Random: Send + Sync {
    /// Fills all of `bytes`.
    ///
    /// # Errors
    /// The source could not provide them; the content of `bytes` must not be used.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError>;
}

/// The source of random bytes failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the source of random bytes failed")]
pub struct RandomError;

/// The generator of aws-lc-rs, seeded by the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        aws_lc_rs::rand::fill(bytes).map_err(|_| RandomError)
    }
}

/// A repeatable source for tests: SHA-256 over seed and counter. Never a source of real keys.
#[cfg(test)]
#[derive(Debug)]
pub struct SeededRandom {
    seed: u64,
    drawn: std::sync::atomic::AtomicU64,
}

#[cfg(test)]
impl SeededRandom {
    /// The same seed gives the same bytes for the same sequence of calls.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            drawn: std::sync::atomic::AtomicU64::new(0),
        }
    }
}

#[cfg(test)]
impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        for chunk in bytes.chunks_mut(32) {
            let count = self
                .drawn
                .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let block = super::digest::sha256(&[&self.seed.to_be_bytes(), &count.to_be_bytes()]);
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
        Ok(())
    }
}

/// A source that always fails, to test that its failure is passed on.
#[cfg(test)]
#[derive(Debug, Clone, Copy)]
pub struct BrokenRandom;

#[cfg(test)]
impl Random for BrokenRandom {
    fn fill(&self, _bytes: &mut [u8]) -> Result<(), RandomError> {
        Err(RandomError)
    }
}

#[cfg(test)]
mod tests {
    use super::{Random, SeededRandom, SystemRandom};

    #[test]
    fn the_system_gives_other_bytes_each_time() {
        let (mut first, mut second) = ([0_u8; 32], [0_u8; 32]);
        SystemRandom.fill(&mut first).unwrap();
        SystemRandom.fill(&mut second).unwrap();
        assert_ne!(first, second);
        assert_ne!(first, [0_u8; 32]);
    }

    #[test]
    fn a_seed_repeats_itself_and_no_other_seed() {
        let draw = |seed| {
            let random = SeededRandom::new(seed);
            let mut bytes = [0_u8; 40];
            random.fill(&mut bytes).unwrap();
            bytes
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }
}
