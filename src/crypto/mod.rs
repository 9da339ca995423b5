//! Secrets, digests, encryption at rest and certificates: the only module that names a cryptography crate.
//!
//! Everything here is pure: there is no clock (times are passed in as unix seconds), no file and no
//! socket. Randomness is passed in as [`random::Random`], with one exception that [`authority`]
//! states: the certificate library draws the keys it makes from the system itself. No primitive is
//! home-made: they come from aws-lc-rs, SHA-256 and Argon2id from RustCrypto.

pub mod api_key;
pub mod argon2id;
pub mod authority;
pub mod certificate;
pub mod check_value;
pub mod digest;
pub mod ed25519;
pub mod fingerprint;
pub mod generate;
pub mod keyed_digest;
pub mod message_code;
pub mod password;
pub mod random;
pub mod sealed_box;
pub mod sealed_stream;
pub mod secret;
pub mod secret_text;
pub mod shares;
pub mod signature;
pub mod triple_des;
pub mod wrap;

#[cfg(test)]
pub(crate) mod twins;
#[cfg(test)]
mod version_one;

pub use argon2id::{Cost, CostError};
pub use authority::{
    Authority, AuthorityError, Issued, KeyKind, ListDates, SigningRequest, Withdrawal, Withdrawn,
    self_signed_client,
};
pub use certificate::serial::Serial;
pub use certificate::{Certificate, CertificateError, Digests, SubjectPublicKey, spki};
pub use ed25519::{ED25519_SIGNATURE_LEN, PublicKey, SigningKey, SigningKeyError};
pub use fingerprint::Fingerprint;
pub use generate::symmetric_key;
pub use keyed_digest::{KeyedDigest, Mark};
pub use message_code::message_code;
pub use password::{PasswordError, PasswordHash};
pub use random::{Random, RandomError, SystemRandom};
pub use sealed_box::{BoxError, BoxOpener, BoxSealer, Recipient, RecipientKey};
pub use sealed_stream::{StreamError, StreamOpener, StreamSealer};
pub use secret::{Secret, SecretBuffer};
pub use secret_text::SecretText;
pub use shares::{Share, ShareError, combine, split};
pub use signature::verify_signed_by;
pub use triple_des::triple_des_key;
pub use wrap::{DataKey, WrapError, Wrapped};
