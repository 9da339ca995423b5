//! A server as a process of its own: started, waited for until it listens, stopped at the end.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// What a server says on its standard output before its address.
pub(crate) const LISTENING: &str = "listening on ";

const START_TIMEOUT: Duration = Duration::from_secs(30);
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
const LOG_TAIL_LINES: usize = 10;

/// A running server. Dropping it stops it.
pub(crate) struct Process {
    child: Child,
    /// Open as long as the server shall run: the limit ends when it is closed, so that it does not
    /// outlive a bench that was killed.
    stdin: ChildStdin,
    address: SocketAddr,
    log: PathBuf,
}

impl Process {
    /// Starts `command`, hands it `input`, and waits until it listens. Its standard error goes to
    /// the file `log`.
    pub(crate) fn start(mut command: Command, input: &[u8], log: &Path) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let errors =
            File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let streams = child.stdin.take().zip(child.stdout.take());
        let started = streams
            .context("the process has no standard streams")
            .and_then(|(mut stdin, stdout)| {
                stdin.write_all(input)?;
                Ok((stdin, wait_for_address(stdout)?))
            });
        match started {
            Ok((stdin, address)) => Ok(Self {
                child,
                stdin,
                address,
                log: log.to_owned(),
            }),
            Err(error) => {
                stop(&mut child);
                print_tail(log);
                Err(error).with_context(|| format!("{program} did not start"))
            }
        }
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Prints the last lines of its standard error.
    pub(crate) fn print_log_tail(&self) {
        print_tail(&self.log);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stdin.flush().unwrap_or_default();
        stop(&mut self.child);
    }
}

/// Asks the process to end, and ends it if it does not.
fn stop(child: &mut Child) {
    if let Err(error) = kill_process(Pid::from_child(child), Signal::TERM) {
        eprintln!("cannot ask process {} to end: {error}", child.id());
    }
    let deadline = Instant::now() + STOP_TIMEOUT;
    while Instant::now() < deadline {
        match child.try_wait() {
            Ok(None) => thread::sleep(Duration::from_millis(10)),
            Ok(Some(_)) | Err(_) => return,
        }
    }
    eprintln!("process {} did not end when asked; killing it", child.id());
    if let Err(error) = child.kill().and_then(|()| child.wait()) {
        eprintln!("cannot kill process {}: {error}", child.id());
    }
}

fn wait_for_address(stdout: ChildStdout) -> Result<SocketAddr> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || drain(stdout, &sender));
    match receiver.recv_timeout(START_TIMEOUT) {
        Ok(address) => Ok(address),
        Err(RecvTimeoutError::Disconnected) => bail!("it ended before it listened"),
        Err(RecvTimeoutError::Timeout) => {
            bail!("it did not say `{LISTENING}ADDRESS` within {START_TIMEOUT:?}")
        }
    }
}

/// Reads standard output to its end, so that the server never waits for room in the pipe, and
/// sends the first address it finds.
fn drain(stdout: ChildStdout, sender: &Sender<SocketAddr>) {
    let lines = BufReader::new(stdout).lines().map_while(Result::ok);
    let mut is_found = false;
    for line in lines {
        let address = (!is_found).then(|| address_in(&line)).flatten();
        // Who waited may have given up.
        is_found |= address.is_some_and(|address| sender.send(address).is_ok());
    }
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, after) = line.split_once(LISTENING)?;
    let word = after.split_whitespace().next()?;
    word.trim_end_matches([',', '.', ';']).parse().ok()
}

fn print_tail(log: &Path) {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let start = lines.len().saturating_sub(LOG_TAIL_LINES);
    for line in lines.get(start..).unwrap_or_default() {
        eprintln!("  | {line}");
    }
}
