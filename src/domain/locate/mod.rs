//! Which objects match the criteria of Locate (KMIP 1.4 §4.9).
//!
//! A [`Search`] is what was asked, checked. It names the [`Lead`] that the store has an index for. From a [`Head`], the few values the
//! store gives without loading an object, it tells whether the object can match, and on the whole object it decides.

use std::collections::HashSet;

use crate::domain::attributes::{holds_nul, is_too_long, values};
use crate::domain::lifecycle::{is_destroyed, moved_on, state_at};
use crate::domain::{Object, ObjectId};
use crate::kmip::attribute::{Attribute, AttributeName, AttributeValue, Field, StandardAttribute};
use crate::kmip::enums::{CryptographicAlgorithm, NameType, ObjectGroupMember, ObjectType, State};
use crate::kmip::tag::Tag;

/// A date that is not set counts as this one, the largest there is: so "not deactivated before t" is a range that ends here.
const NEVER: i64 = i64::MAX;

/// The most criteria of one search: more than the standard has attributes.
pub const CRITERIA_MAX: usize = 64;
/// The most values an index is asked for at once; the others are looked for in what is found.
const LED_VALUES_MAX: usize = 4;

/// What the store tells of an object without loading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The Unique Identifier.
    pub id: ObjectId,
    /// The state last recorded; dates may have moved it on since.
    pub state: State,
    /// What it is.
    pub object_type: ObjectType,
    /// The algorithm its material is for.
    pub algorithm: Option<CryptographicAlgorithm>,
    /// Cryptographic Length in bits.
    pub length: Option<i32>,
    /// Cryptographic Usage Mask.
    pub usage_mask: i32,
    /// The Initial Date.
    pub initial: i64,
    /// The Activation Date.
    pub activation: Option<i64>,
    /// The Deactivation Date.
    pub deactivation: Option<i64>,
}

/// Where to start: the narrowest criterion that has an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lead {
    /// Nothing can match.
    Nothing,
    /// The object of this identifier.
    Id(ObjectId),
    /// Objects with this Name; only the one that is not destroyed, or those as well.
    Name {
        /// Its text.
        text: String,
        /// Its type, if that was given.
        name_type: Option<NameType>,
        /// Whether destroyed objects are left out.
        live: bool,
    },
    /// Objects with all these values of custom attributes and Object Groups.
    Values(Vec<(String, AttributeValue)>),
    /// All objects of the instance.
    All,
}

/// Why criteria make no search.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SearchRefused {
    /// The name is none of an attribute.
    #[error("{0} is not an attribute")]
    Unknown(String),
    /// One date is an exact match, two are the ends of a range; more mean nothing.
    #[error("{0} is given more than twice")]
    Dates(String),
    /// Longer than a name or value that can be attached.
    #[error("the name or value of {0} is too long")]
    TooLong(String),
    /// No name or value that is attached holds a NUL.
    #[error("the name or value of {0} holds a NUL")]
    Nul(String),
    /// More than [`CRITERIA_MAX`].
    #[error("there are more than {CRITERIA_MAX} criteria")]
    TooMany,
}

/// What a client looks for.
#[derive(Debug)]
pub struct Search {
    criteria: Vec<Criterion>,
    lead: Lead,
    group_member: Option<ObjectGroupMember>,
    wants_destroyed: bool,
    now: i64,
}

/// One criterion; all of them are to be met.
#[derive(Debug)]
struct Criterion {
    name: AttributeName,
    test: Test,
    /// The lead finds only what meets it.
    is_led: bool,
}

#[derive(Debug)]
enum Test {
    /// A date from the first to the last.
    Date(i64, i64),
    /// At least these bits.
    Mask(i32),
    /// Usage Limits of which at least so much is there.
    Limits(Vec<Field>),
    /// A structure with these fields, and perhaps others.
    Fields(HashSet<Field>),
    /// Just this value.
    Value(AttributeValue),
}

