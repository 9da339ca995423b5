//! The bit masks of KMIP: named bits over a 32-bit number.
//!
//! Bits the standard does not name are kept, not refused: a mask that came from a client leaves as
//! it came. What a bit permits is decided elsewhere.

use super::{
    enums::{EnumerationTable, EnumerationValue, removed},
    version::ProtocolVersion,
};

macro_rules! mask {
    (
        $Name:ident, $canonical:literal, $first:ident;
        $($BIT:ident = $code:literal, $text:literal, $since:ident $(, until $removed:ident)?;)*
    ) => {
        #[doc = concat!("The mask \"", $canonical, "\".")]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub struct $Name(u32);

        impl $Name {
            $(#[doc = $text] pub const $BIT: Self = Self($code);)*

            /// The mask as data: one value for each bit.
            pub const TABLE: EnumerationTable = EnumerationTable {
                name: $canonical,
                since: ProtocolVersion::$first,
                values: &[$(EnumerationValue {
                    code: $code,
                    name: $text,
                    since: ProtocolVersion::$since,
                    removed: removed!($($removed)?),
                },)*],
            };

            /// A mask from its bits.
            #[must_use]
            pub const fn from_bits(bits: u32) -> Self {
                Self(bits)
            }

            /// The bits.
            #[must_use]
            pub const fn bits(self) -> u32 {
                self.0
            }

            /// A mask from the Integer on the wire; the sign is just the highest bit.
            #[must_use]
            pub const fn from_integer(value: i32) -> Self {
                Self(value.cast_unsigned())
            }

            /// The Integer on the wire.
            #[must_use]
            pub const fn integer(self) -> i32 {
                self.0.cast_signed()
            }

            /// Whether all bits of `other` are set here.
            #[must_use]
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// Both masks together.
            #[must_use]
            pub const fn union(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// The names of the bits set, lowest first; unnamed bits are left out.
            #[must_use]
            pub fn names(self) -> Vec<&'static str> {
                let set = Self::TABLE.values.iter().filter(|bit| self.0 & bit.code != 0);
                set.map(|bit| bit.name).collect()
            }
        }

        impl std::ops::BitOr for $Name {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                self.union(other)
            }
        }
    };
}

/// Every mask, by name.
pub static MASKS: &[&EnumerationTable] = &[
    &CryptographicUsageMask::TABLE,
    &ProtectionStorageMask::TABLE,
    &StorageStatusMask::TABLE,
];

mask! {
    CryptographicUsageMask, "Cryptographic Usage Mask", V1_0;
    SIGN = 0x00000001, "Sign", V1_0;
    VERIFY = 0x00000002, "Verify", V1_0;
    ENCRYPT = 0x00000004, "Encrypt", V1_0;
    DECRYPT = 0x00000008, "Decrypt", V1_0;
    WRAP_KEY = 0x00000010, "Wrap Key", V1_0;
    UNWRAP_KEY = 0x00000020, "Unwrap Key", V1_0;
    EXPORT = 0x00000040, "Export", V1_0, until V2_0;
    MAC_GENERATE = 0x00000080, "MAC Generate", V1_0;
    MAC_VERIFY = 0x00000100, "MAC Verify", V1_0;
    DERIVE_KEY = 0x00000200, "Derive Key", V1_0;
    CONTENT_COMMITMENT_NON_REPUDIATION = 0x00000400, "Content Commitment (Non Repudiation)", V1_0, until V2_0;
    KEY_AGREEMENT = 0x00000800, "Key Agreement", V1_0;
    CERTIFICATE_SIGN = 0x00001000, "Certificate Sign", V1_0;
    CRL_SIGN = 0x00002000, "CRL Sign", V1_0;
    GENERATE_CRYPTOGRAM = 0x00004000, "Generate Cryptogram", V1_0, until V2_0;
    VALIDATE_CRYPTOGRAM = 0x00008000, "Validate Cryptogram", V1_0, until V2_0;
    TRANSLATE_ENCRYPT = 0x00010000, "Translate Encrypt", V1_0, until V2_0;
    TRANSLATE_DECRYPT = 0x00020000, "Translate Decrypt", V1_0, until V2_0;
    TRANSLATE_WRAP = 0x00040000, "Translate Wrap", V1_0, until V2_0;
    TRANSLATE_UNWRAP = 0x00080000, "Translate Unwrap", V1_0, until V2_0;
    AUTHENTICATE = 0x00100000, "Authenticate", V2_0;
    UNRESTRICTED = 0x00200000, "Unrestricted", V2_0;
    FPE_ENCRYPT = 0x00400000, "FPE Encrypt", V2_0;
    FPE_DECRYPT = 0x00800000, "FPE Decrypt", V2_0;
}

mask! {
    ProtectionStorageMask, "Protection Storage Mask", V2_0;
    SOFTWARE = 0x00000001, "Software", V2_0;
    HARDWARE = 0x00000002, "Hardware", V2_0;
    ON_PROCESSOR = 0x00000004, "On Processor", V2_0;
    ON_SYSTEM = 0x00000008, "On System", V2_0;
    OFF_SYSTEM = 0x00000010, "Off System", V2_0;
    HYPERVISOR = 0x00000020, "Hypervisor", V2_0;
    OPERATING_SYSTEM = 0x00000040, "Operating System", V2_0;
    CONTAINER = 0x00000080, "Container", V2_0;
    ON_PREMISES = 0x00000100, "On Premises", V2_0;
    OFF_PREMISES = 0x00000200, "Off Premises", V2_0;
    SELF_MANAGED = 0x00000400, "Self Managed", V2_0;
    OUTSOURCED = 0x00000800, "Outsourced", V2_0;
    VALIDATED = 0x00001000, "Validated", V2_0;
    SAME_JURISDICTION = 0x00002000, "Same Jurisdiction", V2_0;
}

mask! {
    StorageStatusMask, "Storage Status Mask", V1_0;
    ON_LINE_STORAGE = 0x00000001, "On-line storage", V1_0;
    ARCHIVAL_STORAGE = 0x00000002, "Archival storage", V1_0;
    DESTROYED_STORAGE = 0x00000004, "Destroyed storage", V2_0;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_vcenter_is_encrypt_and_decrypt() {
        let mask = CryptographicUsageMask::from_integer(12);
        assert_eq!(
            mask,
            CryptographicUsageMask::ENCRYPT | CryptographicUsageMask::DECRYPT
        );
        assert_eq!(mask.names(), ["Encrypt", "Decrypt"]);
        assert!(!mask.contains(CryptographicUsageMask::SIGN));
    }

    #[test]
    fn unnamed_bits_survive() {
        assert_eq!(StorageStatusMask::from_integer(-8).integer(), -8);
        assert!(StorageStatusMask::from_integer(-8).names().is_empty());
    }
}
