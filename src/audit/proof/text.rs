//! Proofs as documents that other programs read.
//!
//! That an event is included is written as C2SP tlog-proof, with the event itself as its extra data; that a tree is an earlier one grown,
//! as the request that witnesses take (C2SP tlog-witness, add-checkpoint). Reading judges no proof and no signature.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::NODES_MAX;
use crate::audit::Event;
use crate::audit::note::NOTE_BYTES_MAX;
use crate::audit::tree::Hash;

/// The first line of a proof of inclusion.
const INCLUSION: &str = "c2sp.org/tlog-proof@v1";
/// The most bytes of a proof that is read: the event in base64, hashes, and the note.
pub const PROOF_BYTES_MAX: usize = 2 * Event::BYTES_MAX + 64 * NODES_MAX + NOTE_BYTES_MAX;

/// A proof as a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// An event is in the tree of a checkpoint.
    Inclusion {
        /// The bytes of the event, if they are in the document.
        event: Option<Vec<u8>>,
        /// Its sequence.
        index: u64,
        /// The hashes of the nodes that [`super::inclusion`] names.
        hashes: Vec<Hash>,
        /// The checkpoint, a signed note.
        note: String,
    },
    /// The tree of a checkpoint is an earlier one grown.
    Consistency {
        /// The size of the earlier one.
        old: u64,
        /// The hashes of the nodes that [`super::consistency`] names.
        hashes: Vec<Hash>,
        /// The later checkpoint, a signed note.
        note: String,
    },
}

/// A text that is no proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no proof as `keyledger events prove` writes it")]
pub struct ProofError;

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hashes, note) = match self {
            Self::Inclusion {
                event,
                index,
                hashes,
                note,
            } => {
                writeln!(f, "{INCLUSION}")?;
                if let Some(event) = event {
                    writeln!(f, "extra {}", BASE64.encode(event))?;
                }
                writeln!(f, "index {index}")?;
                (hashes, note)
            }
            Self::Consistency { old, hashes, note } => {
                writeln!(f, "old {old}")?;
                (hashes, note)
            }
        };
        for hash in hashes {
            writeln!(f, "{}", BASE64.encode(hash))?;
        }
        f.write_char('\n')?;
        f.write_str(note)
    }
}

impl FromStr for Proof {
    type Err = ProofError;

    fn from_str(text: &str) -> Result<Self, ProofError> {
        read(text).ok_or(ProofError)
    }
}

fn read(text: &str) -> Option<Proof> {
    let (head, note) = text.split_once("\n\n")?;
    let note = note.to_owned();
    let mut lines = head.split('\n').peekable();
    if let Some(old) = lines.peek()?.strip_prefix("old ") {
        let old = number(old)?;
        lines.next();
        let hashes = read_hashes(lines)?;
        return Some(Proof::Consistency { old, hashes, note });
    }
    lines.next_if_eq(&INCLUSION)?;
    let extra = lines.peek()?.strip_prefix("extra ");
    let event = match extra {
        Some(extra) => {
            lines.next();
            Some(BASE64.decode(extra).ok()?)
        }
        None => None,
    };
    Some(Proof::Inclusion {
        event,
        index: number(lines.next()?.strip_prefix("index ")?)?,
        hashes: read_hashes(lines)?,
        note,
    })
}

/// A number as it is written: no sign, no zero before it.
fn number(digits: &str) -> Option<u64> {
    let number: u64 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

fn read_hashes<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Vec<Hash>> {
    let hash = |line: &str| BASE64.decode(line).ok()?.try_into().ok();
    let hashes: Vec<Hash> = lines.take(NODES_MAX + 1).map(hash).collect::<Option<_>>()?;
    (hashes.len() <= NODES_MAX).then_some(hashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTE: &str = "log\n9\nroot\n\n\u{2014} log c2ln\n";

    fn inclusion() -> Proof {
        Proof::Inclusion {
            event: Some(b"{}".to_vec()),
            index: 7,
            hashes: vec![[1; 32], [2; 32]],
            note: NOTE.to_owned(),
        }
    }

    #[test]
    fn proofs_are_written_as_their_specifications_say_and_read_back() {
        let one = BASE64.encode([1; 32]);
        let two = BASE64.encode([2; 32]);
        let text = inclusion().to_string();
        let expected =
            format!("c2sp.org/tlog-proof@v1\nextra e30=\nindex 7\n{one}\n{two}\n\n{NOTE}");
        assert_eq!(text, expected);
        assert_eq!(text.parse(), Ok(inclusion()));
        let bare = text.replace("extra e30=\n", "");
        assert!(matches!(
            bare.parse(),
            Ok(Proof::Inclusion { event: None, .. })
        ));
        let grown = Proof::Consistency {
            old: 4,
            hashes: vec![[1; 32]],
            note: NOTE.to_owned(),
        };
        assert_eq!(grown.to_string(), format!("old 4\n{one}\n\n{NOTE}"));
        assert_eq!(grown.to_string().parse(), Ok(grown));
        let none = format!("old 0\n\n{NOTE}");
        assert!(matches!(
            none.parse(),
            Ok(Proof::Consistency { old: 0, .. })
        ));
    }

    #[test]
    fn what_is_not_written_so_is_no_proof() {
        let text = inclusion().to_string();
        let many = format!("{}\n", BASE64.encode([1; 32])).repeat(NODES_MAX + 1);
        for other in [
            text.replace("index 7", "index 07"),
            text.replace("index 7", "index +7"),
            text.replace("index 7", "index -7"),
            text.replace("index 7\n", ""),
            text.replace("@v1", "@v2"),
            text.replace("e30=", "e30"),
            text.replace("\n\n", "\n"),
            format!("old 4\n{many}\n{NOTE}"),
            format!("old 4\n{}\n\n{NOTE}", BASE64.encode([1; 31])),
            String::new(),
            "\n\n".to_owned(),
        ] {
            assert_eq!(other.parse::<Proof>(), Err(ProofError), "{other}");
        }
    }
}
