//! Whole messages out of a stream of bytes.
//!
//! The length a peer announces is checked against the limit before anything is reserved, and even a
//! permitted length is reserved only as its bytes arrive. A message longer than the small buffer
//! every connection has is paid for from a budget of all connections, whole and before the first of
//! it is reserved: one that needs more than is left waits, and holds nothing meanwhile.
//! Bytes behind a message stay for the next one, so pipelined requests are read in order.
//!
//! A message may hold a password: its bytes are overwritten as soon as it is answered, those of the
//! memory it has outgrown at once, and what is left when the connection ends.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt};
use zeroize::{Zeroize, Zeroizing};

use crate::domain::ClientId;
use crate::kmip::Tag;
use crate::ops::{Budget, Reservation};

/// What a buffer holds at first and when idle: most requests are shorter than 1 KiB.
const BUFFER_BYTES: usize = 4 * 1024;
/// What is reserved at most ahead of the bytes that have arrived, unless more than this has arrived: then as
/// much again.
const RESERVED_AHEAD_BYTES: usize = 64 * 1024;

/// Why there is no message.
#[derive(Debug)]
pub(super) enum FrameError {
    /// The bytes do not begin a message that is accepted; the end of it cannot be found.
    Unframed(ttlv::Error),
    /// The socket failed.
    Io(io::Error),
}

impl From<io::Error> for FrameError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What of a connection has been read and not yet answered.
#[derive(Debug)]
pub(super) struct Frames {
    buffer: Zeroizing<Vec<u8>>,
    /// Where the next message begins in the buffer. What is before it is overwritten.
    start: usize,
    /// Paid for the longest message since the buffer was last empty, unless it fits into what every
    /// connection has for nothing.
    paid: Option<Reservation>,
    /// The message that has begun waits for bytes that others hold, not for its peer.
    wants_room: bool,
    limits: ttlv::Limits,
    in_flight: Arc<Budget>,
    client: ClientId,
}

impl Frames {
    pub(super) fn new(limits: ttlv::Limits, in_flight: Arc<Budget>, client: ClientId) -> Self {
        Self {
            buffer: Zeroizing::new(Vec::new()),
            start: 0,
            paid: None,
            wants_room: false,
            limits,
            in_flight,
            client,
        }
    }

    /// Waits until a byte of the next message is there; false if the peer ended the stream instead.
    /// May be dropped while it waits, and called again.
    pub(super) async fn begin<R>(&mut self, stream: &mut R) -> io::Result<bool>
    where
        R: AsyncRead + Unpin + Send,
    {
        if self.unread() > 0 {
            return Ok(true);
        }
        self.release();
        Ok(stream.read_buf(&mut *self.buffer).await? > 0)
    }

    /// Reads the rest of the message that has begun; its length in bytes.
    pub(super) async fn fill<R>(&mut self, stream: &mut R) -> Result<usize, FrameError>
    where
        R: AsyncRead + Unpin + Send,
    {
        self.read_at_least(stream, ttlv::HEADER_BYTES).await?;
        let begun = self.buffer.get(self.start..).unwrap_or_default();
        let Some(header) = begun.first_chunk() else {
            return Err(FrameError::Io(io::ErrorKind::UnexpectedEof.into()));
        };
        let length = ttlv::frame_bytes(header, Tag::RequestMessage.raw(), &self.limits)
            .map_err(FrameError::Unframed)?;
        self.read_at_least(stream, length).await?;
        Ok(length)
    }

    /// The message of `length` bytes that [`Frames::fill`] has read.
    pub(super) fn message(&self, length: usize) -> &[u8] {
        let end = self.start.saturating_add(length);
        self.buffer.get(self.start..end).unwrap_or_default()
    }

    /// Forgets the message of `length` bytes, which is answered. What it took is given back now: the
    /// peer may be slow to take the answer.
    pub(super) fn consume(&mut self, length: usize) {
        let end = self.start.saturating_add(length).min(self.buffer.len());
        if let Some(answered) = self.buffer.get_mut(self.start..end) {
            answered.zeroize();
        }
        self.start = end;
        if self.unread() == 0 {
            self.release();
        }
    }

    fn unread(&self) -> usize {
        self.buffer.len().saturating_sub(self.start)
    }

    /// Whether the message that [`Frames::fill`] was given up on waited for bytes that others hold.
    pub(super) const fn wants_room(&self) -> bool {
        self.wants_room
    }

