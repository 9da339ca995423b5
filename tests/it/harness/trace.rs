//! The system calls of a server, read from what strace wrote: whether each answer left after its commit was synced.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::Duration;

/// An answer that a client received.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// The port of the client's end.
    pub(crate) port: u16,
    /// The correlationId of the answer's event, a UUID as text.
    pub(crate) correlation: String,
    /// Just before the request was sent and just after the answer was there, since 1970.
    pub(crate) between: (Duration, Duration),
}

/// One system call.
#[derive(Debug)]
struct Call<'a> {
    name: &'a str,
    /// What follows the name; strings are in hexadecimal.
    text: String,
    /// The lines of the trace in which it began and ended: their order is the order of the moments.
    began: usize,
    ended: usize,
    at: Duration,
}

impl Call<'_> {
    /// The file or socket of the first argument.
    fn file(&self) -> &str {
        let inside = self.text.split_once('<').map_or("", |(_, rest)| rest);
        inside
            .split_once(">,")
            .or_else(|| inside.split_once(">)"))
            .map_or("", |(file, _)| file)
    }

    fn succeeded(&self) -> bool {
        let result = self
            .text
            .rsplit_once(" = ")
            .map_or("", |(_, result)| result);
        result.starts_with(|first: char| first.is_ascii_digit())
    }

    fn is_sync(&self) -> bool {
        matches!(self.name, "fsync" | "fdatasync") && self.succeeded()
    }

    /// A write to the write-ahead log.
    fn is_log_write(&self) -> bool {
        let log = hexadecimal(b"-wal");
        self.name == "pwrite64" && self.succeeded() && self.file().ends_with(&log)
    }

    fn is_send_to(&self, port: u16) -> bool {
        let sends = matches!(self.name, "write" | "writev" | "sendto" | "sendmsg");
        sends && self.file().starts_with("TCP:") && self.file().ends_with(&format!(":{port}]"))
    }
}

/// Checks that before each answer began to leave, its event had been written to the log and a sync of the log, begun after that
/// write, had ended. What is wrong otherwise.
pub(crate) fn check_synced(trace: &str, answers: &[Received]) -> Result<(), String> {
    let calls = calls(trace)?;
    answers
        .iter()
        .try_for_each(|answer| check_answer(&calls, answer))
}

fn check_answer(calls: &[Call<'_>], answer: &Received) -> Result<(), String> {
    let (from, to) = answer.between;
    let in_time = |call: &&Call<'_>| from <= call.at && call.at <= to;
    let sends = calls.iter().filter(|call| call.is_send_to(answer.port));
    let send = sends.filter(in_time).min_by_key(|call| call.began);
    let send = send.ok_or_else(|| format!("no answer was sent: {answer:?}"))?;
    let event = hexadecimal(&bytes(&answer.correlation));
    let writes = calls
        .iter()
        .filter(|call| call.is_log_write() && call.text.contains(&event));
    let write = writes.min_by_key(|call| call.ended);
    let write = write.ok_or_else(|| format!("no event was written: {answer:?}"))?;
    let is_between = |sync: &&Call<'_>| {
        sync.file() == write.file() && sync.began > write.ended && sync.ended < send.began
    };
    match calls.iter().filter(|call| call.is_sync()).find(is_between) {
        Some(_) => Ok(()),
        None => Err(format!(
            "the answer left before its event was synced: {answer:?}"
        )),
    }
}

/// The calls of a trace made with `-f -ttt`, which names the thread and the time first.
fn calls(trace: &str) -> Result<Vec<Call<'_>>, String> {
    let mut calls = Vec::new();
    let mut under_way = HashMap::new();
    for (number, line) in trace.lines().enumerate() {
        let bad = || format!("line {} of the trace: {line:.200}", number + 1);
        let (thread, rest) = line.trim_start().split_once(' ').ok_or_else(bad)?;
        let (at, rest) = rest.trim_start().split_once(' ').ok_or_else(bad)?;
        if rest.starts_with("+++") || rest.starts_with("---") {
            continue;
        }
        if let Some(rest) = rest.strip_prefix("<... ") {
            let mut call: Call<'_> = under_way.remove(thread).ok_or_else(bad)?;
            let (_, end) = rest.split_once(" resumed>").ok_or_else(bad)?;
            call.text.push_str(end);
            call.ended = number;
            calls.push(call);
            continue;
        }
        let (name, text) = rest.split_once('(').ok_or_else(bad)?;
        let at = at.parse().map(Duration::from_secs_f64).map_err(|_| bad())?;
        let begun = text.strip_suffix(" <unfinished ...>");
        let call = Call {
            name,
            text: begun.unwrap_or(text).to_owned(),
            began: number,
            ended: number,
            at,
        };
        if begun.is_some() {
            under_way.insert(thread, call);
        } else {
            calls.push(call);
        }
    }
    Ok(calls)
}

/// As strace prints bytes with `-xx`.
fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect()
}

/// The names of the system calls on this file in a trace, in the order in which they began.
pub(crate) fn calls_on<'a>(trace: &'a str, file: &Path) -> Vec<&'a str> {
    let name = format!("<{}>", hexadecimal(file.as_os_str().as_bytes()));
    let calls = trace.lines().filter_map(|line| {
        let (call, arguments) = line.split_once('(')?;
        let first = arguments.split([',', ' ']).next()?;
        first.contains(&name).then(|| call.rsplit(' ').next())?
    });
    calls.collect()
}

/// The bytes of a UUID.
fn bytes(uuid: &str) -> Vec<u8> {
    hex::decode(uuid.replace('-', "")).expect("a UUID")
}
