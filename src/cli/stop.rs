//! What tells a server to stop: SIGINT and SIGTERM.

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
