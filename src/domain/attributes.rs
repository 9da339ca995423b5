//! The attributes of an object, as a client sees them (KMIP 1.4 §3).
//!
//! Most live in fields of [`Object`], some are computed, the rest are kept as they came; [`values`] is the one place that knows
//! which. Who may set what is `attach`.

use crate::domain::lifecycle;
use crate::domain::{Name, Object};
use crate::kmip::attribute::{
    AppliesTo, Attribute, AttributeName, AttributeValue, Field, Setter, StandardAttribute,
};
use crate::kmip::enums::{HashingAlgorithm, KeyFormatType, NameType, RngAlgorithm};
use crate::kmip::tag::Tag;
use crate::kmip::version::ProtocolVersion;

/// Why an attribute cannot be attached. The text is for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttributeRefused {
    /// Clients cannot set it, or not in this state.
    #[error("{0} cannot be set by a client here")]
    ReadOnly(String),
    /// Objects of this type do not have it.
    #[error("{0} does not apply to the object")]
    NotApplicable(String),
    /// It takes one value and has one.
    #[error("{0} has a value already")]
    SingleValued(String),
    /// No such attribute.
    #[error("{0} is not an attribute")]
    Unknown(String),
    /// The value makes no sense here.
    #[error("the value of {0} is not acceptable")]
    Invalid(String),
    /// A required attribute is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// One instance too many.
    #[error("{0} has too many instances")]
    TooMany(String),
    /// Another object has this Name.
    #[error("the name is in use")]
    NameTaken,
}

/// Bounds on what clients attach.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The most instances of one attribute.
    pub instances_max: usize,
    /// The most instances of all kept attributes together.
    pub attributes_max: usize,
    /// The most bytes of a name or value.
    pub bytes_max: usize,
    /// Whether the object is being made.
    pub at_creation: bool,
}

/// Every attribute that a peer of this version knows, in the order of the table, custom ones last.
#[must_use]
pub fn all(object: &Object, version: ProtocolVersion, now: i64) -> Vec<Attribute> {
    let standard = StandardAttribute::ALL
        .iter()
        .flat_map(|name| values(object, *name, now));
    let custom = object
        .attributes
        .iter()
        .filter(|a| !is_standard(&a.name))
        .cloned();
    standard
        .chain(custom)
        .filter(|attribute| attribute.visible_in(version))
        .collect()
}

/// The instances of the named attribute that a peer of this version knows; none if it is not set.
#[must_use]
pub fn named(
    object: &Object,
    name: &AttributeName,
    version: ProtocolVersion,
    now: i64,
) -> Vec<Attribute> {
    let mut found = match name {
        AttributeName::Standard(standard) => values(object, *standard, now),
        AttributeName::Custom(_) | AttributeName::Unknown(_) => kept(object, name),
    };
    found.retain(|attribute| attribute.visible_in(version));
    found
}

/// The names of all attributes, each once.
#[must_use]
pub fn names(object: &Object, version: ProtocolVersion, now: i64) -> Vec<AttributeName> {
    let mut names: Vec<AttributeName> = Vec::new();
    for attribute in all(object, version, now) {
        if !names.contains(&attribute.name) {
            names.push(attribute.name);
        }
    }
    names
}

/// The text of a custom attribute's first instance.
#[must_use]
pub fn custom_text<'a>(object: &'a Object, name: &str) -> Option<&'a str> {
    object
        .attributes
        .iter()
        .find(|a| a.name.text() == name)
        .and_then(|a| a.value.as_text())
}

const fn is_standard(name: &AttributeName) -> bool {
    matches!(name, AttributeName::Standard(_))
}

fn kept(object: &Object, name: &AttributeName) -> Vec<Attribute> {
    object
        .attributes
        .iter()
        .filter(|attribute| attribute.name == *name)
        .cloned()
        .collect()
}

/// The instances of a standard attribute at `now`, whatever the version.
#[must_use]
pub fn values(object: &Object, attribute: StandardAttribute, now: i64) -> Vec<Attribute> {
    use AttributeValue as Value;
    use StandardAttribute as A;
    let dates = &object.dates;
    let date = |date: Option<i64>| date.map(Value::DateTime);
    let kept_or = |default: Value| {
        let stored = object
            .attributes
            .iter()
            .find(|a| a.name == AttributeName::Standard(attribute));
        Some(stored.map_or(default, |stored| stored.value.clone()))
    };
    let one = match attribute {
        A::Name => return object.names.iter().map(Name::attribute).collect(),
        A::UniqueIdentifier => Some(Value::Text(object.id.to_string())),
        A::ObjectType => Some(Value::Enumeration(object.object_type.code())),
        A::CryptographicAlgorithm => object.algorithm.map(|code| Value::Enumeration(code.code())),
        A::CryptographicLength => object.length.map(Value::Integer),
        A::CryptographicUsageMask => Some(Value::Integer(object.usage_mask)),
        A::State => Some(Value::Enumeration(lifecycle::state_at(object, now).code())),
        A::InitialDate | A::OriginalCreationDate => date(Some(dates.initial)),
        A::ActivationDate => date(dates.activation),
        A::ProcessStartDate => date(dates.process_start),
        A::ProtectStopDate => date(dates.protect_stop),
        A::DeactivationDate => date(dates.deactivation),
        A::DestroyDate => date(dates.destroy),
        A::CompromiseDate => date(dates.compromise),
        A::CompromiseOccurrenceDate => date(dates.compromise_occurrence),
        A::ArchiveDate => date(dates.archive),
        A::LastChangeDate => date(Some(dates.last_change)),
        A::Fresh => Some(Value::Boolean(object.fresh)),
        A::Digest => digest(object),
        A::RevocationReason => revocation_reason(object),
        A::RandomNumberGenerator => Some(random_number_generator()),
        A::OperationPolicyName => kept_or(Value::Text("default".to_owned())),
        A::Sensitive | A::AlwaysSensitive | A::NeverExtractable => kept_or(Value::Boolean(false)),
        A::Extractable => kept_or(Value::Boolean(true)),
        // Every other attribute has the values clients gave it, if any.
        _ => return kept(object, &AttributeName::Standard(attribute)),
    };
    one.map(|value| Attribute::standard(attribute, value))
        .into_iter()
        .collect()
}

