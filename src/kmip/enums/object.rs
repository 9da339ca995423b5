//! Enumerations that describe managed objects and their attributes.
//!
//! Tables only: which transitions and which formats are allowed is decided elsewhere.

use super::enumeration;

enumeration! {
    AdjustmentType, "Adjustment Type", V2_0;
    Increment = 0x0001, "Increment", V2_0;
    Decrement = 0x0002, "Decrement", V2_0;
    Negate = 0x0003, "Negate", V2_0;
}

enumeration! {
    AlternativeNameType, "Alternative Name Type", V1_2;
    UninterpretedTextString = 0x0001, "Uninterpreted Text String", V1_2;
    Uri = 0x0002, "URI", V1_2;
    ObjectSerialNumber = 0x0003, "Object Serial Number", V1_2;
    EmailAddress = 0x0004, "Email Address", V1_2;
    DnsName = 0x0005, "DNS Name", V1_2;
    X500DistinguishedName = 0x0006, "X.500 Distinguished Name", V1_2;
    IpAddress = 0x0007, "IP Address", V1_2;
}

enumeration! {
    CertificateRequestType, "Certificate Request Type", V1_0;
    Crmf = 0x0001, "CRMF", V1_0;
    Pkcs10 = 0x0002, "PKCS#10", V1_0;
    Pem = 0x0003, "PEM", V1_0;
    Pgp = 0x0004, "PGP", V1_0, until V2_0;
}

enumeration! {
    CertificateType, "Certificate Type", V1_0;
    X509 = 0x0001, "X.509", V1_0;
    Pgp = 0x0002, "PGP", V1_0;
}

enumeration! {
    EncodingOption, "Encoding Option", V1_1;
    NoEncoding = 0x0001, "No Encoding", V1_1;
    TtlvEncoding = 0x0002, "TTLV Encoding", V1_1;
}

enumeration! {
    KeyCompressionType, "Key Compression Type", V1_0;
    EcPublicKeyTypeUncompressed = 0x0001, "EC Public Key Type Uncompressed", V1_0;
    EcPublicKeyTypeX9_62CompressedPrime = 0x0002, "EC Public Key Type X9.62 Compressed Prime", V1_0;
    EcPublicKeyTypeX9_62CompressedChar2 = 0x0003, "EC Public Key Type X9.62 Compressed Char2", V1_0;
    EcPublicKeyTypeX9_62Hybrid = 0x0004, "EC Public Key Type X9.62 Hybrid", V1_0;
}

enumeration! {
    KeyFormatType, "Key Format Type", V1_0;
    Raw = 0x0001, "Raw", V1_0;
    Opaque = 0x0002, "Opaque", V1_0;
    Pkcs1 = 0x0003, "PKCS#1", V1_0;
    Pkcs8 = 0x0004, "PKCS#8", V1_0;
    X509 = 0x0005, "X.509", V1_0;
    ECPrivateKey = 0x0006, "ECPrivateKey", V1_0;
    TransparentSymmetricKey = 0x0007, "Transparent Symmetric Key", V1_0;
    TransparentDsaPrivateKey = 0x0008, "Transparent DSA Private Key", V1_0;
    TransparentDsaPublicKey = 0x0009, "Transparent DSA Public Key", V1_0;
    TransparentRsaPrivateKey = 0x000a, "Transparent RSA Private Key", V1_0;
    TransparentRsaPublicKey = 0x000b, "Transparent RSA Public Key", V1_0;
    TransparentDhPrivateKey = 0x000c, "Transparent DH Private Key", V1_0;
    TransparentDhPublicKey = 0x000d, "Transparent DH Public Key", V1_0;
    TransparentEcdsaPrivateKey = 0x000e, "Transparent ECDSA Private Key", V1_0, until V2_0;
    TransparentEcdsaPublicKey = 0x000f, "Transparent ECDSA Public Key", V1_0, until V2_0;
    TransparentEcdhPrivateKey = 0x0010, "Transparent ECDH Private Key", V1_0, until V2_0;
    TransparentEcdhPublicKey = 0x0011, "Transparent ECDH Public Key", V1_0, until V2_0;
    TransparentEcmqvPrivateKey = 0x0012, "Transparent ECMQV Private Key", V1_0, until V2_0;
    TransparentEcmqvPublicKey = 0x0013, "Transparent ECMQV Public Key", V1_0, until V2_0;
    TransparentEcPrivateKey = 0x0014, "Transparent EC Private Key", V1_3;
    TransparentEcPublicKey = 0x0015, "Transparent EC Public Key", V1_3;
    Pkcs12 = 0x0016, "PKCS#12", V1_4;
    Pkcs10 = 0x0017, "PKCS#10", V2_0;
}

