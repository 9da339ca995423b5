//! The export of spans as a server runs it: its files, its task.

use anyhow::Context as _;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::config::Settings;
use crate::config::layout::{read_private, read_public};
use crate::crypto::SecretText;
use crate::ops::spans::Spans;
use crate::routing::telemetry::Exporter;

/// The exporter that the settings ask for, with the queue that it reads; none: they ask for none.
///
/// # Errors
/// A file is missing or cannot be used.
pub(super) fn open(settings: &Settings) -> anyhow::Result<Option<(Exporter, Spans)>> {
    let config = &settings.telemetry;
    if config.otlp_endpoint.is_empty() {
        return Ok(None);
    }
    let root = settings.layout.root();
    let advice = "restore it, or write another path in [telemetry]";
    let headers = match &*config.headers_file {
        "" => SecretText::default(),
        file => SecretText::new(read_private(&root.join(file), advice)?),
    };
    let ca = match &*config.ca_file {
        "" => None,
        file => Some(read_public(&root.join(file), advice)?),
    };
    Exporter::new(config, &headers, ca.as_deref()).context("[telemetry]")
}

/// An exporter at work.
pub(super) struct Exporting {
    finish: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// Begins to export, if anything is to be.
pub(super) fn start(exporter: Option<Exporter>) -> Option<Exporting> {
    let exporter = exporter?;
    let (finish, finished) = oneshot::channel();
    let finished = async { drop(finished.await) };
    let task = tokio::spawn(exporter.run(finished));
    Some(Exporting { finish, task })
}

impl Exporting {
    /// Waits a moment for what is left to be exported. A failure of it keeps nothing else from ending well.
    pub(super) async fn stop(self) {
        drop(self.finish);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "The export of spans failed.");
        }
    }
}
