//! Checkpoints: the size and root of a trail's tree, as a note its origin signs (C2SP tlog-checkpoint).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::note::{self, NoteError, VerifierKey};
use super::tree::Hash;
use crate::crypto::SigningKey;

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log: [`log_name`].
    pub log: String,
    /// How many events it seals: those with a sequence below.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
}

/// The name of the log that one epoch of an origin is; its checkpoints begin with it and its key bears it.
#[must_use]
pub fn log_name(origin: &str, epoch: u32) -> String {
    format!("keyledger/{origin}/{epoch}")
}

impl Checkpoint {
    /// It as a note signed in the name of its log.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> String {
        let Self { log, size, root } = self;
        let text = format!("{log}\n{size}\n{}\n", BASE64.encode(root));
        note::sign(&text, log, key)
    }

    /// The checkpoint of a note, signed by `key` and of the log that the key is named for.
    ///
    /// # Errors
    /// It is no checkpoint, or not signed by `key`.
    pub fn open(note: &str, key: &VerifierKey) -> Result<Self, NoteError> {
        let read = Self::read(note::open(note, key)?).ok_or(NoteError::Malformed)?;
        if read.log == key.name() {
            Ok(read)
        } else {
            Err(NoteError::OtherKey)
        }
    }

    /// Lines after the third are extensions, which say nothing to us.
    fn read(text: &str) -> Option<Self> {
        let mut lines = text.split('\n');
        let (log, digits) = (lines.next()?, lines.next()?);
        let root = BASE64.decode(lines.next()?).ok()?;
        let size: u64 = digits.parse().ok()?;
        let is_plain = size.to_string() == digits;
        // The text ends in a new line, so that there is one more.
        lines.next()?;
        Some(Self {
            log: log.to_owned(),
            size,
            root: root.try_into().ok().filter(|_| is_plain)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Secret;

    fn key() -> SigningKey {
        SigningKey::from_seed(&Secret::new(vec![7; 32])).unwrap()
    }

    #[test]
    fn a_checkpoint_reads_back() {
        let log = log_name("node-1", 1);
        let checkpoint = Checkpoint {
            log: log.clone(),
            size: 42,
            root: [0xfb; 32],
        };
        let note = checkpoint.sign(&key());
        assert!(note.starts_with("keyledger/node-1/1\n42\n+/v7"), "{note}");
        let verifier = VerifierKey::new(log, key().public_key());
        assert_eq!(Checkpoint::open(&note, &verifier), Ok(checkpoint));
        let other = VerifierKey::new(log_name("node-1", 2), key().public_key());
        assert_eq!(Checkpoint::open(&note, &other), Err(NoteError::OtherKey));
    }

    #[test]
    fn a_text_that_is_no_checkpoint_is_refused_though_it_is_signed() {
        let root = BASE64.encode([1; 32]);
        let verifier = VerifierKey::new("log".to_owned(), key().public_key());
        for (text, error) in [
            (format!("log\n042\n{root}\n"), NoteError::Malformed),
            (format!("log\n+42\n{root}\n"), NoteError::Malformed),
            (format!("log\n42\n{}\n", &root[4..]), NoteError::Malformed),
            ("log\n42\n".to_owned(), NoteError::Malformed),
            (format!("other\n42\n{root}\n"), NoteError::OtherKey),
        ] {
            let note = note::sign(&text, "log", &key());
            assert_eq!(Checkpoint::open(&note, &verifier), Err(error), "{text}");
        }
        let extended = note::sign(&format!("log\n42\n{root}\nmore\n"), "log", &key());
        assert_eq!(Checkpoint::open(&extended, &verifier).unwrap().size, 42);
    }
}
