//! Enumerations of messages, headers, results and server information.
//!
//! Tables only: what a value means to a server is decided elsewhere.

use super::enumeration;

enumeration! {
    AsynchronousIndicator, "Asynchronous Indicator", V2_0;
    Mandatory = 0x0001, "Mandatory", V2_0;
    Optional = 0x0002, "Optional", V2_0;
    Prohibited = 0x0003, "Prohibited", V2_0;
}

enumeration! {
    AttestationType, "Attestation Type", V1_2;
    TpmQuote = 0x0001, "TPM Quote", V1_2;
    TcgIntegrityReport = 0x0002, "TCG Integrity Report", V1_2;
    SamlAssertion = 0x0003, "SAML Assertion", V1_2;
}

enumeration! {
    BatchErrorContinuationOption, "Batch Error Continuation Option", V1_0;
    Continue = 0x0001, "Continue", V1_0;
    Stop = 0x0002, "Stop", V1_0;
    Undo = 0x0003, "Undo", V1_0;
}

enumeration! {
    CancellationResult, "Cancellation Result", V1_0;
    Canceled = 0x0001, "Canceled", V1_0;
    UnableToCancel = 0x0002, "Unable to Cancel", V1_0;
    Completed = 0x0003, "Completed", V1_0;
    Failed = 0x0004, "Failed", V1_0;
    Unavailable = 0x0005, "Unavailable", V1_0;
}

enumeration! {
    ClientRegistrationMethod, "Client Registration Method", V1_3;
    Unspecified = 0x0001, "Unspecified", V1_3;
    ServerPreGenerated = 0x0002, "Server Pre-Generated", V1_3;
    ServerOnDemand = 0x0003, "Server On-Demand", V1_3;
    ClientGenerated = 0x0004, "Client Generated", V1_3;
    ClientRegistered = 0x0005, "Client Registered", V1_3;
}

enumeration! {
    CredentialType, "Credential Type", V1_0;
    UsernameAndPassword = 0x0001, "Username and Password", V1_0;
    Device = 0x0002, "Device", V1_1;
    Attestation = 0x0003, "Attestation", V1_2;
    OneTimePassword = 0x0004, "One Time Password", V2_0;
    HashedPassword = 0x0005, "Hashed Password", V2_0;
    Ticket = 0x0006, "Ticket", V2_0;
}

enumeration! {
    Data, "Data", V2_0;
    Decrypt = 0x0001, "Decrypt", V2_0;
    Encrypt = 0x0002, "Encrypt", V2_0;
    Hash = 0x0003, "Hash", V2_0;
    MacMacData = 0x0004, "MAC MAC Data", V2_0;
    RngRetrieve = 0x0005, "RNG Retrieve", V2_0;
    SignSignatureData = 0x0006, "Sign Signature Data", V2_0;
    SignatureVerify = 0x0007, "Signature Verify", V2_0;
}

enumeration! {
    DestroyAction, "Destroy Action", V1_3;
    Unspecified = 0x0001, "Unspecified", V1_3;
    KeyMaterialDeleted = 0x0002, "Key Material Deleted", V1_3;
    KeyMaterialShredded = 0x0003, "Key Material Shredded", V1_3;
    MetaDataDeleted = 0x0004, "Meta Data Deleted", V1_3;
    MetaDataShredded = 0x0005, "Meta Data Shredded", V1_3;
    Deleted = 0x0006, "Deleted", V1_3;
    Shredded = 0x0007, "Shredded", V1_3;
}

enumeration! {
    EndpointRole, "Endpoint Role", V2_0;
    Client = 0x0001, "Client", V2_0;
    Server = 0x0002, "Server", V2_0;
}

enumeration! {
    InteropFunction, "Interop Function", V2_0;
    Begin = 0x0001, "Begin", V2_0;
    End = 0x0002, "End", V2_0;
    Reset = 0x0003, "Reset", V2_0;
}

