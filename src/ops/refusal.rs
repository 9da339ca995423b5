//! A certificate that proved possession of its key and was refused.
//!
//! Each is recorded once per fingerprint and window, with a count, under a cap: nothing a stranger sends makes the trail or memory grow
//! without bound.

use crate::crypto::Fingerprint;
use crate::domain::NotAdmitted;

/// A refused certificate.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// Its subject as text, for people; at most 256 bytes.
    pub subject: String,
    /// Why it was refused.
    pub reason: NotAdmitted,
}
