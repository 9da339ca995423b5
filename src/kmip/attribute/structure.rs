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
    /// The versions that demand it.
    pub required: Required,
    /// Whether it may occur several times.
    pub repeatable: bool,
}

/// When a field must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Required {
    /// In every version.
    Always,
    /// In versions before this one.
    Before(ProtocolVersion),
    /// Never.
    No,
}

impl Required {
    fn in_version(self, version: ProtocolVersion) -> bool {
        match self {
            Self::Always => true,
            Self::Before(first) => version < first,
            Self::No => false,
        }
    }
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
    let required = if kind == b'r' {
        Required::Always
    } else {
        Required::No
    };
    FieldSpec {
        tag,
        since,
        required,
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
            const {
                &[
                    field(Tag::ApplicationNamespace, ProtocolVersion::V1_0, "r"),
                    FieldSpec {
                        tag: Tag::ApplicationData,
                        since: ProtocolVersion::V1_0,
                        required: Required::Before(ProtocolVersion::V1_3),
                        repeatable: false,
                    },
                ]
            }
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

/// The first version that defines a field of a structured attribute; nothing for a stranger.
pub(super) fn field_since(attribute: StandardAttribute, tag: ttlv::Tag) -> Option<ProtocolVersion> {
    let fields = fields_of(attribute)?;
    fields
        .iter()
        .find(|spec| spec.tag.raw() == tag)
        .map(|spec| spec.since)
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
            Some(spec) => check_field(spec.tag, &field.value)?,
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
        let demanded = completeness == Completeness::Whole && spec.required.in_version(version);
        if seen == 0 && demanded {
            return Err(DecodeError::Missing(spec.tag));
        }
    }
    Ok(())
}

fn check_field(tag: Tag, value: &AttributeValue) -> Result<(), DecodeError> {
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
    check_enumeration(tag, value)
}

/// Checks that an enumeration's value is one the standard defines, where the standard defines any.
pub(super) fn check_enumeration(tag: Tag, value: &AttributeValue) -> Result<(), DecodeError> {
    let AttributeValue::Enumeration(code) = *value else {
        return Ok(());
    };
    let Some(table) = enumeration_of(tag) else {
        return Ok(());
    };
    match table.value(code) {
        Some(_) => Ok(()),
        None => Err(DecodeError::UnknownEnumeration {
            tag: tag.raw(),
            code,
        }),
    }
}

/// Whether a value of this type may stand inside a structured attribute: structures do not nest.
pub(super) fn may_nest(item_type: ItemType) -> bool {
    item_type != ItemType::Structure
}