enumeration! {
    ItemType, "Item Type", V2_0;
    Structure = 0x0001, "Structure", V2_0;
    Integer = 0x0002, "Integer", V2_0;
    LongInteger = 0x0003, "Long Integer", V2_0;
    BigInteger = 0x0004, "Big Integer", V2_0;
    Enumeration = 0x0005, "Enumeration", V2_0;
    Boolean = 0x0006, "Boolean", V2_0;
    TextString = 0x0007, "Text String", V2_0;
    ByteString = 0x0008, "Byte String", V2_0;
    DateTime = 0x0009, "Date Time", V2_0;
    Interval = 0x000a, "Interval", V2_0;
    DateTimeExtended = 0x000b, "Date Time Extended", V2_0;
}

enumeration! {
    ProcessingStage, "Processing Stage", V2_1;
    Submitted = 0x0001, "Submitted", V2_1;
    InProcess = 0x0002, "In Process", V2_1;
    Completed = 0x0003, "Completed", V2_1;
}

enumeration! {
    PutFunction, "Put Function", V1_0;
    New = 0x0001, "New", V1_0;
    Replace = 0x0002, "Replace", V1_0;
}

enumeration! {
    QueryFunction, "Query Function", V1_0;
    QueryOperations = 0x0001, "Query Operations", V1_0;
    QueryObjects = 0x0002, "Query Objects", V1_0;
    QueryServerInformation = 0x0003, "Query Server Information", V1_0;
    QueryApplicationNamespaces = 0x0004, "Query Application Namespaces", V1_0;
    QueryExtensionList = 0x0005, "Query Extension List", V1_1;
    QueryExtensionMap = 0x0006, "Query Extension Map", V1_1;
    QueryAttestationTypes = 0x0007, "Query Attestation Types", V1_2;
    QueryRNGs = 0x0008, "Query RNGs", V1_3;
    QueryValidations = 0x0009, "Query Validations", V1_3;
    QueryProfiles = 0x000a, "Query Profiles", V1_3;
    QueryCapabilities = 0x000b, "Query Capabilities", V1_3;
    QueryClientRegistrationMethods = 0x000c, "Query Client Registration Methods", V1_3;
    QueryDefaultsInformation = 0x000d, "Query Defaults Information", V2_0;
    QueryStorageProtectionMasks = 0x000e, "Query Storage Protection Masks", V2_0;
}

