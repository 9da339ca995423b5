//! Signed notes (C2SP signed-note): a text and the lines of those who signed it.
//!
//! What the text says is not looked at. A note that does not verify is not opened; who takes its text unverified says so by the name of
//! what he calls.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::crypto::digest::sha256;
use crate::crypto::{ED25519_SIGNATURE_LEN, PublicKey, SigningKey};

/// The most bytes of a note that is opened.
pub const NOTE_BYTES_MAX: usize = 64 * 1024;
/// The most signatures of a note that is opened.
const SIGNATURES_MAX: usize = 100;
/// The type of Ed25519 keys and signatures.
const ED25519: u8 = 1;
const ID_LEN: usize = 4;
const DASH: &str = "\u{2014} ";

/// Why a note was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It is not of the form of a note.
    #[error("it is not a signed note")]
    Malformed,
    /// No line of it is by this key.
    #[error("it is not signed by this key")]
    OtherKey,
    /// The line of this key does not fit the text.
    #[error("its signature is wrong")]
    Signature,
}

/// A text that is no verifier key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not a verifier key, `name+id+key`, as `keyledger events public-key` prints it")]
pub struct VerifierKeyError;

/// Who signs, by name, and the public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    key: PublicKey,
}

impl VerifierKey {
    /// The key of this name.
    #[must_use]
    pub const fn new(name: String, key: PublicKey) -> Self {
        Self { name, key }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same key by another name.
    #[must_use]
    pub fn named(&self, name: &str) -> Self {
        Self::new(name.to_owned(), self.key)
    }

    /// What tells it from other keys of the name: four bytes of a digest of both.
    #[must_use]
    pub fn id(&self) -> [u8; ID_LEN] {
        let digest = sha256(&[self.name.as_bytes(), b"\n", &[ED25519], self.key.as_bytes()]);
        let [a, b, c, d, ..] = digest;
        [a, b, c, d]
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let typed = [&[ED25519], self.key.as_bytes().as_slice()].concat();
        let (name, id) = (&self.name, hex::encode(self.id()));
        write!(f, "{name}+{id}+{}", BASE64.encode(typed))
    }
}

impl FromStr for VerifierKey {
    type Err = VerifierKeyError;

    fn from_str(text: &str) -> Result<Self, VerifierKeyError> {
        let read = || {
            // The key itself may contain a plus.
            let (name, rest) = text.split_once('+')?;
            let (id, key) = rest.split_once('+')?;
            let typed = BASE64.decode(key).ok()?;
            let (&[ED25519], key) = typed.split_first_chunk()? else {
                return None;
            };
            let key = PublicKey::from_bytes(key.try_into().ok()?);
            let read = Self::new(name.to_owned(), key);
            (is_name(name) && id == hex::encode(read.id())).then_some(read)
        };
        read().ok_or(VerifierKeyError)
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '+')
}

/// The note of `text`, which ends in a new line, with one signature.
#[must_use]
pub fn sign(text: &str, name: &str, key: &SigningKey) -> String {
    let id = VerifierKey::new(name.to_owned(), key.public_key()).id();
    let signature = [id.as_slice(), &key.sign(text.as_bytes())].concat();
    format!("{text}\n{DASH}{name} {}\n", BASE64.encode(signature))
}

/// The text of a note that `key` signed; lines of others are not judged.
///
/// # Errors
/// It is no note, or `key` did not sign it.
pub fn open<'a>(note: &'a str, key: &VerifierKey) -> Result<&'a str, NoteError> {
    if note.len() > NOTE_BYTES_MAX {
        return Err(NoteError::Malformed);
    }
    let (text, lines) = parts(note).ok_or(NoteError::Malformed)?;
    let lines = lines.strip_suffix('\n').ok_or(NoteError::Malformed)?;
    let mut signed = Err(NoteError::OtherKey);
    for (count, line) in lines.split('\n').enumerate() {
        let (name, signature) = signature_line(line)
            .filter(|_| count < SIGNATURES_MAX)
            .ok_or(NoteError::Malformed)?;
        let (id, signature) = signature.split_at(ID_LEN);
        if name != key.name || id != key.id() {
            continue;
        }
        let fits = signature.len() == ED25519_SIGNATURE_LEN;
        if !fits || !key.key.verifies(text.as_bytes(), signature) {
            return Err(NoteError::Signature);
        }
        signed = Ok(text);
    }
    signed
}

