//! One run of a program: fed, watched, killed with all it started when its time is over, and reaped.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ffi::OsString;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, ChildStdin, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

use crate::crypto::SecretText;
use crate::routing::Undelivered;
use crate::routing::http::one_line;

/// The exit code that says: never (`EX_DATAERR` of `sysexits.h`).
const NEVER: i32 = 65;
/// Bytes kept of the end of standard error.
const STDERR_BYTES_MAX: usize = 4096;
/// How long standard error may stay open after the program and its group have ended: somebody outside the group may hold it.
const STDERR_WAIT: Duration = Duration::from_secs(1);

/// How long a program that was killed may take to end. One that waits in the kernel, for a disk that does not answer, takes as long as that does.
const KILLED_WAIT: Duration = Duration::from_secs(5);

/// A program and what it is started with.
pub(super) struct Program {
    pub(super) path: String,
    pub(super) arguments: Vec<String>,
    /// All of its environment but for what it is told of a batch and the secrets.
    pub(super) environment: BTreeMap<OsString, OsString>,
    pub(super) secrets: Vec<(String, SecretText)>,
    pub(super) directory: String,
    pub(super) time_limit: Duration,
    /// A run of it that was killed and has not ended.
    pub(super) unended: Option<Child>,
}

/// The process group of a child that has not been reaped, so that its number is nobody else's.
struct Group(Pid);

impl Drop for Group {
    fn drop(&mut self) {
        // An error says that nobody is left in it.
        rustix::process::kill_process_group(self.0, Signal::KILL).unwrap_or_default();
    }
}

