//! `keyledger metrics`: what a running server counts, as Prometheus reads it.

use super::reach::{self, Reach};
use super::report::Report;
use crate::admin::{Request, Response};
use crate::config::Layout;

/// Prints the metrics.
///
/// # Errors
/// The router refused it or cannot be reached.
pub async fn run(layout: &Layout, report: &Report) -> anyhow::Result<()> {
    let mut reach = Reach::open(layout).await?;
    let answer = reach.run(Request::Metrics).await;
    reach.close().await;
    match answer? {
        Response::Metrics(text) => Ok(report.record(&text, || text.trim_end().to_owned())?),
        other => Err(reach::unexpected(&other)),
    }
}
