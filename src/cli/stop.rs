//! What tells a server to stop: SIGINT and SIGTERM. And that a process ends once its work is done.

use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

use super::report;

/// How long the end of a process may take after its work.
const END_MAX: Duration = Duration::from_secs(5);

/// Waits for the signal, and says which it was.
pub(super) async fn told_to_stop(signal: impl Future<Output = &'static str>) {
    // Not among the fields of the line: those are not evaluated where the line is not logged.
    let signal = signal.await;
    tracing::info!(signal, "Stopping.");
}

/// Ready with the name of the signal that asks us to end. They are listened for from the call on.
pub(super) fn signals() -> std::io::Result<impl Future<Output = &'static str>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
        }
    })
}

/// Sees to it that this process, whose work is done and which is about to return, ends soon and with this code. The module of a token may do
/// something of its own at the end, and wait for its token in it.
pub fn end_soon(code: u8) {
    let watch = move || {
        std::thread::sleep(END_MAX);
        report::remark(
            "keyledger: what was loaded into this process keeps it from ending; it is ended without that. All of its own work is done.",
        );
        // Who started this goes by the code, such as systemd after a wrong PIN. A shell in the place of this process keeps that, and nothing
        // else of it.
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &format!("exit {code}")]).env_clear();
        let failed = shell.exec();
        tracing::debug!(%failed, "No shell ends this process.");
        kill_process(getpid(), Signal::KILL).unwrap_or_default();
    };
    // Without a thread for it, the process ends by itself in all other cases.
    drop(
        std::thread::Builder::new()
            .name("end".to_owned())
            .spawn(watch),
    );
}