impl Search {
    /// A search at `now` (seconds since 1970), with names and values of at most `bytes_max` bytes: no longer ones can be attached. The
    /// group member means something only together with an Object Group.
    ///
    /// # Errors
    /// [`SearchRefused`] for criteria the standard gives no meaning.
    pub fn new(
        attributes: &[Attribute],
        group_member: Option<ObjectGroupMember>,
        bytes_max: usize,
        now: i64,
    ) -> Result<Self, SearchRefused> {
        let mut criteria = criteria(attributes, bytes_max)?;
        let wants_destroyed = criteria.iter().any(is_about_destroyed);
        let lead = lead(&mut criteria, wants_destroyed);
        let in_group = criteria
            .iter()
            .any(|criterion| criterion.name == StandardAttribute::ObjectGroup.into());
        Ok(Self {
            criteria,
            lead,
            group_member: group_member.filter(|_| in_group),
            wants_destroyed,
            now,
        })
    }

    /// Where to start.
    #[must_use]
    pub const fn lead(&self) -> &Lead {
        &self.lead
    }

    /// Whether only the default member of a group is asked for: of those that match, the last one.
    #[must_use]
    pub fn wants_last(&self) -> bool {
        self.group_member == Some(ObjectGroupMember::GroupMemberDefault)
    }

    /// Whether what the lead finds and [`Search::may_match`] lets pass matches for certain.
    #[must_use]
    pub fn needs_heads_only(&self) -> bool {
        let decided = |criterion: &Criterion| criterion.is_led || Head::tells(&criterion.name);
        !self.wants_fresh() && self.criteria.iter().all(decided)
    }

    /// Whether an object that the lead found can match, as far as its head tells.
    #[must_use]
    pub fn may_match(&self, head: &Head) -> bool {
        let state = moved_on(head.state, head.activation, head.deactivation, self.now);
        self.is_wanted_in(state)
            && self.criteria.iter().all(|criterion| {
                let AttributeName::Standard(attribute) = criterion.name else {
                    return true;
                };
                let held = match attribute {
                    _ if !Head::tells(&criterion.name) => return true,
                    StandardAttribute::State => Some(AttributeValue::Enumeration(state.code())),
                    _ => head.value(attribute),
                };
                criterion.is_met_by(held.iter())
            })
    }

    /// Whether the object meets every criterion.
    #[must_use]
    pub fn matches(&self, object: &Object) -> bool {
        self.is_wanted_in(state_at(object, self.now))
            && (object.fresh || !self.wants_fresh())
            && self
                .criteria
                .iter()
                .all(|criterion| criterion.is_met(object, self.now))
    }

    fn wants_fresh(&self) -> bool {
        self.group_member == Some(ObjectGroupMember::GroupMemberFresh)
    }

    /// What is destroyed is not in on-line storage: it is found only by a criterion on its State.
    const fn is_wanted_in(&self, state: State) -> bool {
        self.wants_destroyed || !is_destroyed(state)
    }
}

fn criteria(attributes: &[Attribute], bytes_max: usize) -> Result<Vec<Criterion>, SearchRefused> {
    if attributes.len() > CRITERIA_MAX {
        return Err(SearchRefused::TooMany);
    }
    let mut criteria: Vec<Criterion> = Vec::with_capacity(attributes.len());
    for attribute in attributes {
        let name = &attribute.name;
        if let AttributeName::Unknown(text) = name {
            return Err(SearchRefused::Unknown(text.clone()));
        }
        if is_too_long(attribute, bytes_max) {
            let start = name.text().chars().take(64);
            return Err(SearchRefused::TooLong(start.collect()));
        }
        if holds_nul(attribute) {
            let start = name.text().split('\0').next().unwrap_or_default();
            return Err(SearchRefused::Nul(start.to_owned()));
        }
        let test = match &attribute.value {
            AttributeValue::DateTime(_) => {
                let is_dated = |made: &Criterion| matches!(made.test, Test::Date(..));
                if criteria
                    .iter()
                    .any(|made| made.name == *name && is_dated(made))
                {
                    continue;
                }
                dates(attributes, name)?
            }
            AttributeValue::Integer(bits)
                if *name == StandardAttribute::CryptographicUsageMask.into() =>
            {
                Test::Mask(*bits)
            }
            AttributeValue::Structure(fields) if *name == StandardAttribute::UsageLimits.into() => {
                Test::Limits(fields.clone())
            }
            AttributeValue::Structure(fields) => Test::Fields(fields.iter().cloned().collect()),
            value => Test::Value(value.clone()),
        };
        criteria.push(Criterion {
            name: name.clone(),
            test,
            is_led: false,
        });
    }
    Ok(criteria)
}

