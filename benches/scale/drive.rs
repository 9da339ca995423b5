//! Puts a closed load on a server: each connection goes through its requests again and again, one at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use crate::connection::{Connection, Target};

/// What a round measured.
pub(crate) struct Round {
    /// From the first request to the last answer.
    pub(crate) elapsed: Duration,
    /// One per answer, ascending.
    pub(crate) latencies: Vec<Duration>,
}

impl Round {
    /// Answers in a second.
    pub(crate) fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }
}

/// When a connection stops.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    /// After each of its requests was answered once.
    Once,
    /// After this time.
    Passed(Duration),
}

/// Shares the requests out to so many new connections and sends them.
pub(crate) async fn drive(
    target: &Target,
    connections: usize,
    requests: &[Vec<u8>],
    until: Until,
) -> Result<Round> {
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(Connection::open(target).await?);
    }
    let requests: Arc<[Vec<u8>]> = requests.into();
    let mut tasks = JoinSet::new();
    let start = Instant::now();
    for (first, connection) in open.into_iter().enumerate() {
        let share = Share {
            requests: Arc::clone(&requests),
            first,
            step: connections,
        };
        tasks.spawn(send(connection, share, start, until));
    }
    let mut latencies = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        latencies.extend(ended.context("a connection's task failed")??);
    }
    let elapsed = start.elapsed();
    latencies.sort_unstable();
    Ok(Round { elapsed, latencies })
}

/// The requests of one connection: every so many-th.
struct Share {
    requests: Arc<[Vec<u8>]>,
    first: usize,
    step: usize,
}

async fn send(
    mut connection: Connection,
    share: Share,
    start: Instant,
    until: Until,
) -> Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    let mut sent = Instant::now();
    loop {
        for request in share.requests.iter().skip(share.first).step_by(share.step) {
            if matches!(until, Until::Passed(length) if start.elapsed() >= length) {
                return Ok(latencies);
            }
            connection.exchange(request).await?;
            let answered = Instant::now();
            latencies.push(answered - sent);
            sent = answered;
        }
        if matches!(until, Until::Once) || share.requests.len() <= share.first {
            return Ok(latencies);
        }
    }
}
