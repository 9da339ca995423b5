//! One row of a table: rounds on the limit and on the server in turn.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::runtime::Runtime;

use crate::connection::{Connection, Target};
use crate::cpu::{self, MachineTime};
use crate::generator::{self, Round};
use crate::interrupt;
use crate::percentile::{median, percentile};
use crate::settings::Settings;
use crate::workload::{Requests, Workload};

/// A server under load.
pub(crate) struct Place {
    /// Where it listens.
    pub(crate) target: Target,
    /// The number of its process.
    pub(crate) process: u32,
    /// What it is asked: one request for each connection.
    pub(crate) requests: Requests,
}

/// The two servers that are compared.
pub(crate) struct Sides {
    /// The canned server, or another build.
    pub(crate) limit: Place,
    /// Keyledger.
    pub(crate) server: Place,
}

/// A share of the machine's time that went to other machines on the same host: a pair of rounds in which more was taken is measured
/// again.
const STOLEN_MAX: f64 = 0.05;

/// One round on one side.
struct Measured {
    rate: f64,
    latencies: Vec<Duration>,
    cpu: Duration,
    /// The share of the machine's time that the host gave to others.
    stolen: f64,
}

impl Measured {
    async fn take(load: &mut Load, process: u32, length: Duration) -> Result<Self> {
        let (before, machine) = (cpu::time_of(process)?, MachineTime::now()?);
        let round = load.round(length).await?;
        Ok(Self {
            stolen: machine.stolen_since()?,
            cpu: cpu::time_of(process)?.saturating_sub(before),
            rate: round.rate(),
            latencies: round.latencies,
        })
    }
}

/// A round on the limit and the one on the server after it.
struct Pair {
    limit: Measured,
    server: Measured,
}

impl Pair {
    fn stolen(&self) -> f64 {
        self.limit.stolen.max(self.server.stolen)
    }

    fn ratio(&self) -> f64 {
        self.server.rate / self.limit.rate
    }
}

/// What was measured on one side of a row.
pub(crate) struct Side {
    /// Requests per second, one number per round.
    rates: Vec<f64>,
    /// Latencies of all rounds, ascending.
    latencies: Vec<Duration>,
    /// What the process used of the cores in all rounds.
    cpu: Duration,
}

impl Side {
    fn of<'a>(rounds: impl Iterator<Item = &'a Measured>) -> Self {
        let rounds: Vec<_> = rounds.collect();
        let latencies = rounds.iter().flat_map(|round| round.latencies.iter());
        let mut latencies: Vec<_> = latencies.copied().collect();
        latencies.sort_unstable();
        Self {
            rates: rounds.iter().map(|round| round.rate).collect(),
            latencies,
            cpu: rounds.iter().map(|round| round.cpu).sum(),
        }
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
    /// Pairs of rounds that were measured, those included from which the host took too much.
    pub(crate) tried: usize,
    /// The largest share of the machine's time that the host took from a round that counts.
    pub(crate) stolen: f64,
    ratios: Vec<f64>,
}

impl Row {
    /// Measures one row. The first, shorter round of each side warms up and is forgotten. Of all pairs the least disturbed count.
    pub(crate) fn measure(
        runtime: &Runtime,
        settings: &Settings,
        workload: Workload,
        sides: &Sides,
        connections: usize,
    ) -> Result<Self> {
        interrupt::run(runtime, async {
            let load = Load::new(workload, &sides.limit, connections);
            let mut limit = load.await.context("the limit")?;
            let load = Load::new(workload, &sides.server, connections);
            let mut server = load.await.context("the server")?;
            let warm_up = settings.round / 5;
            limit.round(warm_up).await.context("the limit")?;
            server.round(warm_up).await.context("the server")?;
            let (mut pairs, mut good) = (Vec::new(), 0);
            while good < settings.pairs && pairs.len() < settings.pairs * settings.tries {
                let round = Measured::take(&mut limit, sides.limit.process, settings.round);
                let limit = round.await.context("the limit")?;
                let round = Measured::take(&mut server, sides.server.process, settings.round);
                let server = round.await.context("the server")?;
                let pair = Pair { limit, server };
                good += usize::from(pair.stolen() <= STOLEN_MAX);
                pairs.push(pair);
            }
            limit.close().await;
            server.close().await;
            Ok(Self::of(workload, connections, pairs, settings.pairs))
        })
    }

    /// A row of the `count` least disturbed pairs.
    fn of(workload: Workload, connections: usize, mut pairs: Vec<Pair>, count: usize) -> Self {
        let tried = pairs.len();
        pairs.sort_by(|one, other| one.stolen().total_cmp(&other.stolen()));
        pairs.truncate(count);
        Self {
            workload,
            connections,
            limit: Side::of(pairs.iter().map(|pair| &pair.limit)),
            server: Side::of(pairs.iter().map(|pair| &pair.server)),
            tried,
            stolen: pairs.iter().map(Pair::stolen).fold(0.0, f64::max),
            ratios: pairs.iter().map(Pair::ratio).collect(),
        }
    }

    /// The server's share of the limit: the middle of the pairs of neighbouring rounds.
    pub(crate) fn ratio(&self) -> f64 {
        median(&self.ratios)
    }

    /// The smallest and the largest share in a pair.
    pub(crate) fn ratio_range(&self) -> (f64, f64) {
        let low = self.ratios.iter().copied().fold(f64::INFINITY, f64::min);
        (low, self.ratios.iter().copied().fold(0.0, f64::max))
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
    async fn new(workload: Workload, place: &Place, connections: usize) -> Result<Self> {
        let Place {
            target, requests, ..
        } = place;
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
