//! The fields of structured attributes (KMIP 1.4 §3), as data and as a check.
//!
//! One table for all of them. The check looks at types, repetition, required fields, enumeration
//! values and versions; what the fields mean together is decided elsewhere.

use ttlv::ItemType;

use super::{
    table::StandardAttribute,
    value::{AttributeValue, Field},
};
use crate::kmip::{
    enums::enumeration_of, error::DecodeError, fields::Scope, tag::Tag, version::ProtocolVersion,
};

/// One field of a structured attribute.
#[derive(Debug)]
pub struct FieldSpec {
    /// The tag of the field.
    pub tag: Tag,
    /// The first version that defines it here.
    pub since: ProtocolVersion,
    /// Whether it must be there.
    pub required: bool,
    /// Whether it may occur several times.
    pub repeatable: bool,
}

/// Whether a structure must be complete, or describes what is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// The value of an attribute: every required field is there.
    Whole,
    /// A criterion of Locate: only the given fields are compared (KMIP 1.4 §4.9).
    Partial,
}

macro_rules! fields {
    ($($Tag:ident $kind:ident $since:ident),*) => {
        const { &[$(field(Tag::$Tag, ProtocolVersion::$since, stringify!($kind)),)*] }
    };
}

/// `r` required, `o` optional, `m` optional and repeatable.
#[allow(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, which refuses what would panic"
)]
const fn field(tag: Tag, since: ProtocolVersion, kind: &str) -> FieldSpec {
    let kind = kind.as_bytes()[0];
    FieldSpec {
        tag,
        since,
        required: kind == b'r',
        repeatable: kind == b'm',
    }
}

/// The fields of a structured attribute in the order of the standard; nothing for the others.
#[must_use]
pub fn fields_of(attribute: StandardAttribute) -> Option<&'static [FieldSpec]> {
    use StandardAttribute as A;
    let fields: &'static [FieldSpec] = match attribute {
        A::Name => fields![NameValue r V1_0, NameType r V1_0],
        A::Link => fields![LinkType r V1_0, LinkedObjectIdentifier r V1_0],
        A::Digest => fields![HashingAlgorithm r V1_0, DigestValue o V1_0, KeyFormatType o V1_1],
        A::RevocationReason => fields![RevocationReasonCode r V1_0, RevocationMessage o V1_0],
        A::UsageLimits => {
            // The count is the server's; clients may leave it out.
            fields![UsageLimitsTotal r V1_0, UsageLimitsCount o V1_0, UsageLimitsUnit r V1_0]
        }
        A::ApplicationSpecificInformation => {
            // Without data the server is asked to make it, in every version (KMIP 1.0 §3.30); the tables demand it before 1.3.
            fields![ApplicationNamespace r V1_0, ApplicationData o V1_0]
        }
        A::AlternativeName => fields![AlternativeNameValue r V1_2, AlternativeNameType r V1_2],
        A::KeyValueLocation => {
            fields![KeyValueLocationValue r V1_2, KeyValueLocationType r V1_2]
        }
        A::CryptographicDomainParameters => fields![Qlength o V1_0, RecommendedCurve o V1_0],
        A::CryptographicParameters => fields![
            BlockCipherMode o V1_0, PaddingMethod o V1_0, HashingAlgorithm o V1_0,
            KeyRoleType o V1_0, DigitalSignatureAlgorithm o V1_2, CryptographicAlgorithm o V1_2,
            RandomIv o V1_2, IvLength o V1_2, TagLength o V1_2, FixedFieldLength o V1_2,
            InvocationFieldLength o V1_2, CounterLength o V1_2, InitialCounterValue o V1_2,
            SaltLength o V1_4, MaskGenerator o V1_4, MaskGeneratorHashingAlgorithm o V1_4,
            PSource o V1_4, TrailerField o V1_4
        ],
        A::CertificateIdentifier => fields![Issuer r V1_0, SerialNumber o V1_0],
        A::CertificateSubject => fields![
            CertificateSubjectDistinguishedName r V1_0, CertificateSubjectAlternativeName m V1_0
        ],
        A::CertificateIssuer => fields![
            CertificateIssuerDistinguishedName r V1_0, CertificateIssuerAlternativeName m V1_0
        ],
        A::X509CertificateIdentifier => {
            fields![IssuerDistinguishedName r V1_1, CertificateSerialNumber r V1_1]
        }
        A::X509CertificateSubject => {
            fields![SubjectDistinguishedName r V1_1, SubjectAlternativeName m V1_1]
        }
        A::X509CertificateIssuer => {
            fields![IssuerDistinguishedName r V1_1, IssuerAlternativeName m V1_1]
        }
        A::RandomNumberGenerator => fields![
            RngAlgorithm r V1_3, CryptographicAlgorithm o V1_3, CryptographicLength o V1_3,
            HashingAlgorithm o V1_3, DrbgAlgorithm o V1_3, RecommendedCurve o V1_3,
            Fips186Variation o V1_3, PredictionResistance o V1_3
        ],
        A::RotateName => fields![RotateNameValue r V2_1, RotateNameType r V2_1],
        // The other attributes are single values.
        _ => return None,
    };
    Some(fields)
}

