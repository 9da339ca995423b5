//! Whole messages out of a stream of bytes.
//!
//! The length a peer announces is checked against the limit before anything is reserved, and even a
//! permitted length is reserved only as its bytes arrive. What is reserved beyond the small buffer
//! every connection has is counted over all connections: one that needs more than is left waits.
//! Bytes behind a message stay for the next one, so pipelined requests are read in order.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::kmip::Tag;

/// What a buffer holds at first and when idle: most requests are shorter than 1 KiB.
const BUFFER_BYTES: usize = 4 * 1024;
/// The most that is reserved ahead of the bytes that have arrived.
const RESERVED_AHEAD_BYTES_MAX: usize = 64 * 1024;
/// What one permit of the bytes in flight stands for.
const PERMIT_BYTES: usize = 1024;

/// Why there is no message.
#[derive(Debug)]
pub(super) enum FrameError {
    /// The bytes do not begin a message that is accepted; the end of it cannot be found.
    Unframed(ttlv::Error),
    /// The peer has gone in the middle of a message, or the socket failed.
    Io(io::Error),
}

impl From<io::Error> for FrameError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The bytes of requests that may be in memory over all connections.
#[derive(Debug, Clone)]
pub(super) struct InFlight(Arc<Semaphore>);

impl InFlight {
    /// At least one message fits, or the longest would wait for ever.
    pub(super) fn new(bytes_max: usize, message_bytes_max: usize) -> Self {
        let permits = bytes_max.max(message_bytes_max).div_ceil(PERMIT_BYTES);
        Self(Arc::new(Semaphore::new(
            permits.min(Semaphore::MAX_PERMITS),
        )))
    }

    async fn reserve(&self, bytes: usize) -> io::Result<OwnedSemaphorePermit> {
        let permits = u32::try_from(bytes.div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.0).acquire_many_owned(permits).await;
        // It is never closed; if it were, the server would be gone.
        permit.map_err(io::Error::other)
    }
}

/// What of a connection has been read and not yet answered.
#[derive(Debug)]
pub(super) struct Frames {
    buffer: Vec<u8>,
    /// Where the next message begins in the buffer.
    start: usize,
    /// Paid for what the buffer holds beyond what every connection has for nothing.
    paid: Option<OwnedSemaphorePermit>,
    limits: ttlv::Limits,
    in_flight: InFlight,
}

impl Frames {
    pub(super) const fn new(limits: ttlv::Limits, in_flight: InFlight) -> Self {
        Self {
            buffer: Vec::new(),
            start: 0,
            paid: None,
            limits,
            in_flight,
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
        Ok(stream.read_buf(&mut self.buffer).await? > 0)
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

    /// Forgets the message of `length` bytes, which is answered.
    pub(super) fn consume(&mut self, length: usize) {
        self.start = self.start.saturating_add(length).min(self.buffer.len());
    }

    fn unread(&self) -> usize {
        self.buffer.len().saturating_sub(self.start)
    }

    /// Nothing is unread: back to the small buffer.
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
            self.make_room(wanted).await?;
            if stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(FrameError::Io(io::ErrorKind::UnexpectedEof.into()));
            }
        }
        Ok(())
    }

    /// Makes room for some of the bytes that are missing to a message of `wanted` bytes.
    async fn make_room(&mut self, wanted: usize) -> io::Result<()> {
        if self.buffer.len() < self.buffer.capacity() {
            return Ok(());
        }
        if self.start > 0 {
            // Answered messages make way.
            self.buffer.drain(..self.start);
            self.start = 0;
            return Ok(());
        }
        let missing = wanted.saturating_sub(self.buffer.len());
        let room = missing.min(RESERVED_AHEAD_BYTES_MAX);
        let permit = self.in_flight.reserve(room).await?;
        match &mut self.paid {
            Some(paid) => paid.merge(permit),
            None => self.paid = Some(permit),
        }
        self.buffer.reserve_exact(room);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{BUFFER_BYTES, FrameError, Frames, InFlight, PERMIT_BYTES};

    const MIB: usize = 1024 * 1024;

    /// A structure tagged Request Message around `bytes` zero bytes.
    fn message(bytes: usize) -> Vec<u8> {
        let mut message = vec![0x42, 0x00, 0x78, 0x01];
        message.extend(u32::try_from(bytes).unwrap().to_be_bytes());
        message.resize(8 + bytes, 0);
        message
    }

    fn frames() -> (Frames, InFlight) {
        let in_flight = InFlight::new(4 * MIB, MIB);
        let frames = Frames::new(ttlv::Limits::default(), in_flight.clone());
        (frames, in_flight)
    }

    fn paid(in_flight: &InFlight) -> usize {
        4 * MIB - in_flight.0.available_permits() * PERMIT_BYTES
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
    async fn a_length_that_is_only_announced_reserves_little() {
        let (mut frames, in_flight) = frames();
        let whole = message(MIB - 8);
        let mut stream = &whole[..10_000];
        assert!(frames.begin(&mut stream).await.unwrap());
        let filled = frames.fill(&mut stream).await;
        assert!(matches!(filled, Err(FrameError::Io(_))), "{filled:?}");
        assert!(frames.buffer.capacity() < 80_000);
        assert_eq!(paid(&in_flight), 64 * 1024);
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
        let in_flight = InFlight::new(64 * 1024, 64 * 1024);
        let limits = ttlv::Limits::default();
        let mut first = Frames::new(limits.clone(), in_flight.clone());
        let mut second = Frames::new(limits, in_flight);
        let whole = message(64 * 1024);
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
}
