//! The form of a backup: a stream of sealed parts, and in it a list of files and their content.
//!
//! ```text
//! head || sealed parts of: length of the list (4 bytes) || the list (JSON) || the files, one after the other
//! ```
//!
//! Bounded memory on both sides: a part at a time. What is read of a backup is not known to be whole before its end was reached.

use std::io::{self, Read};

use serde::{Deserialize, Serialize};

use crate::crypto::sealed_stream::{HEAD_BYTES, PART_BYTES, TAG_BYTES};
use crate::crypto::{Recipient, RecipientKey, Secret, StreamError, StreamOpener, StreamSealer};

/// The number of the form of the list.
const FORMAT: u32 = 1;
/// The most bytes of the list: some thousand certificates.
const LIST_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Parts that are handed over at once: a mebibyte.
const PARTS_AT_ONCE: usize = 16;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct List {
    /// The number of this form.
    pub format: u32,
    /// The release that made it.
    pub release: String,
    /// When it was made, RFC 3339.
    pub created: String,
    /// The node whose trail it is.
    pub origin: String,
    /// The epoch of the trail.
    pub epoch: u32,
    /// How many events there are: those with a sequence below.
    pub events: u64,
    /// The number of the database's schema.
    pub schema: u32,
    /// The files, in the order in which they follow.
    pub files: Vec<Entry>,
}

/// A file in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    /// Its name below the directory of the server.
    pub name: String,
    /// How many bytes it has.
    pub bytes: u64,
}

impl List {
    /// The list of what is in a backup that is made now; `created` in RFC 3339.
    pub(super) fn new(created: String, files: Vec<Entry>) -> Self {
        Self {
            format: FORMAT,
            release: env!("CARGO_PKG_VERSION").to_owned(),
            created,
            origin: String::new(),
            epoch: 0,
            events: 0,
            schema: 0,
            files,
        }
    }
}

/// Seals the content of a backup as it is asked for.
pub(super) struct Sealed {
    content: Box<dyn Read + Send + Sync>,
    /// Bytes of content that were not read yet.
    left: u64,
    head: Option<[u8; HEAD_BYTES]>,
    sealer: StreamSealer,
    is_ended: bool,
}

impl Sealed {
    /// Begins a backup of these files, of which `content` gives the bytes.
    pub(super) fn begin(
        recipient: &Recipient,
        list: &List,
        content: impl Read + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let text = serde_json::to_vec(list)?;
        if text.len() > LIST_BYTES_MAX {
            let problem = "there are more certificates than a backup lists";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
        let length = u32::try_from(text.len()).map_err(io::Error::other)?;
        let list_bytes = u64::from(length) + 4;
        let (head, sealer) = StreamSealer::begin(recipient).map_err(io::Error::other)?;
        let files: u64 = list.files.iter().map(|file| file.bytes).sum();
        let before = [length.to_be_bytes().to_vec(), text].concat();
        Ok(Self {
            content: Box::new(io::Cursor::new(before).chain(content)),
            left: list_bytes + files,
            head: Some(head),
            sealer,
            is_ended: false,
        })
    }

    /// The next bytes of the backup, about a mebibyte; and whether they are the last.
    ///
    /// # Errors
    /// A file cannot be read, or is shorter than listed.
    pub(super) fn next(&mut self) -> io::Result<(Vec<u8>, bool)> {
        let mut out = Vec::with_capacity(HEAD_BYTES + PARTS_AT_ONCE * (PART_BYTES + TAG_BYTES));
        if let Some(head) = self.head.take() {
            out.extend_from_slice(&head);
        }
        for _ in 0..PARTS_AT_ONCE {
            if self.is_ended {
                break;
            }
            let part_bytes = u64::try_from(PART_BYTES).unwrap_or(u64::MAX);
            let length = usize::try_from(self.left.min(part_bytes)).unwrap_or(PART_BYTES);
            let mut content = vec![0; length];
            self.content.read_exact(&mut content)?;
            let content = Secret::new(content);
            self.left -= u64::try_from(length).unwrap_or(u64::MAX);
            self.is_ended = self.left == 0;
            let sealed = self.sealer.part(content.expose(), self.is_ended);
            out.extend_from_slice(&sealed.map_err(io::Error::other)?);
        }
        Ok((out, self.is_ended))
    }
}

/// Reads a backup: its content, part by part, as it was sealed.
#[derive(Debug)]
pub struct Opened<R> {
    source: R,
    opener: StreamOpener,
    /// What was read of the source and not opened yet: the next part, or the start of it.
    ahead: Vec<u8>,
    content: Secret,
    /// Bytes of `content` that were given.
    given: usize,
    is_ended: bool,
}

/// The id of the key that a backup is sealed to, and what stands before its first part.
///
/// # Errors
/// It cannot be read, or is no backup.
pub fn head_of(source: &mut impl Read) -> io::Result<([u8; 8], [u8; HEAD_BYTES])> {
    let mut head = [0; HEAD_BYTES];
    source
        .read_exact(&mut head)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => invalid(StreamError::Mark),
            _ => error,
        })?;
    let id = crate::crypto::sealed_stream::sealed_to(&head).map_err(invalid)?;
    Ok((id, head))
}

