//! Streams that only the holder of a private key reads: parts of fixed length, sealed one after the other in one HPKE context.
//!
//! Who writes one needs the public key alone. Each part is opened in its place only, and the last one is sealed as the last: a stream that
//! was cut off, that has something behind its end, or whose parts were moved does not open. What is read of a stream before its last part
//! was opened is not known to be all of it.

use std::fmt;

use super::sealed_box::{BOX_KEY_LEN, BoxError, BoxOpener, BoxSealer, Recipient, RecipientKey};
use super::secret::Secret;

/// Bytes of content in each part but the last, which may have fewer.
pub const PART_BYTES: usize = 64 * 1024;
/// Bytes that a sealed part is longer than its content.
pub const TAG_BYTES: usize = 16;

// Stored state: a stream is `mark || id of the recipient || encapsulated key || parts`.
const MARK: &[u8; 20] = b"keyledger-backup-v1\n";
const ID_BYTES: usize = 8;
/// Bytes before the first part.
pub const HEAD_BYTES: usize = MARK.len() + ID_BYTES + BOX_KEY_LEN;

/// Why a stream is not written or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// It begins with something else.
    #[error("it is no backup: it does not begin with `keyledger-backup-v1`")]
    Mark,
    /// It is sealed to another key.
    #[error("it is sealed to the key {}, and this is the key {}", Id(*sealed_to), Id(*given))]
    OtherKey {
        /// The key it is sealed to.
        sealed_to: [u8; ID_BYTES],
        /// The key that was given.
        given: [u8; ID_BYTES],
    },
    /// A part does not open.
    #[error("it does not open: it was altered, cut off or put together from others")]
    Altered,
    /// The key is none, or the cipher refused.
    #[error(transparent)]
    Box(#[from] BoxError),
}

/// What tells one key from another, as people read it.
struct Id([u8; ID_BYTES]);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Seals a stream.
#[derive(Debug)]
pub struct StreamSealer(BoxSealer);

impl StreamSealer {
    /// Begins a stream to a recipient: what stands before its first part, and what seals the parts.
    ///
    /// # Errors
    /// The recipient's key is none.
    pub fn begin(recipient: &Recipient) -> Result<([u8; HEAD_BYTES], Self), StreamError> {
        let id = recipient.id();
        let (encapsulated, sealer) = recipient.sealer(&info(&id))?;
        let mut head = [0; HEAD_BYTES];
        let bytes = MARK.iter().chain(&id).chain(&encapsulated);
        head.iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = *from);
        Ok((head, Self(sealer)))
    }

    /// Seals the next part: of [`PART_BYTES`] of content, unless it is the last.
    ///
    /// # Errors
    /// The cipher refuses.
    pub fn part(&mut self, content: &[u8], is_last: bool) -> Result<Vec<u8>, StreamError> {
        Ok(self.0.seal(place(is_last), content)?)
    }
}

/// Opens a stream.
#[derive(Debug)]
pub struct StreamOpener(BoxOpener);

impl StreamOpener {
    /// Goes on with a stream that begins like this.
    ///
    /// # Errors
    /// It is none, or is sealed to another key.
    pub fn begin(head: &[u8; HEAD_BYTES], key: &RecipientKey) -> Result<Self, StreamError> {
        let (sealed_to, encapsulated) = parts_of(head).ok_or(StreamError::Mark)?;
        let given = key.recipient().id();
        if given != sealed_to {
            return Err(StreamError::OtherKey { sealed_to, given });
        }
        Ok(Self(key.opener(&encapsulated, &info(&sealed_to))?))
    }

    /// Opens the next part. Who reads a stream knows which one is the last: nothing follows it.
    ///
    /// # Errors
    /// It is not the next part, not the last one where it should be, or was altered.
    pub fn part(&mut self, sealed: &[u8], is_last: bool) -> Result<Secret, StreamError> {
        let opened = self.0.open(place(is_last), sealed);
        opened.map_err(|_| StreamError::Altered)
    }
}