impl Name {
    /// The Name as an attribute.
    fn attribute(&self) -> Attribute {
        let fields = vec![
            Field::new(Tag::NameValue, AttributeValue::Text(self.value.clone())),
            Field::new(
                Tag::NameType,
                AttributeValue::Enumeration(self.name_type.code()),
            ),
        ];
        Attribute {
            name: AttributeName::Standard(StandardAttribute::Name),
            index: (self.index > 0).then_some(self.index),
            value: AttributeValue::Structure(fields),
        }
    }
}

fn digest(object: &Object) -> Option<AttributeValue> {
    let digest = object.digest?;
    Some(AttributeValue::Structure(vec![
        Field::new(
            Tag::HashingAlgorithm,
            AttributeValue::Enumeration(HashingAlgorithm::Sha256.code()),
        ),
        Field::new(Tag::DigestValue, AttributeValue::Bytes(digest.to_vec())),
        Field::new(
            Tag::KeyFormatType,
            AttributeValue::Enumeration(KeyFormatType::Raw.code()),
        ),
    ]))
}

fn revocation_reason(object: &Object) -> Option<AttributeValue> {
    let reason = object.revocation.as_ref()?;
    let code = AttributeValue::Enumeration(reason.code.code());
    let mut fields = vec![Field::new(Tag::RevocationReasonCode, code)];
    if let Some(message) = &reason.message {
        fields.push(Field::new(
            Tag::RevocationMessage,
            AttributeValue::Text(message.clone()),
        ));
    }
    Some(AttributeValue::Structure(fields))
}

fn random_number_generator() -> AttributeValue {
    let unspecified = AttributeValue::Enumeration(RngAlgorithm::Unspecified.code());
    AttributeValue::Structure(vec![Field::new(Tag::RngAlgorithm, unspecified)])
}

/// Attaches an attribute a client gives: on creation, or by Add Attribute. Its index is chosen here and returned with it. The caller
/// has made sure that a Name is free.
///
/// # Errors
/// [`AttributeRefused`] with the rule of KMIP 1.4 §3 that refuses it; the object is unchanged then.
pub fn attach(
    object: &mut Object,
    attribute: &Attribute,
    bounds: Bounds,
    now: i64,
) -> Result<Attribute, AttributeRefused> {
    let name = attribute.name.text().to_owned();
    if name.len() > bounds.bytes_max || attribute.value.to_stored().len() > bounds.bytes_max {
        return Err(AttributeRefused::Invalid(name.chars().take(64).collect()));
    }
    match &attribute.name {
        AttributeName::Unknown(_) => Err(AttributeRefused::Unknown(name)),
        AttributeName::Custom(_) if attribute.name.is_reserved_for_servers() => {
            Err(AttributeRefused::ReadOnly(name))
        }
        AttributeName::Custom(_) => keep(object, attribute, bounds),
        AttributeName::Standard(standard) => {
            attach_standard(object, *standard, attribute, bounds, now)
        }
    }
}

fn attach_standard(
    object: &mut Object,
    standard: StandardAttribute,
    attribute: &Attribute,
    bounds: Bounds,
    now: i64,
) -> Result<Attribute, AttributeRefused> {
    use crate::kmip::attribute::Instances;
    let spec = standard.spec();
    let name = || spec.name().to_owned();
    if spec.set_by == Setter::Server {
        return Err(AttributeRefused::ReadOnly(name()));
    }
    if !applies_to_symmetric_keys(spec.applies_to) {
        return Err(AttributeRefused::NotApplicable(name()));
    }
    if spec.multi != Instances::Yes && has_value(object, standard, bounds, now) {
        return Err(AttributeRefused::SingleValued(name()));
    }
    match (standard, &attribute.value) {
        (StandardAttribute::Name, value) => attach_name(object, value, bounds),
        (
            StandardAttribute::ActivationDate
            | StandardAttribute::ProcessStartDate
            | StandardAttribute::ProtectStopDate
            | StandardAttribute::DeactivationDate,
            AttributeValue::DateTime(date),
        ) => attach_date(object, standard, *date, now),
        _ => keep(object, attribute, bounds),
    }
}

