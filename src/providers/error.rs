//! Why a provider failed: each error is one line that names the cause and what to do.
//!
//! The lines are for the person who runs the server. They name paths and never content.

use std::io;
use std::path::PathBuf;

use crate::crypto::{BoxError, RandomError, WrapError};

/// Why a provider did not give, wrap or unwrap.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// There is no file at the path.
    #[error(
        "the master key file {} does not exist; restore it from its backup, or make one with \
         `keyledger init` if this is a new installation", path.display()
    )]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A file is already there, and what it protects would be lost with it.
    #[error(
        "the master key file {} exists already and is not overwritten; move it away if nothing \
         is encrypted under it", path.display()
    )]
    Exists {
        /// The file in the way.
        path: PathBuf,
    },
    /// Group or others have some access to the file.
    #[error("the master key file {0} is readable by others; run `chmod 600 {0}`", path.display())]
    ReadableByOthers {
        /// The file.
        path: PathBuf,
    },
    /// The path is a folder, a socket or a device.
    #[error("the master key file {} is not a regular file; name the file itself", path.display())]
    NotAFile {
        /// What is there.
        path: PathBuf,
    },
    /// The content is not that of a master key file.
    #[error("the master key file {} {problem}; restore it from its backup", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, as the end of a sentence about the file.
        problem: &'static str,
    },
    /// The passphrase does not open the file, or the file was altered: which, cannot be known.
    #[error(
        "the passphrase does not open the master key file {}; give the right one, or restore the \
         file from its backup if it was altered", path.display()
    )]
    WrongPassphrase {
        /// The file.
        path: PathBuf,
    },
    /// The file belongs to another provider than the configured one.
    #[error(
        "the master key file {} is one of provider `{provider}`; write `provider = \"{provider}\"` \
         under [master-key] in keyledger.toml", path.display()
    )]
    OtherProvider {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        provider: &'static str,
    },
    /// A new passphrase that is too easily guessed.
    #[error(
        "the passphrase is too short: take at least {} characters, such as five or more random \
         words",
        super::passphrase::CHARACTERS_MIN
    )]
    ShortPassphrase,
    /// The system refused a step.
    #[error("cannot {step} the master key file {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        step: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The value does not open under this master key.
    #[error(
        "the data key does not open under this master key: either this is another master key, or \
         the stored data key was altered"
    )]
    WrongKey,
    /// The value cannot be wrapped or is malformed.
    #[error("the data key cannot be used: {0}")]
    Wrap(#[source] WrapError),
    /// The server was started locked, and nobody has given the passphrase yet.
    #[error("the server is locked: unlock it with `keyledger unlock`")]
    Locked,
    /// The provider asks for a secret, and none was given.
    #[error("the master key of provider `{0}` needs its secret, and none was given")]
    NoSecret(&'static str),
    /// A value was wrapped before there was a recovery key.
    #[error("the value has no copy for recovery: it was wrapped before there was a recovery key")]
    NoCopy,
    /// The copy for recovery cannot be made or opened.
    #[error("the copy for recovery cannot be used: {0}")]
    Copy(#[from] BoxError),
    /// The token is not there, refuses or does not answer.
    #[error("the token of the master key cannot be used: {0}")]
    Token(String),
    /// The token does not open: not by this PIN, or by none that nobody types.
    #[error("the token of the master key cannot be used: {0}")]
    WrongPin(String),
    /// The program fails or does not keep its contract: which one, and what it does.
    #[error("the program of the master key, {0}, {1}")]
    Program(String, String),
    /// No value of this size is wrapped.
    #[error("the value is too long to be wrapped")]
    TooLong,
    /// The random source failed.
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl ProviderError {
    /// Whether the passphrase or PIN is at fault: another try with the same one fails again, and may lock a token.
    #[must_use]
    pub const fn is_wrong_secret(&self) -> bool {
        matches!(self, Self::WrongPassphrase { .. } | Self::WrongPin(_))
    }
}

impl From<WrapError> for ProviderError {
    fn from(error: WrapError) -> Self {
        match error {
            WrapError::NotAuthentic => Self::WrongKey,
            WrapError::Random(error) => Self::Random(error),
            WrapError::KeyLength(_)
            | WrapError::TooShort
            | WrapError::UnknownVersion(_)
            | WrapError::Seal => Self::Wrap(error),
        }
    }
}
