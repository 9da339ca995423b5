//! A session with a token: found, logged in to, asked. It lives on one thread, for a token may take its time.
//!
//! The library of a token is loaded once in a process and stays; the login is the token's as well, for all sessions of the process.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use cryptoki::slot::Slot;

use super::login::{Pin, Which, log_in};
use super::{Config, NONCE_LEN};
use crate::crypto::Secret;
use crate::providers::ProviderError;

/// What tells a key in its token.
pub(super) type KeyId = [u8; 16];

const KEY_BYTES: u64 = 32;
const TAG_BITS: u64 = 128;

/// Why a token did not do what it was asked.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The session is gone or the token does not answer rightly: another session may help.
    Session(String),
    /// What was asked is refused, and would be again.
    Refused(ProviderError),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        let Error::Pkcs11(code, _) = &error else {
            return refused(error.to_string());
        };
        match code {
            RvError::EncryptedDataInvalid | RvError::EncryptedDataLenRange => {
                Self::Refused(ProviderError::WrongKey)
            }
            _ => Self::Session(error.to_string()),
        }
    }
}

fn refused(why: impl Into<String>) -> Trouble {
    Trouble::Refused(ProviderError::Token(why.into()))
}

/// A session with a token.
pub(super) struct Token {
    session: Session,
    serial: String,
}

impl Token {
    /// Finds the token, opens a session and logs in. `serial` is the token that a key is in: where the settings name none, it is that.
    pub(super) fn open(config: &Config, serial: Option<&str>, pin: &Pin) -> Result<Self, Trouble> {
        let context = context(config)?;
        let (slot, found) = slot(&context, config, serial)?;
        let mechanisms = context.get_mechanism_list(slot)?;
        if !mechanisms.contains(&MechanismType::AES_GCM) {
            return Err(refused("it has no AES-GCM (CKM_AES_GCM)"));
        }
        let session = context.open_rw_session(slot)?;
        let which = Which::new(Path::new(&config.module), &found);
        log_in(&context, &session, slot, &which, pin)?;
        Ok(Self {
            session,
            serial: found,
        })
    }

    pub(super) fn serial(&self) -> &str {
        &self.serial
    }

    /// Makes an AES-256 key that stays in the token. One of this id is none too many: the session ended before it was told of.
    pub(super) fn make_key(&self, id: &KeyId, label: &str) -> Result<(), Trouble> {
        if let Some(made) = self.find(id)?.first() {
            return self.stays_here(*made);
        }
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::ValueLen(KEY_BYTES.into()),
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
            Attribute::Wrap(false),
            Attribute::Unwrap(false),
            Attribute::Label(label.as_bytes().to_vec()),
            Attribute::Id(id.to_vec()),
        ];
        let key = self
            .session
            .generate_key(&Mechanism::AesKeyGen, &template)?;
        self.stays_here(key)
    }

    /// Removes a key that was made and nothing was wrapped with.
    pub(super) fn destroy(&self, id: &KeyId) -> Result<(), Trouble> {
        for key in self.find(id)? {
            self.session.destroy_object(key)?;
        }
        Ok(())
    }

    fn find(&self, id: &KeyId) -> Result<Vec<ObjectHandle>, Trouble> {
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::Id(id.to_vec()),
        ];
        Ok(self.session.find_objects(&template)?)
    }

    /// The key of this id.
    pub(super) fn key(&self, id: &KeyId) -> Result<ObjectHandle, Trouble> {
        let [key] = self.find(id)?[..] else {
            let (id, serial) = (hex::encode(id), &self.serial);
            return Err(refused(format!(
                "token {serial} does not have the key with id {id}; put the token back that has it"
            )));
        };
        self.stays_here(key)?;
        Ok(key)
    }

    /// A key that could be taken out of the token is none of ours.
    fn stays_here(&self, key: ObjectHandle) -> Result<(), Trouble> {
        let asked = [AttributeType::Sensitive, AttributeType::Extractable];
        let said = self.session.get_attributes(key, &asked)?;
        let stays = said.contains(&Attribute::Sensitive(true))
            && said.contains(&Attribute::Extractable(false));
        if stays {
            Ok(())
        } else {
            Err(refused(
                "the key can be taken out of it; have another one made",
            ))
        }
    }

    /// Seals; gives the nonce too, which some tokens choose themselves.
    pub(super) fn seal(
        &self,
        key: ObjectHandle,
        mut nonce: [u8; NONCE_LEN],
        aad: &[u8],
        plain: &[u8],
    ) -> Result<([u8; NONCE_LEN], Vec<u8>), Trouble> {
        let params = GcmParams::new(&mut nonce, aad, TAG_BITS.into())?;
        let sealed = self
            .session
            .encrypt(&Mechanism::AesGcm(params), key, plain)?;
        Ok((nonce, sealed))
    }

    /// Opens.
    pub(super) fn open_sealed(
        &self,
        key: ObjectHandle,
        mut nonce: [u8; NONCE_LEN],
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Secret, Trouble> {
        let params = GcmParams::new(&mut nonce, aad, TAG_BITS.into())?;
        let opened = self
            .session
            .decrypt(&Mechanism::AesGcm(params), key, sealed);
        match opened {
            Ok(plain) => Ok(Secret::new(plain)),
            // SoftHSM says no more than this of a tag that does not fit.
            Err(Error::Pkcs11(RvError::GeneralError, _)) => {
                Err(Trouble::Refused(ProviderError::WrongKey))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The library, loaded and initialised once.
fn context(config: &Config) -> Result<Pkcs11, Trouble> {
    static LOADED: Mutex<Vec<(PathBuf, Pkcs11)>> = Mutex::new(Vec::new());
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let path = PathBuf::from(&config.module);
    if let Some((_, context)) = loaded.iter().find(|(module, _)| *module == path) {
        return Ok(context.clone());
    }
    let context = Pkcs11::new(&path).map_err(|error| {
        refused(format!(
            "the module {} cannot be loaded: {error}",
            path.display()
        ))
    })?;
    match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(error) => {
            let why = format!("the module {} does not start: {error}", path.display());
            return Err(refused(why));
        }
    }
    loaded.push((path, context.clone()));
    Ok(context)
}

/// The slot of the token that is meant, and its serial number.
fn slot(
    context: &Pkcs11,
    config: &Config,
    serial: Option<&str>,
) -> Result<(Slot, String), Trouble> {
    let mut tokens = Vec::new();
    for slot in context.get_slots_with_initialized_token()? {
        let info = context.get_token_info(slot)?;
        let (label, number) = (info.label().trim_end(), info.serial_number().trim_end());
        let is_named = config.slot < 0 || u64::try_from(config.slot) == Ok(slot.id());
        let is_meant = is_named
            && (config.token_label.is_empty() || config.token_label == label)
            && (config.token_serial.is_empty() || config.token_serial == number);
        tokens.push((slot, label.to_owned(), number.to_owned(), is_meant));
    }
    let mut meant: Vec<_> = tokens.iter().filter(|token| token.3).collect();
    if let Some(serial) = serial
        && meant.len() > 1
    {
        meant.retain(|token| token.2 == serial);
    }
    match meant[..] {
        [(slot, _, number, _)] => Ok((*slot, number.clone())),
        _ => {
            let all: Vec<_> = tokens
                .iter()
                .map(|(_, label, number, _)| format!("{label} ({number})"))
                .collect();
            let (count, all) = (meant.len(), all.join(", "));
            Err(refused(format!(
                "{count} tokens fit token-label, token-serial and slot, not one; those there are: {all}"
            )))
        }
    }
}