enumeration! {
    KeyValueLocationType, "Key Value Location Type", V1_2;
    UninterpretedTextString = 0x0001, "Uninterpreted Text String", V1_2;
    Uri = 0x0002, "URI", V1_2;
}

enumeration! {
    KeyWrapType, "Key Wrap Type", V1_4;
    NotWrapped = 0x0001, "Not Wrapped", V1_4;
    AsRegistered = 0x0002, "As Registered", V1_4;
}

enumeration! {
    LinkType, "Link Type", V1_0;
    CertificateLink = 0x0101, "Certificate Link", V1_0;
    PublicKeyLink = 0x0102, "Public Key Link", V1_0;
    PrivateKeyLink = 0x0103, "Private Key Link", V1_0;
    DerivationBaseObjectLink = 0x0104, "Derivation Base Object Link", V1_0;
    DerivedKeyLink = 0x0105, "Derived Key Link", V1_0;
    ReplacementObjectLink = 0x0106, "Replacement Object Link", V1_0;
    ReplacedObjectLink = 0x0107, "Replaced Object Link", V1_0;
    ParentLink = 0x0108, "Parent Link", V1_2;
    ChildLink = 0x0109, "Child Link", V1_2;
    PreviousLink = 0x010a, "Previous Link", V1_2;
    NextLink = 0x010b, "Next Link", V1_2;
    Pkcs12CertificateLink = 0x010c, "PKCS#12 Certificate Link", V1_4;
    Pkcs12PasswordLink = 0x010d, "PKCS#12 Password Link", V1_4;
    WrappingKeyLink = 0x010e, "Wrapping Key Link", V2_0;
}

enumeration! {
    NameType, "Name Type", V1_0;
    UninterpretedTextString = 0x0001, "Uninterpreted Text String", V1_0;
    Uri = 0x0002, "URI", V1_0;
}

enumeration! {
    NistKeyType, "NIST Key Type", V2_0;
    PrivateSignatureKey = 0x0001, "Private signature key", V2_0;
    PublicSignatureVerificationKey = 0x0002, "Public signature verification key", V2_0;
    SymmetricAuthenticationKey = 0x0003, "Symmetric authentication key", V2_0;
    PrivateAuthenticationKey = 0x0004, "Private authentication key", V2_0;
    PublicAuthenticationKey = 0x0005, "Public authentication key", V2_0;
    SymmetricDataEncryptionKey = 0x0006, "Symmetric data encryption key", V2_0;
    SymmetricKeyWrappingKey = 0x0007, "Symmetric key wrapping key", V2_0;
    SymmetricRandomNumberGenerationKey = 0x0008, "Symmetric random number generation key", V2_0;
    SymmetricMasterKey = 0x0009, "Symmetric master key", V2_0;
    PrivateKeyTransportKey = 0x000a, "Private key transport key", V2_0;
    PublicKeyTransportKey = 0x000b, "Public key transport key", V2_0;
    SymmetricKeyAgreementKey = 0x000c, "Symmetric key agreement key", V2_0;
    PrivateStaticKeyAgreementKey = 0x000d, "Private static key agreement key", V2_0;
    PublicStaticKeyAgreementKey = 0x000e, "Public static key agreement key", V2_0;
    PrivateEphemeralKeyAgreementKey = 0x000f, "Private ephemeral key agreement key", V2_0;
    PublicEphemeralKeyAgreementKey = 0x0010, "Public ephemeral key agreement key", V2_0;
    SymmetricAuthorizationKey = 0x0011, "Symmetric authorization key", V2_0;
    PrivateAuthorizationKey = 0x0012, "Private authorization key", V2_0;
    PublicAuthorizationKey = 0x0013, "Public authorization key", V2_0;
}

