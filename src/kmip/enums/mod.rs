//! The enumerations of KMIP 1.0 to 2.1, split by subject.
//!
//! Every enumeration is a closed Rust enum; a code outside it (a vendor's, or a later version's)
//! has no variant, and the decoder says so. `ENUMERATIONS` lists them all as data, for the check of
//! attribute values and for the test that compares them with the registry. Operation is apart, in
//! `operation.rs`; enumerations without standard values (Opaque Data Type, PKCS#11) are not here.

mod cryptography;
mod object;
mod profile;
mod protocol;

pub use cryptography::*;
pub use object::*;
pub use profile::*;
pub use protocol::*;

use super::{tag::Tag, version::ProtocolVersion};

/// An enumeration of the standard as data.
#[derive(Debug)]
pub struct EnumerationTable {
    /// The canonical name, e.g. "Key Format Type".
    pub name: &'static str,
    /// The first version that defines it.
    pub since: ProtocolVersion,
    /// The values, in the order of the standard.
    pub values: &'static [EnumerationValue],
}

/// One value of an enumeration as data.
#[derive(Debug)]
pub struct EnumerationValue {
    /// The number on the wire.
    pub code: u32,
    /// The canonical name.
    pub name: &'static str,
    /// The first version that defines it.
    pub since: ProtocolVersion,
    /// The first version that no longer defines it.
    pub removed: Option<ProtocolVersion>,
}

impl EnumerationTable {
    /// The value of a code.
    #[must_use]
    pub fn value(&self, code: u32) -> Option<&'static EnumerationValue> {
        self.values.iter().find(|value| value.code == code)
    }
}

impl EnumerationValue {
    /// Whether the value is defined in this version.
    #[must_use]
    pub fn defined_in(&self, version: ProtocolVersion) -> bool {
        self.since <= version && self.removed.is_none_or(|removed| version < removed)
    }
}

/// What every enumeration can do, for code that decodes any of them.
pub trait Enumerated: Copy + Sized + 'static {
    /// The enumeration as data.
    const TABLE: EnumerationTable;

    /// The value of a code, if the standard defines it.
    fn from_code(code: u32) -> Option<Self>;

    /// The number on the wire.
    fn code(self) -> u32;
}

