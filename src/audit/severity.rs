//! How grave an event is: the higher of its action's severity and, for a failure, of its cause's.

use super::action::Action;
use super::event::Outcome;
use super::reason::ReasonCode;

/// How grave an event is; later ones are graver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Routine.
    Normal,
    /// Something changed, or failed.
    Warning,
    /// Data or access was lost or may have been, or somebody tried what is not theirs.
    Critical,
}

impl Severity {
    /// The word in the event.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// The severity of an event of `action` that ended with `outcome` and `reason`.
    #[must_use]
    pub fn for_event(action: Action, outcome: Outcome, reason: ReasonCode) -> Self {
        match outcome {
            Outcome::Success | Outcome::Pending => action.severity(),
            Outcome::Failure => action.severity().max(Self::of_failure(reason)),
        }
    }

    const fn of_failure(reason: ReasonCode) -> Self {
        match reason.code() {
            401 | 403 | 503 | 507 => Self::Critical,
            // Open by design: every other code, also one added later, is a warning.
            _ => Self::Warning,
        }
    }
}
