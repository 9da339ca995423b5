//! Puts load on a server for one round and keeps the latency of every request.
//!
//! The load is closed: each connection sends its next request when it has the answer to the last.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use crate::connection::{Connection, Target};
use crate::workload::Requests;

/// How long a round may last beyond its length before the server counts as hanging.
const OVERTIME: Duration = Duration::from_secs(30);

/// What one round measured.
pub(crate) struct Round {
    /// From the first request to the last answer.
    pub(crate) elapsed: Duration,
    /// One per answered request.
    pub(crate) latencies: Vec<Duration>,
}

impl Round {
    /// Answered requests in a second.
    pub(crate) fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }
}

/// Opens this many connections, one after the other: how fast that goes is another workload.
pub(crate) async fn open(target: &Target, count: usize) -> Result<Vec<Connection>> {
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        connections.push(Connection::open(target).await?);
    }
    Ok(connections)
}

/// Keeps all connections busy for a round and gives them back.
pub(crate) async fn exchanges(
    connections: Vec<Connection>,
    requests: &Requests,
    length: Duration,
) -> Result<(Vec<Connection>, Round)> {
    let mut tasks = JoinSet::new();
    let start = Instant::now();
    let count = connections.len();
    for (connection, request) in connections.into_iter().zip(requests) {
        tasks.spawn(exchange_until(connection, request.clone(), start + length));
    }
    let outcomes = join(tasks, length).await?;
    let elapsed = start.elapsed();
    let mut connections = Vec::with_capacity(count);
    let mut latencies = Vec::new();
    for (connection, of_one) in outcomes {
        connections.push(connection);
        latencies.extend(of_one);
    }
    Ok((connections, Round { elapsed, latencies }))
}

/// Opens connections for a round, `parallel` at a time, with one request on each.
pub(crate) async fn handshakes(
    target: &Target,
    request: &Arc<[u8]>,
    parallel: usize,
    length: Duration,
) -> Result<Round> {
    let mut tasks = JoinSet::new();
    let start = Instant::now();
    for _ in 0..parallel {
        tasks.spawn(open_until(target.clone(), request.clone(), start + length));
    }
    let outcomes = join(tasks, length).await?;
    let elapsed = start.elapsed();
    let latencies = outcomes.into_iter().flatten().collect();
    Ok(Round { elapsed, latencies })
}

async fn exchange_until(
    mut connection: Connection,
    request: Arc<[u8]>,
    deadline: Instant,
) -> Result<(Connection, Vec<Duration>)> {
    let mut latencies = Vec::new();
    let mut sent = Instant::now();
    while sent < deadline {
        connection.exchange(&request).await?;
        let answered = Instant::now();
        latencies.push(answered - sent);
        sent = answered;
    }
    Ok((connection, latencies))
}

async fn open_until(
    target: Target,
    request: Arc<[u8]>,
    deadline: Instant,
) -> Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    loop {
        let start = Instant::now();
        if start >= deadline {
            return Ok(latencies);
        }
        let mut connection = Connection::open(&target).await?;
        connection.exchange(&request).await?;
        latencies.push(start.elapsed());
        connection.close().await;
    }
}

/// What every task answered; the first error ends the others.
async fn join<T: 'static>(mut tasks: JoinSet<Result<T>>, length: Duration) -> Result<Vec<T>> {
    let joining = async {
        let mut outcomes = Vec::with_capacity(tasks.len());
        while let Some(outcome) = tasks.join_next().await {
            outcomes.push(outcome.context("a connection's task failed")??);
        }
        Ok(outcomes)
    };
    tokio::time::timeout(length + OVERTIME, joining)
        .await
        .context("a request stayed unanswered for 30 s")?
}
