//! One run of a program: fed, listened to within bounds, and killed with all it started when its time is over.

use std::io::{Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use zeroize::Zeroizing;

use super::Config;
use crate::crypto::Secret;
use crate::providers::{ProviderError, aside};

/// The most bytes of an answer.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// The most bytes read of standard error.
const ERRORS_BYTES_MAX: usize = 4096;
/// The most characters of a line that is quoted.
const QUOTED_CHARACTERS_MAX: usize = 200;
/// How long standard error may stay open once everything else has ended.
const ERRORS_WAIT: Duration = Duration::from_secs(1);
/// How often it is looked whether a program has ended that has closed its output.
const LOOK: Duration = Duration::from_millis(5);
/// A piece of key material in what a program says: so many characters of it in a row.
const PIECE: usize = 12;

/// A program and what it is started with.
pub(super) struct Program {
    config: Config,
}

impl Program {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            config: config.clone(),
        }
    }

    /// That the program does not do what it is there for.
    pub(super) fn failed(&self, what: &str) -> ProviderError {
        ProviderError::Program(self.config.program.clone(), what.to_owned())
    }

    /// Runs it with `input` on its standard input; gives what it wrote to its standard output. `secret` is what must not be quoted of it.
    pub(super) fn run(
        &self,
        input: Zeroizing<Vec<u8>>,
        secret: &str,
    ) -> Result<Secret, ProviderError> {
        aside(|| self.run_here(input, secret))
    }

    fn run_here(&self, input: Zeroizing<Vec<u8>>, secret: &str) -> Result<Secret, ProviderError> {
        let deadline = Instant::now() + Duration::from_secs(self.config.answer_seconds);
        let started = self
            .start()
            .map_err(|error| self.failed(&format!("cannot be run: {error}")))?;
        let mut running = Running(started);
        let mut stdin = running.0.stdin.take();
        std::thread::spawn(move || {
            // A program may end before it has read all: its exit code says what that means.
            drop(stdin.as_mut().map(|stdin| stdin.write_all(&input)));
        });
        let answer = read(running.0.stdout.take(), ANSWER_BYTES_MAX);
        let errors = read(running.0.stderr.take(), ERRORS_BYTES_MAX);
        let answer = until(&answer, deadline);
        let status = match answer {
            Some(_) => running.ended(deadline),
            None => None,
        };
        drop(running);
        let errors = errors.recv_timeout(ERRORS_WAIT).ok();
        let said = errors
            .map(|errors| said(errors.expose(), secret))
            .unwrap_or_default();
        match (answer, status) {
            // It may have been told by a signal that nobody reads on.
            (Some(answer), _) if answer.len() > ANSWER_BYTES_MAX => {
                Err(self.failed("answers too much"))
            }
            (Some(answer), Some(status)) if status.success() => Ok(answer),
            (Some(_), Some(status)) => Err(self.failed(&format!("ended by {status}{said}"))),
            _ => {
                let seconds = self.config.answer_seconds;
                Err(self.failed(&format!(
                    "did not end within {seconds} s and was killed{said}"
                )))
            }
        }
    }

    fn start(&self) -> std::io::Result<Child> {
        Command::new(&self.config.program)
            .args(&self.config.arguments)
            .current_dir("/")
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .envs(&self.config.environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
    }
}

/// A program that is killed with its group when this is dropped, and reaped.
struct Running(Child);

impl Running {
    fn ended(&mut self, deadline: Instant) -> Option<std::process::ExitStatus> {
        loop {
            match self.0.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < deadline => std::thread::sleep(LOOK),
                _ => return None,
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(Some(_)) = self.0.try_wait() {
            return;
        }
        let group = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            // An error says that nobody is left in it.
            kill_process_group(group, Signal::KILL).unwrap_or_default();
        }
        self.0.kill().unwrap_or_default();
        drop(self.0.wait());
    }
}

/// Reads a stream on a thread of its own, at most so many bytes and one.
fn read(stream: Option<impl Read + Send + 'static>, most: usize) -> Receiver<Secret> {
    let (reply, answer) = sync_channel(1);
    std::thread::spawn(move || {
        // A buffer of fixed length, since a growing one would leave copies behind.
        let mut bytes = vec![0; most + 1];
        let mut filled = 0;
        if let Some(mut stream) = stream {
            while let Some(free) = bytes.get_mut(filled..).filter(|free| !free.is_empty()) {
                match stream.read(free) {
                    Ok(count @ 1..) => filled += count,
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Ok(0) | Err(_) => break,
                }
            }
        }
        bytes.truncate(filled);
        drop(reply.send(Secret::new(bytes)));
    });
    answer
}

fn until(answer: &Receiver<Secret>, deadline: Instant) -> Option<Secret> {
    let left = deadline.saturating_duration_since(Instant::now());
    answer.recv_timeout(left).ok()
}

/// The last line of what a program wrote to standard error, cut, to be appended to a reason; nothing where it may hold a piece of `secret`.
fn said(errors: &[u8], secret: &str) -> String {
    let text = String::from_utf8_lossy(errors);
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    let line = last.unwrap_or_default().trim();
    if line.is_empty() {
        return String::new();
    }
    let pieces = secret.as_bytes().windows(PIECE);
    let holds = |piece: &[u8]| line.as_bytes().windows(PIECE).any(|part| part == piece);
    if pieces.into_iter().any(holds) {
        return ": what it said is left out, for it holds key material".to_owned();
    }
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    let line: String = line
        .chars()
        .map(printable)
        .take(QUOTED_CHARACTERS_MAX)
        .collect();
    format!(": {line}")
}

#[cfg(test)]
mod tests {
    use super::said;

    #[test]
    fn the_last_line_is_quoted_cut_and_never_with_key_material() {
        let secret = "c2VjcmV0IGtleSBtYXRlcmlhbA==";
        assert_eq!(said(b"", secret), "");
        assert_eq!(said(b"one\ntwo\n \n", secret), ": two");
        let leaked = format!("request was {{\"plain\":\"{}", &secret[3..20]);
        assert!(said(leaked.as_bytes(), secret).contains("left out"));
        assert!(!said(leaked.as_bytes(), secret).contains("cmV0"));
        assert_eq!(said(&[b'x'; 1000], secret).len(), 202);
        assert_eq!(said(b"a\x1b[31mb", secret), ": a [31mb");
    }
}
