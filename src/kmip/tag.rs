//! The table of tags of KMIP 1.0 to 2.1.
//!
//! A tag here is a name the standard defines; extension tags (0x54xxxx) are not in the table and
//! stay plain [`ttlv::Tag`]s. Each line holds the variant, its code, its canonical name, the
//! version that introduced it and the types its items may have. A test compares the table with the
//! registry.

use std::fmt;

use ttlv::ItemType;

use super::version::ProtocolVersion;

/// One line of the table of tags.
struct TagRow {
    name: &'static str,
    since: ProtocolVersion,
    types: &'static [ItemType],
}

macro_rules! tags {
    ($($Variant:ident = $code:literal, $name:literal, $since:ident, [$($Type:ident),*];)*) => {
        /// A tag of the standard (KMIP 1.4 §9.1.3.1, 2.1 §11.60).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u32)]
        pub enum Tag {
            $(#[doc = $name] $Variant = $code,)*
        }

        impl Tag {
            /// Every tag, by ascending code.
            pub const ALL: &'static [Self] = &[$(Self::$Variant,)*];

            /// The number on the wire.
            #[must_use]
            pub const fn code(self) -> u32 {
                match self { $(Self::$Variant => $code,)* }
            }

            fn row(self) -> &'static TagRow {
                match self {
                    $(Self::$Variant => &TagRow {
                        name: $name,
                        since: ProtocolVersion::$since,
                        types: &[$(ItemType::$Type),*],
                    },)*
                }
            }
        }
    };
}

impl Tag {
    /// The tag of a code, if the standard defines it.
    #[must_use]
    pub fn from_code(code: u32) -> Option<Self> {
        let slot = usize::try_from(code.checked_sub(FIRST_CODE)?).ok()?;
        BY_CODE.get(slot).copied().flatten()
    }

    /// The canonical name, which in KMIP 1.x is also the name of the attribute, e.g.
    /// "Cryptographic Usage Mask".
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The first version that defines the tag.
    #[must_use]
    pub fn since(self) -> ProtocolVersion {
        self.row().since
    }

    /// The types an item of this tag may have; empty when any type is possible.
    #[must_use]
    pub fn types(self) -> &'static [ItemType] {
        self.row().types
    }

    /// The tag for the byte layer.
    #[must_use]
    pub const fn raw(self) -> ttlv::Tag {
        ttlv::Tag::new(self.code())
    }
}

impl From<Tag> for ttlv::Tag {
    fn from(tag: Tag) -> Self {
        tag.raw()
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

const FIRST_CODE: u32 = 0x42_0000;
const SLOTS: usize = 0x177;

/// The table by code, so that a decoder pays one load for each field.
static BY_CODE: [Option<Tag>; SLOTS] = by_code();

#[allow(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, which refuses what would panic"
)]
const fn by_code() -> [Option<Tag>; SLOTS] {
    let mut slots = [None; SLOTS];
    let mut next = 0;
    while next < Tag::ALL.len() {
        let tag = Tag::ALL[next];
        slots[(tag.code() - FIRST_CODE) as usize] = Some(tag);
        next += 1;
    }
    slots
}