enumeration! {
    ResultReason, "Result Reason", V1_0;
    ItemNotFound = 0x0001, "Item Not Found", V1_0;
    ResponseTooLarge = 0x0002, "Response Too Large", V1_0;
    AuthenticationNotSuccessful = 0x0003, "Authentication Not Successful", V1_0;
    InvalidMessage = 0x0004, "Invalid Message", V1_0;
    OperationNotSupported = 0x0005, "Operation Not Supported", V1_0;
    MissingData = 0x0006, "Missing Data", V1_0;
    InvalidField = 0x0007, "Invalid Field", V1_0;
    FeatureNotSupported = 0x0008, "Feature Not Supported", V1_0;
    OperationCanceledByRequester = 0x0009, "Operation Canceled By Requester", V1_0;
    CryptographicFailure = 0x000a, "Cryptographic Failure", V1_0;
    IllegalOperation = 0x000b, "Illegal Operation", V1_0, until V2_0;
    PermissionDenied = 0x000c, "Permission Denied", V1_0;
    ObjectArchived = 0x000d, "Object Archived", V1_0;
    IndexOutOfBounds = 0x000e, "Index Out of Bounds", V1_0, until V2_0;
    ApplicationNamespaceNotSupported = 0x000f, "Application Namespace Not Supported", V1_0;
    KeyFormatTypeNotSupported = 0x0010, "Key Format Type Not Supported", V1_0;
    KeyCompressionTypeNotSupported = 0x0011, "Key Compression Type Not Supported", V1_0;
    EncodingOptionError = 0x0012, "Encoding Option Error", V1_1;
    KeyValueNotPresent = 0x0013, "Key Value Not Present", V1_2;
    AttestationRequired = 0x0014, "Attestation Required", V1_2;
    AttestationFailed = 0x0015, "Attestation Failed", V1_2;
    Sensitive = 0x0016, "Sensitive", V1_4;
    NotExtractable = 0x0017, "Not Extractable", V1_4;
    ObjectAlreadyExists = 0x0018, "Object Already Exists", V1_4;
    InvalidTicket = 0x0019, "Invalid Ticket", V2_0;
    UsageLimitExceeded = 0x001a, "Usage Limit Exceeded", V2_0;
    NumericRange = 0x001b, "Numeric Range", V2_0;
    InvalidDataType = 0x001c, "Invalid Data Type", V2_0;
    ReadOnlyAttribute = 0x001d, "Read Only Attribute", V2_0;
    MultiValuedAttribute = 0x001e, "Multi Valued Attribute", V2_0;
    UnsupportedAttribute = 0x001f, "Unsupported Attribute", V2_0;
    AttributeInstanceNotFound = 0x0020, "Attribute Instance Not Found", V2_0;
    AttributeNotFound = 0x0021, "Attribute Not Found", V2_0;
    AttributeReadOnly = 0x0022, "Attribute Read Only", V2_0;
    AttributeSingleValued = 0x0023, "Attribute Single Valued", V2_0;
    BadCryptographicParameters = 0x0024, "Bad Cryptographic Parameters", V2_0;
    BadPassword = 0x0025, "Bad Password", V2_0;
    CodecError = 0x0026, "Codec Error", V2_0;
    IllegalObjectType = 0x0028, "Illegal Object Type", V2_0;
    IncompatibleCryptographicUsageMask = 0x0029, "Incompatible Cryptographic Usage Mask", V2_0;
    InternalServerError = 0x002a, "Internal Server Error", V2_0;
    InvalidAsynchronousCorrelationValue = 0x002b, "Invalid Asynchronous Correlation Value", V2_0;
    InvalidAttribute = 0x002c, "Invalid Attribute", V2_0;
    InvalidAttributeValue = 0x002d, "Invalid Attribute Value", V2_0;
    InvalidCorrelationValue = 0x002e, "Invalid Correlation Value", V2_0;
    InvalidCsr = 0x002f, "Invalid CSR", V2_0;
    InvalidObjectType = 0x0030, "Invalid Object Type", V2_0;
    KeyWrapTypeNotSupported = 0x0032, "Key Wrap Type Not Supported", V2_0;
    MissingInitializationVector = 0x0034, "Missing Initialization Vector", V2_0;
    NonUniqueNameAttribute = 0x0035, "Non Unique Name Attribute", V2_0;
    ObjectDestroyed = 0x0036, "Object Destroyed", V2_0;
    ObjectNotFound = 0x0037, "Object Not Found", V2_0;
    NotAuthorised = 0x0039, "Not Authorised", V2_0;
    ServerLimitExceeded = 0x003a, "Server Limit Exceeded", V2_0;
    UnknownEnumeration = 0x003b, "Unknown Enumeration", V2_0;
    UnknownMessageExtension = 0x003c, "Unknown Message Extension", V2_0;
    UnknownTag = 0x003d, "Unknown Tag", V2_0;
    UnsupportedCryptographicParameters = 0x003e, "Unsupported Cryptographic Parameters", V2_0;
    UnsupportedProtocolVersion = 0x003f, "Unsupported Protocol Version", V2_0;
    WrappingObjectArchived = 0x0040, "Wrapping Object Archived", V2_0;
    WrappingObjectDestroyed = 0x0041, "Wrapping Object Destroyed", V2_0;
    WrappingObjectNotFound = 0x0042, "Wrapping Object Not Found", V2_0;
    WrongKeyLifecycleState = 0x0043, "Wrong Key Lifecycle State", V2_0;
    ProtectionStorageUnavailable = 0x0044, "Protection Storage Unavailable", V2_0;
    Pkcs11CodecError = 0x0045, "PKCS#11 Codec Error", V2_0;
    Pkcs11InvalidFunction = 0x0046, "PKCS#11 Invalid Function", V2_0;
    Pkcs11InvalidInterface = 0x0047, "PKCS#11 Invalid Interface", V2_0;
    PrivateProtectionStorageUnavailable = 0x0048, "Private Protection Storage Unavailable", V2_0;
    PublicProtectionStorageUnavailable = 0x0049, "Public Protection Storage Unavailable", V2_0;
    UnknownObjectGroup = 0x004a, "Unknown Object Group", V2_1;
    ConstraintViolation = 0x004b, "Constraint Violation", V2_1;
    DuplicateProcessRequest = 0x004c, "Duplicate Process Request", V2_1;
    GeneralFailure = 0x0100, "General Failure", V1_0;
}