/// Whether a peer of this version knows a field of a structured attribute and, if it is an enumeration, its value.
pub(super) fn is_field_known(
    attribute: StandardAttribute,
    field: &Field,
    version: ProtocolVersion,
) -> bool {
    let specs = fields_of(attribute).unwrap_or_default();
    let spec = specs.iter().find(|spec| spec.tag.raw() == field.tag);
    // A stranger is as old as whoever sent it.
    spec.is_none_or(|spec| spec.since <= version && is_value_known(spec.tag, &field.value, version))
}

/// Whether a peer of this version can be shown a structured attribute: it knows every field that must be there.
pub(super) fn is_readable(
    attribute: StandardAttribute,
    fields: &[Field],
    version: ProtocolVersion,
) -> bool {
    let specs = fields_of(attribute).unwrap_or_default();
    let demanded = |field: &&Field| {
        let is_it = |spec: &&FieldSpec| spec.tag.raw() == field.tag;
        specs.iter().find(is_it).is_some_and(|spec| spec.required)
    };
    fields
        .iter()
        .filter(demanded)
        .all(|field| is_field_known(attribute, field, version))
}

/// Checks the fields of a structured attribute against the table.
pub(super) fn check(
    attribute: StandardAttribute,
    fields: &[Field],
    completeness: Completeness,
    version: ProtocolVersion,
) -> Result<(), DecodeError> {
    let specs = fields_of(attribute).unwrap_or_default();
    let scope = Scope::new(attribute.tag(), version);
    for field in fields {
        let known = |spec: &&FieldSpec| spec.tag.raw() == field.tag && spec.since <= version;
        match specs.iter().find(known) {
            Some(spec) => check_field(spec.tag, &field.value, version)?,
            None => scope.refuse(field.tag)?,
        }
    }
    for spec in specs {
        let seen = fields
            .iter()
            .filter(|field| field.tag == spec.tag.raw())
            .count();
        if seen > 1 && !spec.repeatable {
            return Err(DecodeError::Repeated(spec.tag));
        }
        if seen == 0 && spec.required && completeness == Completeness::Whole {
            return Err(DecodeError::Missing(spec.tag));
        }
    }
    Ok(())
}

fn check_field(
    tag: Tag,
    value: &AttributeValue,
    version: ProtocolVersion,
) -> Result<(), DecodeError> {
    // The first type of the table is the one of KMIP 1.x.
    if let Some(expected) = tag.types().first()
        && *expected != value.item_type()
    {
        return Err(DecodeError::FieldType {
            field: tag,
            expected: *expected,
            found: value.item_type(),
        });
    }
    check_enumeration(tag, value, version)
}

/// Checks that an enumeration's value is one the version defines, where the standard defines any.
pub(super) fn check_enumeration(
    tag: Tag,
    value: &AttributeValue,
    version: ProtocolVersion,
) -> Result<(), DecodeError> {
    match *value {
        AttributeValue::Enumeration(code) if !is_value_known(tag, value, version) => {
            Err(DecodeError::UnknownEnumeration {
                tag: tag.raw(),
                code,
            })
        }
        _ => Ok(()),
    }
}

/// Whether the version defines the value, if it is one of an enumeration of the standard.
pub(super) fn is_value_known(tag: Tag, value: &AttributeValue, version: ProtocolVersion) -> bool {
    let (AttributeValue::Enumeration(code), Some(table)) = (value, enumeration_of(tag)) else {
        return true;
    };
    let known = table.value(*code);
    known.is_some_and(|value| value.defined_in(version))
}

/// Whether a value of this type may stand inside a structured attribute: structures do not nest.
pub(super) fn may_nest(item_type: ItemType) -> bool {
    item_type != ItemType::Structure
}
