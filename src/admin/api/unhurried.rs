//! A connection whose peer must take what it is sent: one that does not is cut after a time, and holds no answer for ever. Nor does one that
//! takes a little now and then: a whole answer has a limit of time, too.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// How many times the limit of a write an answer may take.
const ANSWER: u32 = 4;

/// A stream with a limit of time for each write, and one for all between two flushes: an answer, or a part of a long one.
pub(super) struct Unhurried<S> {
    stream: S,
    limit: Duration,
    /// When the write that waits is given up; none waits: none.
    waits: Option<Pin<Box<Sleep>>>,
    /// When what is being written must have been taken; nothing is: none.
    answer: Option<Pin<Box<Sleep>>>,
}

impl<S> Unhurried<S> {
    /// A stream of which each write may wait so long.
    pub(super) const fn new(stream: S, limit: Duration) -> Self {
        Self {
            stream,
            limit,
            waits: None,
            answer: None,
        }
    }

    /// What became of a write, or its end.
    fn within<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        let limit = self.limit;
        let timer = |limit| Box::pin(sleep_until(Instant::now() + limit));
        let answer = self.answer.get_or_insert_with(|| timer(limit * ANSWER));
        let is_over = answer.as_mut().poll(cx).is_ready();
        if written.is_ready() && !is_over {
            self.waits = None;
            return written;
        }
        if !is_over {
            let waits = self.waits.get_or_insert_with(|| timer(limit));
            ready!(waits.as_mut().poll(cx));
        }
        let late = io::Error::new(io::ErrorKind::TimedOut, "the peer does not take its answer");
        Poll::Ready(Err(late))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Unhurried<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Unhurried<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.within(written, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, parts);
        this.within(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        let flushed = this.within(flushed, cx);
        if flushed.is_ready() {
            this.answer = None;
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let ended = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.within(ended, cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::Unhurried;

    #[tokio::test]
    async fn a_peer_that_takes_nothing_is_cut_and_a_slow_one_is_not() {
        let (ours, mut theirs) = tokio::io::duplex(8);
        let mut ours = Unhurried::new(ours, Duration::from_secs(600));
        let reader = tokio::spawn(async move {
            for _ in 0..4 {
                tokio::time::sleep(Duration::from_millis(20)).await;
                theirs.read_exact(&mut [0; 8]).await.unwrap();
            }
        });
        assert!(ours.write_all(&[1; 32]).await.is_ok());
        reader.await.unwrap();
        let (ours, _theirs) = tokio::io::duplex(8);
        let mut ours = Unhurried::new(ours, Duration::from_millis(50));
        let error = ours.write_all(&[1; 64]).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_peer_that_takes_a_little_now_and_then_is_cut_too_and_a_flush_begins_anew() {
        let (ours, mut theirs) = tokio::io::duplex(8);
        let mut ours = Unhurried::new(ours, Duration::from_millis(100));
        ours.write_all(&[1; 8]).await.unwrap();
        assert!(ours.answer.is_some());
        ours.flush().await.unwrap();
        assert!(ours.answer.is_none());
        let reader = tokio::spawn(async move {
            // Each within the limit of a write.
            while theirs.read_exact(&mut [0; 1]).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        let error = ours.write_all(&[1; 4096]).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
        drop(ours);
        reader.await.unwrap();
    }
}