enumeration! {
    ResultStatus, "Result Status", V1_0;
    Success = 0x0000, "Success", V1_0;
    OperationFailed = 0x0001, "Operation Failed", V1_0;
    OperationPending = 0x0002, "Operation Pending", V1_0;
    OperationUndone = 0x0003, "Operation Undone", V1_0;
}

enumeration! {
    ShreddingAlgorithm, "Shredding Algorithm", V1_3;
    Unspecified = 0x0001, "Unspecified", V1_3;
    Cryptographic = 0x0002, "Cryptographic", V1_3;
    Unsupported = 0x0003, "Unsupported", V1_3;
}

enumeration! {
    TicketType, "Ticket Type", V2_0;
    Login = 0x0001, "Login", V2_0;
}

enumeration! {
    UniqueIdentifierReference, "Unique Identifier", V2_0;
    IdPlaceholder = 0x0001, "ID Placeholder", V2_0;
    Certify = 0x0002, "Certify", V2_0;
    Create = 0x0003, "Create", V2_0;
    CreateKeyPair = 0x0004, "Create Key Pair", V2_0;
    CreateKeyPairPrivateKey = 0x0005, "Create Key Pair Private Key", V2_0;
    CreateKeyPairPublicKey = 0x0006, "Create Key Pair Public Key", V2_0;
    CreateSplitKey = 0x0007, "Create Split Key", V2_0;
    DeriveKey = 0x0008, "Derive Key", V2_0;
    Import = 0x0009, "Import", V2_0;
    JoinSplitKey = 0x000a, "Join Split Key", V2_0;
    Locate = 0x000b, "Locate", V2_0;
    Register = 0x000c, "Register", V2_0;
    ReKey = 0x000d, "Re-key", V2_0;
    ReCertify = 0x000e, "Re-certify", V2_0;
    ReKeyKeyPair = 0x000f, "Re-key Key Pair", V2_0;
    ReKeyKeyPairPrivateKey = 0x0010, "Re-key Key Pair Private Key", V2_0;
    ReKeyKeyPairPublicKey = 0x0011, "Re-key Key Pair Public Key", V2_0;
}

enumeration! {
    UnwrapMode, "Unwrap Mode", V1_3;
    Unspecified = 0x0001, "Unspecified", V1_3;
    Processed = 0x0002, "Processed", V1_3;
    NotProcessed = 0x0003, "Not Processed", V1_3;
}

enumeration! {
    ValidationAuthorityType, "Validation Authority Type", V1_3;
    Unspecified = 0x0001, "Unspecified", V1_3;
    NistCmvp = 0x0002, "NIST CMVP", V1_3;
    CommonCriteria = 0x0003, "Common Criteria", V1_3;
}

enumeration! {
    ValidationType, "Validation Type", V1_3;
    Unspecified = 0x0001, "Unspecified", V1_3;
    Hardware = 0x0002, "Hardware", V1_3;
    Software = 0x0003, "Software", V1_3;
    Firmware = 0x0004, "Firmware", V1_3;
    Hybrid = 0x0005, "Hybrid", V1_3;
}
