//! A managed object as the server holds it.
//!
//! [`Object`] is what the store loads and what decisions change. Key material is in it only as [`Wrapped`]. Two versions
//! guard it: [`Object::state_version`] moves with state, dates set by operations and material; [`Object::attributes_version`] with what
//! clients attach. So tagging a key in one connection never conflicts with fetching it in another.

use crate::crypto::Wrapped;
use crate::domain::{InstanceId, ObjectId};
use crate::kmip::attribute::Attribute;
use crate::kmip::enums::{
    CryptographicAlgorithm, NameType, ObjectType, RevocationReasonCode, State,
};

/// The dates of an object, seconds since 1970 (KMIP 1.4 §3.22 to §3.38); absent = not set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dates {
    /// Set by the server when the object is made; never changes.
    pub initial: i64,
    /// When it becomes Active, or became so.
    pub activation: Option<i64>,
    /// No processing use before it.
    pub process_start: Option<i64>,
    /// No protecting use after it.
    pub protect_stop: Option<i64>,
    /// When it becomes Deactivated, or became so.
    pub deactivation: Option<i64>,
    /// When it was destroyed.
    pub destroy: Option<i64>,
    /// When the server learned of a compromise.
    pub compromise: Option<i64>,
    /// When the compromise is believed to have happened.
    pub compromise_occurrence: Option<i64>,
    /// When it was archived.
    pub archive: Option<i64>,
    /// The last change of contents or attributes.
    pub last_change: i64,
}

/// Why an object was revoked (KMIP 1.4 §3.31).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationReason {
    /// The code given.
    pub code: RevocationReasonCode,
    /// The text given with it.
    pub message: Option<String>,
}

/// A Name of an object (KMIP 1.4 §3.2): unique within its instance among objects that are not destroyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The Attribute Index, stable for the life of this instance of the attribute.
    pub index: u32,
    /// Its text.
    pub value: String,
    /// What kind of text.
    pub name_type: NameType,
}

/// A managed object.
#[derive(Debug, Clone)]
pub struct Object {
    /// The Unique Identifier.
    pub id: ObjectId,
    /// The instance it belongs to; for clients of others it does not exist.
    pub instance: InstanceId,
    /// What it is.
    pub object_type: ObjectType,
    /// The state last recorded; dates may have moved it on since: see `lifecycle::state_at`.
    pub state: State,
    /// Its dates.
    pub dates: Dates,
    /// The algorithm its material is for.
    pub algorithm: Option<CryptographicAlgorithm>,
    /// Cryptographic Length in bits.
    pub length: Option<i32>,
    /// Cryptographic Usage Mask, as the bits of the standard.
    pub usage_mask: i32,
    /// SHA-256 of the key material, the Digest attribute.
    pub digest: Option<[u8; 32]>,
    /// Why it was revoked, once it was.
    pub revocation: Option<RevocationReason>,
    /// Its Names, by ascending index.
    pub names: Vec<Name>,
    /// Every other attribute that a client may attach, custom ones included, each with its index.
    pub attributes: Vec<Attribute>,
    /// Whether its material was never served.
    pub fresh: bool,
    /// When its material was last served, to the hour; seconds since 1970.
    pub last_read: Option<i64>,
    /// When its destruction, which an administrator scheduled, is carried out, seconds since 1970: until then it is not used.
    pub destroy_due: Option<i64>,
    /// Moves with state, dates set by operations and material.
    pub state_version: u64,
    /// Moves with names and attributes.
    pub attributes_version: u64,
    /// The epoch of the instance's data key that seals the material.
    pub data_key_epoch: u32,
    /// The sealed material; none once destroyed.
    pub material: Option<Wrapped>,
}
