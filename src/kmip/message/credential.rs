//! Credentials in the header of a request (KMIP 1.4 §2.1.2).
//!
//! They are read, not judged. A password never prints and is overwritten when dropped.

use std::fmt;

use ttlv::{Structure, Writer};
use zeroize::Zeroizing;

use crate::kmip::{
    enums::CredentialType,
    error::DecodeError,
    fields::{Scope, Taken, enumeration, once, required, text},
    tag::Tag,
    version::ProtocolVersion,
};

/// A password of a peer. Prints nothing; overwritten when dropped.
pub struct Password(Zeroizing<String>);

impl Password {
    /// A password from its text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself: the only way to it. Compare it in constant time.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// One credential.
#[derive(Debug)]
pub enum Credential {
    /// A name and, perhaps, a password.
    UsernameAndPassword {
        /// The name; empty when the client sent none.
        username: String,
        /// Absent when the client sent none.
        password: Option<Password>,
    },
    /// A device (1.1).
    Device(DeviceCredential),
    /// Another type, whose content is not read.
    Other(CredentialType),
}

/// What a device says about itself; every field is optional.
#[derive(Debug, Default)]
pub struct DeviceCredential {
    /// Its serial number.
    pub serial_number: Option<String>,
    /// A shared secret.
    pub password: Option<Password>,
    /// Its identifier.
    pub device_identifier: Option<String>,
    /// The identifier of its network.
    pub network_identifier: Option<String>,
    /// The identifier of the machine it is in.
    pub machine_identifier: Option<String>,
    /// The identifier of its media.
    pub media_identifier: Option<String>,
}

impl Credential {
    /// Reads a Credential structure.
    pub(super) fn decode(
        structure: Structure<'_>,
        version: ProtocolVersion,
    ) -> Result<Self, DecodeError> {
        let (mut credential_type, mut value) = (None, None);
        Scope::new(Tag::Credential, version).read(structure, |tag, item| match tag {
            Tag::CredentialType => once(&mut credential_type, tag, enumeration(item)?),
            Tag::CredentialValue => once(&mut value, tag, item.structure()?),
            _ => Ok(Taken::No),
        })?;
        let value = required(value, Tag::CredentialValue)?;
        match required(credential_type, Tag::CredentialType)? {
            CredentialType::UsernameAndPassword => Self::decode_username(value, version),
            CredentialType::Device => DeviceCredential::decode(value, version).map(Self::Device),
            other => Ok(Self::Other(other)),
        }
    }

    /// Writes a Credential structure; nothing for a type whose content was not read.
    pub(super) fn encode(&self, writer: &mut Writer) {
        match self {
            Self::UsernameAndPassword { username, password } => {
                credential(writer, CredentialType::UsernameAndPassword, |writer| {
                    writer.text(Tag::Username, username);
                    optional(
                        writer,
                        Tag::Password,
                        password.as_ref().map(Password::expose),
                    );
                });
            }
            Self::Device(device) => {
                credential(writer, CredentialType::Device, |writer| {
                    device.encode(writer)
                });
            }
            Self::Other(_) => {}
        }
    }

    fn decode_username(
        structure: Structure<'_>,
        version: ProtocolVersion,
    ) -> Result<Self, DecodeError> {
        let (mut username, mut password) = (None, None);
        Scope::new(Tag::CredentialValue, version).read(structure, |tag, item| match tag {
            Tag::Username => once(&mut username, tag, text(item)?),
            Tag::Password => once(&mut password, tag, Password::new(text(item)?)),
            _ => Ok(Taken::No),
        })?;
        Ok(Self::UsernameAndPassword {
            // The standard requires one; vCenter's dialog lets it stay empty.
            username: username.unwrap_or_default(),
            password,
        })
    }
}

impl DeviceCredential {
    fn decode(structure: Structure<'_>, version: ProtocolVersion) -> Result<Self, DecodeError> {
        let mut device = Self::default();
        Scope::new(Tag::CredentialValue, version).read(structure, |tag, item| match tag {
            Tag::DeviceSerialNumber => once(&mut device.serial_number, tag, text(item)?),
            Tag::Password => once(&mut device.password, tag, Password::new(text(item)?)),
            Tag::DeviceIdentifier => once(&mut device.device_identifier, tag, text(item)?),
            Tag::NetworkIdentifier => once(&mut device.network_identifier, tag, text(item)?),
            Tag::MachineIdentifier => once(&mut device.machine_identifier, tag, text(item)?),
            Tag::MediaIdentifier => once(&mut device.media_identifier, tag, text(item)?),
            _ => Ok(Taken::No),
        })?;
        Ok(device)
    }

    fn encode(&self, writer: &mut Writer) {
        optional(
            writer,
            Tag::DeviceSerialNumber,
            self.serial_number.as_deref(),
        );
        optional(
            writer,
            Tag::Password,
            self.password.as_ref().map(Password::expose),
        );
        optional(
            writer,
            Tag::DeviceIdentifier,
            self.device_identifier.as_deref(),
        );
        optional(
            writer,
            Tag::NetworkIdentifier,
            self.network_identifier.as_deref(),
        );
        optional(
            writer,
            Tag::MachineIdentifier,
            self.machine_identifier.as_deref(),
        );
        optional(
            writer,
            Tag::MediaIdentifier,
            self.media_identifier.as_deref(),
        );
    }
}

fn credential(
    writer: &mut Writer,
    credential_type: CredentialType,
    value: impl FnOnce(&mut Writer),
) {
    writer.structure(Tag::Credential, |writer| {
        writer.enumeration(Tag::CredentialType, credential_type.code());
        writer.structure(Tag::CredentialValue, value);
    });
}

fn optional(writer: &mut Writer, tag: Tag, text: Option<&str>) {
    if let Some(text) = text {
        writer.text(tag, text);
    }
}
