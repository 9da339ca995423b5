//! What the listener warns of, each kind so rarely that no peer can fill the log with it.

use crate::domain::Warning;

/// The kinds of warnings.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    /// Accept failed.
    pub(super) accept: Warning,
    /// All places for connections were taken.
    pub(super) connections: Warning,
    /// One address had as many connections as it may.
    pub(super) address: Warning,
    /// Peers that had not shown who they are had to make way.
    pub(super) strangers: Warning,
    /// Handshakes had to make way.
    pub(super) turns: Warning,
    /// A client was faster than its rate for longer than it could be held back.
    pub(super) pace: Warning,
}
