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
    if !dates.in_order() {
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

    /// Activation before Process Start, Protect Stop before Deactivation, Activation before Deactivation.
    fn in_order(&self) -> bool {
        let ordered = |first: Option<i64>, second: Option<i64>| match (first, second) {
            (Some(first), Some(second)) => first <= second,
            _ => true,
        };
        ordered(self.activation, self.process_start)
            && ordered(self.protect_stop, self.deactivation)
            && ordered(self.activation, self.deactivation)
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