/// Whether a single-valued attribute has its value. At creation only what the client gave counts: the defaults that every object shows
/// are what it gives in place of.
fn has_value(object: &Object, standard: StandardAttribute, bounds: Bounds, now: i64) -> bool {
    let defaulted = matches!(
        standard,
        StandardAttribute::Sensitive
            | StandardAttribute::Extractable
            | StandardAttribute::OperationPolicyName
    );
    if defaulted && bounds.at_creation {
        return !kept(object, &AttributeName::Standard(standard)).is_empty();
    }
    !values(object, standard, now).is_empty()
}

/// A further instance, under the next index of its name.
fn keep(
    object: &mut Object,
    attribute: &Attribute,
    bounds: Bounds,
) -> Result<Attribute, AttributeRefused> {
    let same = object
        .attributes
        .iter()
        .filter(|held| held.name == attribute.name);
    let (count, last) = same.fold((0, None), |(count, last), held| {
        (count + 1, last.max(Some(held.index.unwrap_or(0))))
    });
    if count >= bounds.instances_max || object.attributes.len() >= bounds.attributes_max {
        return Err(AttributeRefused::TooMany(attribute.name.text().to_owned()));
    }
    let index = last.map_or(0, |last: u32| last + 1);
    let kept = Attribute {
        index: (index > 0).then_some(index),
        ..attribute.clone()
    };
    object.attributes.push(kept.clone());
    Ok(kept)
}

fn attach_name(
    object: &mut Object,
    value: &AttributeValue,
    bounds: Bounds,
) -> Result<Attribute, AttributeRefused> {
    let (value, name_type) = name_parts(value)?;
    if object.names.iter().any(|held| held.value == value) {
        return Err(AttributeRefused::NameTaken);
    }
    if object.names.len() >= bounds.instances_max {
        return Err(AttributeRefused::TooMany("Name".to_owned()));
    }
    let index = object
        .names
        .iter()
        .map(|held| held.index + 1)
        .max()
        .unwrap_or(0);
    let name = Name {
        index,
        value: value.to_owned(),
        name_type,
    };
    let attribute = name.attribute();
    object.names.push(name);
    Ok(attribute)
}

/// The text and type of a Name attribute's value.
///
/// # Errors
/// A field is missing or empty.
pub fn name_parts(value: &AttributeValue) -> Result<(&str, NameType), AttributeRefused> {
    let invalid = || AttributeRefused::Invalid("Name".to_owned());
    let field = |tag: Tag| value.fields().iter().find(|field| field.tag == tag.raw());
    let text = field(Tag::NameValue)
        .and_then(|field| field.value.as_text())
        .ok_or_else(invalid)?;
    let code = field(Tag::NameType).and_then(|field| field.value.as_enumeration());
    let name_type = code.and_then(NameType::from_code).ok_or_else(invalid)?;
    if text.is_empty() {
        Err(invalid())
    } else {
        Ok((text, name_type))
    }
}

/// Dates decide the state, so they move the state version. Each may be set while it has not been reached and the state is one that
/// it can still move (KMIP 1.4 §3.24 to §3.27).
fn attach_date(
    object: &mut Object,
    standard: StandardAttribute,
    date: i64,
    now: i64,
) -> Result<Attribute, AttributeRefused> {
    use crate::kmip::enums::State;
    use StandardAttribute as A;
    let state = lifecycle::state_at(object, now);
    let allowed = match standard {
        A::ActivationDate => state == State::PreActive,
        _ => matches!(state, State::PreActive | State::Active),
    };
    if !allowed {
        return Err(AttributeRefused::ReadOnly(standard.name().to_owned()));
    }
    let mut dates = object.dates.clone();
    match standard {
        A::ActivationDate => dates.activation = Some(date),
        A::ProcessStartDate => dates.process_start = Some(date),
        A::ProtectStopDate => dates.protect_stop = Some(date),
        _ => dates.deactivation = Some(date),
    }
    if !dates.in_order() {
        return Err(AttributeRefused::Invalid(standard.name().to_owned()));
    }
    object.dates = dates;
    object.state_version += 1;
    Ok(Attribute::standard(
        standard,
        AttributeValue::DateTime(date),
    ))
}

impl crate::domain::Dates {
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

const fn applies_to_symmetric_keys(applies_to: AppliesTo) -> bool {
    match applies_to {
        AppliesTo::All
        | AppliesTo::Cryptographic
        | AppliesTo::CryptographicAndTemplates
        | AppliesTo::CryptographicAndOpaque
        | AppliesTo::KeysAndTemplates
        | AppliesTo::KeysCertificatesAndTemplates
        | AppliesTo::SymmetricKeysAndTemplates
        | AppliesTo::SecretHolders => true,
        AppliesTo::AsymmetricKeysAndTemplates
        | AppliesTo::Certificates
        | AppliesTo::CertificatesAndPgpKeys
        | AppliesTo::OpaqueObjects
        | AppliesTo::X509Certificates => false,
    }
}
