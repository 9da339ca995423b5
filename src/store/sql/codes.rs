//! How the values of the vocabulary stand in columns. Stored state: changing this needs a
//! migration.
//!
//! Enumerations are kept as the numbers of the standard. Attributes are one blob, each as: name
//! length (u16), name, 1 and the index (u32) or 0, value length (u32), value as
//! [`AttributeValue::to_stored`] writes it; all big-endian.

use crate::store::engine::FromCell;
use crate::store::engine::Row;

use crate::domain::InitiatorKind;
use crate::kmip::attribute::{Attribute, AttributeName, AttributeValue};
use crate::kmip::enums::{Enumerated, State};
use crate::store::StoreError;
use crate::store::error::ApplyError;

/// The bytes of all attributes of an object. What does not fit is refused by itself: it must not fail the changesets it shares a
/// transaction with.
pub(in crate::store) fn encode_attributes(attributes: &[Attribute]) -> Result<Vec<u8>, ApplyError> {
    let mut out = Vec::with_capacity(attributes.len() * 64);
    for attribute in attributes {
        let name = attribute.name.text().as_bytes();
        let value = attribute.value.to_stored();
        let name_length = u16::try_from(name.len()).map_err(|_| ApplyError::TooLong)?;
        let value_length = u32::try_from(value.len()).map_err(|_| ApplyError::TooLong)?;
        out.extend_from_slice(&name_length.to_be_bytes());
        out.extend_from_slice(name);
        match attribute.index {
            Some(index) => {
                out.push(1);
                out.extend_from_slice(&index.to_be_bytes());
            }
            None => out.push(0),
        }
        out.extend_from_slice(&value_length.to_be_bytes());
        out.extend_from_slice(&value);
    }
    Ok(out)
}

/// The attributes held in a blob that [`encode_attributes`] wrote.
pub(super) fn decode_attributes(bytes: &[u8]) -> Result<Vec<Attribute>, StoreError> {
    let mut rest = bytes;
    let mut attributes = Vec::new();
    while !rest.is_empty() {
        let attribute =
            decode_attribute(&mut rest).ok_or_else(|| StoreError::damaged("an attribute"))?;
        attributes.push(attribute);
    }
    Ok(attributes)
}

fn decode_attribute(rest: &mut &[u8]) -> Option<Attribute> {
    let name_length = u16::from_be_bytes(array(rest)?);
    let name = str::from_utf8(take(rest, usize::from(name_length))?).ok()?;
    let index = match array::<1>(rest)? {
        [0] => None,
        [1] => Some(u32::from_be_bytes(array(rest)?)),
        _ => return None,
    };
    let length = usize::try_from(u32::from_be_bytes(array(rest)?)).ok()?;
    let value = AttributeValue::from_stored(take(rest, length)?).ok()?;
    Some(Attribute {
        name: AttributeName::from_text(name),
        index,
        value,
    })
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(head)
}

fn array<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    take(rest, N)?.try_into().ok()
}

/// The columns of a row, one after the other: to look for each by its name costs more than to read it.
pub(super) struct Columns<'a> {
    row: Row<'a>,
    next: usize,
}

impl<'a> Columns<'a> {
    /// All columns of a row from the first one on.
    pub(super) const fn of(row: Row<'a>) -> Self {
        Self { row, next: 0 }
    }

    /// The value of the next column.
    pub(super) fn get<T: FromCell>(&mut self) -> Result<T, StoreError> {
        let value = self.row.get(self.next)?;
        self.next += 1;
        Ok(value)
    }

    /// The bytes of the next column.
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], StoreError> {
        let value = self.row.value(self.next)?;
        self.next += 1;
        let bytes = value.as_blob();
        bytes.ok_or_else(|| StoreError::damaged("a column that is no blob"))
    }

    /// The enumeration whose number the next column has.
    pub(super) fn code<T: Enumerated>(&mut self) -> Result<T, StoreError> {
        let code = self.get()?;
        T::from_code(code).ok_or_else(|| self.unknown(code))
    }

    /// The same for a column that may be empty.
    pub(super) fn code_if_any<T: Enumerated>(&mut self) -> Result<Option<T>, StoreError> {
        let code: Option<u32> = self.get()?;
        code.map(|code| T::from_code(code).ok_or_else(|| self.unknown(code)))
            .transpose()
    }

    fn unknown(&self, code: u32) -> StoreError {
        let name = self.row.column_name(self.next.saturating_sub(1));
        StoreError::damaged(format!("{name} {code}"))
    }
}

/// Whether names of an object in this state are free for others.
pub(super) const fn is_destroyed(state: State) -> bool {
    match state {
        State::Destroyed | State::DestroyedCompromised => true,
        State::PreActive | State::Active | State::Deactivated | State::Compromised => false,
    }
}

/// The number of a kind of initiator.
pub(in crate::store) const fn kind_code(kind: InitiatorKind) -> u32 {
    match kind {
        InitiatorKind::Certificate => 1,
        InitiatorKind::LocalUser => 2,
        InitiatorKind::User => 3,
        InitiatorKind::ServiceId => 4,
        InitiatorKind::Server => 5,
        InitiatorKind::ApiKey => 6,
        InitiatorKind::Administrator => 7,
    }
}

/// The kind of initiator of a number.
pub(super) fn kind_of(code: u32) -> Result<InitiatorKind, StoreError> {
    match code {
        1 => Ok(InitiatorKind::Certificate),
        2 => Ok(InitiatorKind::LocalUser),
        3 => Ok(InitiatorKind::User),
        4 => Ok(InitiatorKind::ServiceId),
        5 => Ok(InitiatorKind::Server),
        6 => Ok(InitiatorKind::ApiKey),
        7 => Ok(InitiatorKind::Administrator),
        _ => Err(StoreError::damaged(format!("initiator kind {code}"))),
    }
}