impl<R: Read> Opened<R> {
    /// Opens a backup of which `head` was read.
    ///
    /// # Errors
    /// It is sealed to another key, or its first part does not open.
    pub fn open(source: R, head: &[u8; HEAD_BYTES], key: &RecipientKey) -> io::Result<Self> {
        let opener = StreamOpener::begin(head, key).map_err(invalid)?;
        let mut opened = Self {
            source,
            opener,
            ahead: Vec::new(),
            content: Secret::new(Vec::new()),
            given: 0,
            is_ended: false,
        };
        opened.read_ahead()?;
        Ok(opened)
    }

    /// The list that the content begins with.
    ///
    /// # Errors
    /// It is damaged, or of a later release.
    pub fn list(&mut self) -> io::Result<List> {
        let mut length = [0; 4];
        self.read_exact(&mut length)?;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > LIST_BYTES_MAX {
            return Err(invalid("its list of files is too long"));
        }
        let mut text = vec![0; length];
        self.read_exact(&mut text)?;
        let unknown =
            "it was made by a later release of keyledger, or its list of files is damaged";
        let list: List = serde_json::from_slice(&text).map_err(|_| invalid(unknown))?;
        if list.format == FORMAT {
            Ok(list)
        } else {
            Err(invalid(unknown))
        }
    }

    /// Ends the reading: nothing more may come.
    ///
    /// # Errors
    /// Something comes, or the last part was not sealed as the last.
    pub fn end(mut self) -> io::Result<()> {
        let mut more = [0];
        match self.read(&mut more)? {
            0 => Ok(()),
            _ => Err(invalid("there is more in it than it lists")),
        }
    }

    /// Reads up to the end of the next part, and one byte more, which tells whether it is the last.
    fn read_ahead(&mut self) -> io::Result<()> {
        let wanted = PART_BYTES + TAG_BYTES + 1;
        let missing = u64::try_from(wanted.saturating_sub(self.ahead.len())).unwrap_or(0);
        self.source
            .by_ref()
            .take(missing)
            .read_to_end(&mut self.ahead)?;
        Ok(())
    }

    fn open_next(&mut self) -> io::Result<()> {
        let is_last = self.ahead.len() <= PART_BYTES + TAG_BYTES;
        let rest = match is_last {
            true => Vec::new(),
            false => self.ahead.split_off(PART_BYTES + TAG_BYTES),
        };
        let sealed = std::mem::replace(&mut self.ahead, rest);
        self.content = self.opener.part(&sealed, is_last).map_err(invalid)?;
        self.given = 0;
        self.is_ended = is_last;
        if is_last { Ok(()) } else { self.read_ahead() }
    }
}