/// The id of the key that a stream is sealed to.
///
/// # Errors
/// It is no stream.
pub fn sealed_to(head: &[u8; HEAD_BYTES]) -> Result<[u8; ID_BYTES], StreamError> {
    parts_of(head).map(|(id, _)| id).ok_or(StreamError::Mark)
}

fn parts_of(head: &[u8; HEAD_BYTES]) -> Option<([u8; ID_BYTES], [u8; BOX_KEY_LEN])> {
    let (id, encapsulated) = head.strip_prefix(MARK)?.split_at_checked(ID_BYTES)?;
    Some((id.try_into().ok()?, encapsulated.try_into().ok()?))
}

/// What the whole is for: it is bound into the keys of the context, and with it all that stands before the encapsulated key.
fn info(id: &[u8; ID_BYTES]) -> Vec<u8> {
    [MARK.as_slice(), id].concat()
}

const fn place(is_last: bool) -> &'static [u8] {
    if is_last { b"last" } else { b"part" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SystemRandom;

    fn stream(recipient: &Recipient, parts: &[&[u8]]) -> ([u8; HEAD_BYTES], Vec<Vec<u8>>) {
        let (head, mut sealer) = StreamSealer::begin(recipient).unwrap();
        let last = parts.len() - 1;
        let sealed = parts.iter().enumerate();
        let sealed = sealed.map(|(at, part)| sealer.part(part, at == last).unwrap());
        (head, sealed.collect())
    }

    #[test]
    fn parts_open_in_their_order_up_to_the_last_and_with_the_right_key_only() {
        let key = RecipientKey::draw(&SystemRandom).unwrap();
        let (head, parts) = stream(&key.recipient(), &[b"one", b"two", b""]);
        assert!(head.starts_with(b"keyledger-backup-v1\n"));
        assert_eq!(sealed_to(&head), Ok(key.recipient().id()));
        let begin = || StreamOpener::begin(&head, &key).unwrap();
        let mut opener = begin();
        assert_eq!(opener.part(&parts[0], false).unwrap().expose(), b"one");
        assert_eq!(opener.part(&parts[1], false).unwrap().expose(), b"two");
        assert_eq!(opener.part(&parts[2], true).unwrap().expose(), b"");
        let refused = |opened: Result<Secret, StreamError>| {
            assert_eq!(opened.err(), Some(StreamError::Altered));
        };
        // Cut off after the first, moved, and gone on with after the last.
        refused(begin().part(&parts[0], true));
        refused(begin().part(&parts[1], false));
        let mut opener = begin();
        opener.part(&parts[0], false).unwrap();
        opener.part(&parts[1], false).unwrap();
        refused(opener.part(&parts[2], false));
        let other = RecipientKey::draw(&SystemRandom).unwrap();
        let refused = StreamOpener::begin(&head, &other).err().unwrap();
        assert!(matches!(refused, StreamError::OtherKey { .. }));
        assert!(
            refused
                .to_string()
                .contains(&hex::encode(other.recipient().id()))
        );
    }

    #[test]
    fn no_flipped_bit_is_accepted() {
        let key = RecipientKey::draw(&SystemRandom).unwrap();
        let (head, parts) = stream(&key.recipient(), &[b"content"]);
        let opens = |head: &[u8; HEAD_BYTES], part: &[u8]| {
            StreamOpener::begin(head, &key).and_then(|mut opener| opener.part(part, true))
        };
        assert!(opens(&head, &parts[0]).is_ok());
        for bit in 0..HEAD_BYTES * 8 {
            let mut altered = head;
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(opens(&altered, &parts[0]).is_err(), "bit {bit} of the head");
        }
        for bit in 0..parts[0].len() * 8 {
            let mut altered = parts[0].clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(opens(&head, &altered).is_err(), "bit {bit} of the part");
        }
    }
}
