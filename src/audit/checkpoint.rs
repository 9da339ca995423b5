//! Checkpoints: the size and root of a trail's tree, as a note its origin signs (C2SP tlog-checkpoint).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use serde::{Deserialize, Serialize};

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

/// A checkpoint as it is handed on among events: one JSON object in one line,
/// `{"checkpoint":{"origin":…,"epoch":…,"size":…,"note":…}}`. Only the note is signed; what stands beside it is read from the note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointLine {
    /// The name of the node whose trail it is.
    pub origin: String,
    /// The epoch of its log.
    pub epoch: u32,
    /// How many events it seals.
    pub size: u64,
    /// The signed note.
    pub note: String,
}

/// The object around it, which tells it from an event.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrapped<T> {
    checkpoint: T,
}

impl CheckpointLine {
    /// The line of a note; none if it is not a checkpoint of one of our logs. Its signature is not checked.
    #[must_use]
    pub fn of_note(note: &str) -> Option<Self> {
        let read = Checkpoint::unverified(note)?;
        let (origin, epoch) = read.origin()?;
        Some(Self {
            origin: origin.to_owned(),
            epoch,
            size: read.size,
            note: note.to_owned(),
        })
    }

    /// It as JSON in UTF-8, without white space or a line break.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let text = serde_json::to_vec(&Wrapped { checkpoint: self });
        text.expect("texts and numbers always have a JSON form")
    }

    /// The checkpoint of a line, if it is one whose members say what its note says.
    #[must_use]
    pub fn from_json(line: &[u8]) -> Option<Self> {
        let Wrapped { checkpoint } = serde_json::from_slice::<Wrapped<Self>>(line).ok()?;
        (Self::of_note(&checkpoint.note).as_ref() == Some(&checkpoint)).then_some(checkpoint)
    }
}

/// The name of the log that one epoch of an origin is; its checkpoints begin with it and its key bears it.
#[must_use]
pub fn log_name(origin: &str, epoch: u32) -> String {
    format!("{LOGS}{origin}/{epoch}")
}

/// What the names of our logs begin with.
const LOGS: &str = "keyledger/";

/// Origin and epoch of a log of this name, if it is one of ours.
#[must_use]
pub fn log_of_name(name: &str) -> Option<(&str, u32)> {
    let (origin, number) = name.strip_prefix(LOGS)?.rsplit_once('/')?;
    let epoch = number.parse().ok()?;
    (log_name(origin, epoch) == name && !origin.is_empty()).then_some((origin, epoch))
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

    /// The checkpoint of a note of any epoch of the origin that `key` is named for: an origin signs all of them with one key.
    ///
    /// # Errors
    /// It is no checkpoint, or not signed by `key`.
    pub fn open_of_origin(note: &str, key: &VerifierKey) -> Result<Self, NoteError> {
        let origin_of = |log: &str| log_of_name(log).map(|(origin, _)| origin.to_owned());
        let origin = origin_of(key.name());
        match Self::unverified(note) {
            Some(Self { log, .. }) if origin.is_some() && origin_of(&log) == origin => {
                Self::open(note, &key.named(&log))
            }
            _ => Self::open(note, key),
        }
    }

    /// What a note says, whoever signed it: it proves nothing.
    #[must_use]
    pub fn unverified(note: &str) -> Option<Self> {
        Self::read(note::text_unverified(note)?)
    }

    /// Origin and epoch of its log, if it is one of ours.
    #[must_use]
    pub fn origin(&self) -> Option<(&str, u32)> {
        log_of_name(&self.log)
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
        let opened = Checkpoint::open_of_origin(&note, &other);
        assert_eq!(opened, Checkpoint::open(&note, &verifier));
        for name in ["keyledger/node-2/1", "node-1"] {
            let stranger = VerifierKey::new(name.to_owned(), key().public_key());
            let opened = Checkpoint::open_of_origin(&note, &stranger);
            assert_eq!(opened, Err(NoteError::OtherKey));
        }
        let seed = Secret::new(vec![8; 32]);
        let forged = SigningKey::from_seed(&seed).unwrap().public_key();
        let forged = VerifierKey::new(log_name("node-1", 2), forged);
        let opened = Checkpoint::open_of_origin(&note, &forged);
        assert_eq!(opened, Err(NoteError::OtherKey));
    }

    #[test]
    fn a_line_is_what_its_note_says_and_nothing_else() {
        let log = log_name("node-1", 2);
        let root = [0xfb; 32];
        let note = Checkpoint {
            log,
            size: 42,
            root,
        }
        .sign(&key());
        let line = CheckpointLine::of_note(&note).unwrap();
        let json = String::from_utf8(line.to_json()).unwrap();
        let start = r#"{"checkpoint":{"origin":"node-1","epoch":2,"size":42,"note":"keyledger/node-1/2\n42\n"#;
        assert!(json.starts_with(start), "{json}");
        assert!(json.ends_with("\\n\"}}") && !json.contains('\n'), "{json}");
        assert_eq!(CheckpointLine::from_json(json.as_bytes()), Some(line));
        for (from, to) in [
            ("\"size\":42", "\"size\":43"),
            ("\"epoch\":2", "\"epoch\":1"),
            ("\"origin\":\"node-1\"", "\"origin\":\"node-2\""),
            ("}}", ",\"more\":1}}"),
            ("\"checkpoint\"", "\"test\""),
        ] {
            let other = json.replacen(from, to, 1);
            assert_ne!(other, json);
            assert_eq!(CheckpointLine::from_json(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn a_log_of_ours_is_known_by_its_name() {
        assert_eq!(log_of_name("keyledger/a/b/12"), Some(("a/b", 12)));
        for name in [
            "keyledger/a/01",
            "keyledger/a",
            "keyledger//1",
            "log/a/1",
            "keyledger/a/-1",
            "",
        ] {
            assert_eq!(log_of_name(name), None, "{name}");
        }
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
