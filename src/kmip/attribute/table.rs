//! The table of standard attributes (KMIP 1.4 §3): what each is, who may change it, where it
//! applies.
//!
//! Data only. The checks that read it (may this client modify that attribute now?) are decisions
//! and live elsewhere. "Always has a value" and the rules of change are the ones of KMIP 1.0 to
//! 1.4; attributes of 2.x are listed so that a name is never mistaken for another.

use ttlv::ItemType;

use crate::kmip::{enums::ObjectType, tag::Tag, version::ProtocolVersion};

/// One line of the table.
#[derive(Debug)]
pub struct AttributeSpec {
    /// The tag whose canonical name is the attribute's name.
    pub tag: Tag,
    /// The type of its value.
    pub item_type: ItemType,
    /// The first version that defines it.
    pub since: ProtocolVersion,
    /// The first version that advises against it.
    pub deprecated: Option<ProtocolVersion>,
    /// The first version that no longer defines it.
    pub removed: Option<ProtocolVersion>,
    /// Whether every object it applies to has a value.
    pub always_has_value: Presence,
    /// Who may give it its first value.
    pub set_by: Setter,
    /// When the server may change it unasked.
    pub server_modify: Change,
    /// When a client may change it.
    pub client_modify: Change,
    /// Whether a client may delete it.
    pub deletable: Deletable,
    /// Whether an object may have several instances.
    pub multi: Instances,
    /// The objects that may have it.
    pub applies_to: AppliesTo,
}

impl AttributeSpec {
    /// The canonical name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.tag.name()
    }

    /// Whether the attribute is defined in this version.
    #[must_use]
    pub fn defined_in(&self, version: ProtocolVersion) -> bool {
        self.since <= version && self.removed.is_none_or(|removed| version < removed)
    }

    /// Whether clients can neither set nor change it.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.set_by == Setter::Server && self.client_modify == Change::Never
    }
}

/// Whether an attribute always has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Every object it applies to has one.
    Yes,
    /// Only objects that were given one.
    No,
    /// Whenever the server holds what it is computed from.
    WhenComputable,
}

/// Who may give an attribute its first value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setter {
    /// The server alone.
    Server,
    /// A client alone.
    Client,
    /// Either.
    ServerOrClient,
}

/// When an attribute may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Not at all.
    Never,
    /// At any time.
    Always,
    /// While the object is Pre-Active.
    WhilePreActive,
    /// While the object is Pre-Active or Active.
    WhilePreActiveOrActive,
    /// While Pre-Active or Active, and only until the date has been reached.
    UntilReached,
    /// Total and unit only, until the first allocation.
    UntilFirstAllocation,
    /// Only where the client has left it out.
    WhenAbsent,
    /// Only where the client has left out the Application Data.
    WhenDataOmitted,
}

/// Whether a client may delete an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletable {
    /// At any time.
    Yes,
    /// Never.
    No,
    /// Until the first allocation of a usage limit.
    UntilFirstAllocation,
}

/// How many instances of an attribute an object may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instances {
    /// Any number.
    Yes,
    /// One.
    No,
    /// Any number on PGP keys, one elsewhere.
    ForPgp,
}

impl Instances {
    /// Whether an object of this type may have several instances.
    #[must_use]
    pub fn many(self, object_type: ObjectType) -> bool {
        match self {
            Self::Yes => true,
            Self::No => false,
            Self::ForPgp => object_type == ObjectType::PgpKey,
        }
    }
}

/// The objects an attribute applies to, as the tables of KMIP 1.x group them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppliesTo {
    /// Every managed object.
    All,
    /// Managed cryptographic objects: all but opaque objects and templates.
    Cryptographic,
    /// Cryptographic objects and templates.
    CryptographicAndTemplates,
    /// Cryptographic objects and opaque objects.
    CryptographicAndOpaque,
    /// Keys, certificates and templates.
    KeysCertificatesAndTemplates,
    /// Keys and templates.
    KeysAndTemplates,
    /// Public and private keys, and templates.
    AsymmetricKeysAndTemplates,
    /// Symmetric keys, split keys and templates.
    SymmetricKeysAndTemplates,
    /// Objects whose key value may be kept elsewhere.
    SecretHolders,
    /// Certificates.
    Certificates,
    /// Certificates of type X.509.
    X509Certificates,
    /// Certificates and PGP keys.
    CertificatesAndPgpKeys,
    /// Opaque objects.
    OpaqueObjects,
}