/// The test of all dates given for one attribute.
fn dates(attributes: &[Attribute], name: &AttributeName) -> Result<Test, SearchRefused> {
    let same = attributes.iter().filter(|other| other.name == *name);
    let dates: Vec<i64> = same
        .filter_map(|other| other.value.as_date_time())
        .collect();
    match dates.as_slice() {
        [date] => Ok(Test::Date(*date, *date)),
        [one, other] => Ok(Test::Date(*one.min(other), *one.max(other))),
        _ => Err(SearchRefused::Dates(name.text().to_owned())),
    }
}

fn is_about_destroyed(criterion: &Criterion) -> bool {
    let Test::Value(AttributeValue::Enumeration(code)) = criterion.test else {
        return false;
    };
    criterion.name == StandardAttribute::State.into()
        && State::from_code(code).is_some_and(is_destroyed)
}

/// Chooses the lead and marks the criteria it makes sure of.
fn lead(criteria: &mut [Criterion], wants_destroyed: bool) -> Lead {
    for criterion in &mut *criteria {
        if let Some(found) = criterion.identifier() {
            criterion.is_led = true;
            return found.map_or(Lead::Nothing, Lead::Id);
        }
    }
    for criterion in &mut *criteria {
        if let Some((text, name_type)) = criterion.named() {
            let text = text.to_owned();
            criterion.is_led = true;
            return Lead::Name {
                text,
                name_type,
                live: !wants_destroyed,
            };
        }
    }
    let mut indexed = Vec::new();
    for criterion in criteria
        .iter_mut()
        .filter(|criterion| is_indexed(&criterion.name))
    {
        // Dates may be the ends of a range and structures partial: the index knows whole values only.
        if let Test::Value(value) = &criterion.test
            && indexed.len() < LED_VALUES_MAX
        {
            indexed.push((criterion.name.text().to_owned(), value.clone()));
            criterion.is_led = true;
        }
    }
    if indexed.is_empty() {
        Lead::All
    } else {
        Lead::Values(indexed)
    }
}

/// Whether objects can be found by the values of this attribute: those clients make up, and the groups they form.
#[must_use]
pub fn is_indexed(name: &AttributeName) -> bool {
    matches!(
        name,
        AttributeName::Custom(_) | AttributeName::Standard(StandardAttribute::ObjectGroup)
    )
}

impl Criterion {
    /// The Unique Identifier asked for; inside, nothing if its text is none of ours.
    fn identifier(&self) -> Option<Option<ObjectId>> {
        match &self.test {
            Test::Value(AttributeValue::Text(text))
                if self.name == StandardAttribute::UniqueIdentifier.into() =>
            {
                Some(text.parse().ok())
            }
            _ => None,
        }
    }

    /// The text and perhaps the type of the Name asked for.
    fn named(&self) -> Option<(&str, Option<NameType>)> {
        let Test::Fields(fields) = &self.test else {
            return None;
        };
        if self.name != StandardAttribute::Name.into() {
            return None;
        }
        // Neither is there twice: the decoder refuses that.
        let field = |tag: Tag| fields.iter().find(|field| field.tag == tag.raw());
        let text = field(Tag::NameValue)?.value.as_text()?;
        let code = field(Tag::NameType).and_then(|field| field.value.as_enumeration());
        Some((text, code.and_then(NameType::from_code)))
    }

