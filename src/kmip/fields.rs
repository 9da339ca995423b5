//! Reading the fields of a structure: order is free, repetition and strangers are not.
//!
//! Shared by every decoder of this module, so that the header rules of the standard (unknown fields
//! at a known version are refused, at a newer minor version skipped; no field twice) are one piece
//! of code. It reads one level; nested structures are read by whoever knows them.

use ttlv::{Item, Structure};

use super::{enums::Enumerated, error::DecodeError, tag::Tag, version::ProtocolVersion};

/// Which structure is being read, for errors, and in which version.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope {
    /// The structure.
    pub(crate) parent: Tag,
    /// The version of the message.
    pub(crate) version: ProtocolVersion,
}

impl Scope {
    pub(crate) const fn new(parent: Tag, version: ProtocolVersion) -> Self {
        Self { parent, version }
    }

    /// Calls `take` with each field whose tag the version defines. `take` answers whether the field
    /// belongs here; one that does not is judged by the version.
    pub(crate) fn read<'a>(
        self,
        structure: Structure<'a>,
        mut take: impl FnMut(Tag, Item<'a>) -> Result<Taken, DecodeError>,
    ) -> Result<(), DecodeError> {
        for item in structure.items() {
            let item = item?;
            let taken = match Tag::from_code(item.tag.code()) {
                Some(tag) if tag.since() <= self.version => take(tag, item)?,
                Some(_) | None => Taken::No,
            };
            if taken == Taken::No {
                self.refuse(item.tag)?;
            }
        }
        Ok(())
    }

    /// An unknown field: skipped when the peer's minor version is newer than any of ours.
    pub(crate) fn refuse(self, tag: ttlv::Tag) -> Result<(), DecodeError> {
        if self.version.may_hold_unknown_fields() {
            return Ok(());
        }
        Err(DecodeError::UnknownField {
            tag,
            parent: self.parent,
            version: self.version,
        })
    }
}

/// Whether a field belonged to the structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Yes,
    No,
}

/// Puts the value of a field that may occur once into its slot.
pub(crate) fn once<T>(slot: &mut Option<T>, tag: Tag, value: T) -> Result<Taken, DecodeError> {
    if slot.is_some() {
        return Err(DecodeError::Repeated(tag));
    }
    *slot = Some(value);
    Ok(Taken::Yes)
}

/// The value of a required field.
pub(crate) fn required<T>(slot: Option<T>, tag: Tag) -> Result<T, DecodeError> {
    slot.ok_or(DecodeError::Missing(tag))
}

/// The text of an item, owned.
pub(crate) fn text(item: Item<'_>) -> Result<String, DecodeError> {
    Ok(item.text()?.to_owned())
}

/// The value of an enumeration, which must be one the standard defines.
pub(crate) fn enumeration<E: Enumerated>(item: Item<'_>) -> Result<E, DecodeError> {
    let code = item.enumeration()?;
    E::from_code(code).ok_or(DecodeError::UnknownEnumeration {
        tag: item.tag,
        code,
    })
}

/// An Integer that counts something.
pub(crate) fn count(tag: Tag, item: Item<'_>) -> Result<u32, DecodeError> {
    let value = item.integer()?;
    u32::try_from(value).map_err(|_| DecodeError::InvalidValue {
        tag,
        rule: "must not be negative",
    })
}
