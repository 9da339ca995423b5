//! Logging in to a token, as seldom as can be: a token locks itself for good after a few wrong PINs.
//!
//! The login is the token's, for all sessions of a process. While it lasts no PIN is looked at by the token, so the one that was right is
//! remembered here, as a digest.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use cryptoki::context::Pkcs11;
use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;

use super::token::Trouble;
use crate::crypto::Secret;
use crate::crypto::digest::sha256;
use crate::crypto::secret::constant_time_eq;
use crate::providers::ProviderError;

/// The PIN of a token.
pub(super) struct Pin {
    secret: Secret,
    /// Somebody is there who gave it, for the next login.
    is_attended: AtomicBool,
}

impl Pin {
    /// A PIN, and whether somebody is there who gives it: it is tried then whatever the token says of wrong ones before, once.
    pub(super) fn new(pin: &Secret, is_attended: bool) -> Result<Self, ProviderError> {
        if str::from_utf8(pin.expose()).is_err() {
            return Err(ProviderError::Token("the PIN is no text".to_owned()));
        }
        Ok(Self {
            secret: Secret::new(pin.expose().to_vec()),
            is_attended: AtomicBool::new(is_attended),
        })
    }

    fn digest(&self) -> [u8; 32] {
        sha256(&[self.secret.expose()])
    }
}

/// Which token: its library and its serial number.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Which {
    module: PathBuf,
    serial: String,
}

impl Which {
    pub(super) fn new(module: &Path, serial: &str) -> Self {
        Self {
            module: module.to_owned(),
            serial: serial.to_owned(),
        }
    }
}

/// The digest of the PIN that opened each token.
static OPENED: Mutex<Vec<(Which, [u8; 32])>> = Mutex::new(Vec::new());

/// Logs a session in, or finds that the token is logged in to with the same PIN.
pub(super) fn log_in(
    context: &Pkcs11,
    session: &Session,
    slot: Slot,
    which: &Which,
    pin: &Pin,
) -> Result<(), Trouble> {
    // One after the other: of two at once, the second would not know with which PIN the first did it.
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    let state = session.get_session_info()?.session_state();
    if matches!(state, SessionState::RwUser | SessionState::RoUser) {
        return compare(&opened, which, pin);
    }
    check_tries(context, slot, pin)?;
    let text = str::from_utf8(pin.secret.expose()).unwrap_or_default();
    match session.login(UserType::User, Some(&AuthPin::from(text.to_owned()))) {
        Ok(()) => {
            opened.retain(|(other, _)| other != which);
            opened.push((which.clone(), pin.digest()));
            Ok(())
        }
        Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => compare(&opened, which, pin),
        Err(error) => Err(refusal(&error)),
    }
}

fn compare(opened: &[(Which, [u8; 32])], which: &Which, pin: &Pin) -> Result<(), Trouble> {
    let digest = pin.digest();
    let mut opened = opened.iter().filter(|(other, _)| other == which);
    if opened.any(|(_, other)| constant_time_eq(other, &digest)) {
        return Ok(());
    }
    Err(wrong(
        "this is not the PIN that it was opened with; where its PIN was changed since, start the server again with the new one",
    ))
}

/// A token that counts wrong PINs is asked to take another only where somebody is there.
fn check_tries(context: &Pkcs11, slot: Slot, pin: &Pin) -> Result<(), Trouble> {
    let info = context.get_token_info(slot)?;
    let is_attended = pin.is_attended.swap(false, Ordering::Relaxed);
    if info.user_pin_locked() {
        return Err(wrong(LOCKED));
    }
    if is_attended || !(info.user_pin_count_low() || info.user_pin_final_try()) {
        return Ok(());
    }
    Err(wrong(
        "a wrong PIN was given to it, and after a few it locks itself, so no PIN from a file is tried: see that the file has the right one, \
         then type that with `keyledger serve --check --pin-file -`, which clears it",
    ))
}

const LOCKED: &str = "its PIN is locked; unlock it with the means of its maker";

/// Whatever a login ends with, it is not tried once more by itself: some tokens give a wrong PIN another name.
fn refusal(error: &Error) -> Trouble {
    let Error::Pkcs11(code, _) = error else {
        return Trouble::Refused(ProviderError::Token(error.to_string()));
    };
    match code {
        RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange => {
            wrong("it refuses the PIN; a token locks itself after a few wrong ones")
        }
        RvError::PinExpired => {
            wrong("its PIN has expired; set another with the means of its maker")
        }
        RvError::PinLocked => wrong(LOCKED),
        _ => Trouble::Refused(ProviderError::Token(format!("the login failed: {error}"))),
    }
}

fn wrong(why: &str) -> Trouble {
    Trouble::Refused(ProviderError::WrongPin(why.to_owned()))
}