/// The text of a note whoever signed it: it proves nothing.
#[must_use]
pub fn text_unverified(note: &str) -> Option<&str> {
    let (text, _) = parts(note).filter(|_| note.len() <= NOTE_BYTES_MAX)?;
    Some(text)
}

/// The text, and the lines of those who signed it.
fn parts(note: &str) -> Option<(&str, &str)> {
    let (text, lines) = note.split_at_checked(note.rfind("\n\n")? + 1)?;
    Some((text, lines.strip_prefix('\n')?))
}

/// Name, and key id with signature.
fn signature_line(line: &str) -> Option<(&str, Vec<u8>)> {
    let (name, signature) = line.strip_prefix(DASH)?.split_once(' ')?;
    let signature = BASE64.decode(signature).ok()?;
    (is_name(name) && signature.len() > ID_LEN).then_some((name, signature))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Secret;

    /// The example of the specification of signed notes.
    const KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    const NOTE: &str = "This is an example message.\n\n\u{2014} example.com/foo \
        Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

    #[test]
    fn the_example_of_the_specification_opens() {
        let key: VerifierKey = KEY.parse().unwrap();
        assert_eq!(key.to_string(), KEY);
        assert_eq!(open(NOTE, &key), Ok("This is an example message.\n"));
    }

    #[test]
    fn no_altered_byte_opens() {
        let key: VerifierKey = KEY.parse().unwrap();
        for at in 0..NOTE.len() {
            let mut bytes = NOTE.as_bytes().to_vec();
            bytes[at] ^= 1;
            if let Ok(text) = std::str::from_utf8(&bytes) {
                assert!(open(text, &key).is_err(), "byte {at}");
            }
        }
        for end in (0..NOTE.len()).filter(|end| NOTE.is_char_boundary(*end)) {
            assert!(open(&NOTE[..end], &key).is_err(), "{end} bytes");
        }
    }

    #[test]
    fn lines_of_others_are_passed_over_and_a_wrong_one_of_ours_is_not() {
        let ours = SigningKey::from_seed(&Secret::new(vec![1; 32])).unwrap();
        let other = SigningKey::from_seed(&Secret::new(vec![2; 32])).unwrap();
        let key = VerifierKey::new("log/1".to_owned(), ours.public_key());
        let line = |note: &str| note.rsplit("\n\n").next().unwrap().to_owned();
        let note = sign("text\n", "log/1", &ours);
        let both = format!("{note}{}", line(&sign("text\n", "witness", &other)));
        assert_eq!(open(&both, &key), Ok("text\n"));
        let twice = format!("{note}{}", line(&sign("tex\n", "log/1", &ours)));
        assert_eq!(open(&twice, &key), Err(NoteError::Signature));
        let theirs = sign("text\n", "log/1", &other);
        assert_eq!(open(&theirs, &key), Err(NoteError::OtherKey));
        let many = line(&note).repeat(SIGNATURES_MAX + 1);
        assert_eq!(
            open(&format!("text\n\n{many}"), &key),
            Err(NoteError::Malformed)
        );
    }

    #[test]
    fn a_key_whose_id_is_not_its_own_is_refused() {
        for text in [
            KEY.replace("530d903a", "530d903b"),
            KEY.replace("foo", "fo o"),
            KEY[..KEY.len() - 1].to_owned(),
            String::new(),
        ] {
            assert!(text.parse::<VerifierKey>().is_err(), "{text}");
        }
    }
}
