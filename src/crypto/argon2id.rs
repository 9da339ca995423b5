//! Argon2id (RFC 9106): from a password to bytes that are slow to guess.
//!
//! Slow and hungry by design: callers run it on a thread that may block, and bound how many run at once. The memory it fills is
//! overwritten afterwards. A [`Cost`] that was read from somewhere is bounded before anything is reserved for it.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::Zeroize as _;

use super::secret::Secret;

/// What one derivation takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// A cost that is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the parameters of Argon2id are out of bounds: memory 8 KiB a lane to 1 GiB, 1 to 16 passes, 1 to 16 lanes"
)]
pub struct CostError;

impl Cost {
    /// RFC 9106 §4, the second recommended option: 64 MiB, three passes, four lanes.
    pub const RECOMMENDED: Self = Self {
        memory_kib: 64 * 1024,
        passes: 3,
        lanes: 4,
    };
    /// The most memory one derivation takes, in KiB.
    pub const MEMORY_KIB_MAX: u32 = 1024 * 1024;
    /// The most passes over that memory.
    pub const PASSES_MAX: u32 = 16;
    /// The most lanes.
    pub const LANES_MAX: u32 = 16;

    /// A cost within the bounds.
    ///
    /// # Errors
    /// It is outside them.
    pub const fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, CostError> {
        let bounded = memory_kib <= Self::MEMORY_KIB_MAX
            && passes >= 1
            && passes <= Self::PASSES_MAX
            && lanes >= 1
            && lanes <= Self::LANES_MAX
            && memory_kib >= 8 * lanes;
        if bounded {
            Ok(Self {
                memory_kib,
                passes,
                lanes,
            })
        } else {
            Err(CostError)
        }
    }

    /// Memory, in KiB.
    #[must_use]
    pub const fn memory_kib(self) -> u32 {
        self.memory_kib
    }

    /// Passes over the memory.
    #[must_use]
    pub const fn passes(self) -> u32 {
        self.passes
    }

    /// Lanes.
    #[must_use]
    pub const fn lanes(self) -> u32 {
        self.lanes
    }

    pub(super) fn params(self, length: usize) -> Result<Params, CostError> {
        let Self {
            memory_kib,
            passes,
            lanes,
        } = self;
        Params::new(memory_kib, passes, lanes, Some(length)).map_err(|_| CostError)
    }
}

/// Derives `length` bytes (4 to 64) from a password and a salt of at least 8 bytes.
///
/// # Errors
/// The length of the salt or of what is asked for is out of bounds.
pub fn derive(
    password: &[u8],
    salt: &[u8],
    cost: Cost,
    length: usize,
) -> Result<Secret, CostError> {
    if length > 64 {
        return Err(CostError);
    }
    let params = cost.params(length)?;
    let mut memory = vec![Block::default(); params.block_count()];
    let mut derived = vec![0_u8; length];
    let algorithm = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let done =
        algorithm.hash_password_into_with_memory(password, salt, &mut derived, &mut memory[..]);
    memory.zeroize();
    let derived = Secret::new(derived);
    done.map(|()| derived).map_err(|_| CostError)
}

#[cfg(test)]
mod tests {
    use super::{Cost, CostError, derive};

    #[test]
    fn another_implementation_derives_the_same() {
        // As OpenSSL computes it: 64 KiB, two passes, one lane.
        let cost = Cost::new(64, 2, 1).unwrap();
        let derived = derive(b"password", b"somesalt", cost, 32).unwrap();
        assert_eq!(
            hex::encode(derived.expose()),
            "16a1a498734609dd01456da406de9f3d9da93e6c86c300a12fc1465214ce4922"
        );
    }

    #[test]
    fn a_cost_out_of_bounds_is_refused_before_memory_is_reserved() {
        for (memory, passes, lanes) in [
            (Cost::MEMORY_KIB_MAX + 1, 3, 4),
            (u32::MAX, 3, 4),
            (65_536, 0, 4),
            (65_536, Cost::PASSES_MAX + 1, 4),
            (65_536, 3, 0),
            (65_536, 3, Cost::LANES_MAX + 1),
            (31, 3, 4),
        ] {
            let refused = Cost::new(memory, passes, lanes);
            assert_eq!(refused, Err(CostError), "{memory} {passes} {lanes}");
        }
        let cost = Cost::new(64, 1, 1).unwrap();
        assert!(derive(b"p", b"short", cost, 32).is_err());
        assert!(derive(b"p", b"long enough", cost, 65).is_err());
    }

    #[test]
    fn the_recommended_cost_is_within_the_bounds() {
        let cost = Cost::RECOMMENDED;
        let checked = Cost::new(cost.memory_kib(), cost.passes(), cost.lanes());
        assert_eq!(checked, Ok(cost));
    }
}
