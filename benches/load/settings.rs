//! What to measure and for how long: environment and arguments of the bench.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::environment::{is_smoke, variable};
use crate::workload::Workload;

/// Seconds of one round unless `KEYLEDGER_BENCH_SECONDS` says otherwise.
const ROUND_SECONDS: f64 = 3.0;
const SMOKE_ROUND_SECONDS: f64 = 0.2;
/// More than this is a typing error.
const ROUND_SECONDS_MAX: f64 = 3600.0;

/// What to measure and for how long.
pub(crate) struct Settings {
    /// Length of one round on one side.
    pub(crate) round: Duration,
    /// Rounds on each side per row; an odd number has a middle.
    pub(crate) pairs: usize,
    /// For each pair that is wanted so many are measured at most.
    pub(crate) tries: usize,
    /// The rows of each table.
    pub(crate) connections: Vec<usize>,
    /// Connections that are opened at the same time in `connect`.
    pub(crate) handshakes: usize,
    /// Samples of the sync's latency.
    pub(crate) syncs: usize,
    /// Whether a second limit stands in for the server.
    pub(crate) calibrate: bool,
    /// Another build of Keyledger that takes the limit's place.
    pub(crate) against: Option<PathBuf>,
    /// Whether the server keeps its keys on a PostgreSQL server, and one with a file takes the limit's place.
    pub(crate) postgres: bool,
    /// Whether that one is compared with the limit all the same.
    pub(crate) limit: bool,
    /// Whether two nodes over one PostgreSQL server share the load, and one alone takes the limit's place.
    pub(crate) nodes: bool,
    /// Whether a target of type file follows the server's trail.
    pub(crate) follow: bool,
    /// Where the server's directory is made.
    pub(crate) directory: PathBuf,
    chosen: Vec<Workload>,
}

impl Settings {
    /// Reads the environment and the arguments after the program's name.
    pub(crate) fn from_arguments(arguments: &[OsString]) -> Result<Self> {
        let mut settings = if is_smoke()? {
            Self::smoke()
        } else {
            Self::full()
        };
        if let Some(text) = variable("KEYLEDGER_BENCH_SECONDS")? {
            settings.round = round_from_text(&text)?;
        }
        if let Some(directory) = variable("KEYLEDGER_BENCH_DIR")? {
            settings.directory = directory.into();
        }
        if let Some(text) = variable("KEYLEDGER_BENCH_CONNECTIONS")? {
            settings.connections = connections_from_text(&text)?;
        }
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            if argument == "--against" {
                let program = arguments
                    .next()
                    .context("--against needs the path of another keyledger")?;
                settings.against = Some(program.into());
            } else {
                settings.take_argument(&argument.to_string_lossy())?;
            }
        }
        if settings.calibrate && settings.against.is_some() {
            bail!("--calibrate and --against exclude each other");
        }
        if settings.nodes && (settings.postgres || settings.calibrate || settings.against.is_some())
        {
            bail!("--nodes and --postgres, --calibrate or --against exclude each other");
        }
        if settings.postgres && (settings.calibrate || settings.against.is_some()) {
            bail!("--postgres and --calibrate or --against exclude each other");
        }
        Ok(settings)
    }

    /// The workloads that were asked for; all if none was.
    pub(crate) fn workloads(&self) -> Vec<Workload> {
        Workload::ALL
            .into_iter()
            .filter(|workload| self.chosen.is_empty() || self.chosen.contains(workload))
            .collect()
    }

    fn take_argument(&mut self, argument: &str) -> Result<()> {
        match argument {
            // Cargo adds it to what every bench is given.
            "--bench" => {}
            "--calibrate" => self.calibrate = true,
            "--follow" => self.follow = true,
            "--postgres" => self.postgres = true,
            "--nodes" => self.nodes = true,
            "--limit" => self.limit = true,
            name => {
                let Some(workload) = Workload::ALL.into_iter().find(|w| w.name() == name) else {
                    let names = Workload::ALL.map(Workload::name).join(", ");
                    bail!(
                        "`{name}` is no workload; there are {names}, --calibrate, --follow, --postgres, --limit, --nodes and --against PATH"
                    );
                };
                self.chosen.push(workload);
            }
        }
        Ok(())
    }

    fn full() -> Self {
        Self {
            round: Duration::from_secs_f64(ROUND_SECONDS),
            pairs: 3,
            tries: 6,
            connections: vec![1, 16, 64, 256],
            handshakes: 8,
            syncs: 500,
            calibrate: false,
            against: None,
            follow: false,
            postgres: false,
            limit: false,
            nodes: false,
            directory: env!("CARGO_TARGET_TMPDIR").into(),
            chosen: Vec::new(),
        }
    }

    fn smoke() -> Self {
        Self {
            round: Duration::from_secs_f64(SMOKE_ROUND_SECONDS),
            pairs: 1,
            tries: 1,
            connections: vec![1, 4],
            syncs: 20,
            ..Self::full()
        }
    }
}

fn round_from_text(text: &str) -> Result<Duration> {
    let seconds: f64 = text
        .parse()
        .with_context(|| format!("KEYLEDGER_BENCH_SECONDS is `{text}`, which is no number"))?;
    if !(seconds > 0.0 && seconds <= ROUND_SECONDS_MAX) {
        bail!("KEYLEDGER_BENCH_SECONDS is {seconds}; it must be above 0 and at most 3600");
    }
    Ok(Duration::from_secs_f64(seconds))
}

fn connections_from_text(text: &str) -> Result<Vec<usize>> {
    let count = |word: &str| word.trim().parse().ok().filter(|count| *count > 0);
    let counts: Option<Vec<usize>> = text.split(',').map(count).collect();
    counts.with_context(|| {
        format!("KEYLEDGER_BENCH_CONNECTIONS is `{text}`; it lists numbers, as in `16,64`")
    })
}