tags! {
    ActivationDate = 0x420001, "Activation Date", V1_0, [DateTime];
    ApplicationData = 0x420002, "Application Data", V1_0, [TextString];
    ApplicationNamespace = 0x420003, "Application Namespace", V1_0, [TextString];
    ApplicationSpecificInformation = 0x420004, "Application Specific Information", V1_0, [Structure];
    ArchiveDate = 0x420005, "Archive Date", V1_0, [DateTime];
    AsynchronousCorrelationValue = 0x420006, "Asynchronous Correlation Value", V1_0, [ByteString];
    AsynchronousIndicator = 0x420007, "Asynchronous Indicator", V1_0, [Boolean, Enumeration];
    Attribute = 0x420008, "Attribute", V1_0, [Structure];
    AttributeIndex = 0x420009, "Attribute Index", V1_0, [Integer];
    AttributeName = 0x42000a, "Attribute Name", V1_0, [TextString];
    AttributeValue = 0x42000b, "Attribute Value", V1_0, [];
    Authentication = 0x42000c, "Authentication", V1_0, [Structure];
    BatchCount = 0x42000d, "Batch Count", V1_0, [Integer];
    BatchErrorContinuationOption = 0x42000e, "Batch Error Continuation Option", V1_0, [Enumeration];
    BatchItem = 0x42000f, "Batch Item", V1_0, [Structure];
    BatchOrderOption = 0x420010, "Batch Order Option", V1_0, [Boolean];
    BlockCipherMode = 0x420011, "Block Cipher Mode", V1_0, [Enumeration];
    CancellationResult = 0x420012, "Cancellation Result", V1_0, [Enumeration];
    Certificate = 0x420013, "Certificate", V1_0, [Structure];
    CertificateIdentifier = 0x420014, "Certificate Identifier", V1_0, [Structure];
    CertificateIssuer = 0x420015, "Certificate Issuer", V1_0, [Structure];
    CertificateIssuerAlternativeName = 0x420016, "Certificate Issuer Alternative Name", V1_0, [TextString];
    CertificateIssuerDistinguishedName = 0x420017, "Certificate Issuer Distinguished Name", V1_0, [TextString];
    CertificateRequest = 0x420018, "Certificate Request", V1_0, [ByteString, Structure];
    CertificateRequestType = 0x420019, "Certificate Request Type", V1_0, [Enumeration];
    CertificateSubject = 0x42001a, "Certificate Subject", V1_0, [Structure];
    CertificateSubjectAlternativeName = 0x42001b, "Certificate Subject Alternative Name", V1_0, [TextString];
    CertificateSubjectDistinguishedName = 0x42001c, "Certificate Subject Distinguished Name", V1_0, [TextString];
    CertificateType = 0x42001d, "Certificate Type", V1_0, [Enumeration];
    CertificateValue = 0x42001e, "Certificate Value", V1_0, [ByteString];
    CommonTemplateAttribute = 0x42001f, "Common Template-Attribute", V1_0, [Structure];
    CompromiseDate = 0x420020, "Compromise Date", V1_0, [DateTime];
    CompromiseOccurrenceDate = 0x420021, "Compromise Occurrence Date", V1_0, [DateTime];
    ContactInformation = 0x420022, "Contact Information", V1_0, [TextString];
    Credential = 0x420023, "Credential", V1_0, [Structure];
    CredentialType = 0x420024, "Credential Type", V1_0, [Enumeration];
    CredentialValue = 0x420025, "Credential Value", V1_0, [Structure];
    CriticalityIndicator = 0x420026, "Criticality Indicator", V1_0, [Boolean];
    CrtCoefficient = 0x420027, "CRT Coefficient", V1_0, [BigInteger];
    CryptographicAlgorithm = 0x420028, "Cryptographic Algorithm", V1_0, [Enumeration];
    CryptographicDomainParameters = 0x420029, "Cryptographic Domain Parameters", V1_0, [Structure];
    CryptographicLength = 0x42002a, "Cryptographic Length", V1_0, [Integer];
    CryptographicParameters = 0x42002b, "Cryptographic Parameters", V1_0, [Structure];
    CryptographicUsageMask = 0x42002c, "Cryptographic Usage Mask", V1_0, [Integer];
    CustomAttribute = 0x42002d, "Custom Attribute", V1_0, [Structure];
    D = 0x42002e, "D", V1_0, [BigInteger];
    DeactivationDate = 0x42002f, "Deactivation Date", V1_0, [DateTime];
    DerivationData = 0x420030, "Derivation Data", V1_0, [ByteString];
    DerivationMethod = 0x420031, "Derivation Method", V1_0, [Enumeration];
    DerivationParameters = 0x420032, "Derivation Parameters", V1_0, [Structure];
    DestroyDate = 0x420033, "Destroy Date", V1_0, [DateTime];
    Digest = 0x420034, "Digest", V1_0, [Structure];
    DigestValue = 0x420035, "Digest Value", V1_0, [ByteString];
    EncryptionKeyInformation = 0x420036, "Encryption Key Information", V1_0, [Structure];
    G = 0x420037, "G", V1_0, [BigInteger];
    HashingAlgorithm = 0x420038, "Hashing Algorithm", V1_0, [Enumeration];
    InitialDate = 0x420039, "Initial Date", V1_0, [DateTime];
    InitializationVector = 0x42003a, "Initialization Vector", V1_0, [ByteString];
    Issuer = 0x42003b, "Issuer", V1_0, [TextString];
    IterationCount = 0x42003c, "Iteration Count", V1_0, [Integer];
    IvCounterNonce = 0x42003d, "IV/Counter/Nonce", V1_0, [ByteString];
    J = 0x42003e, "J", V1_0, [BigInteger];
    Key = 0x42003f, "Key", V1_0, [ByteString];
    KeyBlock = 0x420040, "Key Block", V1_0, [Structure];
    KeyCompressionType = 0x420041, "Key Compression Type", V1_0, [Enumeration];
    KeyFormatType = 0x420042, "Key Format Type", V1_0, [Enumeration];
    KeyMaterial = 0x420043, "Key Material", V1_0, [ByteString, Structure];
    KeyPartIdentifier = 0x420044, "Key Part Identifier", V1_0, [Integer];
    KeyValue = 0x420045, "Key Value", V1_0, [Structure, ByteString];
    KeyWrappingData = 0x420046, "Key Wrapping Data", V1_0, [Structure];
    KeyWrappingSpecification = 0x420047, "Key Wrapping Specification", V1_0, [Structure];
    LastChangeDate = 0x420048, "Last Change Date", V1_0, [DateTime];
    LeaseTime = 0x420049, "Lease Time", V1_0, [Interval];
    Link = 0x42004a, "Link", V1_0, [Structure];
    LinkType = 0x42004b, "Link Type", V1_0, [Enumeration];
    LinkedObjectIdentifier = 0x42004c, "Linked Object Identifier", V1_0, [TextString, Enumeration, Integer];
    MacSignature = 0x42004d, "MAC/Signature", V1_0, [ByteString];
    MacSignatureKeyInformation = 0x42004e, "MAC/Signature Key Information", V1_0, [Structure];
    MaximumItems = 0x42004f, "Maximum Items", V1_0, [Integer];
    MaximumResponseSize = 0x420050, "Maximum Response Size", V1_0, [Integer];
    MessageExtension = 0x420051, "Message Extension", V1_0, [Structure];
    Modulus = 0x420052, "Modulus", V1_0, [BigInteger];
    Name = 0x420053, "Name", V1_0, [Structure];
    NameType = 0x420054, "Name Type", V1_0, [Enumeration];
    NameValue = 0x420055, "Name Value", V1_0, [TextString];
    ObjectGroup = 0x420056, "Object Group", V1_0, [TextString];
    ObjectType = 0x420057, "Object Type", V1_0, [Enumeration];
    Offset = 0x420058, "Offset", V1_0, [Interval];
    OpaqueDataType = 0x420059, "Opaque Data Type", V1_0, [Enumeration];
    OpaqueDataValue = 0x42005a, "Opaque Data Value", V1_0, [ByteString];
    OpaqueObject = 0x42005b, "Opaque Object", V1_0, [Structure];
    Operation = 0x42005c, "Operation", V1_0, [Enumeration];
    OperationPolicyName = 0x42005d, "Operation Policy Name", V1_0, [TextString];
    P = 0x42005e, "P", V1_0, [BigInteger];
    PaddingMethod = 0x42005f, "Padding Method", V1_0, [Enumeration];
    PrimeExponentP = 0x420060, "Prime Exponent P", V1_0, [BigInteger];
    PrimeExponentQ = 0x420061, "Prime Exponent Q", V1_0, [BigInteger];
    PrimeFieldSize = 0x420062, "Prime Field Size", V1_0, [BigInteger];
    PrivateExponent = 0x420063, "Private Exponent", V1_0, [BigInteger];
    PrivateKey = 0x420064, "Private Key", V1_0, [Structure];
    PrivateKeyTemplateAttribute = 0x420065, "Private Key Template-Attribute", V1_0, [Structure];
    PrivateKeyUniqueIdentifier = 0x420066, "Private Key Unique Identifier", V1_0, [TextString];
    ProcessStartDate = 0x420067, "Process Start Date", V1_0, [DateTime];
    ProtectStopDate = 0x420068, "Protect Stop Date", V1_0, [DateTime];
    ProtocolVersion = 0x420069, "Protocol Version", V1_0, [Structure];
    ProtocolVersionMajor = 0x42006a, "Protocol Version Major", V1_0, [Integer];
    ProtocolVersionMinor = 0x42006b, "Protocol Version Minor", V1_0, [Integer];
    PublicExponent = 0x42006c, "Public Exponent", V1_0, [BigInteger];
    PublicKey = 0x42006d, "Public Key", V1_0, [Structure];
    PublicKeyTemplateAttribute = 0x42006e, "Public Key Template-Attribute", V1_0, [Structure];
    PublicKeyUniqueIdentifier = 0x42006f, "Public Key Unique Identifier", V1_0, [TextString];
    PutFunction = 0x420070, "Put Function", V1_0, [Enumeration];
    Q = 0x420071, "Q", V1_0, [BigInteger];
    QString = 0x420072, "Q String", V1_0, [ByteString];
    Qlength = 0x420073, "Qlength", V1_0, [Integer];
    QueryFunction = 0x420074, "Query Function", V1_0, [Enumeration];
    RecommendedCurve = 0x420075, "Recommended Curve", V1_0, [Enumeration];
    ReplacedUniqueIdentifier = 0x420076, "Replaced Unique Identifier", V1_0, [TextString];
    RequestHeader = 0x420077, "Request Header", V1_0, [Structure];
    RequestMessage = 0x420078, "Request Message", V1_0, [Structure];
    RequestPayload = 0x420079, "Request Payload", V1_0, [Structure];
    ResponseHeader = 0x42007a, "Response Header", V1_0, [Structure];
    ResponseMessage = 0x42007b, "Response Message", V1_0, [Structure];
    ResponsePayload = 0x42007c, "Response Payload", V1_0, [Structure];
    ResultMessage = 0x42007d, "Result Message", V1_0, [TextString];
    ResultReason = 0x42007e, "Result Reason", V1_0, [Enumeration];
    ResultStatus = 0x42007f, "Result Status", V1_0, [Enumeration];
    RevocationMessage = 0x420080, "Revocation Message", V1_0, [TextString];
    RevocationReason = 0x420081, "Revocation Reason", V1_0, [Structure];
    RevocationReasonCode = 0x420082, "Revocation Reason Code", V1_0, [Enumeration];
    KeyRoleType = 0x420083, "Key Role Type", V1_0, [Enumeration];
    Salt = 0x420084, "Salt", V1_0, [ByteString];
    SecretData = 0x420085, "Secret Data", V1_0, [Structure];
    SecretDataType = 0x420086, "Secret Data Type", V1_0, [Enumeration];
    SerialNumber = 0x420087, "Serial Number", V1_0, [TextString];
    ServerInformation = 0x420088, "Server Information", V1_0, [Structure];
    SplitKey = 0x420089, "Split Key", V1_0, [Structure];
    SplitKeyMethod = 0x42008a, "Split Key Method", V1_0, [Enumeration];
    SplitKeyParts = 0x42008b, "Split Key Parts", V1_0, [Integer];
    SplitKeyThreshold = 0x42008c, "Split Key Threshold", V1_0, [Integer];
    State = 0x42008d, "State", V1_0, [Enumeration];
    StorageStatusMask = 0x42008e, "Storage Status Mask", V1_0, [Integer];
    SymmetricKey = 0x42008f, "Symmetric Key", V1_0, [Structure];
    Template = 0x420090, "Template", V1_0, [Structure];
    TemplateAttribute = 0x420091, "Template-Attribute", V1_0, [Structure];
    TimeStamp = 0x420092, "Time Stamp", V1_0, [DateTime];
    UniqueBatchItemId = 0x420093, "Unique Batch Item ID", V1_0, [ByteString];
    UniqueIdentifier = 0x420094, "Unique Identifier", V1_0, [TextString, Enumeration, Integer];
    UsageLimits = 0x420095, "Usage Limits", V1_0, [Structure];
    UsageLimitsCount = 0x420096, "Usage Limits Count", V1_0, [LongInteger];
    UsageLimitsTotal = 0x420097, "Usage Limits Total", V1_0, [LongInteger];
    UsageLimitsUnit = 0x420098, "Usage Limits Unit", V1_0, [Enumeration];
    Username = 0x420099, "Username", V1_0, [TextString];
    ValidityDate = 0x42009a, "Validity Date", V1_0, [DateTime];
    ValidityIndicator = 0x42009b, "Validity Indicator", V1_0, [Enumeration];
    VendorExtension = 0x42009c, "Vendor Extension", V1_0, [Structure];
    VendorIdentification = 0x42009d, "Vendor Identification", V1_0, [TextString];
    WrappingMethod = 0x42009e, "Wrapping Method", V1_0, [Enumeration];
    X = 0x42009f, "X", V1_0, [BigInteger];
    Y = 0x4200a0, "Y", V1_0, [BigInteger];
    Password = 0x4200a1, "Password", V1_0, [TextString];
    DeviceIdentifier = 0x4200a2, "Device Identifier", V1_1, [TextString];
    EncodingOption = 0x4200a3, "Encoding Option", V1_1, [Enumeration];
    ExtensionInformation = 0x4200a4, "Extension Information", V1_1, [Structure];
    ExtensionName = 0x4200a5, "Extension Name", V1_1, [TextString];
    ExtensionTag = 0x4200a6, "Extension Tag", V1_1, [Integer];
    ExtensionType = 0x4200a7, "Extension Type", V1_1, [Integer, Enumeration];
    Fresh = 0x4200a8, "Fresh", V1_1, [Boolean];
    MachineIdentifier = 0x4200a9, "Machine Identifier", V1_1, [TextString];
    MediaIdentifier = 0x4200aa, "Media Identifier", V1_1, [TextString];
    NetworkIdentifier = 0x4200ab, "Network Identifier", V1_1, [TextString];
    ObjectGroupMember = 0x4200ac, "Object Group Member", V1_1, [Enumeration];
    CertificateLength = 0x4200ad, "Certificate Length", V1_1, [Integer];
    DigitalSignatureAlgorithm = 0x4200ae, "Digital Signature Algorithm", V1_1, [Enumeration];
    CertificateSerialNumber = 0x4200af, "Certificate Serial Number", V1_1, [ByteString];
    DeviceSerialNumber = 0x4200b0, "Device Serial Number", V1_1, [TextString];
    IssuerAlternativeName = 0x4200b1, "Issuer Alternative Name", V1_1, [ByteString];
    IssuerDistinguishedName = 0x4200b2, "Issuer Distinguished Name", V1_1, [ByteString];
    SubjectAlternativeName = 0x4200b3, "Subject Alternative Name", V1_1, [ByteString];
    SubjectDistinguishedName = 0x4200b4, "Subject Distinguished Name", V1_1, [ByteString];
    X509CertificateIdentifier = 0x4200b5, "X.509 Certificate Identifier", V1_1, [Structure];
    X509CertificateIssuer = 0x4200b6, "X.509 Certificate Issuer", V1_1, [Structure];
    X509CertificateSubject = 0x4200b7, "X.509 Certificate Subject", V1_1, [Structure];
    KeyValueLocation = 0x4200b8, "Key Value Location", V1_2, [Structure];
    KeyValueLocationValue = 0x4200b9, "Key Value Location Value", V1_2, [TextString];
    KeyValueLocationType = 0x4200ba, "Key Value Location Type", V1_2, [Enumeration];
    KeyValuePresent = 0x4200bb, "Key Value Present", V1_2, [Boolean];
    OriginalCreationDate = 0x4200bc, "Original Creation Date", V1_2, [DateTime];
    PgpKey = 0x4200bd, "PGP Key", V1_2, [Structure];
    PgpKeyVersion = 0x4200be, "PGP Key Version", V1_2, [Integer];
    AlternativeName = 0x4200bf, "Alternative Name", V1_2, [Structure];
    AlternativeNameValue = 0x4200c0, "Alternative Name Value", V1_2, [TextString];
    AlternativeNameType = 0x4200c1, "Alternative Name Type", V1_2, [Enumeration];
    Data = 0x4200c2, "Data", V1_2, [ByteString, Enumeration, Integer];
    SignatureData = 0x4200c3, "Signature Data", V1_2, [ByteString];
    DataLength = 0x4200c4, "Data Length", V1_2, [Integer];
    RandomIv = 0x4200c5, "Random IV", V1_2, [Boolean];
    MacData = 0x4200c6, "MAC Data", V1_2, [ByteString];
    AttestationType = 0x4200c7, "Attestation Type", V1_2, [Enumeration];
    Nonce = 0x4200c8, "Nonce", V1_2, [Structure];
    NonceId = 0x4200c9, "Nonce ID", V1_2, [ByteString];
    NonceValue = 0x4200ca, "Nonce Value", V1_2, [ByteString];
    AttestationMeasurement = 0x4200cb, "Attestation Measurement", V1_2, [ByteString];
    AttestationAssertion = 0x4200cc, "Attestation Assertion", V1_2, [ByteString];
    IvLength = 0x4200cd, "IV Length", V1_2, [Integer];
    TagLength = 0x4200ce, "Tag Length", V1_2, [Integer];
    FixedFieldLength = 0x4200cf, "Fixed Field Length", V1_2, [Integer];
    CounterLength = 0x4200d0, "Counter Length", V1_2, [Integer];
    InitialCounterValue = 0x4200d1, "Initial Counter Value", V1_2, [Integer];
    InvocationFieldLength = 0x4200d2, "Invocation Field Length", V1_2, [Integer];
    AttestationCapableIndicator = 0x4200d3, "Attestation Capable Indicator", V1_2, [Boolean];
    OffsetItems = 0x4200d4, "Offset Items", V1_3, [Integer];
    LocatedItems = 0x4200d5, "Located Items", V1_3, [Integer];
    CorrelationValue = 0x4200d6, "Correlation Value", V1_3, [ByteString];
    InitIndicator = 0x4200d7, "Init Indicator", V1_3, [Boolean];
    FinalIndicator = 0x4200d8, "Final Indicator", V1_3, [Boolean];
    RngParameters = 0x4200d9, "RNG Parameters", V1_3, [Structure];
    RngAlgorithm = 0x4200da, "RNG Algorithm", V1_3, [Enumeration];
    DrbgAlgorithm = 0x4200db, "DRBG Algorithm", V1_3, [Enumeration];
    Fips186Variation = 0x4200dc, "FIPS186 Variation", V1_3, [Enumeration];
    PredictionResistance = 0x4200dd, "Prediction Resistance", V1_3, [Boolean];
    RandomNumberGenerator = 0x4200de, "Random Number Generator", V1_3, [Structure];
    ValidationInformation = 0x4200df, "Validation Information", V1_3, [Structure];
    ValidationAuthorityType = 0x4200e0, "Validation Authority Type", V1_3, [Enumeration];
    ValidationAuthorityCountry = 0x4200e1, "Validation Authority Country", V1_3, [TextString];
    ValidationAuthorityUri = 0x4200e2, "Validation Authority URI", V1_3, [TextString];
    ValidationVersionMajor = 0x4200e3, "Validation Version Major", V1_3, [Integer];
    ValidationVersionMinor = 0x4200e4, "Validation Version Minor", V1_3, [Integer];
    ValidationType = 0x4200e5, "Validation Type", V1_3, [Enumeration];
    ValidationLevel = 0x4200e6, "Validation Level", V1_3, [Integer];
    ValidationCertificateIdentifier = 0x4200e7, "Validation Certificate Identifier", V1_3, [TextString];
    ValidationCertificateUri = 0x4200e8, "Validation Certificate URI", V1_3, [TextString];
    ValidationVendorUri = 0x4200e9, "Validation Vendor URI", V1_3, [TextString];
    ValidationProfile = 0x4200ea, "Validation Profile", V1_3, [TextString];
    ProfileInformation = 0x4200eb, "Profile Information", V1_3, [Structure];
    ProfileName = 0x4200ec, "Profile Name", V1_3, [Enumeration];
    ServerUri = 0x4200ed, "Server URI", V1_3, [TextString];
    ServerPort = 0x4200ee, "Server Port", V1_3, [Integer];
    StreamingCapability = 0x4200ef, "Streaming Capability", V1_3, [Boolean];
    AsynchronousCapability = 0x4200f0, "Asynchronous Capability", V1_3, [Boolean];
    AttestationCapability = 0x4200f1, "Attestation Capability", V1_3, [Boolean];
    UnwrapMode = 0x4200f2, "Unwrap Mode", V1_3, [Enumeration];
    DestroyAction = 0x4200f3, "Destroy Action", V1_3, [Enumeration];
    ShreddingAlgorithm = 0x4200f4, "Shredding Algorithm", V1_3, [Enumeration];
    RngMode = 0x4200f5, "RNG Mode", V1_3, [Enumeration];
    ClientRegistrationMethod = 0x4200f6, "Client Registration Method", V1_3, [Enumeration];
    CapabilityInformation = 0x4200f7, "Capability Information", V1_3, [Structure];
    KeyWrapType = 0x4200f8, "Key Wrap Type", V1_4, [Enumeration];
    BatchUndoCapability = 0x4200f9, "Batch Undo Capability", V1_4, [Boolean];
    BatchContinueCapability = 0x4200fa, "Batch Continue Capability", V1_4, [Boolean];
    Pkcs12FriendlyName = 0x4200fb, "PKCS#12 Friendly Name", V1_4, [TextString];
    Description = 0x4200fc, "Description", V1_4, [TextString];
    Comment = 0x4200fd, "Comment", V1_4, [TextString];
    AuthenticatedEncryptionAdditionalData = 0x4200fe, "Authenticated Encryption Additional Data", V1_4, [ByteString];
    AuthenticatedEncryptionTag = 0x4200ff, "Authenticated Encryption Tag", V1_4, [ByteString];
    SaltLength = 0x420100, "Salt Length", V1_4, [Integer];
    MaskGenerator = 0x420101, "Mask Generator", V1_4, [Enumeration];
    MaskGeneratorHashingAlgorithm = 0x420102, "Mask Generator Hashing Algorithm", V1_4, [Enumeration];
    PSource = 0x420103, "P Source", V1_4, [ByteString];
    TrailerField = 0x420104, "Trailer Field", V1_4, [Integer];
    ClientCorrelationValue = 0x420105, "Client Correlation Value", V1_4, [TextString];
    ServerCorrelationValue = 0x420106, "Server Correlation Value", V1_4, [TextString];
    DigestedData = 0x420107, "Digested Data", V1_4, [ByteString];
    CertificateSubjectCn = 0x420108, "Certificate Subject CN", V1_4, [TextString];
    CertificateSubjectO = 0x420109, "Certificate Subject O", V1_4, [TextString];
    CertificateSubjectOu = 0x42010a, "Certificate Subject OU", V1_4, [TextString];
    CertificateSubjectEmail = 0x42010b, "Certificate Subject Email", V1_4, [TextString];
    CertificateSubjectC = 0x42010c, "Certificate Subject C", V1_4, [TextString];
    CertificateSubjectSt = 0x42010d, "Certificate Subject ST", V1_4, [TextString];
    CertificateSubjectL = 0x42010e, "Certificate Subject L", V1_4, [TextString];
    CertificateSubjectUid = 0x42010f, "Certificate Subject UID", V1_4, [TextString];
    CertificateSubjectSerialNumber = 0x420110, "Certificate Subject Serial Number", V1_4, [TextString];
    CertificateSubjectTitle = 0x420111, "Certificate Subject Title", V1_4, [TextString];
    CertificateSubjectDc = 0x420112, "Certificate Subject DC", V1_4, [TextString];
    CertificateSubjectDnQualifier = 0x420113, "Certificate Subject DN Qualifier", V1_4, [TextString];
    CertificateIssuerCn = 0x420114, "Certificate Issuer CN", V1_4, [TextString];
    CertificateIssuerO = 0x420115, "Certificate Issuer O", V1_4, [TextString];
    CertificateIssuerOu = 0x420116, "Certificate Issuer OU", V1_4, [TextString];
    CertificateIssuerEmail = 0x420117, "Certificate Issuer Email", V1_4, [TextString];
    CertificateIssuerC = 0x420118, "Certificate Issuer C", V1_4, [TextString];
    CertificateIssuerSt = 0x420119, "Certificate Issuer ST", V1_4, [TextString];
    CertificateIssuerL = 0x42011a, "Certificate Issuer L", V1_4, [TextString];
    CertificateIssuerUid = 0x42011b, "Certificate Issuer UID", V1_4, [TextString];
    CertificateIssuerSerialNumber = 0x42011c, "Certificate Issuer Serial Number", V1_4, [TextString];
    CertificateIssuerTitle = 0x42011d, "Certificate Issuer Title", V1_4, [TextString];
    CertificateIssuerDc = 0x42011e, "Certificate Issuer DC", V1_4, [TextString];
    CertificateIssuerDnQualifier = 0x42011f, "Certificate Issuer DN Qualifier", V1_4, [TextString];
    Sensitive = 0x420120, "Sensitive", V1_4, [Boolean];
    AlwaysSensitive = 0x420121, "Always Sensitive", V1_4, [Boolean];
    Extractable = 0x420122, "Extractable", V1_4, [Boolean];
    NeverExtractable = 0x420123, "Never Extractable", V1_4, [Boolean];
    ReplaceExisting = 0x420124, "Replace Existing", V1_4, [Boolean];
    Attributes = 0x420125, "Attributes", V2_0, [Structure];
    CommonAttributes = 0x420126, "Common Attributes", V2_0, [Structure];
    PrivateKeyAttributes = 0x420127, "Private Key Attributes", V2_0, [Structure];
    PublicKeyAttributes = 0x420128, "Public Key Attributes", V2_0, [Structure];
    ExtensionEnumeration = 0x420129, "Extension Enumeration", V2_0, [Integer];
    ExtensionAttribute = 0x42012a, "Extension Attribute", V2_0, [Boolean];
    ExtensionParentStructureTag = 0x42012b, "Extension Parent Structure Tag", V2_0, [Integer];
    ExtensionDescription = 0x42012c, "Extension Description", V2_0, [TextString];
    ServerName = 0x42012d, "Server Name", V2_0, [TextString];
    ServerSerialNumber = 0x42012e, "Server Serial Number", V2_0, [TextString];
    ServerVersion = 0x42012f, "Server Version", V2_0, [TextString];
    ServerLoad = 0x420130, "Server Load", V2_0, [TextString];
    ProductName = 0x420131, "Product Name", V2_0, [TextString];
    BuildLevel = 0x420132, "Build Level", V2_0, [TextString];
    BuildDate = 0x420133, "Build Date", V2_0, [TextString];
    ClusterInfo = 0x420134, "Cluster Info", V2_0, [TextString];
    AlternateFailoverEndpoints = 0x420135, "Alternate Failover Endpoints", V2_0, [TextString];
    ShortUniqueIdentifier = 0x420136, "Short Unique Identifier", V2_0, [ByteString];
    Tag = 0x420138, "Tag", V2_0, [Enumeration];
    CertificateRequestUniqueIdentifier = 0x420139, "Certificate Request Unique Identifier", V2_0, [TextString];
    NistKeyType = 0x42013a, "NIST Key Type", V2_0, [Enumeration];
    AttributeReference = 0x42013b, "Attribute Reference", V2_0, [Enumeration, Structure];
    CurrentAttribute = 0x42013c, "Current Attribute", V2_0, [Structure];
    NewAttribute = 0x42013d, "New Attribute", V2_0, [Structure];
    CertificateRequestValue = 0x420140, "Certificate Request Value", V2_0, [ByteString];
    LogMessage = 0x420141, "Log Message", V2_0, [TextString];
    ProfileVersion = 0x420142, "Profile Version", V2_0, [Structure];
    ProfileVersionMajor = 0x420143, "Profile Version Major", V2_0, [Integer];
    ProfileVersionMinor = 0x420144, "Profile Version Minor", V2_0, [Integer];
    ProtectionLevel = 0x420145, "Protection Level", V2_0, [Enumeration];
    ProtectionPeriod = 0x420146, "Protection Period", V2_0, [Interval];
    QuantumSafe = 0x420147, "Quantum Safe", V2_0, [Boolean];
    QuantumSafeCapability = 0x420148, "Quantum Safe Capability", V2_0, [Boolean];
    Ticket = 0x420149, "Ticket", V2_0, [Structure];
    TicketType = 0x42014a, "Ticket Type", V2_0, [Enumeration];
    TicketValue = 0x42014b, "Ticket Value", V2_0, [ByteString];
    RequestCount = 0x42014c, "Request Count", V2_0, [Integer];
    Rights = 0x42014d, "Rights", V2_0, [Structure];
    Objects = 0x42014e, "Objects", V2_0, [Structure];
    Operations = 0x42014f, "Operations", V2_0, [Structure];
    Right = 0x420150, "Right", V2_0, [Structure];
    EndpointRole = 0x420151, "Endpoint Role", V2_0, [Enumeration];
    DefaultsInformation = 0x420152, "Defaults Information", V2_0, [Structure];
    ObjectDefaults = 0x420153, "Object Defaults", V2_0, [Structure];
    Ephemeral = 0x420154, "Ephemeral", V2_0, [Boolean];
    ServerHashedPassword = 0x420155, "Server Hashed Password", V2_0, [ByteString];
    OneTimePassword = 0x420156, "One Time Password", V2_0, [TextString];
    HashedPassword = 0x420157, "Hashed Password", V2_0, [ByteString];
    AdjustmentType = 0x420158, "Adjustment Type", V2_0, [Enumeration];
    Pkcs11Interface = 0x420159, "PKCS#11 Interface", V2_0, [Structure];
    Pkcs11Function = 0x42015a, "PKCS#11 Function", V2_0, [Enumeration, Integer];
    Pkcs11InputParameters = 0x42015b, "PKCS#11 Input Parameters", V2_0, [ByteString];
    Pkcs11OutputParameters = 0x42015c, "PKCS#11 Output Parameters", V2_0, [ByteString];
    Pkcs11ReturnCode = 0x42015d, "PKCS#11 Return Code", V2_0, [Enumeration];
    ProtectionStorageMask = 0x42015e, "Protection Storage Mask", V2_0, [Integer];
    ProtectionStorageMasks = 0x42015f, "Protection Storage Masks", V2_0, [Structure];
    InteropFunction = 0x420160, "Interop Function", V2_0, [Enumeration];
    InteropIdentifier = 0x420161, "Interop Identifier", V2_0, [TextString];
    AdjustmentValue = 0x420162, "Adjustment Value", V2_0, [];
    CommonProtectionStorageMasks = 0x420163, "Common Protection Storage Masks", V2_0, [Structure];
    PrivateProtectionStorageMasks = 0x420164, "Private Protection Storage Masks", V2_0, [Structure];
    PublicProtectionStorageMasks = 0x420165, "Public Protection Storage Masks", V2_0, [Structure];
    ObjectGroups = 0x420166, "Object Groups", V2_1, [Structure];
    ObjectTypes = 0x420167, "Object Types", V2_1, [Structure];
    Constraints = 0x420168, "Constraints", V2_1, [Structure];
    Constraint = 0x420169, "Constraint", V2_1, [Structure];
    RotateInterval = 0x42016a, "Rotate Interval", V2_1, [Interval];
    RotateAutomatic = 0x42016b, "Rotate Automatic", V2_1, [Boolean];
    RotateOffset = 0x42016c, "Rotate Offset", V2_1, [Interval];
    RotateDate = 0x42016d, "Rotate Date", V2_1, [DateTime];
    RotateGeneration = 0x42016e, "Rotate Generation", V2_1, [Integer];
    RotateName = 0x42016f, "Rotate Name", V2_1, [Structure];
    RotateNameValue = 0x420170, "Rotate Name Value", V2_1, [TextString];
    RotateNameType = 0x420171, "Rotate Name Type", V2_1, [Enumeration];
    RotateLatest = 0x420172, "Rotate Latest", V2_1, [Boolean];
    AsynchronousRequest = 0x420173, "Asynchronous Request", V2_1, [Structure];
    SubmissionDate = 0x420174, "Submission Date", V2_1, [DateTimeExtended];
    ProcessingStage = 0x420175, "Processing Stage", V2_1, [Enumeration];
    AsynchronousCorrelationValues = 0x420176, "Asynchronous Correlation Values", V2_1, [Structure];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_tag_are_inverse() {
        for tag in Tag::ALL {
            assert_eq!(Tag::from_code(tag.code()), Some(*tag));
        }
        for code in [
            0,
            0x41_ffff,
            0x42_0000,
            0x42_0137,
            0x42_0177,
            0x54_0001,
            u32::MAX,
        ] {
            assert_eq!(Tag::from_code(code), None, "{code:#x}");
        }
    }
}