enumeration! {
    ObjectGroupMember, "Object Group Member", V1_1;
    GroupMemberFresh = 0x0001, "Group Member Fresh", V1_1;
    GroupMemberDefault = 0x0002, "Group Member Default", V1_1;
}

enumeration! {
    ObjectType, "Object Type", V1_0;
    Certificate = 0x0001, "Certificate", V1_0;
    SymmetricKey = 0x0002, "Symmetric Key", V1_0;
    PublicKey = 0x0003, "Public Key", V1_0;
    PrivateKey = 0x0004, "Private Key", V1_0;
    SplitKey = 0x0005, "Split Key", V1_0;
    Template = 0x0006, "Template", V1_0, until V2_0;
    SecretData = 0x0007, "Secret Data", V1_0;
    OpaqueObject = 0x0008, "Opaque Object", V1_0;
    PgpKey = 0x0009, "PGP Key", V1_2;
    CertificateRequest = 0x000a, "Certificate Request", V2_0;
}

enumeration! {
    ProtectionLevel, "Protection Level", V2_0;
    High = 0x0001, "High", V2_0;
    Low = 0x0002, "Low", V2_0;
}

enumeration! {
    RevocationReasonCode, "Revocation Reason Code", V1_0;
    Unspecified = 0x0001, "Unspecified", V1_0;
    KeyCompromise = 0x0002, "Key Compromise", V1_0;
    CaCompromise = 0x0003, "CA Compromise", V1_0;
    AffiliationChanged = 0x0004, "Affiliation Changed", V1_0;
    Superseded = 0x0005, "Superseded", V1_0;
    CessationOfOperation = 0x0006, "Cessation of Operation", V1_0;
    PrivilegeWithdrawn = 0x0007, "Privilege Withdrawn", V1_0;
}

enumeration! {
    RotateNameType, "Rotate Name Type", V2_1;
    UninterpretedTextString = 0x0001, "Uninterpreted Text String", V2_1;
    Uri = 0x0002, "URI", V2_1;
}

enumeration! {
    SecretDataType, "Secret Data Type", V1_0;
    Password = 0x0001, "Password", V1_0;
    Seed = 0x0002, "Seed", V1_0;
}

enumeration! {
    SplitKeyMethod, "Split Key Method", V1_0;
    Xor = 0x0001, "XOR", V1_0;
    PolynomialSharingGf2_16 = 0x0002, "Polynomial Sharing GF (2^16)", V1_0;
    PolynomialSharingPrimeField = 0x0003, "Polynomial Sharing Prime Field", V1_0;
    PolynomialSharingGf2_8 = 0x0004, "Polynomial Sharing GF (2^8)", V1_2;
}

enumeration! {
    State, "State", V1_0;
    PreActive = 0x0001, "Pre-Active", V1_0;
    Active = 0x0002, "Active", V1_0;
    Deactivated = 0x0003, "Deactivated", V1_0;
    Compromised = 0x0004, "Compromised", V1_0;
    Destroyed = 0x0005, "Destroyed", V1_0;
    DestroyedCompromised = 0x0006, "Destroyed Compromised", V1_0;
}

enumeration! {
    UsageLimitsUnit, "Usage Limits Unit", V1_0;
    Byte = 0x0001, "Byte", V1_0;
    Object = 0x0002, "Object", V1_0;
}

enumeration! {
    ValidityIndicator, "Validity Indicator", V1_0;
    Valid = 0x0001, "Valid", V1_0;
    Invalid = 0x0002, "Invalid", V1_0;
    Unknown = 0x0003, "Unknown", V1_0;
}

enumeration! {
    WrappingMethod, "Wrapping Method", V1_0;
    Encrypt = 0x0001, "Encrypt", V1_0;
    MacSign = 0x0002, "MAC/sign", V1_0;
    EncryptThenMacSign = 0x0003, "Encrypt then MAC/sign", V1_0;
    MacSignThenEncrypt = 0x0004, "MAC/sign then encrypt", V1_0;
    Tr31 = 0x0005, "TR-31", V1_0;
}
