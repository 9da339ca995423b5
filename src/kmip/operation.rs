//! The table of operations: the one place that lists them.
//!
//! A line with a module after the colon has a payload in `payload/<module>.rs`; every operation
//! without one is answered Operation Not Supported. Adding an operation starts by naming its module
//! here; the compiler then demands the rest.

use super::version::ProtocolVersion;

macro_rules! operations {
    ($($Variant:ident = $code:literal, $name:literal, $since:ident $(: $module:ident)?;)*) => {
        /// An operation of the standard (KMIP 1.4 §9.1.3.2.27, 2.1 §11.38).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Operation {
            $(#[doc = $name] $Variant,)*
        }

        impl Operation {
            /// Every operation, by ascending code.
            pub const ALL: &'static [Self] = &[$(Self::$Variant,)*];

            /// The operation of a code, if the standard defines it.
            #[must_use]
            pub const fn from_code(code: u32) -> Option<Self> {
                match code { $($code => Some(Self::$Variant),)* _ => None }
            }

            /// The number on the wire.
            #[must_use]
            pub const fn code(self) -> u32 {
                match self { $(Self::$Variant => $code,)* }
            }

            /// The canonical name, e.g. "Get Attribute List".
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$Variant => $name,)* }
            }

            /// The first version that defines the operation.
            #[must_use]
            pub const fn since(self) -> ProtocolVersion {
                match self { $(Self::$Variant => ProtocolVersion::$since,)* }
            }

            /// The module of `payload` that holds its fields; nothing when it is not implemented.
            #[must_use]
            pub const fn payload_module(self) -> Option<&'static str> {
                match self { $(Self::$Variant => module_name!($($module)?),)* }
            }
        }
    };
}

macro_rules! module_name {
    () => {
        None
    };
    ($module:ident) => {
        Some(stringify!($module))
    };
}

impl Operation {
    /// Whether a payload exists for the operation. Query and the operation's file agree on it.
    #[must_use]
    pub const fn is_implemented(self) -> bool {
        self.payload_module().is_some()
    }

    /// Whether later items of a batch may mean what the operation made or found: it sets the ID Placeholder, or empties it (KMIP 1.4
    /// §4, with §4.10 for Check).
    #[must_use]
    pub const fn sets_placeholder(self) -> bool {
        matches!(
            self,
            Self::Create
                | Self::CreateKeyPair
                | Self::Register
                | Self::ReKey
                | Self::DeriveKey
                | Self::Certify
                | Self::ReCertify
                | Self::Locate
                | Self::Check
                | Self::Recover
                | Self::ReKeyKeyPair
                | Self::CreateSplitKey
                | Self::JoinSplitKey
                | Self::Import
                | Self::Export
        )
    }
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

operations! {
    Create = 0x01, "Create", V1_0: create;
    CreateKeyPair = 0x02, "Create Key Pair", V1_0;
    Register = 0x03, "Register", V1_0;
    ReKey = 0x04, "Re-key", V1_0;
    DeriveKey = 0x05, "Derive Key", V1_0;
    Certify = 0x06, "Certify", V1_0;
    ReCertify = 0x07, "Re-certify", V1_0;
    Locate = 0x08, "Locate", V1_0: locate;
    Check = 0x09, "Check", V1_0;
    Get = 0x0a, "Get", V1_0: get;
    GetAttributes = 0x0b, "Get Attributes", V1_0: get_attributes;
    GetAttributeList = 0x0c, "Get Attribute List", V1_0: get_attribute_list;
    AddAttribute = 0x0d, "Add Attribute", V1_0: add_attribute;
    ModifyAttribute = 0x0e, "Modify Attribute", V1_0: modify_attribute;
    DeleteAttribute = 0x0f, "Delete Attribute", V1_0: delete_attribute;
    ObtainLease = 0x10, "Obtain Lease", V1_0;
    GetUsageAllocation = 0x11, "Get Usage Allocation", V1_0;
    Activate = 0x12, "Activate", V1_0: activate;
    Revoke = 0x13, "Revoke", V1_0: revoke;
    Destroy = 0x14, "Destroy", V1_0: destroy;
    Archive = 0x15, "Archive", V1_0;
    Recover = 0x16, "Recover", V1_0;
    Validate = 0x17, "Validate", V1_0;
    Query = 0x18, "Query", V1_0: query;
    Cancel = 0x19, "Cancel", V1_0;
    Poll = 0x1a, "Poll", V1_0;
    Notify = 0x1b, "Notify", V1_0;
    Put = 0x1c, "Put", V1_0;
    ReKeyKeyPair = 0x1d, "Re-key Key Pair", V1_1;
    DiscoverVersions = 0x1e, "Discover Versions", V1_1: discover_versions;
    Encrypt = 0x1f, "Encrypt", V1_2;
    Decrypt = 0x20, "Decrypt", V1_2;
    Sign = 0x21, "Sign", V1_2;
    SignatureVerify = 0x22, "Signature Verify", V1_2;
    Mac = 0x23, "MAC", V1_2;
    MacVerify = 0x24, "MAC Verify", V1_2;
    RngRetrieve = 0x25, "RNG Retrieve", V1_2;
    RngSeed = 0x26, "RNG Seed", V1_2;
    Hash = 0x27, "Hash", V1_2;
    CreateSplitKey = 0x28, "Create Split Key", V1_2;
    JoinSplitKey = 0x29, "Join Split Key", V1_2;
    Import = 0x2a, "Import", V1_4;
    Export = 0x2b, "Export", V1_4;
    Log = 0x2c, "Log", V2_0;
    Login = 0x2d, "Login", V2_0;
    Logout = 0x2e, "Logout", V2_0;
    DelegatedLogin = 0x2f, "Delegated Login", V2_0;
    AdjustAttribute = 0x30, "Adjust Attribute", V2_0;
    SetAttribute = 0x31, "Set Attribute", V2_0;
    SetEndpointRole = 0x32, "Set Endpoint Role", V2_0;
    Pkcs11 = 0x33, "PKCS#11", V2_0;
    Interop = 0x34, "Interop", V2_0;
    ReProvision = 0x35, "Re-Provision", V2_0;
    SetDefaults = 0x36, "Set Defaults", V2_1;
    SetConstraints = 0x37, "Set Constraints", V2_1;
    GetConstraints = 0x38, "Get Constraints", V2_1;
    QueryAsynchronousRequests = 0x39, "Query Asynchronous Requests", V2_1;
    Process = 0x3a, "Process", V2_1;
    Ping = 0x3b, "Ping", V2_1;
}