impl AppliesTo {
    /// Whether objects of this type may have the attribute.
    #[must_use]
    pub fn includes(self, object_type: ObjectType) -> bool {
        use ObjectType as O;
        let symmetric = matches!(object_type, O::SymmetricKey | O::SplitKey);
        let asymmetric = matches!(object_type, O::PublicKey | O::PrivateKey);
        let key = symmetric || asymmetric || object_type == O::PgpKey;
        let certificate = object_type == O::Certificate;
        let template = object_type == O::Template;
        let opaque = object_type == O::OpaqueObject;
        let cryptographic = !template && !opaque;
        match self {
            Self::All => true,
            Self::Cryptographic => cryptographic,
            Self::CryptographicAndTemplates => cryptographic || template,
            Self::CryptographicAndOpaque => cryptographic || opaque,
            Self::KeysCertificatesAndTemplates => key || certificate || template,
            Self::KeysAndTemplates => key || template,
            Self::AsymmetricKeysAndTemplates => asymmetric || template,
            Self::SymmetricKeysAndTemplates => symmetric || template,
            Self::SecretHolders => {
                symmetric || matches!(object_type, O::PrivateKey | O::SecretData)
            }
            Self::Certificates | Self::X509Certificates => certificate,
            Self::CertificatesAndPgpKeys => certificate || object_type == O::PgpKey,
            Self::OpaqueObjects => opaque,
        }
    }
}

macro_rules! optional_version {
    () => {
        None
    };
    ($version:ident) => {
        Some(ProtocolVersion::$version)
    };
}

macro_rules! attributes {
    ($($Name:ident, $Type:ident, $since:ident $(until $removed:ident)? $(deprecated $old:ident)?,
        always $always:ident, set $set:ident, server $server:ident, client $client:ident,
        delete $delete:ident, multi $multi:ident, $applies:ident;)*) => {
        /// An attribute of the standard.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum StandardAttribute {
            $(#[doc = concat!("See `Tag::", stringify!($Name), "`.")] $Name,)*
        }

        impl StandardAttribute {
            /// Every standard attribute, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$Name,)*];

            /// The line of the table.
            #[must_use]
            pub fn spec(self) -> &'static AttributeSpec {
                match self {
                    $(Self::$Name => &AttributeSpec {
                        tag: Tag::$Name,
                        item_type: ItemType::$Type,
                        since: ProtocolVersion::$since,
                        deprecated: optional_version!($($old)?),
                        removed: optional_version!($($removed)?),
                        always_has_value: Presence::$always,
                        set_by: Setter::$set,
                        server_modify: Change::$server,
                        client_modify: Change::$client,
                        deletable: Deletable::$delete,
                        multi: Instances::$multi,
                        applies_to: AppliesTo::$applies,
                    },)*
                }
            }

            /// The attribute whose tag this is.
            #[must_use]
            pub fn from_tag(tag: Tag) -> Option<Self> {
                match tag {
                    $(Tag::$Name => Some(Self::$Name),)*
                    // Most tags name no attribute.
                    _ => None,
                }
            }
        }
    };
}

impl StandardAttribute {
    /// The tag whose canonical name is the attribute's name.
    #[must_use]
    pub fn tag(self) -> Tag {
        self.spec().tag
    }

    /// The canonical name, e.g. "Cryptographic Usage Mask".
    #[must_use]
    pub fn name(self) -> &'static str {
        self.tag().name()
    }

    /// The attribute of a canonical name. Names are compared byte for byte, as the standard
    /// demands.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|attribute| attribute.name() == name)
    }
}