    fn is_met(&self, object: &Object, now: i64) -> bool {
        match &self.name {
            AttributeName::Standard(attribute) => {
                let held = values(object, *attribute, now);
                self.is_met_by(held.iter().map(|held| &held.value))
            }
            AttributeName::Custom(_) | AttributeName::Unknown(_) => {
                let held = object
                    .attributes
                    .iter()
                    .filter(|held| held.name == self.name);
                self.is_met_by(held.map(|held| &held.value))
            }
        }
    }

    /// Whether one of the values an object has meets it.
    fn is_met_by<'a>(&self, mut held: impl Iterator<Item = &'a AttributeValue>) -> bool {
        if let Test::Date(first, last) = self.test {
            let mut dates = held.filter_map(AttributeValue::as_date_time).peekable();
            let is_standard = matches!(self.name, AttributeName::Standard(_));
            let never = (is_standard && dates.peek().is_none()).then_some(NEVER);
            return dates
                .chain(never)
                .any(|date| (first..=last).contains(&date));
        }
        held.any(|held| match &self.test {
            Test::Date(..) => false,
            Test::Mask(bits) => held.as_integer().is_some_and(|held| held & bits == *bits),
            Test::Limits(asked) => asked.iter().all(|asked| allows(held, asked)),
            Test::Fields(asked) => holds(held.fields(), asked),
            Test::Value(asked) => held == asked,
        })
    }
}

/// Whether Usage Limits have at least what a field asks for. Nothing was taken of those without a count.
fn allows(limits: &AttributeValue, asked: &Field) -> bool {
    let held = |tag: Tag| limits.field(tag).and_then(AttributeValue::as_long_integer);
    let total = held(Tag::UsageLimitsTotal);
    let held = match Tag::from_code(asked.tag.code()) {
        Some(Tag::UsageLimitsTotal) => total,
        Some(Tag::UsageLimitsCount) => held(Tag::UsageLimitsCount).or(total),
        _ => return limits.fields().contains(asked),
    };
    match (held, asked.value.as_long_integer()) {
        (Some(held), Some(asked)) => held >= asked,
        _ => false,
    }
}

/// Whether all fields asked for are held: one pass, because clients choose how many there are of both.
fn holds(held: &[Field], asked: &HashSet<Field>) -> bool {
    let met: HashSet<&Field> = held.iter().filter(|field| asked.contains(*field)).collect();
    met.len() == asked.len()
}

impl Head {
    /// Whether a head has the values of this attribute.
    const fn tells(name: &AttributeName) -> bool {
        use StandardAttribute as A;
        matches!(
            name,
            AttributeName::Standard(
                A::State
                    | A::ObjectType
                    | A::CryptographicAlgorithm
                    | A::CryptographicLength
                    | A::CryptographicUsageMask
                    | A::InitialDate
                    | A::ActivationDate
                    | A::DeactivationDate
            )
        )
    }

    /// The value of an attribute that a head has; the State is computed elsewhere.
    fn value(&self, attribute: StandardAttribute) -> Option<AttributeValue> {
        use AttributeValue as Value;
        use StandardAttribute as A;
        match attribute {
            A::ObjectType => Some(Value::Enumeration(self.object_type.code())),
            A::CryptographicAlgorithm => self.algorithm.map(|held| Value::Enumeration(held.code())),
            A::CryptographicLength => self.length.map(Value::Integer),
            A::CryptographicUsageMask => Some(Value::Integer(self.usage_mask)),
            A::InitialDate => Some(Value::DateTime(self.initial)),
            A::ActivationDate => self.activation.map(Value::DateTime),
            A::DeactivationDate => self.deactivation.map(Value::DateTime),
            // `tells` says which these are.
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
