//! The dates that clients may set (KMIP 1.4 §3.24 to §3.27). They decide the state, so they move the state version.

use super::AttributeRefused;
use super::change::{allows, state_changed};
use crate::domain::{Dates, Object, lifecycle};
use crate::kmip::attribute::{Attribute, AttributeValue, StandardAttribute};

/// Sets a date, or sets it anew. A date that is now or past is reached at once: the object becomes Active, or Deactivated.
///
/// # Errors
/// The state has frozen it, it was reached, or it would stand before one that it must follow. The object is unchanged then.
pub(super) fn set(
    object: &mut Object,
    standard: StandardAttribute,
    date: i64,
    now: i64,
) -> Result<Attribute, AttributeRefused> {
    if !allows(standard.spec().client_modify, object, standard, now) {
        return Err(AttributeRefused::Frozen(standard.name().to_owned()));
    }
    let mut dates = object.dates.clone();
    let slot = dates.slot(standard);
    let slot = slot.ok_or_else(|| AttributeRefused::ReadOnly(standard.name().to_owned()))?;
    *slot = Some(date);
    if !dates.allow(standard) {
        return Err(AttributeRefused::Invalid(standard.name().to_owned()));
    }
    object.dates = dates;
    object.state = lifecycle::state_at(object, now);
    state_changed(object, now);
    let value = AttributeValue::DateTime(date);
    Ok(Attribute::standard(standard, value))
}

impl Dates {
    /// Where a date that clients may set is kept; nothing for every other attribute.
    const fn slot(&mut self, standard: StandardAttribute) -> Option<&mut Option<i64>> {
        match standard {
            StandardAttribute::ActivationDate => Some(&mut self.activation),
            StandardAttribute::ProcessStartDate => Some(&mut self.process_start),
            StandardAttribute::ProtectStopDate => Some(&mut self.protect_stop),
            StandardAttribute::DeactivationDate => Some(&mut self.deactivation),
            _ => None,
        }
    }

    /// The value of a date that clients may set, if it has one.
    pub(super) fn of(&self, standard: StandardAttribute) -> Option<i64> {
        self.clone().slot(standard).copied().flatten()
    }

    /// Whether a date stands right with the others: Activation before Process Start, Protect Stop before Deactivation, Activation
    /// before Deactivation. The others among themselves do not count: Activate and Revoke set theirs at any time, and what stands in
    /// their way then is frozen and could never be mended.
    fn allow(&self, date: StandardAttribute) -> bool {
        use StandardAttribute as A;
        let pairs = [
            (A::ActivationDate, A::ProcessStartDate),
            (A::ProtectStopDate, A::DeactivationDate),
            (A::ActivationDate, A::DeactivationDate),
        ];
        let mut concerned = pairs
            .into_iter()
            .filter(|(first, second)| *first == date || *second == date);
        concerned.all(|(first, second)| match (self.of(first), self.of(second)) {
            (Some(first), Some(second)) => first <= second,
            _ => true,
        })
    }
}

/// Whether an attribute is one of these dates.
pub(super) const fn is_date(standard: StandardAttribute) -> bool {
    matches!(
        standard,
        StandardAttribute::ActivationDate
            | StandardAttribute::ProcessStartDate
            | StandardAttribute::ProtectStopDate
            | StandardAttribute::DeactivationDate
    )
}