impl Program {
    /// Runs it with `lines` on its standard input. When this is dropped it is killed. It is not run beside one that was killed and has not ended.
    pub(super) async fn run(
        &mut self,
        variables: &[(&'static str, String)],
        lines: &[u8],
    ) -> Result<(), Undelivered> {
        let path = self.path.clone();
        let failed =
            |error: io::Error| Undelivered::Retry(format!("{path} cannot be run: {error}"));
        if let Some(child) = &mut self.unended {
            if child.try_wait().map_err(failed)?.is_none() {
                return Err(self.has_not_ended());
            }
            self.unended = None;
        }
        let mut child = self.start(variables).map_err(failed)?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok());
        let pid = pid
            .and_then(Pid::from_raw)
            .ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
        // Declared after the child and so dropped before it: while the child is not reaped its group has its number.
        let group = Group(pid);
        let mut tail = Tail::default();
        let (stdin, mut stderr) = (child.stdin.take(), child.stderr.take());
        let ended = tokio::select! {
            ended = timeout(self.time_limit, ended(pid)) => ended,
            never = talk(stdin, lines, stderr.as_mut(), &mut tail) => match never {},
        };
        drop(group);
        // It may have put itself into another group.
        child.start_kill().unwrap_or_default();
        if let Some(stderr) = &mut stderr {
            // What was written is in the pipe; who else holds it open need not be waited for.
            drop(timeout(STDERR_WAIT, tail.read(stderr)).await);
        }
        let Ok(status) = timeout(KILLED_WAIT, child.wait()).await else {
            self.unended = Some(child);
            return Err(self.has_not_ended());
        };
        let status = status.map_err(failed)?;
        match ended {
            Ok(Ok(())) => self.outcome(status, &tail),
            Ok(Err(error)) => Err(failed(error)),
            Err(_) => Err(Undelivered::Retry(format!(
                "{} did not end within {} s and was killed{}",
                self.path,
                self.time_limit.as_secs(),
                self.said(&tail)
            ))),
        }
    }

    fn has_not_ended(&self) -> Undelivered {
        Undelivered::Retry(format!(
            "{} was killed and has not ended: look at what it waits for",
            self.path
        ))
    }

    fn start(&self, variables: &[(&'static str, String)]) -> io::Result<Child> {
        let secrets = self.secrets.iter();
        let secrets = secrets.map(|(name, value)| (name, value.expose()));
        Command::new(&self.path)
            .args(&self.arguments)
            .current_dir(&self.directory)
            .env_clear()
            .envs(&self.environment)
            .envs(secrets)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }

    fn outcome(&self, status: ExitStatus, tail: &Tail) -> Result<(), Undelivered> {
        let reason = match status.code() {
            Some(0) => return Ok(()),
            Some(code) => format!("{} ended with code {code}{}", self.path, self.said(tail)),
            // Its text names the signal.
            None => format!("{} ended by {status}{}", self.path, self.said(tail)),
        };
        if status.code() == Some(NEVER) {
            Err(Undelivered::Park(reason))
        } else {
            Err(Undelivered::Retry(reason))
        }
    }

    /// The last line of its standard error, to be appended to a reason; without our secrets, of which it may write a single line.
    fn said(&self, tail: &Tail) -> String {
        let lines = |secret: &SecretText| -> Vec<_> {
            let lines = secret.expose().lines().map(str::trim);
            lines.map(|line| SecretText::new(line.to_owned())).collect()
        };
        let secrets: Vec<_> = self
            .secrets
            .iter()
            .flat_map(|(_, secret)| lines(secret))
            .collect();
        let line = one_line(&tail.last_line(), &secrets.iter().collect::<Vec<_>>());
        if line.is_empty() {
            line
        } else {
            format!(": {line}")
        }
    }
}

/// Waits until a child has ended and leaves it to be reaped.
async fn ended(child: Pid) -> io::Result<()> {
    let mut children = signal(SignalKind::child())?;
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    while rustix::process::waitid(WaitId::Pid(child), options)?.is_none() {
        if children.recv().await.is_none() {
            return Err(io::Error::other("no child of the server can be waited for"));
        }
    }
    Ok(())
}

/// Feeds a program and listens to it, and does not end.
async fn talk(
    stdin: Option<ChildStdin>,
    lines: &[u8],
    stderr: Option<&mut ChildStderr>,
    tail: &mut Tail,
) -> Infallible {
    let feed = async {
        if let Some(mut stdin) = stdin {
            // A program may end, or close its input, before it has read all: its exit code says what that means.
            drop(stdin.write_all(lines).await);
        }
    };
    let listen = async {
        if let Some(stderr) = stderr {
            tail.read(stderr).await;
        }
    };
    tokio::join!(feed, listen);
    std::future::pending().await
}

/// The end of what a program wrote to standard error.
#[derive(Default)]
struct Tail {
    kept: Vec<u8>,
    /// Whether something before it was let go.
    is_cut: bool,
}

impl Tail {
    /// Reads to the end. What was read before this is dropped is kept.
    async fn read(&mut self, stderr: &mut ChildStderr) {
        let mut buffer = [0; 1024];
        while let Ok(read @ 1..) = stderr.read(&mut buffer).await {
            self.push(buffer.get(..read).unwrap_or_default());
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.kept.extend_from_slice(bytes);
        let surplus = self.kept.len().saturating_sub(STDERR_BYTES_MAX);
        if surplus > 0 {
            self.kept.drain(..surplus);
            self.is_cut = true;
        }
    }

    /// The last line that is not blank; empty if there is none that is whole.
    fn last_line(&self) -> String {
        let text = String::from_utf8_lossy(&self.kept);
        // A line whose beginning is gone may begin in the middle of a secret.
        let whole = if self.is_cut {
            text.split_once('\n').map_or("", |(_, rest)| rest)
        } else {
            &text
        };
        let last = whole.lines().rev().find(|line| !line.trim().is_empty());
        last.unwrap_or_default().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{STDERR_BYTES_MAX, Tail};

    #[test]
    fn the_last_whole_line_is_kept_and_memory_is_bounded() {
        let mut tail = Tail::default();
        assert_eq!(tail.last_line(), "");
        tail.push(b"one\ntwo\r\n \n");
        assert_eq!(tail.last_line(), "two");
        for _ in 0..100 {
            tail.push(&[b'x'; 1000]);
        }
        assert_eq!(tail.kept.len(), STDERR_BYTES_MAX);
        assert_eq!(tail.last_line(), "", "its beginning is gone");
        tail.push(b"\nthe end");
        assert_eq!(tail.last_line(), "the end");
    }
}
