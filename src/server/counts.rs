//! What the listener counts and does not record: numbers for the log and for metrics.
//!
//! A peer that proved nothing leaves no other trace than these and a debug line.

use crate::domain::measure::Count;

/// Totals since the server started.
#[derive(Debug, Default)]
pub struct Counts {
    /// Connections accepted.
    pub connections: Count,
    /// Connections that ended, of those that were not closed at once.
    pub ended: Count,
    /// Connections closed at once because a limit on connections was reached.
    pub over_limit: Count,
    /// Handshakes that failed or took too long, refusals included.
    pub handshakes_failed: Count,
    /// Connections without a client that were cut to make way for others.
    pub strangers_cut: Count,
    /// Handshakes cut to make way for others, among those that failed.
    pub pushed_out: Count,
    /// Certificates refused after they proved possession of their key.
    pub refusals: Count,
    /// Connections that completed TLS and sent nothing: probes.
    pub probes: Count,
    /// Connections cut because their client may no longer act.
    pub cut: Count,
    /// Messages that were read later because their client was too fast.
    pub held_back: Count,
    /// Messages answered.
    pub answers: Count,
}