macro_rules! enumeration {
    (
        $Name:ident, $canonical:literal, $first:ident;
        $($Variant:ident = $code:literal, $text:literal, $since:ident $(, until $removed:ident)?;)*
    ) => {
        #[doc = concat!("The enumeration \"", $canonical, "\".")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $Name {
            $(#[doc = $text] $Variant,)*
        }

        impl $Name {
            /// Every value, in the order of the standard.
            pub const ALL: &'static [Self] = &[$(Self::$Variant,)*];

            /// The enumeration as data.
            pub const TABLE: $crate::kmip::enums::EnumerationTable =
                $crate::kmip::enums::EnumerationTable {
                    name: $canonical,
                    since: $crate::kmip::version::ProtocolVersion::$first,
                    values: &[$($crate::kmip::enums::EnumerationValue {
                        code: $code,
                        name: $text,
                        since: $crate::kmip::version::ProtocolVersion::$since,
                        removed: $crate::kmip::enums::removed!($($removed)?),
                    },)*],
                };

            /// The value of a code, if the standard defines it.
            #[must_use]
            pub const fn from_code(code: u32) -> Option<Self> {
                match code { $($code => Some(Self::$Variant),)* _ => None }
            }

            /// The number on the wire.
            #[must_use]
            pub const fn code(self) -> u32 {
                match self { $(Self::$Variant => $code,)* }
            }

            /// The canonical name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$Variant => $text,)* }
            }

            /// The first version that defines the value.
            #[must_use]
            pub const fn since(self) -> $crate::kmip::version::ProtocolVersion {
                match self {
                    $(Self::$Variant => $crate::kmip::version::ProtocolVersion::$since,)*
                }
            }
        }

        impl $crate::kmip::enums::Enumerated for $Name {
            const TABLE: $crate::kmip::enums::EnumerationTable = $Name::TABLE;

            fn from_code(code: u32) -> Option<Self> {
                Self::from_code(code)
            }

            fn code(self) -> u32 {
                self.code()
            }
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

macro_rules! removed {
    () => {
        None
    };
    ($version:ident) => {
        Some($crate::kmip::version::ProtocolVersion::$version)
    };
}

pub(in crate::kmip) use {enumeration, removed};

/// Every enumeration of this folder, by name.
pub static ENUMERATIONS: &[&EnumerationTable] = &[
    &AdjustmentType::TABLE,
    &AlternativeNameType::TABLE,
    &AsynchronousIndicator::TABLE,
    &AttestationType::TABLE,
    &BatchErrorContinuationOption::TABLE,
    &BlockCipherMode::TABLE,
    &CancellationResult::TABLE,
    &CertificateRequestType::TABLE,
    &CertificateType::TABLE,
    &ClientRegistrationMethod::TABLE,
    &CredentialType::TABLE,
    &CryptographicAlgorithm::TABLE,
    &DrbgAlgorithm::TABLE,
    &Data::TABLE,
    &DerivationMethod::TABLE,
    &DestroyAction::TABLE,
    &DigitalSignatureAlgorithm::TABLE,
    &EncodingOption::TABLE,
    &EndpointRole::TABLE,
    &Fips186Variation::TABLE,
    &HashingAlgorithm::TABLE,
    &InteropFunction::TABLE,
    &ItemType::TABLE,
    &KeyCompressionType::TABLE,
    &KeyFormatType::TABLE,
    &KeyRoleType::TABLE,
    &KeyValueLocationType::TABLE,
    &KeyWrapType::TABLE,
    &LinkType::TABLE,
    &MaskGenerator::TABLE,
    &NistKeyType::TABLE,
    &NameType::TABLE,
    &ObjectGroupMember::TABLE,
    &ObjectType::TABLE,
    &PaddingMethod::TABLE,
    &ProcessingStage::TABLE,
    &ProfileName::TABLE,
    &ProtectionLevel::TABLE,
    &PutFunction::TABLE,
    &QueryFunction::TABLE,
    &RngAlgorithm::TABLE,
    &RngMode::TABLE,
    &RecommendedCurve::TABLE,
    &ResultReason::TABLE,
    &ResultStatus::TABLE,
    &RevocationReasonCode::TABLE,
    &RotateNameType::TABLE,
    &SecretDataType::TABLE,
    &ShreddingAlgorithm::TABLE,
    &SplitKeyMethod::TABLE,
    &State::TABLE,
    &TicketType::TABLE,
    &UniqueIdentifierReference::TABLE,
    &UnwrapMode::TABLE,
    &UsageLimitsUnit::TABLE,
    &ValidationAuthorityType::TABLE,
    &ValidationType::TABLE,
    &ValidityIndicator::TABLE,
    &WrappingMethod::TABLE,
];

/// The enumeration whose values an item of this tag holds, where the tag alone decides it.
#[must_use]
pub fn enumeration_of(tag: Tag) -> Option<&'static EnumerationTable> {
    let table = match tag {
        Tag::AdjustmentType => &AdjustmentType::TABLE,
        Tag::AlternativeNameType => &AlternativeNameType::TABLE,
        Tag::AsynchronousIndicator => &AsynchronousIndicator::TABLE,
        Tag::AttestationType => &AttestationType::TABLE,
        Tag::BatchErrorContinuationOption => &BatchErrorContinuationOption::TABLE,
        Tag::BlockCipherMode => &BlockCipherMode::TABLE,
        Tag::CancellationResult => &CancellationResult::TABLE,
        Tag::CertificateRequestType => &CertificateRequestType::TABLE,
        Tag::CertificateType => &CertificateType::TABLE,
        Tag::ClientRegistrationMethod => &ClientRegistrationMethod::TABLE,
        Tag::CredentialType => &CredentialType::TABLE,
        Tag::CryptographicAlgorithm => &CryptographicAlgorithm::TABLE,
        Tag::DrbgAlgorithm => &DrbgAlgorithm::TABLE,
        Tag::Data => &Data::TABLE,
        Tag::DerivationMethod => &DerivationMethod::TABLE,
        Tag::DestroyAction => &DestroyAction::TABLE,
        Tag::DigitalSignatureAlgorithm => &DigitalSignatureAlgorithm::TABLE,
        Tag::EncodingOption => &EncodingOption::TABLE,
        Tag::EndpointRole => &EndpointRole::TABLE,
        Tag::Fips186Variation => &Fips186Variation::TABLE,
        Tag::HashingAlgorithm => &HashingAlgorithm::TABLE,
        Tag::InteropFunction => &InteropFunction::TABLE,
        Tag::KeyCompressionType => &KeyCompressionType::TABLE,
        Tag::KeyFormatType => &KeyFormatType::TABLE,
        Tag::KeyRoleType => &KeyRoleType::TABLE,
        Tag::KeyValueLocationType => &KeyValueLocationType::TABLE,
        Tag::KeyWrapType => &KeyWrapType::TABLE,
        Tag::LinkType => &LinkType::TABLE,
        Tag::MaskGenerator => &MaskGenerator::TABLE,
        Tag::NistKeyType => &NistKeyType::TABLE,
        Tag::NameType => &NameType::TABLE,
        Tag::ObjectGroupMember => &ObjectGroupMember::TABLE,
        Tag::ObjectType => &ObjectType::TABLE,
        Tag::PaddingMethod => &PaddingMethod::TABLE,
        Tag::ProcessingStage => &ProcessingStage::TABLE,
        Tag::ProfileName => &ProfileName::TABLE,
        Tag::ProtectionLevel => &ProtectionLevel::TABLE,
        Tag::PutFunction => &PutFunction::TABLE,
        Tag::QueryFunction => &QueryFunction::TABLE,
        Tag::RngAlgorithm => &RngAlgorithm::TABLE,
        Tag::RngMode => &RngMode::TABLE,
        Tag::RecommendedCurve => &RecommendedCurve::TABLE,
        Tag::ResultReason => &ResultReason::TABLE,
        Tag::ResultStatus => &ResultStatus::TABLE,
        Tag::RevocationReasonCode => &RevocationReasonCode::TABLE,
        Tag::RotateNameType => &RotateNameType::TABLE,
        Tag::SecretDataType => &SecretDataType::TABLE,
        Tag::ShreddingAlgorithm => &ShreddingAlgorithm::TABLE,
        Tag::SplitKeyMethod => &SplitKeyMethod::TABLE,
        Tag::State => &State::TABLE,
        Tag::TicketType => &TicketType::TABLE,
        Tag::UniqueIdentifier | Tag::LinkedObjectIdentifier => &UniqueIdentifierReference::TABLE,
        Tag::UnwrapMode => &UnwrapMode::TABLE,
        Tag::UsageLimitsUnit => &UsageLimitsUnit::TABLE,
        Tag::ValidationAuthorityType => &ValidationAuthorityType::TABLE,
        Tag::ValidationType => &ValidationType::TABLE,
        Tag::ValidityIndicator => &ValidityIndicator::TABLE,
        Tag::WrappingMethod => &WrappingMethod::TABLE,
        Tag::MaskGeneratorHashingAlgorithm => &HashingAlgorithm::TABLE,
        // Every other tag holds no enumeration, or one without standard values.
        _ => return None,
    };
    Some(table)
}
