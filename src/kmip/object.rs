//! Managed objects on the wire: the Key Block and the Symmetric Key that wraps it.
//!
//! Only keys in the clear are written; a wrapped or transparent key is recognised when read and
//! refused. Key material never prints and is overwritten when its owner drops it.

use std::fmt;

use ttlv::{Structure, Writer};
use zeroize::Zeroizing;

use super::{
    enums::{CryptographicAlgorithm, KeyCompressionType, KeyFormatType},
    error::DecodeError,
    fields::{Scope, Taken, enumeration, once, required},
    tag::Tag,
    version::ProtocolVersion,
};

/// The bytes of a key. Prints nothing; an owned copy is overwritten when dropped.
pub struct KeyMaterial<'a>(Bytes<'a>);

enum Bytes<'a> {
    Borrowed(&'a [u8]),
    Owned(Zeroizing<Vec<u8>>),
}

impl<'a> KeyMaterial<'a> {
    /// Material that someone else keeps, and overwrites.
    #[must_use]
    pub const fn borrowed(bytes: &'a [u8]) -> Self {
        Self(Bytes::Borrowed(bytes))
    }

    /// Material that is overwritten when this value is dropped.
    #[must_use]
    pub fn owned(bytes: Vec<u8>) -> KeyMaterial<'static> {
        KeyMaterial(Bytes::Owned(Zeroizing::new(bytes)))
    }

    /// The bytes themselves: the only way to them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        match &self.0 {
            Bytes::Borrowed(bytes) => bytes,
            Bytes::Owned(bytes) => bytes,
        }
    }
}

impl fmt::Debug for KeyMaterial<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyMaterial(..)")
    }
}

/// A Key Block (KMIP 1.4 §2.1.3) whose Key Value is in the clear.
#[derive(Debug)]
pub struct KeyBlock<'a> {
    /// How the material is laid out; Raw for what this server makes.
    pub format: KeyFormatType,
    /// How an elliptic curve point is compressed; absent for symmetric keys.
    pub compression: Option<KeyCompressionType>,
    /// The key.
    pub material: KeyMaterial<'a>,
    /// Absent only where the standard lets it be.
    pub algorithm: Option<CryptographicAlgorithm>,
    /// In bits; absent only where the standard lets it be.
    pub length: Option<i32>,
}

impl<'a> KeyBlock<'a> {
    /// The block of a raw symmetric key.
    #[must_use]
    pub const fn raw(
        material: KeyMaterial<'a>,
        algorithm: CryptographicAlgorithm,
        length: i32,
    ) -> Self {
        Self {
            format: KeyFormatType::Raw,
            compression: None,
            material,
            algorithm: Some(algorithm),
            length: Some(length),
        }
    }

    /// Writes the Symmetric Key object (KMIP 1.4 §2.2.2).
    pub fn encode_symmetric_key(&self, writer: &mut Writer) {
        writer.structure(Tag::SymmetricKey, |writer| self.encode(writer));
    }

    /// Reads a Symmetric Key object.
    ///
    /// # Errors
    /// When a required field is missing, or the key is wrapped or transparent.
    pub fn decode_symmetric_key(
        structure: Structure<'_>,
        version: ProtocolVersion,
    ) -> Result<KeyBlock<'static>, DecodeError> {
        let mut block = None;
        Scope::new(Tag::SymmetricKey, version).read(structure, |tag, item| match tag {
            Tag::KeyBlock => once(&mut block, tag, Self::decode(item.structure()?, version)?),
            _ => Ok(Taken::No),
        })?;
        required(block, Tag::KeyBlock)
    }

    fn encode(&self, writer: &mut Writer) {
        writer.structure(Tag::KeyBlock, |writer| {
            writer.enumeration(Tag::KeyFormatType, self.format.code());
            if let Some(compression) = self.compression {
                writer.enumeration(Tag::KeyCompressionType, compression.code());
            }
            writer.structure(Tag::KeyValue, |writer| {
                writer.byte_string(Tag::KeyMaterial, self.material.expose());
            });
            if let Some(algorithm) = self.algorithm {
                writer.enumeration(Tag::CryptographicAlgorithm, algorithm.code());
            }
            if let Some(length) = self.length {
                writer.integer(Tag::CryptographicLength, length);
            }
        });
    }

    fn decode(
        structure: Structure<'_>,
        version: ProtocolVersion,
    ) -> Result<KeyBlock<'static>, DecodeError> {
        let (mut format, mut compression, mut material) = (None, None, None);
        let (mut algorithm, mut length) = (None, None);
        Scope::new(Tag::KeyBlock, version).read(structure, |tag, item| match tag {
            Tag::KeyFormatType => once(&mut format, tag, enumeration(item)?),
            Tag::KeyCompressionType => once(&mut compression, tag, enumeration(item)?),
            Tag::KeyValue => once(&mut material, tag, key_material(item.structure()?)?),
            Tag::CryptographicAlgorithm => once(&mut algorithm, tag, enumeration(item)?),
            Tag::CryptographicLength => once(&mut length, tag, item.integer()?),
            Tag::KeyWrappingData => Err(DecodeError::InvalidValue {
                tag,
                rule: "key is wrapped",
            }),
            _ => Ok(Taken::No),
        })?;
        Ok(KeyBlock {
            format: required(format, Tag::KeyFormatType)?,
            compression,
            material: required(material, Tag::KeyValue)?,
            algorithm,
            length,
        })
    }
}

/// The material of a Key Value; attributes beside it are skipped, their place is Get Attributes.
fn key_material(structure: Structure<'_>) -> Result<KeyMaterial<'static>, DecodeError> {
    let mut material = None;
    for item in structure.items() {
        let item = item?;
        if item.tag == Tag::KeyMaterial.raw() {
            let bytes = KeyMaterial::owned(item.byte_string()?.to_vec());
            once(&mut material, Tag::KeyMaterial, bytes)?;
        }
    }
    required(material, Tag::KeyMaterial)
}
