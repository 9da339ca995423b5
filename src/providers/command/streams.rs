//! What passes between this process and a program, in bounds. No thread waits for it: nothing of it outlives the run, whoever holds the
//! other ends.

use std::io::{self, ErrorKind, Read, Write as _};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout};

use rustix::io::ioctl_fionbio;
use zeroize::Zeroizing;

use crate::crypto::Secret;

/// The most bytes of an answer.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// The most bytes kept of standard error: the last ones.
const ERRORS_BYTES_MAX: usize = 4096;

/// Both ends that are ours, and what passed through them so far.
pub(super) struct Streams {
    input: Option<ChildStdin>,
    request: Zeroizing<Vec<u8>>,
    written: usize,
    output: Option<ChildStdout>,
    answer: Held,
    errors: Option<ChildStderr>,
    said: Held,
}

/// Bytes that were read, in a buffer of fixed length: a growing one would leave copies behind.
struct Held {
    bytes: Zeroizing<Vec<u8>>,
    filled: usize,
}

impl Streams {
    /// The streams of a program that was started with all three, and what it is to be asked.
    ///
    /// # Errors
    /// The system refused to let them be used without waiting.
    pub(super) fn of(child: &mut Child, request: Zeroizing<Vec<u8>>) -> io::Result<Self> {
        let streams = Self {
            input: child.stdin.take(),
            request,
            written: 0,
            output: child.stdout.take(),
            answer: Held::new(ANSWER_BYTES_MAX + 1),
            errors: child.stderr.take(),
            said: Held::new(2 * ERRORS_BYTES_MAX),
        };
        let waits_for_none = |wanted: rustix::io::Result<()>| wanted.map_err(io::Error::from);
        streams
            .input
            .as_ref()
            .map_or(Ok(()), |end| waits_for_none(ioctl_fionbio(end, true)))?;
        streams
            .output
            .as_ref()
            .map_or(Ok(()), |end| waits_for_none(ioctl_fionbio(end, true)))?;
        streams
            .errors
            .as_ref()
            .map_or(Ok(()), |end| waits_for_none(ioctl_fionbio(end, true)))?;
        Ok(streams)
    }

    /// Passes on what can be passed on now; says whether there was any.
    pub(super) fn pass(&mut self) -> bool {
        let written = self.write();
        let answered = read(&mut self.output, &mut self.answer);
        self.said.keep_last(ERRORS_BYTES_MAX);
        let said = read(&mut self.errors, &mut self.said);
        written || answered || said
    }

    /// Whether nobody writes to us any more.
    pub(super) const fn are_closed(&self) -> bool {
        self.output.is_none() && self.errors.is_none()
    }

    /// Whether the answer is longer than any may be.
    pub(super) const fn is_too_much(&self) -> bool {
        self.answer.filled > ANSWER_BYTES_MAX
    }

    /// The answer, and the end of what was said on standard error.
    pub(super) fn into_parts(mut self) -> (Secret, Secret) {
        self.said.keep_last(ERRORS_BYTES_MAX);
        (self.answer.into_secret(), self.said.into_secret())
    }

    fn write(&mut self) -> bool {
        let Some(input) = &mut self.input else {
            return false;
        };
        let rest = self.request.get(self.written..).unwrap_or_default();
        match input.write(rest) {
            Ok(count) if count < rest.len() => {
                self.written += count;
                count > 0
            }
            Err(error) if is_not_now(&error) => false,
            // All of it; or the program has ended or closed it before it has read all: its exit code says what that means.
            Ok(_) | Err(_) => {
                self.input = None;
                true
            }
        }
    }
}

impl Held {
    fn new(length: usize) -> Self {
        Self {
            bytes: Zeroizing::new(vec![0; length]),
            filled: 0,
        }
    }

    /// Makes room: of a full buffer the last bytes are kept.
    fn keep_last(&mut self, count: usize) {
        if self.filled > count {
            self.bytes.copy_within(self.filled - count..self.filled, 0);
            self.filled = count;
        }
    }

    fn into_secret(mut self) -> Secret {
        self.bytes.truncate(self.filled);
        Secret::new(std::mem::take(&mut *self.bytes))
    }
}

/// Reads what is there; a stream that is over is put away.
fn read(stream: &mut Option<impl Read>, into: &mut Held) -> bool {
    let free = into.bytes.get_mut(into.filled..).unwrap_or_default();
    let Some(open) = stream.as_mut().filter(|_| !free.is_empty()) else {
        return false;
    };
    match open.read(free) {
        Ok(count @ 1..) => into.filled += count,
        Err(error) if is_not_now(&error) => return false,
        Ok(0) | Err(_) => *stream = None,
    }
    true
}

fn is_not_now(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
