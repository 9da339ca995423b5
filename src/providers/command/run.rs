//! One run of a program: fed, listened to within bounds, and killed with all it started when it ends or its time is over.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::io::retry_on_intr;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use zeroize::Zeroizing;

use super::Config;
use super::said::said;
use super::streams::Streams;
use crate::crypto::Secret;
use crate::providers::{ProviderError, aside};

/// How long is listened to what has left the program's process group and holds its output still.
const LEFT_WAIT: Duration = Duration::from_secs(1);
/// How often it is looked whether there is something to pass on, or the program has ended.
const LOOK: Duration = Duration::from_millis(5);

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

    /// Runs it with `input` on its standard input; gives what it wrote to its standard output. `secret` is what must not be quoted of it,
    /// besides its answer.
    pub(super) fn run(
        &self,
        input: Zeroizing<Vec<u8>>,
        secret: &str,
    ) -> Result<Secret, ProviderError> {
        aside(|| self.run_here(input, secret))
    }

    fn run_here(&self, input: Zeroizing<Vec<u8>>, secret: &str) -> Result<Secret, ProviderError> {
        let deadline = Instant::now() + Duration::from_secs(self.config.answer_seconds);
        let unable = |error| self.failed(&format!("cannot be run: {error}"));
        let mut started = self.start().map_err(unable)?;
        let streams = Streams::of(&mut started, input);
        let mut running = Running(Some(started));
        let mut streams = streams.map_err(unable)?;
        let ended = loop {
            let passed = streams.pass();
            if running.has_ended() {
                break true;
            }
            if streams.is_too_much() || Instant::now() >= deadline {
                break false;
            }
            if !passed {
                std::thread::sleep(LOOK);
            }
        };
        let status = running.end().filter(|_| ended);
        // What was written before the end is in the pipes still.
        let last = Instant::now() + LEFT_WAIT;
        while !streams.are_closed() && !streams.is_too_much() && Instant::now() < last {
            if !streams.pass() {
                std::thread::sleep(LOOK);
            }
        }
        let is_too_much = streams.is_too_much();
        let (answer, errors) = streams.into_parts();
        let said = || said(errors.expose(), &[secret.as_bytes(), answer.expose()]);
        match status {
            _ if is_too_much => Err(self.failed("answers too much")),
            Some(status) if status.success() => Ok(answer),
            Some(status) => Err(self.failed(&format!("ended by {status}{}", said()))),
            None => {
                let (seconds, said) = (self.config.answer_seconds, said());
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

/// A program that runs, until it is ended; at the latest when this is dropped.
struct Running(Option<Child>);

impl Running {
    /// Whether it has ended. It is not reaped yet: its number, which is that of its group, stays taken.
    fn has_ended(&self) -> bool {
        let Some(number) = self.number() else {
            return true;
        };
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(
            retry_on_intr(|| waitid(WaitId::Pid(number), look)),
            Ok(None)
        )
    }

    /// Kills all that is left of its group, and it with them, and reaps it. What it started must not live on with key material in its pipes.
    fn end(&mut self) -> Option<ExitStatus> {
        let number = self.number();
        let mut child = self.0.take()?;
        if let Some(group) = number {
            // Before it is reaped: afterwards the number may be another's. An error says that nobody is left.
            kill_process_group(group, Signal::KILL).unwrap_or_default();
        }
        child.kill().unwrap_or_default();
        child.wait().ok()
    }

    fn number(&self) -> Option<Pid> {
        let number = self.0.as_ref()?.id();
        i32::try_from(number).ok().and_then(Pid::from_raw)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}