attributes! {
    ActivationDate, DateTime, V1_0, always No, set ServerOrClient, server WhilePreActive, client WhilePreActive, delete No, multi No, CryptographicAndTemplates;
    AlternativeName, Structure, V1_2, always No, set Client, server WhenAbsent, client Always, delete Yes, multi Yes, All;
    AlwaysSensitive, Boolean, V1_4, always Yes, set Server, server Always, client Never, delete No, multi No, All;
    ApplicationSpecificInformation, Structure, V1_0, always No, set ServerOrClient, server WhenDataOmitted, client Always, delete Yes, multi Yes, All;
    ArchiveDate, DateTime, V1_0, always No, set Server, server Never, client Never, delete No, multi No, All;
    CertificateIdentifier, Structure, V1_0 until V2_0 deprecated V1_1, always Yes, set Server, server Never, client Never, delete No, multi No, Certificates;
    CertificateIssuer, Structure, V1_0 until V2_0 deprecated V1_1, always Yes, set Server, server Never, client Never, delete No, multi No, Certificates;
    CertificateLength, Integer, V1_1, always Yes, set Server, server Never, client Never, delete No, multi No, Certificates;
    CertificateSubject, Structure, V1_0 until V2_0 deprecated V1_1, always Yes, set Server, server Never, client Never, delete No, multi No, Certificates;
    CertificateType, Enumeration, V1_0, always Yes, set Server, server Never, client Never, delete No, multi No, Certificates;
    Comment, TextString, V1_4, always No, set ServerOrClient, server Always, client Always, delete Yes, multi No, All;
    CompromiseDate, DateTime, V1_0, always No, set Server, server Never, client Never, delete No, multi No, CryptographicAndOpaque;
    CompromiseOccurrenceDate, DateTime, V1_0, always No, set Server, server Never, client Never, delete No, multi No, CryptographicAndOpaque;
    ContactInformation, TextString, V1_0, always No, set ServerOrClient, server Always, client Always, delete Yes, multi No, All;
    CryptographicAlgorithm, Enumeration, V1_0, always Yes, set Server, server Never, client Never, delete No, multi No, KeysCertificatesAndTemplates;
    CryptographicDomainParameters, Structure, V1_0, always No, set Client, server Never, client Never, delete No, multi No, AsymmetricKeysAndTemplates;
    CryptographicLength, Integer, V1_0, always Yes, set Server, server Never, client Never, delete No, multi No, KeysCertificatesAndTemplates;
    CryptographicParameters, Structure, V1_0, always No, set Client, server Never, client Always, delete Yes, multi Yes, KeysCertificatesAndTemplates;
    CryptographicUsageMask, Integer, V1_0, always Yes, set ServerOrClient, server Always, client Never, delete No, multi No, CryptographicAndTemplates;
    DeactivationDate, DateTime, V1_0, always No, set ServerOrClient, server WhilePreActiveOrActive, client WhilePreActiveOrActive, delete No, multi No, CryptographicAndTemplates;
    Description, TextString, V1_4, always No, set ServerOrClient, server Always, client Always, delete Yes, multi No, All;
    DestroyDate, DateTime, V1_0, always No, set Server, server Never, client Never, delete No, multi No, CryptographicAndOpaque;
    Digest, Structure, V1_0, always WhenComputable, set Server, server Never, client Never, delete No, multi Yes, CryptographicAndOpaque;
    DigitalSignatureAlgorithm, Enumeration, V1_1, always Yes, set Server, server Never, client Never, delete No, multi ForPgp, CertificatesAndPgpKeys;
    Extractable, Boolean, V1_4, always Yes, set ServerOrClient, server Always, client Always, delete No, multi No, All;
    Fresh, Boolean, V1_1, always No, set ServerOrClient, server Always, client Never, delete No, multi No, Cryptographic;
    InitialDate, DateTime, V1_0, always Yes, set Server, server Never, client Never, delete No, multi No, All;
    KeyFormatType, Enumeration, V2_0, always Yes, set Server, server Never, client Never, delete No, multi No, All;
    KeyValueLocation, Structure, V1_2, always No, set Client, server Never, client Always, delete Yes, multi Yes, SecretHolders;
    KeyValuePresent, Boolean, V1_2, always No, set Server, server Never, client Never, delete No, multi No, SecretHolders;
    LastChangeDate, DateTime, V1_0, always Yes, set Server, server Always, client Never, delete No, multi No, All;
    LeaseTime, Interval, V1_0, always No, set Server, server Always, client Never, delete No, multi No, Cryptographic;
    Link, Structure, V1_0, always No, set ServerOrClient, server Always, client Always, delete Yes, multi Yes, Cryptographic;
    NistKeyType, Enumeration, V2_0, always No, set Client, server Never, client Never, delete No, multi Yes, All;
    Name, Structure, V1_0, always No, set Client, server Always, client Always, delete Yes, multi Yes, All;
    NeverExtractable, Boolean, V1_4, always Yes, set Server, server Always, client Never, delete No, multi No, All;
    ObjectGroup, TextString, V1_0, always No, set ServerOrClient, server Always, client Always, delete Yes, multi Yes, All;
    ObjectType, Enumeration, V1_0, always Yes, set Server, server Never, client Never, delete No, multi No, All;
    OpaqueDataType, Enumeration, V2_0, always Yes, set Server, server Never, client Never, delete No, multi No, OpaqueObjects;
    OperationPolicyName, TextString, V1_0 until V2_0 deprecated V1_3, always No, set ServerOrClient, server Always, client Never, delete No, multi No, All;
    OriginalCreationDate, DateTime, V1_2, always No, set ServerOrClient, server Never, client Never, delete No, multi No, All;
    Pkcs12FriendlyName, TextString, V1_4, always No, set ServerOrClient, server Never, client Always, delete Yes, multi No, Cryptographic;
    ProcessStartDate, DateTime, V1_0, always No, set ServerOrClient, server UntilReached, client UntilReached, delete No, multi No, SymmetricKeysAndTemplates;
    ProtectStopDate, DateTime, V1_0, always No, set ServerOrClient, server UntilReached, client UntilReached, delete No, multi No, SymmetricKeysAndTemplates;
    ProtectionLevel, Enumeration, V2_0, always No, set Client, server Never, client Always, delete Yes, multi No, All;
    ProtectionPeriod, Interval, V2_0, always No, set Client, server Never, client Always, delete Yes, multi No, All;
    ProtectionStorageMask, Integer, V2_0, always Yes, set Server, server Never, client Never, delete No, multi No, All;
    QuantumSafe, Boolean, V2_0, always No, set Client, server Never, client Always, delete Yes, multi No, All;
    RandomNumberGenerator, Structure, V1_3, always No, set ServerOrClient, server Never, client Never, delete No, multi No, Cryptographic;
    RevocationReason, Structure, V1_0, always No, set Server, server Always, client Never, delete No, multi No, CryptographicAndOpaque;
    RotateAutomatic, Boolean, V2_1, always No, set ServerOrClient, server Always, client Never, delete No, multi No, All;
    RotateDate, DateTime, V2_1, always No, set Server, server Never, client Never, delete No, multi No, All;
    RotateGeneration, Integer, V2_1, always No, set Server, server Never, client Never, delete No, multi No, All;
    RotateInterval, Interval, V2_1, always No, set ServerOrClient, server Always, client Never, delete No, multi No, All;
    RotateLatest, Boolean, V2_1, always No, set Server, server Always, client Never, delete No, multi No, All;
    RotateName, Structure, V2_1, always No, set Client, server Never, client Always, delete Yes, multi No, All;
    RotateOffset, Interval, V2_1, always No, set ServerOrClient, server Always, client Never, delete No, multi No, All;
    Sensitive, Boolean, V1_4, always Yes, set ServerOrClient, server Always, client Always, delete No, multi No, All;
    ShortUniqueIdentifier, ByteString, V2_0, always Yes, set Server, server Never, client Never, delete No, multi No, All;
    State, Enumeration, V1_0, always Yes, set Server, server Always, client Never, delete No, multi No, Cryptographic;
    UniqueIdentifier, TextString, V1_0, always Yes, set Server, server Never, client Never, delete No, multi No, All;
    UsageLimits, Structure, V1_0, always No, set ServerOrClient, server Always, client UntilFirstAllocation, delete UntilFirstAllocation, multi No, KeysAndTemplates;
    X509CertificateIdentifier, Structure, V1_1, always Yes, set Server, server Never, client Never, delete No, multi No, X509Certificates;
    X509CertificateIssuer, Structure, V1_1, always Yes, set Server, server Never, client Never, delete No, multi No, X509Certificates;
    X509CertificateSubject, Structure, V1_1, always Yes, set Server, server Never, client Never, delete No, multi No, X509Certificates;
}
