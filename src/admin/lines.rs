//! Lines as they pass over the control socket: PINs and passphrases are among them, so what was written or read is overwritten.

use std::fmt;
use std::io;

use serde::Serialize;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use zeroize::Zeroizing;

use crate::crypto::SecretBuffer;

/// How many bytes are read at a time.
const READ_BYTES: usize = 16 * 1024;

/// What is sent, in one line. It may hold what an administrator types or is shown once.
pub(super) fn as_line(sent: &impl Serialize) -> serde_json::Result<SecretBuffer> {
    let mut line = SecretBuffer::default();
    serde_json::to_writer(&mut line, sent)?;
    line.push(b"\n");
    Ok(line)
}

/// Reads lines, which may hold secrets: what was read is overwritten.
pub(super) struct Lines<R> {
    stream: R,
    /// What was read last, of which what is still to come is from `start` to `end`.
    read: Zeroizing<Vec<u8>>,
    start: usize,
    end: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// The lines of this stream.
    pub(super) fn new(stream: R) -> Self {
        Self {
            stream,
            read: Zeroizing::new(vec![0; READ_BYTES]),
            start: 0,
            end: 0,
        }
    }

    /// The stream itself, to write to.
    pub(super) const fn stream(&mut self) -> &mut R {
        &mut self.stream
    }

    /// The next line without its end; none at the end of the stream. A line longer than `bytes_max` is an error.
    pub(super) async fn next(&mut self, bytes_max: usize) -> io::Result<Option<SecretBuffer>> {
        let cut = |why| Err(io::Error::new(io::ErrorKind::InvalidData, why));
        let mut line = SecretBuffer::default();
        loop {
            let there = self.read.get(self.start..self.end).unwrap_or_default();
            let end = there.iter().position(|byte| *byte == b'\n');
            let part = there.get(..end.unwrap_or(there.len())).unwrap_or_default();
            if line.expose().len() + part.len() > bytes_max {
                return cut("a line is too long");
            }
            line.push(part);
            if let Some(end) = end {
                self.start += end + 1;
                return Ok(Some(line));
            }
            (self.start, self.end) = (0, self.stream.read(&mut self.read).await?);
            match (self.end, line.expose()) {
                (0, []) => return Ok(None),
                (0, _) => return cut("a line is cut off"),
                _ => {}
            }
        }
    }
}

impl<R> fmt::Debug for Lines<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lines")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_whole_however_they_come_and_bounded() {
        let long = "x".repeat(READ_BYTES + 1);
        let text = format!("one\n\n{long}\ntwo\nrest");
        let mut lines = Lines::new(text.as_bytes());
        for expected in ["one", "", &long, "two"] {
            let line = lines.next(long.len()).await.unwrap().unwrap();
            assert_eq!(line.expose(), expected.as_bytes());
        }
        let cut = lines.next(long.len()).await.unwrap_err().to_string();
        assert_eq!(cut, "a line is cut off");
        assert_eq!(format!("{lines:?}"), "Lines", "and nothing that was read");
        assert!(lines.next(10).await.unwrap().is_none());
        for text in ["12345\n", "1234567"] {
            let error = Lines::new(text.as_bytes()).next(4).await.unwrap_err();
            assert_eq!(error.to_string(), "a line is too long");
        }
    }
}
