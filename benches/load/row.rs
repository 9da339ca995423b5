//! One row of a table: rounds on the limit and on the server in turn.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::runtime::Runtime;

use crate::connection::{Connection, Target};
use crate::cpu;
use crate::generator::{self, Round};
use crate::interrupt;
use crate::percentile::{median, percentile};
use crate::settings::Settings;
use crate::workload::{Requests, Workload};

/// The two servers that are compared, each with the number of its process.
pub(crate) struct Sides {
    /// The canned server.
    pub(crate) limit: (Target, u32),
    /// Keyledger.
    pub(crate) server: (Target, u32),
}

/// What was measured on one side of a row.
#[derive(Default)]
pub(crate) struct Side {
    /// Requests per second, one number per round.
    rates: Vec<f64>,
    /// Latencies of all rounds, ascending.
    latencies: Vec<Duration>,
    /// What the process used of the cores in all rounds.
    cpu: Duration,
}

impl Side {
    /// Puts one more round on the side and keeps what it measured.
    async fn measure(&mut self, load: &mut Load, process: u32, length: Duration) -> Result<()> {
        let before = cpu::time_of(process)?;
        let round = load.round(length).await?;
        self.cpu += cpu::time_of(process)?.saturating_sub(before);
        self.rates.push(round.rate());
        self.latencies.extend(round.latencies);
        Ok(())
    }

    /// Microseconds on a core for each request, kernel included.
    pub(crate) fn cpu_per_request(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.latencies.len() as f64
    }

    /// Requests per second in the middle round.
    pub(crate) fn rate(&self) -> f64 {
        median(&self.rates)
    }

    /// The latency that this percentage of the requests did not exceed.
    pub(crate) fn latency(&self, percent: usize) -> Duration {
        percentile(&self.latencies, percent)
    }
}

/// A measured row.
pub(crate) struct Row {
    /// What was done.
    pub(crate) workload: Workload,
    /// On how many connections at the same time.
    pub(crate) connections: usize,
    /// The canned server's side.
    pub(crate) limit: Side,
    /// Keyledger's side.
    pub(crate) server: Side,
}

impl Row {
    /// Measures one row. The first, shorter round of each side warms up and is forgotten.
    pub(crate) fn measure(
        runtime: &Runtime,
        settings: &Settings,
        workload: Workload,
        sides: &Sides,
        requests: &Requests,
        connections: usize,
    ) -> Result<Self> {
        interrupt::run(runtime, async {
            let mut limit = Load::new(workload, &sides.limit.0, requests, connections)
                .await
                .context("the limit")?;
            let mut server = Load::new(workload, &sides.server.0, requests, connections)
                .await
                .context("the server")?;
            let warm_up = settings.round / 5;
            limit.round(warm_up).await.context("the limit")?;
            server.round(warm_up).await.context("the server")?;
            let (mut of_limit, mut of_server) = (Side::default(), Side::default());
            for _ in 0..settings.pairs {
                let round = of_limit.measure(&mut limit, sides.limit.1, settings.round);
                round.await.context("the limit")?;
                let round = of_server.measure(&mut server, sides.server.1, settings.round);
                round.await.context("the server")?;
            }
            limit.close().await;
            server.close().await;
            of_limit.latencies.sort_unstable();
            of_server.latencies.sort_unstable();
            Ok(Self {
                workload,
                connections,
                limit: of_limit,
                server: of_server,
            })
        })
    }

    /// The server's share of the limit: the middle of the pairs of neighbouring rounds.
    pub(crate) fn ratio(&self) -> f64 {
        median(&self.ratios())
    }

    /// The smallest and the largest share in a pair.
    pub(crate) fn ratio_range(&self) -> (f64, f64) {
        let ratios = self.ratios();
        let low = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        (low, ratios.into_iter().fold(0.0, f64::max))
    }

    fn ratios(&self) -> Vec<f64> {
        let pairs = self.server.rates.iter().zip(&self.limit.rates);
        pairs.map(|(server, limit)| server / limit).collect()
    }
}

/// Load that can be put on a server again and again.
enum Load {
    /// Requests on connections that stay open.
    Exchanges {
        connections: Vec<Connection>,
        requests: Requests,
    },
    /// New connections.
    Handshakes {
        target: Target,
        request: Arc<[u8]>,
        parallel: usize,
    },
}

impl Load {
    async fn new(
        workload: Workload,
        target: &Target,
        requests: &Requests,
        connections: usize,
    ) -> Result<Self> {
        if workload == Workload::Connect {
            return Ok(Self::Handshakes {
                target: target.clone(),
                request: requests
                    .first()
                    .context("there is nothing to send")?
                    .clone(),
                parallel: connections,
            });
        }
        ensure!(requests.len() >= connections, "there are too few requests");
        Ok(Self::Exchanges {
            connections: generator::open(target, connections).await?,
            requests: requests.clone(),
        })
    }

    async fn round(&mut self, length: Duration) -> Result<Round> {
        match self {
            Self::Exchanges {
                connections,
                requests,
            } => {
                let taken = std::mem::take(connections);
                let (back, round) = generator::exchanges(taken, requests, length).await?;
                *connections = back;
                Ok(round)
            }
            Self::Handshakes {
                target,
                request,
                parallel,
            } => generator::handshakes(target, request, *parallel, length).await,
        }
    }

    async fn close(self) {
        if let Self::Exchanges { connections, .. } = self {
            for connection in connections {
                connection.close().await;
            }
        }
    }
}