    /// Nothing is unread, and all that was read is overwritten: back to the small buffer.
    fn release(&mut self) {
        self.buffer.clear();
        self.start = 0;
        self.buffer.shrink_to(BUFFER_BYTES);
        self.buffer.reserve_exact(BUFFER_BYTES);
        self.paid = None;
    }

    async fn read_at_least<R>(&mut self, stream: &mut R, wanted: usize) -> Result<(), FrameError>
    where
        R: AsyncRead + Unpin + Send,
    {
        while self.unread() < wanted {
            self.make_room(wanted).await;
            match stream.read_buf(&mut *self.buffer).await {
                Ok(0) => return Err(FrameError::Unframed(self.truncated())),
                // No close_notify before the end: many clients end like this.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(FrameError::Unframed(self.truncated()));
                }
                Err(error) => return Err(error.into()),
                Ok(_) => {}
            }
        }
        Ok(())
    }

    /// The message that has begun ends here. Its peer may still listen.
    pub(super) fn truncated(&self) -> ttlv::Error {
        ttlv::Error::new(ttlv::ErrorKind::Truncated, self.unread())
    }

    /// Makes room for some of the bytes that are missing to a message of `wanted` bytes.
    async fn make_room(&mut self, wanted: usize) {
        if self.buffer.len() < self.buffer.capacity() {
            return;
        }
        if self.start > 0 {
            // Answered messages make way, and what is moved leaves nothing where it was.
            let unread = self.unread();
            self.buffer.copy_within(self.start.., 0);
            if let Some(moved) = self.buffer.get_mut(unread..) {
                moved.zeroize();
            }
            self.buffer.truncate(unread);
            self.start = 0;
            return;
        }
        self.pay(wanted).await;
        let arrived = self.buffer.len();
        let missing = wanted.saturating_sub(arrived);
        let ahead = missing.min(RESERVED_AHEAD_BYTES.max(arrived));
        // Not grown in place: that would leave what it outgrows as it is.
        let mut larger = Vec::with_capacity(arrived.saturating_add(ahead));
        larger.extend_from_slice(&self.buffer);
        // Empty, it is overwritten as a whole and not byte by byte.
        self.buffer.clear();
        self.buffer = Zeroizing::new(larger);
    }

    /// Pays for a message of `wanted` bytes, unless that has been done.
    async fn pay(&mut self, wanted: usize) {
        let paid = self.paid.as_ref().map_or(0, Reservation::bytes);
        if paid >= wanted {
            return;
        }
        // Given back first: who held a part and waited for more could wait for ever.
        self.paid = None;
        self.wants_room = true;
        self.paid = Some(self.in_flight.reserve(self.client, wanted).await);
        self.wants_room = false;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{BUFFER_BYTES, FrameError, Frames};
    use crate::domain::ClientId;
    use crate::ops::Budget;

    const MIB: usize = 1024 * 1024;

    /// A structure tagged Request Message around `bytes` zero bytes.
    fn message(bytes: usize) -> Vec<u8> {
        let mut message = vec![0x42, 0x00, 0x78, 0x01];
        message.extend(u32::try_from(bytes).unwrap().to_be_bytes());
        message.resize(8 + bytes, 0);
        message
    }

    fn frames_in(in_flight: &Arc<Budget>) -> Frames {
        let client = ClientId::new(0, [1; 10]);
        Frames::new(ttlv::Limits::default(), Arc::clone(in_flight), client)
    }

    fn frames() -> (Frames, Arc<Budget>) {
        let in_flight = Budget::new(4 * MIB, 4 * MIB);
        (frames_in(&in_flight), in_flight)
    }

    fn paid(in_flight: &Budget) -> usize {
        4 * MIB - in_flight.free_bytes()
    }

    async fn next(frames: &mut Frames, stream: &mut &[u8]) -> Option<Vec<u8>> {
        if !frames.begin(stream).await.unwrap() {
            return None;
        }
        let length = frames.fill(stream).await.unwrap();
        let bytes = frames.message(length).to_vec();
        frames.consume(length);
        Some(bytes)
    }

    #[tokio::test]
    async fn messages_of_all_sizes_are_read_one_after_the_other() {
        let sizes = [0, 8, 4080, 4088, 4096, 100_000, MIB - 8, 16];
        let messages: Vec<_> = sizes.into_iter().map(message).collect();
        let stream = messages.concat();
        let (mut frames, in_flight) = frames();
        let mut stream = &stream[..];
        for expected in &messages {
            let read = next(&mut frames, &mut stream).await;
            assert!(read.as_ref() == Some(expected), "{}", expected.len());
        }
        assert_eq!(next(&mut frames, &mut stream).await, None);
        assert_eq!(paid(&in_flight), 0);
        assert_eq!(frames.buffer.capacity(), BUFFER_BYTES);
    }

    #[tokio::test]
    async fn a_length_that_is_only_announced_takes_little_memory() {
        let (mut frames, in_flight) = frames();
        let whole = message(MIB - 8);
        let mut stream = &whole[..10_000];
        assert!(frames.begin(&mut stream).await.unwrap());
        let filled = frames.fill(&mut stream).await;
        assert!(matches!(filled, Err(FrameError::Unframed(_))), "{filled:?}");
        assert!(frames.buffer.capacity() < 80_000);
        assert_eq!(paid(&in_flight), MIB, "it is paid for as a whole");
    }

    #[tokio::test]
    async fn a_length_over_the_limit_is_refused_before_anything_is_reserved() {
        let (mut frames, in_flight) = frames();
        let mut stream = &b"\x42\x00\x78\x01\x80\x00\x00\x00and more"[..];
        assert!(frames.begin(&mut stream).await.unwrap());
        let filled = frames.fill(&mut stream).await;
        assert!(matches!(filled, Err(FrameError::Unframed(_))), "{filled:?}");
        assert_eq!(frames.buffer.capacity(), BUFFER_BYTES);
        assert_eq!(paid(&in_flight), 0);
    }

    #[tokio::test]
    async fn a_request_waits_for_bytes_that_others_hold() {
        let in_flight = Budget::new(64 * 1024, 64 * 1024);
        let mut first = frames_in(&in_flight);
        let mut second = frames_in(&in_flight);
        let whole = message(63 * 1024);
        let mut stream = &whole[..];
        assert!(first.begin(&mut stream).await.unwrap());
        let length = first.fill(&mut stream).await.unwrap();
        let mut stream = &whole[..];
        assert!(second.begin(&mut stream).await.unwrap());
        let soon = std::time::Duration::from_millis(20);
        let waited = tokio::time::timeout(soon, second.fill(&mut stream)).await;
        assert!(waited.is_err());
        first.consume(length);
        assert!(!first.begin(&mut &b""[..]).await.unwrap());
        assert_eq!(second.fill(&mut stream).await.unwrap(), length);
    }
    #[tokio::test]
    async fn what_was_answered_is_overwritten() {
        let filled = |bytes: usize| {
            let mut filled = message(bytes);
            filled.get_mut(8..).unwrap().fill(0xA5);
            filled
        };
        let (mut frames, _in_flight) = frames();
        let stream = [filled(1000), filled(2000), filled(2000)].concat();
        let mut stream = &stream[..];
        let (first, second) = (1008, 2008);
        assert!(frames.begin(&mut stream).await.unwrap());
        assert_eq!(frames.fill(&mut stream).await.unwrap(), first);
        frames.consume(first);
        assert!(frames.buffer[..first].iter().all(|byte| *byte == 0));
        assert_eq!(frames.fill(&mut stream).await.unwrap(), second);
        frames.consume(second);
        let answered = frames.buffer.get(..first + second).unwrap();
        assert!(answered.iter().all(|byte| *byte == 0));
        // The third makes the rest of it move to the front.
        assert_eq!(frames.fill(&mut stream).await.unwrap(), second);
        assert_eq!(frames.message(second), filled(2000));
        frames.consume(second);
        assert_eq!((frames.start, frames.unread()), (0, 0));
    }

    #[tokio::test]
    async fn who_waits_for_a_longer_message_holds_nothing() {
        let in_flight = Budget::new(64 * 1024, 64 * 1024);
        let mut frames = frames_in(&in_flight);
        let client = ClientId::new(0, [1; 10]);
        frames.paid = in_flight.try_reserve(client, 40 * 1024);
        let other = in_flight.try_reserve(client, 20 * 1024).unwrap();
        let whole = message(50 * 1024);
        let mut stream = &whole[..];
        assert!(!frames.wants_room());
        let soon = std::time::Duration::from_millis(20);
        let waited = tokio::time::timeout(soon, frames.fill(&mut stream)).await;
        assert!(waited.is_err() && frames.wants_room());
        assert!(in_flight.try_reserve(client, 44 * 1024).is_some());
        drop(other);
        assert_eq!(frames.fill(&mut stream).await.unwrap(), whole.len());
        assert!(!frames.wants_room());
    }
}
