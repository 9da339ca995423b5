//! The source of random bytes, as a trait, so that callers pass it in and tests repeat a run.
//!
//! [`SystemRandom`] is the only source a running server uses. `SeededRandom` is compiled for this
//! crate's unit tests only: no released program contains it.

use std::cell::RefCell;

/// Fills buffers with random bytes.
pub trait Random: Send + Sync {
    /// Fills all of `bytes`.
    ///
    /// # Errors
    /// The source could not provide them; the content of `bytes` must not be used.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError>;

    /// Fills all of `bytes`, which anyone may see afterwards: parts of identifiers, never of keys.
    ///
    /// # Errors
    /// Those of [`Random::fill`].
    fn fill_public(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        self.fill(bytes)
    }
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

    /// Draws for many identifiers at once: every call of the generator costs more than the bytes.
    fn fill_public(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        thread_local! {
            static DRAWN: RefCell<Drawn> = const { RefCell::new(Drawn::NONE) };
        }
        DRAWN.with_borrow_mut(|drawn| drawn.take(self, bytes))
    }
}

/// Random bytes of one thread that were not given out yet.
struct Drawn {
    bytes: [u8; Self::BYTES],
    left: usize,
}

impl Drawn {
    const BYTES: usize = 640;
    const NONE: Self = Self {
        bytes: [0; Self::BYTES],
        left: 0,
    };

    fn take(&mut self, random: &SystemRandom, bytes: &mut [u8]) -> Result<(), RandomError> {
        if bytes.len() > self.left {
            if bytes.len() > Self::BYTES {
                return random.fill(bytes);
            }
            // Nothing is left if this fails.
            self.left = 0;
            random.fill(&mut self.bytes)?;
            self.left = Self::BYTES;
        }
        let rest = self.left - bytes.len();
        bytes.copy_from_slice(&self.bytes[rest..self.left]);
        self.left = rest;
        Ok(())
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
    use std::collections::HashSet;

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
    fn public_bytes_are_given_out_once() {
        let draw = || {
            let mut bytes = [0_u8; 10];
            SystemRandom.fill_public(&mut bytes).unwrap();
            bytes
        };
        let many = move || (0..500).map(|_| draw()).collect::<Vec<_>>();
        let elsewhere = std::thread::spawn(many).join().unwrap();
        let all: HashSet<[u8; 10]> = many().into_iter().chain(elsewhere).collect();
        assert_eq!(all.len(), 1000);
    }

    #[test]
    fn public_bytes_may_be_more_than_are_drawn_at_once() {
        let mut bytes = [0_u8; 5000];
        SystemRandom.fill_public(&mut bytes).unwrap();
        assert!(bytes.chunks(500).all(|chunk| chunk != [0; 500]));
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