impl<R: Read> Read for Opened<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.given == self.content.len() {
            if self.is_ended {
                return Ok(0);
            }
            self.open_next()?;
        }
        let rest = self.content.expose().get(self.given..).unwrap_or_default();
        let length = rest.len().min(to.len());
        to.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        self.given += length;
        Ok(length)
    }
}

fn invalid(problem: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SystemRandom;

    /// A backup with one file of so many bytes.
    fn sealed(key: &RecipientKey, bytes: usize) -> Vec<u8> {
        let name = "data/keyledger.db".to_owned();
        let entry = Entry {
            name,
            bytes: u64::try_from(bytes).unwrap(),
        };
        let list = List::new("2026-11-26T00:00:00Z".to_owned(), vec![entry]);
        let content = io::Cursor::new(vec![7; bytes]);
        let mut sealed = Sealed::begin(&key.recipient(), &list, content).unwrap();
        let mut all = Vec::new();
        loop {
            let (part, is_last) = sealed.next().unwrap();
            all.extend(part);
            if is_last {
                return all;
            }
        }
    }

    fn opened(backup: &[u8], key: &RecipientKey) -> io::Result<Vec<u8>> {
        let mut source = backup;
        let (_, head) = head_of(&mut source)?;
        let mut opened = Opened::open(source, &head, key)?;
        let list = opened.list()?;
        let mut content = Vec::new();
        let bytes = list.files[0].bytes;
        opened.by_ref().take(bytes).read_to_end(&mut content)?;
        opened.end()?;
        Ok(content)
    }

    #[test]
    fn what_was_sealed_is_read_whatever_its_length() {
        let key = RecipientKey::draw(&SystemRandom).unwrap();
        let list = sealed(&key, 0).len() - HEAD_BYTES - TAG_BYTES;
        // Up to the byte at which a part ends, and beyond what is handed over at once.
        let exact = PART_BYTES - list;
        for bytes in [
            0,
            1,
            exact - 2,
            exact - 1,
            exact,
            exact + 1,
            17 * PART_BYTES,
        ] {
            let content = opened(&sealed(&key, bytes), &key).unwrap();
            assert!(content == vec![7; bytes], "{bytes} bytes");
        }
    }

    #[test]
    fn what_was_cut_off_put_together_or_added_to_is_refused() {
        let key = RecipientKey::draw(&SystemRandom).unwrap();
        let whole = sealed(&key, 3 * PART_BYTES);
        let part = PART_BYTES + TAG_BYTES;
        let parts = |order: &[usize]| {
            let mut moved = whole[..HEAD_BYTES].to_vec();
            let all: Vec<_> = whole[HEAD_BYTES..].chunks(part).collect();
            order
                .iter()
                .for_each(|at| moved.extend_from_slice(all[*at]));
            moved
        };
        assert_eq!(parts(&[0, 1, 2, 3]), whole);
        for order in [
            &[0, 1, 2][..],
            &[0, 1],
            &[0, 2, 1, 3],
            &[0, 0, 1, 2, 3],
            &[1, 2, 3],
        ] {
            assert!(opened(&parts(order), &key).is_err(), "{order:?}");
        }
        for length in [
            0,
            HEAD_BYTES - 1,
            HEAD_BYTES,
            HEAD_BYTES + part,
            whole.len() - 1,
        ] {
            assert!(opened(&whole[..length], &key).is_err(), "{length} bytes");
        }
        assert!(opened(&[&whole[..], &[0]].concat(), &key).is_err());
        assert!(opened(&[&whole[..], &whole[HEAD_BYTES..]].concat(), &key).is_err());
        let refused = opened(
            b"something else, which is long enough to be a head of a backup ....",
            &key,
        );
        assert!(refused.unwrap_err().to_string().contains("it is no backup"));
    }
}
